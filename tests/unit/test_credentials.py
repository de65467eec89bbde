"""Passwords, one-time codes and recovery codes: what is accepted, what is kept, and what counts once."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from argon2 import PasswordHasher
from cryptography.fernet import Fernet

from app import credentials
from app.errors import TooMany

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
GOOD = "tin umbrella yodels softly"


# PASSWORDS


@pytest.mark.parametrize(
    "password", [GOOD, "correct horse battery", "Tr0ub4dor&3xyz", "żółw nie lubi deszczu", "x" * 5 + "qv" * 60 + "abc"]
)
def test_a_long_password_that_nobody_guesses_is_good(password: str) -> None:
    assert credentials.password_complaint(password, ["ada", "Ada Byron"]) is None


@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("short one 1", "at least 12"),
        ("x1" * 65, "at most 128"),
        ("password1234", "guessed first"),
        ("PASSWORD1234", "guessed first"),
        ("Summer2026!!", "guessed first"),
        ("!!dragon!!2026", "guessed first"),
        ("dragondragon", "guessed first"),
        ("abcabcabcabc", "guessed first"),
        ("aaaaaaaaaaaaa", "guessed first"),
        ("abcdefghijklm", "guessed first"),
        ("098765432109", "guessed first"),
        ("1q2w3e4r5t6y", "guessed first"),
        ("prescreen2026!", "too close"),
        ("ada.byron.1815", "too close"),
        ("Byron-Ada-NCT05086315", "too close"),
    ],
)
def test_a_password_that_is_short_common_or_close_is_refused(password: str, complaint: str) -> None:
    found = credentials.password_complaint(password, ["ada.byron", "Ada Byron"])
    assert found is not None and complaint in found


def test_the_deny_list_holds_thousands_and_says_where_it_is_from() -> None:
    lines = credentials.PASSWORDS.read_text("utf-8").splitlines()
    head = [line for line in lines if line.startswith("#")]
    assert "zxcvbn" in head[0] and any("MIT License" in line for line in head)
    assert len(lines) - len(head) >= 12_000
    assert all(credentials.password_complaint(line) for line in lines[len(head) :] if len(line) >= 12)


def test_what_is_kept_is_argon2id_and_fits_that_password_alone() -> None:
    kept = credentials.hash_password(GOOD)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert credentials.is_password(kept, GOOD)
    assert not credentials.is_password(kept, GOOD + " ")
    assert credentials.hash_password(GOOD) != kept, "each has a salt of its own"


def test_the_same_letters_fit_however_a_keyboard_sends_them() -> None:
    assert credentials.is_password(
        credentials.hash_password("z\u00fcrich am see, e\u0301t\u00e9"), "zu\u0308rich am see, \u00e9te\u0301"
    )


def test_nobody_has_the_password_of_nobody() -> None:
    assert not credentials.is_password(None, GOOD)
    assert not credentials.is_password("", "")
    assert not credentials.is_password("no hash at all", GOOD)


def test_a_hash_with_other_parameters_is_outdated() -> None:
    assert not credentials.is_outdated(credentials.hash_password(GOOD))
    assert credentials.is_outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD))


@pytest.fixture
def slow_hashing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Hashing that takes a while, and how many of them ran at a time."""
    running: list[int] = []
    at_once: list[int] = []

    class Slow:
        def hash(self, _password: str) -> str:
            running.append(1)
            at_once.append(len(running))
            time.sleep(0.05)
            running.pop()
            return "hash"

    monkeypatch.setattr(credentials, "HASHER", Slow())
    return at_once


def test_two_hash_at_a_time_few_wait_and_the_rest_is_told_to_come_back(slow_hashing: list[int]) -> None:
    refused: list[int] = []

    def come() -> None:
        try:
            credentials.hash_password(GOOD)
        except TooMany as error:
            refused.append(error.seconds)

    crowd = [threading.Thread(target=come) for _ in range(40)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert max(slow_hashing) == 2
    assert len(slow_hashing) + len(refused) == 40 and len(refused) >= 10
    credentials.hash_password(GOOD)  # the door is open again


# ONE-TIME CODES


def test_a_code_is_good_around_its_time_and_once() -> None:
    seed = credentials.new_seed()
    code = pyotp.TOTP(seed).at(NOW)
    step = credentials.step_of(seed, code, NOW, None)
    assert step == int(NOW.timestamp()) // 30
    assert credentials.step_of(seed, f" {code[:3]} {code[3:]} ", NOW, step - 1) == step
    assert credentials.step_of(seed, code, NOW, step) is None, "used before"
    for seconds in (-30, 30):
        assert credentials.step_of(seed, code, NOW + timedelta(seconds=seconds), None) == step
    for seconds in (-60, 60):
        assert credentials.step_of(seed, code, NOW + timedelta(seconds=seconds), None) is None


@pytest.mark.parametrize(
    "code", ["", "000", "12345678", "\u017f" * 6, "\ud800", "\uff11\uff12\uff13\uff14\uff15\uff16"]
)
def test_what_is_no_code_is_refused(code: str) -> None:
    assert credentials.step_of("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", code, NOW, None) is None


def test_the_qr_code_is_a_plain_svg() -> None:
    drawn = credentials.qr_code(credentials.seed_uri(credentials.new_seed(), "ada"))
    assert drawn.startswith("<svg ") and drawn.endswith("</svg>")
    assert "style=" not in drawn and "<script" not in drawn and "viewBox" in drawn


def test_a_seed_is_kept_encrypted() -> None:
    keeper = credentials.vault(b"k" * 32)
    sealed = credentials.sealed(keeper, "SEED", NOW)
    assert "SEED" not in sealed
    assert credentials.opened(keeper, sealed) == "SEED"
    assert credentials.opened(credentials.vault(b"j" * 32), sealed) is None
    assert credentials.opened(keeper, sealed, NOW + timedelta(seconds=60), 60) == "SEED"
    assert credentials.opened(keeper, sealed, NOW + timedelta(seconds=61), 60) is None
    assert credentials.opened(Fernet(Fernet.generate_key()), "nonsense") is None


# RECOVERY CODES


def test_recovery_codes_are_ten_of_120_bits_and_read_however_they_are_typed() -> None:
    codes = credentials.new_recovery_codes()
    assert len(set(codes)) == 10 and all(len(code.replace("-", "")) == 24 for code in codes)
    assert len(credentials.LETTERS) == len(set(credentials.LETTERS)) == 32
    assert credentials.recovery_code(codes[0].upper().replace("-", " ")) == codes[0]
    assert credentials.recovery_code(codes[0][:-1]) is None
    assert credentials.recovery_code(codes[0][:-1] + "\u0131") is None
    assert credentials.recovery_code("123456") is None
