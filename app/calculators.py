"""Two sums that coordinators otherwise do by hand, with the working shown.

QTcF. Fridericia divides the measured QT by the cube root of the RR interval in seconds
(Fridericia LS, Acta Medica Scandinavica 1920;53:469-486); the RR interval is 60 divided
by the heart rate per minute. Several ECGs are averaged before anything is rounded.

Prednisone equivalent. The glucocorticoid doses held to be equal to 5 mg of prednisone
are those of the table in FDA-approved labelling (dexamethasone tablets, dosage and
administration). That table holds for oral and intravenous use only. Deflazacort is not
in it: its figure is that of the UK summary of product characteristics of Calcort 6 mg,
section 4.2. For betamethasone the labelled 0.75 mg is used; some references give 0.6 mg
(Meikle AW, Tyler FH, American Journal of Medicine 1977;63:200-207).

No I/O. A form is read as it was posted; everything wrong with it
is reported at once, by the name of the field, and nothing is clamped or guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from app.rules.words import N_, _, current, decimal_words

# ---------------------------------------------------------------- errors and limits


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of a form, in a sentence fit for the page."""

    field: str
    message: str


class NotAccepted(ValueError):
    """A value that a calculation refuses: names the argument and what is accepted."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Limits:
    """The plausible range of a measurement, both ends included."""

    name: str
    unit: str
    least: int
    most: int
    example: str

    @property
    def accepted(self) -> str:
        return _(
            "{name} must be between {least} and {most} {unit}",
            name=_(self.name),
            least=self.least,
            most=self.most,
            unit=_(self.unit),
        )

    def holds(self, value: float | Fraction) -> bool:
        return self.least <= value <= self.most


QT: Final = Limits(N_("QT"), N_("ms"), 200, 800, "412")
HEART_RATE: Final = Limits(N_("Heart rate"), N_("beats per minute"), 20, 300, "72")
RR: Final = Limits(N_("RR interval"), N_("ms"), 200, 3000, "833")
QTCF: Final = Limits(N_("QTcF"), N_("ms"), 200, 800, "430")
DOSE: Final = Limits(N_("Dose"), N_("mg per day"), 0, 2000, "7.5")

# ---------------------------------------------------------------- rounding for display


def tidy(value: float | Fraction, places: int) -> Fraction:
    """Rounded to the nearest, half up, with more places where it would come out whole.

    429.0066 to one place is 429.01, not 429: a value just above 470 stays above 470 and
    one just below stays below, so rounding moves nothing across a limit that is a whole
    number. Whole numbers stay as they are.
    """
    exact = value if isinstance(value, Fraction) else Fraction(str(round(value, 9)))
    nearest = Fraction(math.floor(exact * 10**places + Fraction(1, 2)), 10**places)
    if nearest.denominator == 1 and exact != nearest:
        return tidy(exact, places + 1)
    return nearest


def plain(value: Fraction) -> str:
    """A finite decimal as people write it: 430.9, 12.5, 10; no trailing zeros."""
    sign = "-" if value < 0 else ""
    digits, places = abs(value), 0
    while digits.denominator != 1:
        digits, places = digits * 10, places + 1
        if places > 12:
            raise ValueError("not a finite decimal")
    text = str(digits.numerator).rjust(places + 1, "0")
    return sign + (f"{text[:-places]}.{text[-places:]}" if places else text)


def said(value: float | Fraction, places: int) -> str:
    """A number for a person: rounded, with the decimal sign of the language."""
    return decimal_words(plain(tidy(value, places)))


# ---------------------------------------------------------------- QTcF


def fridericia(qt_ms: float, *, heart_rate_bpm: float | None = None, rr_ms: float | None = None) -> float:
    """QTcF in milliseconds, unrounded, from QT and either the heart rate or the RR interval."""
    if (heart_rate_bpm is None) == (rr_ms is None):
        raise NotAccepted("heart_rate_bpm", "Give the heart rate or the RR interval, one of them")
    if not QT.holds(qt_ms):
        raise NotAccepted("qt_ms", QT.accepted)
    if heart_rate_bpm is not None:
        if not HEART_RATE.holds(heart_rate_bpm):
            raise NotAccepted("heart_rate_bpm", HEART_RATE.accepted)
        rr_seconds = 60 / heart_rate_bpm
    else:
        assert rr_ms is not None
        if not RR.holds(rr_ms):
            raise NotAccepted("rr_ms", RR.accepted)
        rr_seconds = rr_ms / 1000
    return qt_ms / math.cbrt(rr_seconds)


def average(values: Sequence[float]) -> float:
    """The mean of one to three QTcF values."""
    if not 1 <= len(values) <= MOST_ECGS:
        raise NotAccepted("ecgs", f"Give between 1 and {MOST_ECGS} ECGs")
    return math.fsum(values) / len(values)


MOST_ECGS: Final = 3


@dataclass(frozen=True)
class Ecg:
    """One ECG as entered, and its QTcF before rounding."""

    number: int
    qt_ms: Fraction
    heart_rate_bpm: Fraction | None
    rr_ms: Fraction | None
    qtcf_ms: float

    @property
    def shown(self) -> str:
        return said(self.qtcf_ms, 1)

    @property
    def steps(self) -> str:
        """The sum with its numbers in it."""
        if self.heart_rate_bpm is not None:
            root = f"(60 / {decimal_words(plain(self.heart_rate_bpm))})"
        else:
            assert self.rr_ms is not None
            root = decimal_words(plain(self.rr_ms / 1000))
        return f"{decimal_words(plain(self.qt_ms))} / \N{CUBE ROOT}{root} = {self.shown} ms"


@dataclass(frozen=True)
class Qtcf:
    """The working: each ECG and the average of them all."""

    ecgs: tuple[Ecg, ...]
    average_ms: float

    @property
    def shown(self) -> str:
        """The average to a tenth: what is put into the answer's field."""
        return said(self.average_ms, 1)


# ---------------------------------------------------------------- prednisone equivalent

FDA_LABEL: Final = N_("FDA-approved labelling, dexamethasone tablets, table of equivalent doses")
CALCORT_SMPC: Final = N_("UK summary of product characteristics, Calcort 6 mg, section 4.2")


@dataclass(frozen=True)
class Corticosteroid:
    """A systemic corticosteroid and the dose of it that equals 5 mg of prednisone."""

    code: str
    name: str
    equals_5_mg: Fraction
    source: str
    note: str = ""

    @property
    def factor(self) -> Fraction:
        """Milligrams of prednisone for one milligram of this one."""
        return 5 / self.equals_5_mg


CORTICOSTEROIDS: Final[Mapping[str, Corticosteroid]] = MappingProxyType(
    {
        one.code: one
        for one in (
            Corticosteroid("prednisone", N_("Prednisone"), Fraction(5), FDA_LABEL),
            Corticosteroid("prednisolone", N_("Prednisolone"), Fraction(5), FDA_LABEL),
            Corticosteroid("methylprednisolone", N_("Methylprednisolone"), Fraction(4), FDA_LABEL),
            Corticosteroid("hydrocortisone", N_("Hydrocortisone"), Fraction(20), FDA_LABEL),
            Corticosteroid("cortisone", N_("Cortisone"), Fraction(25), FDA_LABEL),
            Corticosteroid("dexamethasone", N_("Dexamethasone"), Fraction(3, 4), FDA_LABEL),
            Corticosteroid(
                "betamethasone",
                N_("Betamethasone"),
                Fraction(3, 4),
                FDA_LABEL,
                N_("Some references take 0.6 mg as equal to 5 mg of prednisone."),
            ),
            Corticosteroid("triamcinolone", N_("Triamcinolone"), Fraction(4), FDA_LABEL),
            Corticosteroid("deflazacort", N_("Deflazacort"), Fraction(6), CALCORT_SMPC),
        )
    }
)


def prednisone_equivalent(code: str, mg_per_day: Fraction | int) -> Fraction:
    """The same daily dose as prednisone, exactly."""
    drug = CORTICOSTEROIDS.get(code)
    if drug is None:
        raise NotAccepted("code", f"Choose one of: {', '.join(CORTICOSTEROIDS)}")
    if not DOSE.holds(Fraction(mg_per_day)):
        raise NotAccepted("mg_per_day", DOSE.accepted)
    return Fraction(mg_per_day) * drug.factor


@dataclass(frozen=True)
class SteroidLine:
    """One corticosteroid as entered, and what it amounts to."""

    number: int
    drug: Corticosteroid
    mg_per_day: Fraction
    prednisone_mg_per_day: Fraction

    @property
    def shown(self) -> str:
        return said(self.prednisone_mg_per_day, 2)

    @property
    def steps(self) -> str:
        """The sum with its numbers in it."""
        dose, equal = decimal_words(plain(self.mg_per_day)), decimal_words(plain(self.drug.equals_5_mg))
        return f"{dose} mg \N{MULTIPLICATION SIGN} 5 / {equal} = {self.shown} mg"


@dataclass(frozen=True)
class Prednisone:
    """The working: each corticosteroid and the total, per day, as oral prednisone."""

    lines: tuple[SteroidLine, ...]
    total_mg_per_day: Fraction

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the figures that were used come from, each once."""
        return tuple(dict.fromkeys(line.drug.source for line in self.lines))

    @property
    def shown(self) -> str:
        """The total to a hundredth: what is put into the answer's field."""
        return said(self.total_mg_per_day, 2)


# ---------------------------------------------------------------- from a posted form

W = TypeVar("W")


@dataclass(frozen=True)
class Calculation(Generic[W]):
    """A calculator after a post: what was typed, and the working or what is wrong."""

    values: Mapping[str, str]
    working: W | None = None
    errors: tuple[FieldError, ...] = ()

    @property
    def by_field(self) -> Mapping[str, str]:
        return {error.field: error.message for error in self.errors}


NUMBER = re.compile(r"(?P<whole>[0-9]{1,6})?(?:(?P<mark>[.,])(?P<part>[0-9]{1,6}))?")


HALFWIDTH = str.maketrans("０１２３４５６７８９．，", "0123456789.,")  # noqa: RUF001  as Japanese keyboards give them


def halfwidth(text: str) -> str:
    """The text with plain digits, points and commas."""
    return text.translate(HALFWIDTH)


def read_number(text: str, decimal_sign: str = ".") -> Fraction | None:
    """A number as typed, with a decimal point or comma; None for anything else.

    `1,000` is refused: it is a thousand to one reader and one to another. So is `1.000` where the language
    has a decimal comma.
    """
    match = NUMBER.fullmatch(halfwidth(text.strip()))
    if match is None or (match["whole"] is None and match["part"] is None):
        return None
    may_group = match["mark"] == "," or (match["mark"] == "." and decimal_sign != ".")
    if may_group and len(match["part"]) == 3 and (match["whole"] or "0").lstrip("0"):
        return None
    return Fraction(f"{match['whole'] or '0'}.{match['part'] or '0'}")


def _typed(posted: Mapping[str, str], names: Iterable[str]) -> Mapping[str, str]:
    return MappingProxyType({name: str(posted.get(name, "")).strip() for name in names})


class _Reader:
    """Reads fields one by one and gathers every fault on the way."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.errors: list[FieldError] = []

    def fault(self, field: str, message: str) -> None:
        self.errors.append(FieldError(field, message))

    def measure(self, field: str, limits: Limits, where: str) -> Fraction | None:
        number = read_number(self.values[field], current().decimal_sign)
        if number is None:
            example = decimal_words(limits.example)
            message = _("{name} must be a number, like {example}", name=_(limits.name), example=example)
            self.fault(field, _("{place}: {complaint}", place=where, complaint=message))
        elif not limits.holds(number):
            self.fault(field, _("{place}: {complaint}", place=where, complaint=limits.accepted))
            number = None
        return number


ECG_NUMBERS: Final = range(1, MOST_ECGS + 1)
STEROID_NUMBERS: Final = range(1, 4)


def ecg_fields(number: int) -> tuple[str, str, str]:
    """The names of one ECG's three fields: QT, heart rate, RR interval."""
    return f"ecg-{number}-qt", f"ecg-{number}-rate", f"ecg-{number}-rr"


def steroid_fields(number: int) -> tuple[str, str]:
    """The names of one line's two fields: the drug and its dose."""
    return f"steroid-{number}-drug", f"steroid-{number}-mg"


def read_qtcf(posted: Mapping[str, str]) -> Calculation[Qtcf]:
    """The QTcF calculator as it was posted; rows left empty are passed over."""
    reader = _Reader(_typed(posted, (name for n in ECG_NUMBERS for name in ecg_fields(n))))
    ecgs = [ecg for n in ECG_NUMBERS if (ecg := _read_ecg(reader, n)) is not None]
    if not ecgs and not reader.errors:
        reader.fault(ecg_fields(1)[0], _("Enter the QT and the heart rate of at least one ECG"))
    if reader.errors:
        return Calculation(reader.values, errors=tuple(reader.errors))
    mean = average([ecg.qtcf_ms for ecg in ecgs])
    return Calculation(reader.values, Qtcf(tuple(ecgs), mean))


def _read_ecg(reader: _Reader, number: int) -> Ecg | None:
    qt_field, rate_field, rr_field = ecg_fields(number)
    has_qt, has_rate, has_rr = (bool(reader.values[f]) for f in (qt_field, rate_field, rr_field))
    if not (has_qt or has_rate or has_rr):
        return None
    where = _("ECG {number}", number=number)
    before = len(reader.errors)
    qt = rate = rr = None
    if has_qt:
        qt = reader.measure(qt_field, QT, where)
    else:
        reader.fault(qt_field, _("{place}: enter the QT in ms, like {example}", place=where, example=QT.example))
    if has_rate and has_rr:
        reader.fault(rr_field, _("{place}: enter the heart rate or the RR interval, not both", place=where))
    elif has_rate:
        rate = reader.measure(rate_field, HEART_RATE, where)
    elif has_rr:
        rr = reader.measure(rr_field, RR, where)
    else:
        reader.fault(rate_field, _("{place}: enter the heart rate or the RR interval", place=where))
    if len(reader.errors) > before or qt is None:
        return None
    qtcf = fridericia(
        float(qt),
        heart_rate_bpm=None if rate is None else float(rate),
        rr_ms=None if rr is None else float(rr),
    )
    if not QTCF.holds(qtcf):
        reader.fault(
            qt_field,
            _(
                "{place}: these numbers give a QTcF of {value} ms, outside {least} to {most} ms; check them",
                place=where,
                value=said(qtcf, 1),
                least=QTCF.least,
                most=QTCF.most,
            ),
        )
        return None
    return Ecg(number, qt, rate, rr, qtcf)


def read_prednisone(posted: Mapping[str, str]) -> Calculation[Prednisone]:
    """The prednisone calculator as it was posted; rows left empty are passed over."""
    names = (name for n in STEROID_NUMBERS for name in steroid_fields(n))
    reader = _Reader(_typed(posted, names))
    lines = [line for n in STEROID_NUMBERS if (line := _read_line(reader, n)) is not None]
    if not lines and not reader.errors:
        reader.fault(steroid_fields(1)[0], _("Choose a corticosteroid and enter its daily dose"))
    total = sum((line.prednisone_mg_per_day for line in lines), Fraction(0))
    if not reader.errors and not DOSE.holds(total):
        reader.fault(
            steroid_fields(lines[0].number)[1],
            _(
                "The total is {value} mg per day as prednisone, above {most}; check the doses",
                value=said(total, 2),
                most=DOSE.most,
            ),
        )
    if reader.errors:
        return Calculation(reader.values, errors=tuple(reader.errors))
    return Calculation(reader.values, Prednisone(tuple(lines), total))


def _read_line(reader: _Reader, number: int) -> SteroidLine | None:
    drug_field, dose_field = steroid_fields(number)
    code, dose_text = reader.values[drug_field], reader.values[dose_field]
    if not code and not dose_text:
        return None
    where = _("Corticosteroid {number}", number=number)
    drug = CORTICOSTEROIDS.get(code)
    if drug is None:
        reader.fault(drug_field, _("{place}: choose one from the list", place=where))
    dose = None
    if dose_text:
        dose = reader.measure(dose_field, DOSE, where)
    else:
        example = decimal_words(DOSE.example)
        reader.fault(
            dose_field, _("{place}: enter the dose in mg per day, like {example}", place=where, example=example)
        )
    if drug is None or dose is None:
        return None
    return SteroidLine(number, drug, dose, prednisone_equivalent(drug.code, dose))
