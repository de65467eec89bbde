"""The criteria of NCT05086315 written straight in Python: the floor the engines are measured against,
and a second opinion on what they answer. It was written from the formalised criteria alone and shares no code
with the application. There is no rule tree here and nothing is interpreted: one `if` after another, for this
trial only.

Answers are taken as valid (types, options and ranges were checked before). Truth is True, False or None (unknown).
An age is the pair (youngest, oldest) that the answers allow, so `youngest >= 18` reads "surely adult" and
`oldest < 18` "surely not". Days are integers, 20261122 for 22 November 2026, which compare as dates do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

Truth = bool | None
Answers = Mapping[str, Any]
Get = Callable[[str], Any]

READINGS: dict[str, Truth] = {
    "X2": False,
    "X4": True,
    "X5": True,
    "X7": None,
    "X9": None,
    "X13": None,
    "X14": True,
    "X17": None,
    "X18": True,
    "X19": True,
}
COHORTS = (
    "adult-escalation",
    "adult-expansion-aml",
    "adult-expansion-mds",
    "japan",
    "pediatric-escalation",
    "pediatric-expansion",
)
PASS, FAIL, UNKNOWN, NOT_APPLICABLE = "pass", "fail", "unknown", "not_applicable"
LIKELY, EXCLUDED, UNDETERMINED = "likely_eligible", "excluded", "undetermined"
NO_PART = (NOT_APPLICABLE,) * len(COHORTS)

NO_AGE, ANY_AGE = -1, 1000  # the pair for an unknown age: every comparison with a threshold stays open
MONTH_END = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
NEVER_SAFE_ORIGINS = ("evolved_from_mpn", "mds_mpn", "therapy_related")


class Findings(NamedTuple):
    """What the criteria say before the cohorts are weighed."""

    criteria: dict[str, str]  # E15 is "" here: its outcome depends on the cohorts
    others: tuple[str, ...]  # the outcomes that count for every cohort alike: all but the routes and E15
    disease: str
    expansion: str  # E15 where the cohort belongs to the expansion part
    japan: str  # E15 in Japan's cohort, whose part is reading X19
    admission: tuple[Truth, ...]  # in the order of COHORTS


def outcomes(
    answers: Answers,
    as_of: date,
    consent_date: date | None = None,
    first_dose_date: date | None = None,
    readings: Mapping[str, Truth] | None = None,
) -> dict[str, Any]:
    """Every outcome for one participant: verdict, cohorts, criteria, by_cohort, groups and fails."""
    return conclude(findings(answers, as_of, consent_date, first_dose_date, readings))


def depends_on(
    answers: Answers,
    as_of: date,
    consent_date: date | None = None,
    first_dose_date: date | None = None,
    readings: Mapping[str, Truth] | None = None,
) -> list[str]:
    """The open readings that decide: set to yes or to no, one decides a criterion (in some cohort) or an admission."""
    held = {**READINGS, **(readings or {})}

    def leaves(tried: Mapping[str, Truth]) -> list[Truth | str]:
        found = findings(answers, as_of, consent_date, first_dose_date, tried)
        return [*found.criteria.values(), found.expansion, found.japan, *found.admission]

    before = leaves(held)
    return [
        code
        for code, setting in held.items()
        if setting is None
        and any(
            was in (UNKNOWN, None) and now not in (UNKNOWN, None)
            for value in (True, False)
            for was, now in zip(before, leaves({**held, code: value}), strict=True)
        )
    ]


def conclude(found: Findings) -> dict[str, Any]:
    """Weigh the cohorts. Fails are in the order of the record, the group `disease` last."""
    criteria, others, disease, expansion, japan, admission = found
    if expansion == japan == NOT_APPLICABLE:
        parts = NO_PART
        criteria["E15"] = NOT_APPLICABLE
    else:  # possibly adult MDS, which some cohort always may admit
        parts = (NOT_APPLICABLE, expansion, expansion, japan, NOT_APPLICABLE, expansion)
        open_to = {origin for admits, origin in zip(admission, parts, strict=True) if admits is not False}
        criteria["E15"] = open_to.pop() if len(open_to) == 1 else UNKNOWN

    fails: list[str] = []
    if disease == FAIL or FAIL in others:
        verdict = EXCLUDED
        verdicts = dict.fromkeys(COHORTS, EXCLUDED)
        fails = [code for code, outcome in criteria.items() if outcome == FAIL]
        if disease == FAIL and FAIL not in (criteria["I2"], criteria["I3"], criteria["I4"], criteria["I6"]):
            fails.append("disease")
    else:
        settled = disease == PASS and UNKNOWN not in others
        reached = [
            EXCLUDED
            if admits is False or origin == FAIL
            else LIKELY
            if settled and admits and origin != UNKNOWN
            else UNDETERMINED
            for admits, origin in zip(admission, parts, strict=True)
        ]
        verdicts = dict(zip(COHORTS, reached, strict=True))
        verdict = LIKELY if LIKELY in reached else UNDETERMINED if UNDETERMINED in reached else EXCLUDED
        if criteria["E15"] == FAIL:
            fails.append("E15")
    return {
        "verdict": verdict,
        "cohorts": verdicts,
        "criteria": criteria,
        "by_cohort": {"E15": dict(zip(COHORTS, parts, strict=True))},
        "groups": {"disease": disease},
        "fails": fails,
    }


def findings(
    answers: Answers,
    as_of: date,
    consent_date: date | None = None,
    first_dose_date: date | None = None,
    readings: Mapping[str, Truth] | None = None,
) -> Findings:
    """Every criterion that does not depend on the cohort, E15 by part, and who is admitted where.

    One long function on purpose: calls are what costs here.
    """
    get = answers.get
    held = {**READINGS, **readings} if readings else READINGS
    if consent_date is None:
        consent_date = as_of
    if first_dose_date is None:
        first_dose_date = max(as_of, consent_date)

    country = get("country")
    diagnosis = get("diagnosis")
    birth = get("birth_date")
    if birth is not None:
        consent = consent_date.year * 10000 + consent_date.month * 100 + consent_date.day
        first, last = days(birth, consent)
        # Whole years by integers: 29 February is passed on 1 March in a common year.
        youngest, oldest = (consent - last) // 10000, (consent - first) // 10000
    else:
        age = get("age_years")
        youngest, oldest = (NO_AGE, ANY_AGE) if age is None else (age, age)
    adult = True if youngest >= 18 else False if oldest < 18 else None

    if youngest >= 2 or (youngest >= 1 and country is not None and country != "FR"):
        i1 = PASS
    elif oldest < 1 or (oldest < 2 and country == "FR"):
        i1 = FAIL
    else:
        i1 = UNKNOWN

    i2 = i3 = i4 = i6 = i4b = NOT_APPLICABLE
    disease = FAIL
    if diagnosis == "aml" or diagnosis == "apl":
        disease = i2 = outcome(_aml(get, adult, youngest, oldest, held["X2"]))
        chloroma = get("chloroma_outside_cns")
        i4b = PASS if chloroma is False or held["X7"] is False else FAIL if chloroma and held["X7"] else UNKNOWN
    elif diagnosis == "mds":
        disease = i3 = outcome(_mds(get, adult, held["X4"], held["X18"]))
    elif diagnosis == "b_all":
        disease = i4 = outcome(_b_all(get, adult, country))
    elif diagnosis == "bpdcn":
        disease = i6 = outcome(_bpdcn(get))
    elif diagnosis is None:
        i2 = i3 = i4 = i6 = UNKNOWN
        i4b = PASS if get("chloroma_outside_cns") is False or held["X7"] is False else UNKNOWN
        if (
            _bpdcn(get) is not False
            or _b_all(get, adult, country) is not False
            or _mds(get, adult, held["X4"], held["X18"]) is not False
            or _aml(get, adult, youngest, oldest, held["X2"]) is not False
        ):
            disease = UNKNOWN

    weight = get("weight_kg")
    i5 = UNKNOWN if weight is None else PASS if weight >= 10 else FAIL

    if country is None:
        i7 = PASS if adult else UNKNOWN
    elif country != "JP":
        i7 = NOT_APPLICABLE
    else:
        i7 = PASS if adult else FAIL if adult is False else UNKNOWN

    if youngest >= 18:
        ecog = get("ecog")
        e1 = UNKNOWN if ecog is None else FAIL if ecog > 2 else PASS
    elif oldest < 16:
        lansky = get("lansky")
        e1 = UNKNOWN if lansky is None else FAIL if lansky < 50 else PASS
    elif youngest >= 16 and oldest < 18:
        karnofsky = get("karnofsky")
        e1 = UNKNOWN if karnofsky is None else FAIL if karnofsky < 50 else PASS
    else:
        e1 = _performance_at_any_age(get, youngest, oldest)

    autoimmune = get("autoimmune_disease")
    if autoimmune == "none" or autoimmune == "no_systemic_treatment":
        e2 = PASS
    elif autoimmune == "systemic_ongoing":
        e2 = FAIL
    elif autoimmune is None:
        e2 = UNKNOWN
    else:
        recent = within(get("autoimmune_last_active_date"), 5, as_of, as_of)
        e2 = UNKNOWN if recent is None else FAIL if recent else PASS

    malignancy = get("other_malignancy")
    e3 = PASS
    if malignancy is not False:
        therapy = get("other_malignancy_therapy")
        if therapy == "active":
            e3 = FAIL if malignancy else UNKNOWN
        elif therapy is None:
            e3 = UNKNOWN
        elif therapy == "completed" and (x13 := held["X13"]) is not False:
            recent = within(get("other_malignancy_therapy_end_date"), 3, first_dose_date, as_of)
            if recent is not False:
                e3 = FAIL if recent and x13 and malignancy else UNKNOWN

    cns = get("cns_status")
    if cns == "cns3":
        e4 = FAIL
    elif cns is None:
        e4 = UNKNOWN
    elif cns != "cns2" or adult is False or held["X5"] is False:
        e4 = PASS
    else:
        e4 = FAIL if adult and held["X5"] else UNKNOWN

    hiv = get("hiv")
    b, c, covid = get("hepatitis_b_active"), get("hepatitis_c_active"), get("sars_cov_2")
    if b or c or covid or hiv == "positive_art_required" or hiv == "aids":
        e5 = FAIL
    elif b is None or c is None or covid is None or hiv is None:
        e5 = UNKNOWN
    else:
        e5 = PASS

    anti = get("prior_anti_cd123")
    if anti is False or (adult is False and diagnosis == "bpdcn"):
        e6 = PASS
    elif anti and (adult or (diagnosis is not None and diagnosis != "bpdcn")):
        e6 = FAIL
    else:
        e6 = UNKNOWN

    hsct, cellular = get("prior_hsct"), get("prior_cellular_therapy")
    if diagnosis is not None and diagnosis != "b_all":
        car_t: Truth = False
    elif cellular is None:
        car_t = None
    elif "car_t" in cellular:
        car_t = True if diagnosis else None
    else:
        car_t = False
    if hsct is False and car_t is False:
        e7 = PASS
    else:
        e7 = _after_transplant(get, hsct, car_t, held["X14"], first_dose_date, as_of)

    prednisone = get("prednisone_mg_per_day")
    e8 = UNKNOWN if prednisone is None else FAIL if prednisone > 10 else PASS

    if diagnosis == "b_all" or diagnosis == "jmml" or diagnosis == "other":
        e9 = NOT_APPLICABLE
    elif cellular is None:
        e9 = UNKNOWN
    elif not cellular:
        e9 = PASS
    elif "car_t" in cellular or "car_nk" in cellular or "other" in cellular:
        e9 = FAIL if diagnosis else UNKNOWN
    else:  # donor lymphocytes alone
        e9 = PASS if held["X17"] is False else FAIL if held["X17"] and diagnosis else UNKNOWN

    other_drug = get("other_investigational_drug")
    e10 = UNKNOWN if other_drug is None else FAIL if other_drug else PASS

    sex = get("sex")
    if sex == "male" or oldest < 10:
        e11 = NOT_APPLICABLE
    else:
        pregnancy = get("pregnancy")
        if pregnancy is None:
            e11 = UNKNOWN
        elif pregnancy == "neither" or pregnancy == "not_possible":
            e11 = PASS
        else:
            e11 = FAIL if sex and youngest >= 10 else UNKNOWN

    organ = get("solid_organ_transplant")
    e12 = UNKNOWN if organ is None else FAIL if organ else PASS

    qtcf = get("qtcf_ms")
    e13 = UNKNOWN if qtcf is None else FAIL if qtcf > 470 else PASS

    if adult:
        e14 = NOT_APPLICABLE
    else:
        marrow = get("inherited_marrow_failure")
        e14 = PASS if marrow is False else FAIL if marrow and adult is False else UNKNOWN

    if adult is False or (diagnosis is not None and diagnosis != "mds"):
        expansion = japan = NOT_APPLICABLE
    else:
        origin = get("mds_origin")
        if origin is None:
            expansion = UNKNOWN
        elif origin in NEVER_SAFE_ORIGINS:
            expansion = FAIL if adult and diagnosis else UNKNOWN
        else:
            expansion = PASS
        x19 = held["X19"]
        if x19:
            japan = expansion
        elif x19 is False:
            japan = NOT_APPLICABLE
        else:
            japan = PASS if expansion == PASS else UNKNOWN

    e16 = UNKNOWN if diagnosis is None else FAIL if diagnosis == "apl" or diagnosis == "jmml" else PASS

    return Findings(
        {
            "I1": i1,
            "I2": i2,
            "I3": i3,
            "I4": i4,
            "I4b": i4b,
            "I5": i5,
            "I6": i6,
            "I7": i7,
            "E1": e1,
            "E2": e2,
            "E3": e3,
            "E4": e4,
            "E5": e5,
            "E6": e6,
            "E7": e7,
            "E8": e8,
            "E9": e9,
            "E10": e10,
            "E11": e11,
            "E12": e12,
            "E13": e13,
            "E14": e14,
            "E15": "",
            "E16": e16,
        },
        (i1, i4b, i5, i7, e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e16),
        disease,
        expansion,
        japan,
        _admission(diagnosis, adult, country, held["X9"]),
    )


def outcome(condition: Truth) -> str:
    """The outcome of a condition whose scope is true."""
    return PASS if condition else FAIL if condition is False else UNKNOWN


def every(*values: Truth) -> Truth:
    """Kleene AND."""
    return False if False in values else None if None in values else True


def some(*values: Truth) -> Truth:
    """Kleene OR."""
    return True if True in values else None if None in values else False


def days(partial: str, bound: int) -> tuple[int, int]:
    """The first and the last day that a partial date may mean, none of them after the bound."""
    year = int(partial[:4])
    if len(partial) == 10:
        day = year * 10000 + int(partial[5:7]) * 100 + int(partial[8:])
        return day, day
    if len(partial) == 7:
        month = int(partial[5:])
        leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        first = year * 10000 + month * 100 + 1
        last = first - 1 + MONTH_END[month] + leap
    else:
        first, last = year * 10000 + 101, year * 10000 + 1231
    return first, min(last, bound)


def _number(day: date) -> int:
    return day.year * 10000 + day.month * 100 + day.day


def within(partial: str | None, years: int, before: date, as_of: date) -> Truth:
    """Whether a date lies less than so many calendar years before another. Exactly so many years ago is outside.

    Counted back from 29 February the edge is a 29 February again or one that no calendar has; no real day lies
    between that and the 28th, so the integers need no correction.
    """
    if partial is None:
        return None
    first, last = days(partial, _number(as_of))
    edge = _number(before) - years * 10000
    return True if first > edge else False if last <= edge else None


def stopped_in_time(partial: str | None, first_dose: date, as_of: date) -> Truth:
    """Whether immunosuppression ended at least 28 days before the first dose."""
    if partial is None:
        return None
    first, last = days(partial, _number(as_of))
    edge = _number(first_dose - timedelta(days=28))
    return True if last <= edge else False if first > edge else None


def _aml(get: Get, adult: Truth, youngest: float, oldest: float, x2: Truth) -> Truth:
    therapy: Truth = get("no_available_therapy")
    state = get("disease_state")
    if therapy is False or state == "remission" or state == "newly_diagnosed":
        return False
    if state == "relapsed":  # (b) lies within (c)
        return therapy
    if state is None:
        return None  # (c) cannot be ruled out, nothing can be established
    intensive = get("refractory_to_intensive_induction")
    if adult and intensive:
        return therapy
    old = True if youngest >= 75 else False if oldest < 75 else None
    return every(
        therapy,
        some(
            every(some(adult, x2), intensive),
            every(
                adult,
                some(old, get("unfit_for_intensive_induction")),
                some(_at_least(get("hma_cycles"), 4), _at_least(get("hma_venetoclax_cycles"), 2)),
            ),
            every(None if adult is None else not adult, _at_least(get("induction_cycles"), 2)),
        ),
    )


def _at_least(value: float | None, least: float) -> Truth:
    return None if value is None else value >= least


def _mds(get: Get, adult: Truth, x4: Truth, x18: Truth) -> Truth:
    ipss, origin = get("ipss_r"), get("mds_origin")
    if ipss == "intermediate" or ipss == "high":
        risk: Truth = True
    else:
        risk = None if ipss is None else x4 if ipss == "very_high" else False
    if x18 or (origin is not None and origin != "mds_mpn"):
        counts: Truth = True
    else:
        counts = x18 if origin else None
    return every(adult, risk, get("cd123_positive"), get("no_available_therapy"), counts)


def _b_all(get: Get, adult: Truth, country: str | None) -> Truth:
    if adult is False or country == "JP":
        place: Truth = True
    else:
        place = None if adult is None or country is None else False
    lesions = get("extramedullary_lesions")
    clear = None if lesions is None else not lesions
    return every(place, get("cd123_positive"), clear, get("no_available_therapy"))


def _bpdcn(get: Get) -> Truth:
    state = get("disease_state")
    therapy: Truth = get("no_available_therapy")
    if therapy is False or state == "remission" or state == "newly_diagnosed":
        return False
    return therapy if state else None


def _performance_at_any_age(get: Get, youngest: float, oldest: float) -> str:
    """E1 where the age may fall under more than one scale: it cannot fail, and passes where each of those passes."""
    ecog, karnofsky, lansky = get("ecog"), get("karnofsky"), get("lansky")
    if (
        (oldest < 18 or (ecog is not None and ecog <= 2))
        and (youngest >= 18 or oldest < 16 or (karnofsky is not None and karnofsky >= 50))
        and (youngest >= 16 or (lansky is not None and lansky >= 50))
    ):
        return PASS
    return UNKNOWN


def _after_transplant(get: Get, hsct: Truth, car_t: Truth, x14: Truth, first_dose: date, as_of: date) -> str:
    status = get("immunosuppression")
    if status == "never":
        free: Truth = True
    elif status == "ongoing":
        free = False
    elif status == "stopped":
        free = stopped_in_time(get("immunosuppression_stop_date"), first_dose, as_of)
    else:
        free = None
    gvhd = get("gvhd")
    quiet = every(free, None if gvhd is None else not gvhd)

    after_hsct: Truth = True
    after_car_t: Truth = True
    if hsct is not False:
        late = _late(get("hsct_outcome"), get("hsct_to_relapse_months"), 3, x14)
        after_hsct = some(None if hsct is None else False, every(late, quiet))
    if car_t is not False:
        late = _late_after_car_t(get("car_t_outcome"), get("car_t_to_relapse_months"), x14)
        after_car_t = some(None if car_t is None else False, every(late, quiet))
    return outcome(every(after_hsct, after_car_t))


def _late(course: str | None, months: float | None, limit: float, x14: Truth) -> Truth:
    """The transplant's or CAR-T's course allows inclusion: relapse later than the limit, or none needed."""
    if course == "relapsed":
        return None if months is None else months > limit
    if course == "no_relapse":
        return None if x14 is None else not x14
    return True if course else None


def _late_after_car_t(course: str | None, months: float | None, x14: Truth) -> Truth:
    """As `_late`, but without the third course neither of the two can hold after a short interval when X14 is yes."""
    if course is None:
        return False if x14 and months is not None and months <= 2 else None
    return _late(course, months, 2, x14)


def _admission(diagnosis: str | None, adult: Truth, country: str | None, x9: Truth) -> tuple[Truth, ...]:
    if diagnosis is None or adult is None or country is None:
        return _admission_unplaced(diagnosis, adult, country, x9)
    if country == "JP":
        return (False, False, False, adult and diagnosis in ("aml", "apl", "mds", "b_all"), False, False)
    aml = diagnosis == "aml" or diagnosis == "apl"
    bpdcn = x9 if diagnosis == "bpdcn" else False
    if adult:
        mds = diagnosis == "mds"
        return (aml or mds or bpdcn, aml, mds, False, False, False)
    children = aml or diagnosis == "b_all" or diagnosis == "bpdcn"
    return (False, False, False, False, children, aml or bpdcn)


def _admission_unplaced(diagnosis: str | None, adult: Truth, country: str | None, x9: Truth) -> tuple[Truth, ...]:
    """Admission where the diagnosis, the arm or the country is not known."""
    japan = None if country is None else country == "JP"

    def among(*listed: str) -> Truth:
        return None if diagnosis is None else diagnosis in listed

    elsewhere = None if japan is None else not japan
    child = None if adult is None else not adult
    bpdcn = every(among("bpdcn"), x9)
    return (
        every(adult, elsewhere, some(among("aml", "apl", "mds"), bpdcn)),
        every(adult, elsewhere, among("aml", "apl")),
        every(adult, elsewhere, among("mds")),
        every(adult, japan, among("aml", "apl", "mds", "b_all")),
        every(child, elsewhere, among("aml", "apl", "b_all", "bpdcn")),
        every(child, elsewhere, some(among("aml", "apl"), bpdcn)),
    )
