"""The same criteria on two published rule engines, checked against `handwritten` and timed beside it.

    python tests/bench/peers.py [participants] [seed]

zen-engine (Rust) and json-logic know true and false, and no "unknown". What their user does is done here: every
condition is held as a pair, (surely true, surely false), each a plain two-valued rule that tests for null where
the engine would otherwise fail or answer false, and an outcome is read from the pair. The criteria are stated
once, in `state`; each engine spells them in its own language. The rules are built once, at import.

- zen: one precompiled expression that returns an array of outcomes. Of the forms tried it is the fastest: naming
  the shared conditions costs a third more (they are then always evaluated), a decision graph nine times as much.
- json-logic: the shared conditions are evaluated first, in order, and put beside the answers; then one rule, an
  array of outcomes. The engine has no compiled form.

Neither has partial dates. Age in completed years and the three date windows are computed in Python and given to
the engine as facts; that is part of what is timed. Weighing the cohorts is `handwritten.conclude` for all.
"""

from __future__ import annotations

import gc
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from operator import itemgetter
from typing import Any, NamedTuple

import zen
from handwritten import (
    ANY_AGE,
    FAIL,
    NO_AGE,
    NOT_APPLICABLE,
    PASS,
    READINGS,
    UNKNOWN,
    Answers,
    Findings,
    Truth,
    conclude,
    days,
    findings,
    outcomes,
    stopped_in_time,
    within,
)
from json_logic import jsonLogic
from population import AS_OF, participants

Find = Callable[..., Findings]


class Pair(NamedTuple):
    """A three-valued condition as two rules of an engine: surely true, surely false."""

    yes: Any
    no: Any


def no(condition: Pair) -> Pair:
    return Pair(condition.no, condition.yes)


class Language(ABC):
    """A two-valued rule language, and the three-valued conditions that pairs of its rules make."""

    def __init__(self) -> None:
        self.named: list[tuple[str, Any]] = []
        self.results: list[Any] = []
        self.codes: list[str] = []

    # Two-valued: what each language spells its own way

    @abstractmethod
    def fact(self, name: str) -> Any: ...
    @abstractmethod
    def literal(self, value: Any) -> Any: ...
    @abstractmethod
    def compare(self, fact: str, operator: str, value: float) -> Any: ...
    @abstractmethod
    def equal(self, fact: str, value: object) -> Any: ...
    @abstractmethod
    def among(self, fact: str, options: Sequence[str]) -> Any: ...
    @abstractmethod
    def other_than(self, fact: str, options: Sequence[str]) -> Any: ...
    @abstractmethod
    def holds_some(self, fact: str, items: Sequence[str]) -> Any: ...
    @abstractmethod
    def holds_none(self, fact: str, items: Sequence[str]) -> Any: ...
    @abstractmethod
    def both(self, *rules: Any) -> Any: ...
    @abstractmethod
    def either(self, *rules: Any) -> Any: ...
    @abstractmethod
    def pick(self, *cases: Any) -> Any: ...

    # Three-valued: the same for both

    def true(self, fact: str) -> Pair:
        return Pair(self.equal(fact, True), self.equal(fact, False))

    def is_(self, fact: str, *options: str) -> Pair:
        return Pair(self.among(fact, options), self.other_than(fact, options))

    def lists(self, fact: str, *items: str) -> Pair:
        return Pair(self.holds_some(fact, items), self.holds_none(fact, items))

    def over(self, fact: str, limit: float) -> Pair:
        return Pair(self.compare(fact, ">", limit), self.compare(fact, "<=", limit))

    def least(self, fact: str, limit: float) -> Pair:
        return Pair(self.compare(fact, ">=", limit), self.compare(fact, "<", limit))

    def aged(self, years: int) -> Pair:
        return Pair(self.compare("youngest", ">=", years), self.compare("oldest", "<", years))

    def all(self, *conditions: Pair) -> Pair:
        return Pair(self.both(*(c.yes for c in conditions)), self.either(*(c.no for c in conditions)))

    def any(self, *conditions: Pair) -> Pair:
        return no(self.all(*map(no, conditions)))

    def name(self, name: str, condition: Pair) -> Pair:
        """Evaluate a shared condition once, under a name, where that is worth it."""
        self.named += [(f"{name}_yes", condition.yes), (f"{name}_no", condition.no)]
        return Pair(self.fact(f"{name}_yes"), self.fact(f"{name}_no"))

    def outcome(self, code: str, holds: Pair, scope: Pair | None = None, *, route: bool = False) -> None:
        passed, failed, unknown = map(self.literal, (PASS, FAIL, UNKNOWN))
        self.codes.append(code)
        if scope is None:
            self.results.append(self.pick(holds.yes, passed, holds.no, failed, unknown))
            return
        outside = (scope.no, self.literal(NOT_APPLICABLE))
        met = self.both(scope.yes, holds.yes) if route else holds.yes
        self.results.append(self.pick(*outside, met, passed, self.both(scope.yes, holds.no), failed, unknown))

    def fails(self, code: str, condition: Pair, scope: Pair | None = None) -> None:
        self.outcome(code, no(condition), scope)

    def truth(self, condition: Pair) -> None:
        yes, not_, unknown = map(self.literal, (True, False, None))
        self.results.append(self.pick(condition.yes, yes, condition.no, not_, unknown))


class Zen(Language):
    """Expressions. Comparing null is an error there, so every comparison asks for null first."""

    def fact(self, name: str) -> str:
        return name

    def literal(self, value: Any) -> str:
        return {True: "true", False: "false", None: "null"}.get(value, f"'{value}'")

    def _options(self, options: Sequence[str]) -> str:
        return "[" + ", ".join(f"'{option}'" for option in options) + "]"

    def compare(self, fact: str, operator: str, value: float) -> str:
        if fact in ("youngest", "oldest"):
            return f"{fact} {operator} {value}"
        return f"({fact} != null and {fact} {operator} {value})"

    def equal(self, fact: str, value: object) -> str:
        return f"{fact} == {self.literal(value)}"

    def among(self, fact: str, options: Sequence[str]) -> str:
        return self.equal(fact, options[0]) if len(options) == 1 else f"{fact} in {self._options(options)}"

    def other_than(self, fact: str, options: Sequence[str]) -> str:
        other = f"!= '{options[0]}'" if len(options) == 1 else f"not in {self._options(options)}"
        return f"({fact} != null and {fact} {other})"

    def holds_some(self, fact: str, items: Sequence[str]) -> str:
        listed = self.either(*(f"'{item}' in {fact}" for item in items))
        return f"({fact} != null and {listed})"

    def holds_none(self, fact: str, items: Sequence[str]) -> str:
        missing = self.both(*(f"'{item}' not in {fact}" for item in items))
        return f"({fact} != null and {missing})"

    def both(self, *rules: str) -> str:
        return f"({' and '.join(rules)})"

    def either(self, *rules: str) -> str:
        return f"({' or '.join(rules)})"

    def pick(self, *cases: str) -> str:
        *pairs, last = cases
        return "".join(f"{test} ? {value} : " for test, value in zip(pairs[::2], pairs[1::2], strict=True)) + last

    def name(self, name: str, condition: Pair) -> Pair:
        return condition

    def text(self) -> str:
        return "[\n" + ",\n".join(f"({result})" for result in self.results) + "\n]"


class JsonLogic(Language):
    """JSON rules. An ordering with null is false there, which suits the pairs."""

    def fact(self, name: str) -> Any:
        return {"var": name}

    def literal(self, value: Any) -> Any:
        return value

    def compare(self, fact: str, operator: str, value: float) -> Any:
        return {operator: [{"var": fact}, value]}

    def equal(self, fact: str, value: object) -> Any:
        return {"var": fact} if value is True else {"===": [{"var": fact}, value]}

    def among(self, fact: str, options: Sequence[str]) -> Any:
        return self.equal(fact, options[0]) if len(options) == 1 else {"in": [{"var": fact}, list(options)]}

    def other_than(self, fact: str, options: Sequence[str]) -> Any:
        return {"and": [{"var": fact}, {"!": self.among(fact, options)}]}

    def holds_some(self, fact: str, items: Sequence[str]) -> Any:
        return self.either(*({"in": [item, {"var": fact}]} for item in items))

    def holds_none(self, fact: str, items: Sequence[str]) -> Any:
        return {"and": [{"!==": [{"var": fact}, None]}, {"!": self.holds_some(fact, items)}]}

    def both(self, *rules: Any) -> Any:
        return {"and": list(rules)}

    def either(self, *rules: Any) -> Any:
        return {"or": list(rules)} if len(rules) > 1 else rules[0]

    def pick(self, *cases: Any) -> Any:
        return {"if": list(cases)}


def state(say: Language) -> None:
    """All criteria but E15, then E15 by part, the group `disease`, and the admissions, in that order."""
    is_, true, over, least, aged = say.is_, say.true, say.over, say.least, say.aged
    every, some, name = say.all, say.any, say.name

    adult = name("adult", aged(18))
    child = no(adult)
    japan = name("japan", is_("country", "JP"))
    aml = name("aml", is_("diagnosis", "aml", "apl"))
    mds, b_all, bpdcn = (name(code, is_("diagnosis", code)) for code in ("mds", "b_all", "bpdcn"))
    untreatable = true("no_available_therapy")
    refractory, relapsed = is_("disease_state", "refractory"), is_("disease_state", "relapsed")

    less_intensive = some(least("hma_cycles", 4), least("hma_venetoclax_cycles", 2))
    route_a = every(
        refractory,
        some(
            every(some(adult, true("X2")), true("refractory_to_intensive_induction")),
            every(adult, some(aged(75), true("unfit_for_intensive_induction")), less_intensive),
        ),
    )
    route_d = every(child, refractory, least("induction_cycles", 2))
    i2 = name("i2", every(untreatable, some(relapsed, route_a, route_d)))
    risk = some(is_("ipss_r", "intermediate", "high"), every(is_("ipss_r", "very_high"), true("X4")))
    counts = some(no(is_("mds_origin", "mds_mpn")), true("X18"))
    i3 = name("i3", every(adult, risk, true("cd123_positive"), untreatable, counts))
    i4 = name(
        "i4",
        every(some(child, japan), true("cd123_positive"), no(true("extramedullary_lesions")), untreatable),
    )
    i6 = name("i6", every(is_("disease_state", "relapsed", "refractory"), untreatable))

    france = is_("country", "FR")
    say.outcome("I1", some(every(france, aged(2)), every(no(france), aged(1)), aged(2)))
    say.outcome("I2", i2, aml, route=True)
    say.outcome("I3", i3, mds, route=True)
    say.outcome("I4", i4, b_all, route=True)
    say.fails("I4b", every(true("chloroma_outside_cns"), true("X7")), aml)
    say.outcome("I5", least("weight_kg", 10))
    say.outcome("I6", i6, bpdcn, route=True)
    say.outcome("I7", adult, japan)
    say.fails(
        "E1",
        some(
            every(adult, over("ecog", 2)),
            every(aged(16), child, no(least("karnofsky", 50))),
            every(no(aged(16)), no(least("lansky", 50))),
        ),
    )
    autoimmune = "autoimmune_disease"
    recently = every(is_(autoimmune, "systemic_past"), true("autoimmune_within_5_years"))
    say.fails("E2", some(is_(autoimmune, "systemic_ongoing"), recently))
    therapy = "other_malignancy_therapy"
    ended = every(is_(therapy, "completed"), true("malignancy_within_3_years"), true("X13"))
    say.fails("E3", every(true("other_malignancy"), some(is_(therapy, "active"), ended)))
    say.fails("E4", some(is_("cns_status", "cns3"), every(is_("cns_status", "cns2"), adult, true("X5"))))
    say.fails(
        "E5",
        some(
            is_("hiv", "positive_art_required", "aids"),
            *map(true, ("hepatitis_b_active", "hepatitis_c_active", "sars_cov_2")),
        ),
    )
    say.fails("E6", every(true("prior_anti_cd123"), no(every(bpdcn, child))))
    free = some(
        is_("immunosuppression", "never"),
        every(is_("immunosuppression", "stopped"), true("stopped_28_days_before")),
    )
    quiet = name("quiet", every(free, no(true("gvhd"))))
    late_after_hsct = some(
        every(is_("hsct_outcome", "relapsed"), over("hsct_to_relapse_months", 3)),
        is_("hsct_outcome", "other_disease"),
        every(is_("hsct_outcome", "no_relapse"), no(true("X14"))),
    )
    late_after_car_t = some(
        every(is_("car_t_outcome", "relapsed"), over("car_t_to_relapse_months", 2)),
        every(is_("car_t_outcome", "no_relapse"), no(true("X14"))),
    )
    cellular = "prior_cellular_therapy"
    say.fails(
        "E7",
        some(
            every(true("prior_hsct"), no(every(late_after_hsct, quiet))),
            every(b_all, say.lists(cellular, "car_t"), no(every(late_after_car_t, quiet))),
        ),
    )
    say.fails("E8", over("prednisone_mg_per_day", 10))
    donor = every(say.lists(cellular, "dli"), true("X17"))
    say.fails("E9", some(say.lists(cellular, "car_t", "car_nk", "other"), donor), some(aml, mds, bpdcn))
    say.fails("E10", true("other_investigational_drug"))
    say.fails("E11", is_("pregnancy", "pregnant", "breast_feeding"), every(no(is_("sex", "male")), aged(10)))
    say.fails("E12", true("solid_organ_transplant"))
    say.fails("E13", over("qtcf_ms", 470))
    say.fails("E14", true("inherited_marrow_failure"), child)
    say.fails("E16", is_("diagnosis", "apl", "jmml"))

    unsafe = is_("mds_origin", "evolved_from_mpn", "mds_mpn", "therapy_related")
    say.fails("E15 expansion", unsafe, every(mds, adult))
    say.fails("E15 japan", unsafe, every(mds, adult, true("X19")))
    say.outcome("disease", some(every(aml, i2), every(mds, i3), every(b_all, i4), every(bpdcn, i6)))

    elsewhere, x9 = no(japan), every(bpdcn, true("X9"))
    say.truth(every(adult, elsewhere, some(aml, mds, x9)))
    say.truth(every(adult, elsewhere, aml))
    say.truth(every(adult, elsewhere, mds))
    say.truth(every(adult, japan, some(aml, mds, b_all)))
    say.truth(every(child, elsewhere, some(aml, b_all, bpdcn)))
    say.truth(every(child, elsewhere, some(aml, x9)))


def with_derived(
    answers: Answers,
    as_of: date,
    consent_date: date | None,
    first_dose_date: date | None,
    readings: Mapping[str, Truth] | None,
) -> dict[str, Any]:
    """The answers and readings with what neither engine can compute: age and the date windows."""
    consent_date = consent_date or as_of
    first_dose_date = first_dose_date or max(as_of, consent_date)
    facts = {**answers, **READINGS, **readings} if readings else {**answers, **READINGS}
    birth, age = facts.get("birth_date"), facts.get("age_years")
    if birth:
        consent = consent_date.year * 10000 + consent_date.month * 100 + consent_date.day
        first, last = days(birth, consent)
        facts["youngest"], facts["oldest"] = (consent - last) // 10000, (consent - first) // 10000
    else:
        facts["youngest"], facts["oldest"] = (NO_AGE, ANY_AGE) if age is None else (age, age)
    if active := facts.get("autoimmune_last_active_date"):
        facts["autoimmune_within_5_years"] = within(active, 5, as_of, as_of)
    if end := facts.get("other_malignancy_therapy_end_date"):
        facts["malignancy_within_3_years"] = within(end, 3, first_dose_date, as_of)
    if stop := facts.get("immunosuppression_stop_date"):
        facts["stopped_28_days_before"] = stopped_in_time(stop, first_dose_date, as_of)
    return facts


_zen, _json_logic = Zen(), JsonLogic()
state(_zen)
state(_json_logic)
_compiled = zen.compile_expression(_zen.text())
_last = _zen.codes.index("E16") + 1  # the criteria, then E15 twice, disease, admission six times
_codes = _zen.codes[: _last - 1]
_others = itemgetter(*(i for i, code in enumerate(_zen.codes[:_last]) if code not in ("I2", "I3", "I4", "I6")))


def _read(results: Sequence[Any]) -> Findings:
    criteria = dict(zip(_codes, results, strict=False))
    criteria["E15"] = ""
    criteria["E16"] = results[_last - 1]
    expansion, japan, disease = results[_last : _last + 3]
    return Findings(criteria, _others(results), disease, expansion, japan, tuple(results[_last + 3 :]))


def zen_findings(
    answers: Answers,
    as_of: date,
    consent_date: date | None = None,
    first_dose_date: date | None = None,
    readings: Mapping[str, Truth] | None = None,
) -> Findings:
    """`handwritten.findings` by zen-engine."""
    return _read(_compiled.evaluate(with_derived(answers, as_of, consent_date, first_dose_date, readings)))


def json_logic_findings(
    answers: Answers,
    as_of: date,
    consent_date: date | None = None,
    first_dose_date: date | None = None,
    readings: Mapping[str, Truth] | None = None,
) -> Findings:
    """`handwritten.findings` by json-logic."""
    facts = with_derived(answers, as_of, consent_date, first_dose_date, readings)
    for name, rule in _json_logic.named:
        facts[name] = jsonLogic(rule, facts)
    return _read(jsonLogic(_json_logic.results, facts))


PEERS: dict[str, Find] = {"zen": zen_findings, "json_logic": json_logic_findings}


def mismatches(peer: Find, people: Sequence[Answers], readings: Mapping[str, Truth] | None = None) -> list[Answers]:
    """The participants on whom a peer and `handwritten` differ in anything at all."""
    return [
        answers
        for answers in people
        if conclude(peer(answers, AS_OF, readings=readings)) != outcomes(answers, AS_OF, readings=readings)
    ]


def microseconds(find: Callable[..., object], people: Sequence[Answers]) -> float:
    """Per participant, over one pass."""
    gc.collect()
    start = time.perf_counter()
    for answers in people:
        find(answers, AS_OF)
    return (time.perf_counter() - start) / len(people) * 1e6


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    people = list(participants(count, seed, 0.2))
    contenders: dict[str, Callable[..., object]] = {"handwritten, full": outcomes, "handwritten": findings, **PEERS}
    wrong = {name: len(mismatches(peer, people)) for name, peer in PEERS.items()}
    rounds = [{name: microseconds(find, people) for name, find in contenders.items()} for _ in range(7)]
    for name in contenders:
        times = sorted(each[name] for each in rounds)
        ratios = sorted(each[name] / each["handwritten"] for each in rounds)
        print(f"{name:20} {times[3]:8.1f} us {ratios[3]:7.1f} x   mismatches: {wrong.get(name, '-')}")
    return any(wrong.values())


if __name__ == "__main__":
    raise SystemExit(main())
