"""3. Dates: ages, windows, and dates that are known in part."""

from datetime import date

import pytest
from authoring import TODAY, Plain, holds, table, write

from app.rules import calendar
from app.rules.calendar import PartialDate, read_date, read_partial

AGE: dict[str, str | Plain] = {"birth": "birth", "age": "age"}


def age_holds(engine, sign: str, years: int, answers: Plain, **dates: str) -> str:
    return holds(engine, {"compare": ["age", sign, years]}, AGE, answers, **dates)


# PARTIAL DATES


def test_a_partial_date_is_an_interval() -> None:
    """A date is a day, a month or a year; the last two stand for all of their days."""
    for text, first, last in table(
        """
        text       | first      | last
        -----------+------------+-----------
        2026-11-22 | 2026-11-22 | 2026-11-22
        2026-11    | 2026-11-01 | 2026-11-30
        2026-12    | 2026-12-01 | 2026-12-31
        2024-02    | 2024-02-01 | 2024-02-29
        2023-02    | 2023-02-01 | 2023-02-28
        2026       | 2026-01-01 | 2026-12-31
        1900       | 1900-01-01 | 1900-12-31
        2199-12-31 | 2199-12-31 | 2199-12-31
        """
    ):
        assert read_partial(text) == PartialDate(text, date.fromisoformat(first), date.fromisoformat(last))
        assert read_partial(text).is_exact is (len(text) == 10)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-1", "2026-13", "2026-00", "2026-11-00", "2026-02-30", "2023-02-29", "26", "20260101", "2026-11-2"),
        *(
            "1899",
            "1899-12-31",
            "2200",
            "2200-01-01",
            "0000",
            "2026-11-22T10:00",
            "+2026",
            "2026-11-22x",
            "x2026",
            "٢٠٢٦",
            "2026/11/22",
        ),
    ],
)
def test_what_is_no_date(text: str) -> None:
    """Any other text is none, nor is a day outside 1900 to 2199."""
    assert read_partial(text) is None
    assert read_date(text) is None


def test_an_exact_date() -> None:
    """The dates of an evaluation are days: a month or a year is not enough."""
    assert read_date("2026-11-22") == TODAY
    assert read_date("2026-11") is None
    assert read_date("2026") is None


def test_a_cut_date_keeps_its_text() -> None:
    """A partial date that reaches beyond its bound is cut there; the text stays, and says what it once stood for."""
    year = read_partial("2026")
    cut = year.cut(TODAY)
    assert (cut.text, cut.first, cut.last) == ("2026", date(2026, 1, 1), TODAY)
    assert cut.whole == year
    assert cut.cut(date(2027, 1, 1)) == cut


# AGES


def test_age_in_completed_years(engine) -> None:
    """An age is counted in completed years on the day of consent: a year older on the birthday, not before it."""
    for birth, consent, is_adult in table(
        """
        birth      | consent    | 18 or older
        -----------+------------+------------
        2008-11-21 | 2026-11-22 | yes
        2008-11-22 | 2026-11-22 | yes
        2008-11-23 | 2026-11-22 | no
        2008-12-01 | 2026-11-22 | no
        2008-10-31 | 2026-11-22 | yes
        """
    ):
        assert age_holds(engine, ">=", 18, {"birth": birth}, consent_date=consent) == is_adult, birth


def test_born_on_29_february(engine) -> None:
    """Born on 29 February, one is a year older on 1 March of a common year, and on the day itself of a leap year."""
    for consent, result in table(
        """
        consent    | 18 or older
        -----------+------------
        2022-02-28 | no
        2022-03-01 | yes
        2024-02-28 | yes
        """
    ):
        assert age_holds(engine, ">=", 18, {"birth": "2004-02-29"}, consent_date=consent) == result
    assert age_holds(engine, ">=", 20, {"birth": "2004-02-29"}, consent_date="2024-02-28") == "no"
    assert age_holds(engine, ">=", 20, {"birth": "2004-02-29"}, consent_date="2024-02-29") == "yes"


def test_age_counts_at_consent(engine) -> None:
    """Neither the day of the evaluation nor the first dose moves the age."""
    answers = {"birth": "2008-11-23"}
    assert age_holds(engine, ">=", 18, answers, consent_date="2026-11-22", first_dose_date="2027-06-01") == "no"
    assert age_holds(engine, ">=", 18, answers, consent_date="2026-11-23") == "yes"
    assert age_holds(engine, ">=", 18, answers) == "no"  # without a day of consent, the day of the evaluation


def test_every_comparison_with_an_age(engine) -> None:
    """The four comparisons, at the limit and around it."""
    for birth, below, at_most, above, at_least in table(
        """
        birth      | < 18 | <= 18 | > 18 | >= 18
        -----------+------+-------+------+------
        2008-11-23 | yes  | yes   | no   | no
        2008-11-22 | no   | yes   | no   | yes
        2007-11-23 | no   | yes   | no   | yes
        2007-11-22 | no   | no    | yes  | yes
        """
    ):
        for sign, result in (("<", below), ("<=", at_most), (">", above), (">=", at_least)):
            assert age_holds(engine, sign, 18, {"birth": birth}) == result, (birth, sign)


def test_a_partial_birth_date(engine) -> None:
    """A comparison with a partial birth date is decided where it comes out alike for every day that it may be."""
    for birth, is_adult, is_of_17 in table(
        """
        birth   | 18 or older | under 17
        --------+-------------+---------
        2007    | yes         | no
        2008    | ?           | no
        2009    | no          | ?
        2010    | no          | yes
        2008-10 | yes         | no
        2008-11 | ?           | no
        2008-12 | no          | no
        """
    ):
        assert age_holds(engine, ">=", 18, {"birth": birth}) == is_adult, birth
        assert age_holds(engine, "<", 17, {"birth": birth}) == is_of_17, birth


def test_a_birth_year_is_cut_at_consent(engine) -> None:
    """Nobody is born after consent: the year of consent makes an age of 0, not of 0 or less."""
    assert age_holds(engine, "<", 1, {"birth": "2026"}) == "yes"
    assert age_holds(engine, ">=", 0, {"birth": "2026"}) == "yes"


def test_a_stated_age(engine) -> None:
    """An age may be stated instead, decimals and all: 17.9 is under 18."""
    for age, result in table(
        """
        age  | 18 or older
        -----+------------
        17.9 | no
        18   | yes
        18.5 | yes
        """
    ):
        assert age_holds(engine, ">=", 18, {"age": float(age)}) == result
    assert age_holds(engine, ">=", 18, {}) == "?"


def test_a_birth_date_wins(engine) -> None:
    """Where both are given the birth date counts, even where it leaves open what the age would decide."""
    assert age_holds(engine, ">=", 18, {"birth": "2008-11-22", "age": 17}) == "yes"
    assert age_holds(engine, ">=", 18, {"birth": "2008", "age": 18}) == "?"
    assert age_holds(engine, ">=", 18, {"birth": None, "age": 18}) == "yes"


# WINDOWS


def elapsed(engine, rule: list, given: str, **dates: str) -> str:
    return holds(engine, {"elapsed": ["stop", *rule]}, {"stop": {"type": "date"}}, {"stop": given}, **dates)


def test_years_count_back(engine) -> None:
    """A window of years counts back calendar years from its anchor; exactly so long ago is outside it."""
    for stop, less, at_least in table(
        """
        stop       | < 5 years | >= 5 years
        -----------+-----------+-----------
        2021-11-21 | no        | yes
        2021-11-22 | no        | yes
        2021-11-23 | yes       | no
        2026-11-22 | yes       | no
        2027-01-01 | yes       | no
        """
    ):
        assert elapsed(engine, ["<", 5, "years", "as_of"], stop) == less, stop
        assert elapsed(engine, [">=", 5, "years", "as_of"], stop) == at_least, stop


def test_29_february_counts_back_to_28_february(engine) -> None:
    """Where the day does not exist so many years or months ago, the month's last day is taken."""
    for stop, unit, amount, anchor, less in table(
        """
        stop       | unit   | amount | anchor     | less
        -----------+--------+--------+------------+-----
        2025-02-28 | years  | 3      | 2028-02-29 | no
        2025-03-01 | years  | 3      | 2028-02-29 | yes
        2024-02-29 | years  | 4      | 2028-02-29 | no
        2026-02-28 | months | 1      | 2026-03-31 | no
        2026-03-01 | months | 1      | 2026-03-31 | yes
        2025-11-30 | months | 3      | 2026-02-28 | yes
        2025-11-28 | months | 3      | 2026-02-28 | no
        2025-12-15 | months | 1      | 2026-01-15 | no
        2025-12-16 | months | 1      | 2026-01-15 | yes
        """
    ):
        rule = ["<", int(amount), unit, "as_of"]
        assert elapsed(engine, rule, stop, as_of=anchor) == less, (stop, unit, anchor)


def test_days_count_back(engine) -> None:
    """A window of days counts days: 28 of them are four weeks."""
    for stop, less in table(
        """
        stop       | < 28 days
        -----------+----------
        2026-10-24 | no
        2026-10-25 | no
        2026-10-26 | yes
        """
    ):
        assert elapsed(engine, ["<", 28, "days", "as_of"], stop) == less


def test_no_time_at_all(engine) -> None:
    """A window of nothing: at least 0 days ago is today or before."""
    for unit in ("days", "months", "years"):
        assert elapsed(engine, [">=", 0, unit, "as_of"], "2026-11-22") == "yes"
        assert elapsed(engine, [">=", 0, unit, "as_of"], "2026-11-23") == "no"


def test_each_window_has_its_own_anchor(engine) -> None:
    """The anchor is the day of the evaluation, of consent or of the first dose."""
    dates = {"as_of": "2026-11-22", "consent_date": "2026-11-25", "first_dose_date": "2026-12-01"}
    for stop, as_of, consent, dose in table(
        """
        stop       | as_of | consent_date | first_dose_date
        -----------+-------+--------------+----------------
        2026-11-12 | yes   | yes          | yes
        2026-11-13 | no    | yes          | yes
        2026-11-16 | no    | no           | yes
        2026-11-22 | no    | no           | no
        """
    ):
        for anchor, result in (("as_of", as_of), ("consent_date", consent), ("first_dose_date", dose)):
            assert elapsed(engine, [">=", 10, "days", anchor], stop, **dates) == result, (stop, anchor)


def test_a_partial_date_in_a_window(engine) -> None:
    """A window is decided where it comes out alike for every day that the date may be."""
    for stop, less in table(
        """
        stop    | < 5 years
        --------+----------
        2020    | no
        2021    | ?
        2022    | yes
        2021-10 | no
        2021-11 | ?
        2021-12 | yes
        """
    ):
        assert elapsed(engine, ["<", 5, "years", "as_of"], stop) == less, stop
    assert holds(engine, {"elapsed": ["stop", "<", 5, "years", "as_of"]}, {"stop": "date"}, {}) == "?"


# THE CALENDAR ITSELF


def test_the_first_day_on_which_a_window_has_passed() -> None:
    """Counting forward meets counting back: the day is the first on which so much time has passed, never a day late."""
    for since, amount, unit, day in table(
        """
        since      | amount | unit   | day
        -----------+--------+--------+-----------
        2021-12-01 | 5      | years  | 2026-12-01
        2024-02-29 | 1      | years  | 2025-03-01
        2024-02-29 | 4      | years  | 2028-02-29
        2026-01-31 | 1      | months | 2026-03-01
        2026-01-28 | 1      | months | 2026-02-28
        2026-10-31 | 2      | months | 2026-12-31
        2026-12-15 | 13     | months | 2028-01-15
        2026-11-22 | 28     | days   | 2026-12-20
        """
    ):
        first = calendar.first_day_elapsed(date.fromisoformat(since), int(amount), unit)
        assert str(first) == day
        assert calendar.back(first, int(amount), unit) >= date.fromisoformat(since)
        before = date.fromordinal(first.toordinal() - 1)
        assert calendar.back(before, int(amount), unit) < date.fromisoformat(since)


def test_birthdays() -> None:
    """The birthday of a leap-day child is 1 March in common years."""
    assert calendar.birthday(date(2008, 2, 29), 18) == date(2026, 3, 1)
    assert calendar.birthday(date(2008, 2, 29), 20) == date(2028, 2, 29)
    assert calendar.birthday(date(2008, 5, 6), 18) == date(2026, 5, 6)


def test_dates_reach_over_two_hundred_years(engine) -> None:
    """From 1900 to 2199 no window and no age runs out of the calendar, however far it reaches."""
    facts = {"birth": "birth", "age": "age", "stop": {"type": "date"}}
    rules = [{"elapsed": ["stop", ">=", amount, unit, "as_of"]} for amount, unit in ((100, "years"), (36_600, "days"))]
    rules += [{"elapsed": ["stop", ">=", 1200, "months", "as_of"]}, {"compare": ["age", ">=", 120]}]
    protocol = write(facts, {f"I{n}": rule for n, rule in enumerate(rules)})
    for day in ("1900-01-01", "2199-12-31"):
        said = engine(protocol, {"answers": {"stop": day, "birth": "1900-01-01"}, "as_of": day}, TODAY)
        assert said.outcomes["I0"] == "fail"
