"""The two calculators: examples worked by hand, and what must hold for every input."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.calculators import (
    CORTICOSTEROIDS,
    HEART_RATE,
    QT,
    RR,
    NotAccepted,
    average,
    ecg_fields,
    fridericia,
    plain,
    prednisone_equivalent,
    read_number,
    read_prednisone,
    read_qtcf,
    steroid_fields,
    tidy,
)

qts = st.floats(QT.least, QT.most)
rates = st.floats(HEART_RATE.least, HEART_RATE.most)
intervals = st.floats(RR.least, RR.most)

# ---------------------------------------------------------------- QTcF


@pytest.mark.parametrize(
    ("qt", "rate", "expected"),
    [
        (400, 60, 400.0),  # RR is one second: nothing to correct
        (400, 75, 430.8869),  # RR 0.8 s, cube root 0.928318
        (360, 100, 426.8272),  # RR 0.6 s, cube root 0.843433
        (380, 120, 478.7700),  # RR 0.5 s, cube root 0.793701
        (440, 50, 414.0558),  # RR 1.2 s, cube root 1.062659
    ],
)
def test_fridericia_by_hand(qt: float, rate: float, expected: float) -> None:
    assert fridericia(qt, heart_rate_bpm=rate) == pytest.approx(expected, abs=5e-4)


def test_exact_at_the_limit() -> None:
    # The cube root of 0.512 is 0.8, so 376 ms is 470 ms exactly: not above 470.
    read = read_qtcf({"ecg-1-qt": "376", "ecg-1-rr": "512"})
    assert read.working is not None
    assert read.working.shown == "470"


@given(qts, rates)
def test_rate_and_interval_agree(qt: float, rate: float) -> None:
    by_rate = fridericia(qt, heart_rate_bpm=rate)
    by_interval = fridericia(qt, rr_ms=min(max(60_000 / rate, RR.least), RR.most))
    assert by_rate == pytest.approx(by_interval, rel=1e-9)


@given(qts, rates)
def test_fast_hearts_are_corrected_up(qt: float, rate: float) -> None:
    corrected = fridericia(qt, heart_rate_bpm=rate)
    if rate > 60:
        assert corrected > qt
    elif rate < 60:
        assert corrected < qt
    else:
        assert corrected == qt


@given(qts, intervals)
def test_cube_of_the_ratio_is_the_interval(qt: float, rr: float) -> None:
    assert (qt / fridericia(qt, rr_ms=rr)) ** 3 == pytest.approx(rr / 1000, rel=1e-9)


@pytest.mark.parametrize(
    ("qt", "rate", "rr", "field"),
    [
        (199.9, 60, None, "qt_ms"),
        (800.1, 60, None, "qt_ms"),
        (math.nan, 60, None, "qt_ms"),
        (math.inf, 60, None, "qt_ms"),
        (400, 19.9, None, "heart_rate_bpm"),
        (400, 300.1, None, "heart_rate_bpm"),
        (400, math.nan, None, "heart_rate_bpm"),
        (400, None, 199, "rr_ms"),
        (400, None, 3001, "rr_ms"),
        (400, None, None, "heart_rate_bpm"),
        (400, 60, 1000, "heart_rate_bpm"),
    ],
)
def test_fridericia_refuses(qt: float, rate: float | None, rr: float | None, field: str) -> None:
    with pytest.raises(NotAccepted) as caught:
        fridericia(qt, heart_rate_bpm=rate, rr_ms=rr)
    assert caught.value.field == field
    assert caught.value.message


def test_average() -> None:
    assert average([400.0, 410.0, 420.0]) == 410.0
    for wrong in ([], [400.0] * 4):
        with pytest.raises(NotAccepted):
            average(wrong)


def test_three_ecgs_as_posted() -> None:
    read = read_qtcf(
        {
            "ecg-1-qt": "400",
            "ecg-1-rate": "75",
            "ecg-2-qt": " 396,5 ",
            "ecg-2-rate": "76",
            "ecg-3-qt": "404",
            "ecg-3-rr": "800",
            "calculate": "qtcf",
            "qtcf_ms": "",
        }
    )
    assert read.errors == ()
    assert read.working is not None
    assert [ecg.shown for ecg in read.working.ecgs] == ["430.9", "429.01", "435.2"]
    assert read.working.average_ms == pytest.approx(average([e.qtcf_ms for e in read.working.ecgs]))
    assert read.working.ecgs[0].steps == "400 / \N{CUBE ROOT}(60 / 75) = 430.9 ms"
    assert read.working.ecgs[2].steps == "404 / \N{CUBE ROOT}0.8 = 435.2 ms"
    assert read.values["ecg-2-qt"] == "396,5"


def test_rows_may_be_skipped() -> None:
    read = read_qtcf({"ecg-2-qt": "400", "ecg-2-rate": "60"})
    assert read.working is not None
    assert read.working.shown == "400"
    assert read.working.ecgs[0].number == 2


@pytest.mark.parametrize(
    ("posted", "fields"),
    [
        ({}, ["ecg-1-qt"]),
        ({"ecg-1-qt": "400"}, ["ecg-1-rate"]),
        ({"ecg-1-rate": "60"}, ["ecg-1-qt"]),
        ({"ecg-1-qt": "400", "ecg-1-rate": "60", "ecg-1-rr": "1000"}, ["ecg-1-rr"]),
        ({"ecg-1-qt": "abc", "ecg-1-rate": "-3"}, ["ecg-1-qt", "ecg-1-rate"]),
        ({"ecg-1-qt": "0.4", "ecg-1-rr": "0.8"}, ["ecg-1-qt", "ecg-1-rr"]),
        ({"ecg-1-qt": "1e3", "ecg-1-rate": "60"}, ["ecg-1-qt"]),
        ({"ecg-1-qt": "NaN", "ecg-1-rate": "inf"}, ["ecg-1-qt", "ecg-1-rate"]),
        ({"ecg-1-qt": "\u0664\u0660\u0660", "ecg-1-rate": "60"}, ["ecg-1-qt"]),
        ({"ecg-1-qt": "200", "ecg-1-rate": "20"}, ["ecg-1-qt"]),  # gives 139 ms
        (
            {"ecg-1-qt": "900", "ecg-1-rate": "60", "ecg-3-qt": "400", "ecg-3-rate": "500"},
            ["ecg-1-qt", "ecg-3-rate"],
        ),
    ],
)
def test_faults_name_their_fields(posted: dict[str, str], fields: list[str]) -> None:
    read = read_qtcf(posted)
    assert read.working is None
    assert [error.field for error in read.errors] == fields
    assert all(error.message for error in read.errors)
    assert list(read.by_field) == fields


# ---------------------------------------------------------------- prednisone


@pytest.mark.parametrize(
    ("code", "dose"),
    [
        ("prednisone", 5),
        ("prednisolone", 5),
        ("methylprednisolone", 4),
        ("hydrocortisone", 20),
        ("cortisone", 25),
        ("dexamethasone", Fraction("0.75")),
        ("betamethasone", Fraction("0.75")),
        ("triamcinolone", 4),
        ("deflazacort", 6),
    ],
)
def test_equal_doses(code: str, dose: Fraction | int) -> None:
    assert prednisone_equivalent(code, dose) == 5
    assert CORTICOSTEROIDS[code].source


def test_every_drug_is_tested_above() -> None:
    assert len(CORTICOSTEROIDS) == 9


def test_several_drugs_add_up() -> None:
    read = read_prednisone(
        {
            "steroid-1-drug": "dexamethasone",
            "steroid-1-mg": "2",
            "steroid-3-drug": "hydrocortisone",
            "steroid-3-mg": "10",
        }
    )
    assert read.working is not None
    assert read.working.total_mg_per_day == Fraction(40, 3) + Fraction(5, 2)
    assert read.working.shown == "15.83"
    assert read.working.lines[0].steps == "2 mg \N{MULTIPLICATION SIGN} 5 / 0.75 = 13.33 mg"


def test_ten_stays_ten() -> None:
    read = read_prednisone({"steroid-1-drug": "dexamethasone", "steroid-1-mg": "1,5"})
    assert read.working is not None
    assert read.working.total_mg_per_day == 10
    assert read.working.shown == "10"


def test_none_is_nought() -> None:
    read = read_prednisone({"steroid-1-drug": "prednisone", "steroid-1-mg": "0"})
    assert read.working is not None
    assert read.working.shown == "0"


@pytest.mark.parametrize(
    ("posted", "fields"),
    [
        ({}, ["steroid-1-drug"]),
        ({"steroid-1-drug": "prednisone"}, ["steroid-1-mg"]),
        ({"steroid-1-mg": "5"}, ["steroid-1-drug"]),
        ({"steroid-1-drug": "aspirin", "steroid-1-mg": "x"}, ["steroid-1-drug", "steroid-1-mg"]),
        ({"steroid-2-drug": "prednisone", "steroid-2-mg": "2001"}, ["steroid-2-mg"]),
        ({"steroid-2-drug": "prednisone", "steroid-2-mg": "1,000"}, ["steroid-2-mg"]),
        ({"steroid-2-drug": "dexamethasone", "steroid-2-mg": "2000"}, ["steroid-2-mg"]),
    ],
)
def test_steroid_faults_name_their_fields(posted: dict[str, str], fields: list[str]) -> None:
    read = read_prednisone(posted)
    assert read.working is None
    assert [error.field for error in read.errors] == fields


@given(st.sampled_from(sorted(CORTICOSTEROIDS)), st.integers(0, 2000), st.integers(0, 2000))
def test_doses_add_exactly(code: str, one: int, other: int) -> None:
    assume(one + other <= 2000)
    parts = prednisone_equivalent(code, one) + prednisone_equivalent(code, other)
    assert parts == prednisone_equivalent(code, one + other)


def test_unknown_drug_and_dose_are_refused() -> None:
    with pytest.raises(NotAccepted, match="code"):
        prednisone_equivalent("aspirin", 1)
    with pytest.raises(NotAccepted, match="mg_per_day"):
        prednisone_equivalent("prednisone", -1)


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", Fraction(12)),
        (" 12.50 ", Fraction(25, 2)),
        ("12,5", Fraction(25, 2)),
        (".5", Fraction(1, 2)),
        ("0,125", Fraction(1, 8)),
        ("0.125", Fraction(1, 8)),
        ("1,000", None),
        ("12,345", None),
        ("1.2.3", None),
        ("1.000,5", None),
        ("-1", None),
        ("+1", None),
        ("1e3", None),
        ("5.", None),
        ("", None),
        (".", None),
        ("1 000", None),
        ("\u0661", None),
        ("12 mg", None),
    ],
)
def test_read_number(text: str, expected: Fraction | None) -> None:
    assert read_number(text) == expected


@given(st.fractions(0, 2000), st.integers(1, 3), st.integers(0, 2000))
def test_rounding_crosses_no_whole_number(exact: Fraction, places: int, limit: int) -> None:
    rounded = tidy(exact, places)
    assert (rounded > limit) == (exact > limit)
    assert (rounded < limit) == (exact < limit)
    assert abs(rounded - exact) <= Fraction(1, 2 * 10**places)


@given(st.decimals(0, 99_999, places=4))
def test_plain_is_read_back(value: Decimal) -> None:
    text = plain(Fraction(value))
    assert Fraction(text) == Fraction(value)
    assert not ("." in text and text.endswith("0"))


@given(st.dictionaries(st.sampled_from([*ecg_fields(1), *ecg_fields(2), *ecg_fields(3)]), st.text()))
def test_any_post_gives_working_or_faults(posted: dict[str, str]) -> None:
    read = read_qtcf(posted)
    assert (read.working is None) == bool(read.errors)
    assert {error.field for error in read.errors} <= set(read.values)


@given(
    st.dictionaries(
        st.sampled_from([*steroid_fields(1), *steroid_fields(2), *steroid_fields(3)]),
        st.one_of(st.text(), st.sampled_from(sorted(CORTICOSTEROIDS)), st.just("5")),
    )
)
def test_any_steroid_post_gives_working_or_faults(posted: dict[str, str]) -> None:
    read = read_prednisone(posted)
    assert (read.working is None) == bool(read.errors)
    assert {error.field for error in read.errors} <= set(read.values)
