"""How somebody proves who they are: passwords, one-time codes, recovery codes. No HTTP, no database, no clock.

Passwords are kept as argon2id hashes, seeds of one-time codes encrypted, recovery codes and tokens as plain hashes
(they are random enough for that). Hashing takes some 20 ms and 19 MiB on purpose, so two of them run at a time and few
wait: a crowd at the door must not take the processor from those who are inside.
"""

import base64
import hmac
import io
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import BoundedSemaphore
from typing import Final, TypeVar, TypeVarTuple

import pyotp
import segno
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import Type
from cryptography.fernet import Fernet, InvalidToken

from app.errors import TooMany
from app.rules.words import N_, _

SHORTEST, LONGEST = 12, 128
CONTEXT: Final = ("prescreen", "screening", "nct05086315", "eligibility")
PERIOD: Final = 30  # seconds that a one-time code is shown
WINDOW: Final = 1  # how many periods early or late it may come
RECOVERY_CODES: Final = 10
GROUPS, GROUP = 6, 4  # of a recovery code: 24 of 32 letters and digits, which is 120 bits
LETTERS: Final = "abcdefghjkmnpqrstuvwxyz023456789"  # none that is read as another
PASSWORDS: Final = Path(__file__).with_name("passwords.txt")
AT_A_TIME, IN_ALL = 2, 16

HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
# Threads of their own: whichever thread has hashed keeps the memory for that, and requests have forty of them.
_hashing = ThreadPoolExecutor(AT_A_TIME, "hashing")
_places = BoundedSemaphore(IN_ALL)


T = TypeVar("T")
Ts = TypeVarTuple("Ts")


# PASSWORDS


def password_complaint(password: str, context: Iterable[str] = ()) -> str | None:
    """What is wrong with a password that somebody chose; None where nothing is.

    Length counts, and that nobody would guess it: no common password, alone, repeated or with digits and signs
    around it, and hardly anything of the surroundings (`context`, such as the login). Nothing else is asked of it.
    """
    if len(password) < SHORTEST:
        return _("must have at least {number} characters", number=SHORTEST)
    if len(password) > LONGEST:
        return _("must have at most {number} characters", number=LONGEST)
    plain = password.casefold()
    if _is_common(plain):
        return _(COMMON)
    if _is_close(plain, [*CONTEXT, *context]):
        return _(TOO_CLOSE)
    return None


COMMON = N_("is among those that are guessed first; take several words that do not belong together")
TOO_CLOSE = N_("is too close to your name, your login or the name of this site")


def _is_common(plain: str) -> bool:
    """Whether a list of common passwords has it, what is repeated in it, or what stands amid digits and signs."""
    stem = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    for text in (plain, stem):
        unit = re.fullmatch(r"(.+?)\1*", text, re.DOTALL)
        if text in _common() or (unit is not None and (len(unit[1]) <= 3 or unit[1] in _common())):
            return True
    return _is_run(plain)


def _is_run(plain: str) -> bool:
    """Whether the characters follow one another all along, up or down: abcdefghijkl, 987654321098."""
    steps = {ord(after) - ord(before) for before, after in pairwise(plain)}
    return steps <= {1, -9} or steps <= {-1, 9}


def _is_close(plain: str, context: Iterable[str]) -> bool:
    """Whether hardly a letter is left of a password without the words of its surroundings."""
    parts = {part for text in context for part in re.split(r"[\W_]+", text.casefold()) if len(part) >= 3}
    rest = plain
    for part in sorted(parts, key=len, reverse=True):
        rest = rest.replace(part, " ")
    return rest != plain and len(re.sub(r"[\W\d_]+", "", rest)) < SHORTEST // 2


@cache
def _common() -> frozenset[str]:
    lines = PASSWORDS.read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def hash_password(password: str) -> str:
    """What is kept of a password. TooMany where too many are hashed at the moment."""
    return _in_turn(HASHER.hash, _normal(password))


def is_password(kept: str | None, password: str) -> bool:
    """Whether a password is the one whose hash is kept. Where none is, it takes as long, and is not. TooMany."""
    try:
        fits = _in_turn(HASHER.verify, kept or _nobodys(), _normal(password))
    except (Argon2Error, InvalidHashError):
        return False
    return fits and kept is not None


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than today's, so that it is to be made again."""
    return HASHER.check_needs_rehash(kept)


def _normal(password: str) -> str:
    """One text for what looks the same, however a keyboard sends it."""
    return unicodedata.normalize("NFKC", password)


@cache
def _nobodys() -> str:
    """The hash of a password that nobody has."""
    return HASHER.hash(secrets.token_urlsafe(32))


def _in_turn(work: Callable[[*Ts], T], *arguments: *Ts) -> T:
    if not _places.acquire(blocking=False):
        raise TooMany(2)
    try:
        return _hashing.submit(work, *arguments).result()
    finally:
        _places.release()


# ONE-TIME CODES


def vault(key: bytes) -> Fernet:
    """What encrypts, for a key of 32 bytes that is kept outside the database."""
    return Fernet(base64.urlsafe_b64encode(key))


def opened(keeper: Fernet, sealed: str, at: datetime | None = None, seconds: int | None = None) -> str | None:
    """What was encrypted; None where it was not by us, or (as of `at`) longer ago than that."""
    try:
        if at is None or seconds is None:
            return keeper.decrypt(sealed.encode()).decode()
        return keeper.decrypt_at_time(sealed.encode(), seconds, int(at.timestamp())).decode()
    except (InvalidToken, UnicodeError):
        return None


def sealed(keeper: Fernet, text: str, at: datetime) -> str:
    """A text, encrypted."""
    return keeper.encrypt_at_time(text.encode(), int(at.timestamp())).decode()


def new_seed() -> str:
    """A seed of one-time codes, as people type it into a device: 160 bits in base 32."""
    return pyotp.random_base32()


def seed_uri(seed: str, login: str) -> str:
    """The address that a device reads from the QR code."""
    return pyotp.TOTP(seed, interval=PERIOD).provisioning_uri(name=login, issuer_name="Prescreen")


def qr_code(text: str) -> str:
    """A QR code as an inline SVG, which is black on white whatever stands around it."""
    out = io.BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(out, kind="svg", scale=4, border=3, light="#fff", dark="#000", svgclass="app-qr", lineclass=None,
              xmldecl=False, svgns=False, nl=False, omitsize=True)  # fmt: skip
    return out.getvalue().decode()


def step_of(seed: str, code: str, at: datetime, last: int | None) -> int | None:
    """The step of a one-time code that is right now and is later than the `last` one used; None where it is not."""
    given, now = re.sub(r"\s", "", code), int(at.timestamp()) // PERIOD
    found = None
    for step in range(now - WINDOW, now + WINDOW + 1):
        expected = pyotp.TOTP(seed, interval=PERIOD).generate_otp(step)
        if hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")) and (last is None or step > last):
            found = step
    return found


# RECOVERY CODES


def new_recovery_codes() -> list[str]:
    """Ten codes in groups of letters and digits that are hard to mistake for one another."""
    return [
        "-".join("".join(secrets.choice(LETTERS) for _place in range(GROUP)) for _group in range(GROUPS))
        for _code in range(RECOVERY_CODES)
    ]


def recovery_code(text: str) -> str | None:
    """A recovery code as it was given out, however it was typed; None where it can be none."""
    plain = re.sub(r"[\s-]", "", text).lower()
    if len(plain) != GROUPS * GROUP or not set(plain) <= set(LETTERS):
        return None
    return "-".join(plain[start : start + GROUP] for start in range(0, len(plain), GROUP))
