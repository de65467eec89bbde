"""Synthetic participants: seeded, plausible as files go, and valid answers for NCT05086315. Nobody is meant.

    participants(n, seed, unknown_share)

gives the same answers for the same arguments, and the first m of n participants are those of participants(m, ...).
Most files carry few reasons against inclusion, some carry many. Values at a threshold and just beside it, partial
dates, details left over from questions that do not apply, and files with both a birth date and a stated age all occur.
A fact that the file does not know is null or absent, half and half. All dates suit `AS_OF` as the date of the
evaluation, of consent and of the first dose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

AS_OF = date(2026, 11, 22)

COUNTRIES = ("US", "FR", "AU", "CN", "NL", "JP", "other")
DIAGNOSES = ("aml", "mds", "b_all", "bpdcn", "apl", "jmml", "other")
AGE_EDGES = (0.9, 1, 1.5, 1.99, 2, 9.9, 10, 15.99, 16, 17, 17.9, 18, 74, 74.9, 75, 76)
TROUBLE = (0.0, 0.0, 0.01, 0.02, 0.05, 0.3)  # how readily a file's facts speak against inclusion
LEFT_OVER = 0.08  # how often a fact is stated although its question does not apply


def participants(n: int, seed: int, unknown_share: float = 0.0) -> Iterator[dict[str, Any]]:
    """n answer dicts. Every fact is unknown with the given probability, independently."""
    rng = Random(seed)
    for _ in range(n):
        answers = Participant(rng).answers
        if unknown_share:
            _forget(answers, rng, unknown_share)
        yield answers


def _forget(answers: dict[str, Any], rng: Random, share: float) -> None:
    for fact in list(answers):
        if rng.random() < share:
            if rng.random() < 0.5:
                answers[fact] = None
            else:
                del answers[fact]


class Participant:
    """One file under construction. Each method fills the facts of one section."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.trouble = rng.choice(TROUBLE)
        self.answers: dict[str, Any] = {}
        self._person()
        self._diagnosis()
        self._performance()
        self._prior_therapy()
        self._history()

    # Drawing

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def goes_wrong(self) -> bool:
        return self.rng.random() < self.trouble

    def relevant(self, condition: bool) -> bool:
        return condition or self.rng.random() < LEFT_OVER

    def choose(self, fine: Sequence[Any], against: Sequence[Any]) -> Any:
        return self.rng.choice(against if self.goes_wrong() else fine)

    def days_ago(self, days: int) -> str:
        """The day so many days before the evaluation, at times only to the month or the year."""
        return (AS_OF - timedelta(days=days)).isoformat()[: self.rng.choice((10, 10, 10, 7, 4))]

    # Sections

    def _person(self) -> None:
        rng, answers = self.rng, self.answers
        self.diagnosis = rng.choices(DIAGNOSES, (45, 20, 15, 8, 4, 3, 5))[0]
        self.country = answers["country"] = rng.choices(COUNTRIES, (34, 16, 12, 14, 10, 9, 5))[0]
        if self.chance(0.08):
            age = float(rng.choice(AGE_EDGES))
        elif self.chance({"b_all": 0.8, "jmml": 0.95, "mds": 0.05}.get(self.diagnosis, 0.2)):
            age = rng.uniform(0.3 if self.trouble else 2, 18)
        else:
            age = min(90.0, rng.triangular(18, 90, 66))
        self.age = age
        self._age_facts()
        self.child = self.age < 18
        sex = answers["sex"] = rng.choices(("female", "male", "other"), (48, 50, 2))[0]
        if self.relevant(sex != "male" and self.age >= 10):
            fine = ("not_possible",) if age > 55 else ("neither", "neither", "not_possible")
            answers["pregnancy"] = self.choose(fine, ("pregnant", "breast_feeding"))
        grown = 3.4 + 2.6 * age if age < 18 else 72.0
        answers["weight_kg"] = round(min(150.0, max(3.0, rng.gauss(grown, grown * 0.17))), 1)
        if age < 4 and self.chance(0.3):
            answers["weight_kg"] = rng.choice((9.9, 9.99, 10, 10.0, 10.1))

    def _age_facts(self) -> None:
        """A stated age, a birth date (at times partial), or both; `self.age` becomes the years completed."""
        rng, answers = self.rng, self.answers
        kind = rng.choice(("age", "age", "birth", "birth", "both"))
        age = int(self.age) if self.age >= 3 and self.chance(0.6) else round(self.age, 2)
        if kind != "birth":
            answers["age_years"] = age
        if kind == "age":
            self.age = age
            return
        if self.chance(0.06):  # on the birthday, a day before it, a leap-day child
            whole = int(age)
            born = date(AS_OF.year - whole, AS_OF.month, AS_OF.day) + timedelta(days=rng.choice((-1, 0, 0, 1)))
            if born > AS_OF or self.chance(0.2):
                born = date(max(1936, (AS_OF.year - whole) // 4 * 4), 2, 29)
        else:
            born = AS_OF - timedelta(days=int(age * 365.25) + (rng.randrange(365) if age == int(age) else 0))
        length = rng.choices((10, 7, 4), (80, 12, 8))[0]
        answers["birth_date"] = born.isoformat()[:length]
        whole = AS_OF.year - born.year - ((AS_OF.month, AS_OF.day) < (born.month, born.day))
        self.age = whole
        if kind == "both":  # within a year of what any day of the birth date allows
            answers["age_years"] = whole if length != 10 else max(0, whole + rng.choice((0, 0, 0, -1, 1)))

    def _diagnosis(self) -> None:
        rng, answers, diagnosis = self.rng, self.answers, self.diagnosis
        answers["diagnosis"] = diagnosis
        answers["no_available_therapy"] = not self.goes_wrong()
        aml = diagnosis in ("aml", "apl")
        state = self.choose(("relapsed", "relapsed", "refractory"), ("newly_diagnosed", "remission"))
        if self.relevant(aml or diagnosis == "bpdcn"):
            answers["disease_state"] = state
        if self.relevant(aml):
            answers["chloroma_outside_cns"] = self.chance(0.01 + self.trouble / 2)
        if self.relevant(aml and state == "relapsed"):
            answers["remission_duration_months"] = rng.choice((3, 5.5, 6, 6.1, 9, 14, 26))
        self._refractory(aml and state == "refractory")
        if self.relevant(diagnosis == "mds"):
            answers["ipss_r"] = self.choose(("intermediate", "high", "very_high"), ("very_low", "low"))
        if self.relevant(diagnosis == "mds" and not self.child):
            fine = ("de_novo", "de_novo", "other_secondary")
            answers["mds_origin"] = (
                rng.choice(("evolved_from_mpn", "mds_mpn", "therapy_related"))
                if self.chance(0.15)
                else rng.choice(fine)
            )
        if self.relevant(diagnosis in ("mds", "b_all")):
            answers["cd123_positive"] = not self.chance(0.05 + self.trouble)
        if self.relevant(diagnosis == "b_all"):
            answers["extramedullary_lesions"] = self.goes_wrong()

    def _refractory(self, applies: bool) -> None:
        rng, answers = self.rng, self.answers
        if self.relevant(applies):
            answers["refractory_to_intensive_induction"] = self.chance(0.6)
        if self.relevant(applies and not self.child and self.age < 75):
            answers["unfit_for_intensive_induction"] = self.chance(0.4)
        if self.relevant(applies and not self.child):
            answers["hma_cycles"] = rng.choice((0, 0, 2, 3, 4, 4, 5, 8))
        if self.relevant(applies and not self.child):
            answers["hma_venetoclax_cycles"] = rng.choice((0, 1, 1, 2, 2, 3))
        if self.relevant(applies and self.child):
            answers["induction_cycles"] = rng.choice((1, 2, 2, 2, 3))

    def _performance(self) -> None:
        answers = self.answers
        if self.relevant(self.age >= 18):
            answers["ecog"] = self.choose((0, 1, 1, 2), (3, 3, 4, 5))
        if self.relevant(15 <= self.age <= 18):
            answers["karnofsky"] = self.choose((50, 60, 70, 80, 90, 100), (40, 40, 20))
        if self.relevant(self.age <= 16):
            answers["lansky"] = self.choose((50, 60, 70, 80, 90, 100), (40, 40, 10))
        answers["qtcf_ms"] = self.choose((self._usual_qtcf(), 470), (470.1, 471, 482, 530))

    def _usual_qtcf(self) -> float:
        return round(min(469.9, max(340, self.rng.gauss(425, 18))), 1)

    def _prior_therapy(self) -> None:
        rng, answers = self.rng, self.answers
        lymphoid = self.diagnosis == "b_all"
        usual = self.diagnosis == "bpdcn" and self.child and self.chance(0.4)
        answers["prior_anti_cd123"] = usual or self.goes_wrong()
        products: list[str] = []
        if self.chance(0.3) if lymphoid else self.goes_wrong():
            products = rng.sample(("car_t", "car_t", "car_nk", "other"), rng.choice((1, 1, 2)))
        if self.chance(0.02):
            products.append("dli")
        answers["prior_cellular_therapy"] = sorted(set(products), key=products.index)
        hsct = answers["prior_hsct"] = self.chance(0.25)
        if self.relevant(hsct):
            answers["hsct_outcome"] = self.choose(("relapsed", "relapsed", "other_disease"), ("no_relapse",))
        if self.relevant(hsct and answers.get("hsct_outcome") == "relapsed"):
            answers["hsct_to_relapse_months"] = self.choose((3.1, 4, 8, 14, 40), (1, 2.5, 3, 3.0))
        car_t = lymphoid and "car_t" in products
        if self.relevant(car_t):
            answers["car_t_outcome"] = self.choose(("relapsed",), ("no_relapse",))
        if self.relevant(car_t and answers.get("car_t_outcome") == "relapsed"):
            answers["car_t_to_relapse_months"] = self.choose((2.1, 3, 9), (0.5, 1.9, 2))
        self._immunosuppression(hsct or car_t)
        answers["prednisone_mg_per_day"] = self.choose((0, 0, 0, 2.5, 5, 10), (10.1, 12.5, 40))
        answers["other_investigational_drug"] = self.goes_wrong()

    def _immunosuppression(self, applies: bool) -> None:
        answers = self.answers
        status = self.choose(("never", "stopped"), ("ongoing", "stopped"))
        if self.relevant(applies):
            answers["immunosuppression"] = status
        if self.relevant(applies and status == "stopped"):
            days = self.choose((28, 29, 60, 90, 400), (27, 26, 3, 0))
            answers["immunosuppression_stop_date"] = self.days_ago(days)
        if self.relevant(applies):
            answers["gvhd"] = self.goes_wrong()

    def _history(self) -> None:
        rng, answers = self.rng, self.answers
        autoimmune = "none"
        if self.chance(0.12):
            autoimmune = self.choose(("no_systemic_treatment", "systemic_past"), ("systemic_ongoing", "systemic_past"))
        answers["autoimmune_disease"] = autoimmune
        if self.relevant(autoimmune == "systemic_past"):
            days = self.choose((1826, 1827, 2400, 5000), (1825, 1824, 1700, 300))  # 22 November 2021 is day 1826
            answers["autoimmune_last_active_date"] = self.days_ago(days)
        malignancy = answers["other_malignancy"] = self.chance(0.12)
        therapy = self.choose(("none", "adjuvant_hormonal", "completed", "completed"), ("active",))
        if self.relevant(malignancy):
            answers["other_malignancy_therapy"] = therapy
        if self.relevant(malignancy and therapy == "completed"):
            days = self.choose((1096, 1097, 1500, 4000), (1095, 1094, 700, 10))  # 22 November 2023 is day 1096
            answers["other_malignancy_therapy_end_date"] = self.days_ago(days)
        answers["cns_status"] = self.choose(("none", "none", "none", "cns1"), ("cns2", "cns2", "cns3"))
        if self.child and self.chance(0.1):
            answers["cns_status"] = "cns2"
        answers["hiv"] = self.choose(
            ("negative", "negative", "negative", "not_tested", "positive_art_not_required"),
            ("positive_art_required", "aids"),
        )
        for fact in ("hepatitis_b_active", "hepatitis_c_active", "sars_cov_2", "solid_organ_transplant"):
            answers[fact] = self.goes_wrong()
        if self.relevant(self.child):
            answers["inherited_marrow_failure"] = self.goes_wrong()
        if self.relevant(self.child):
            answers["down_syndrome"] = rng.random() < 0.04
