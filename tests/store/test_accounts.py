"""Accounts in the database: what each action keeps, ends and records, and what it refuses."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from sqlalchemy import select

from app import actions, credentials
from app.actions.accounts import FAILURES, WITHIN
from app.errors import Conflict, Invalid, NotFound, NotSignedIn, TooMany
from app.store import accounts
from app.store.db import Database
from app.store.models import (
    Account,
    ApiKey,
    Event,
    EventContent,
    Invitation,
    Login,
    LoginFailure,
    RecoveryCode,
    SiteRow,
)
from app.store.queries import token_hash

KEEPER = credentials.vault(b"k" * 32)
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
IDLE = timedelta(minutes=15)


@pytest.fixture
def site(published: Database) -> int:
    with published.read() as session:
        return session.scalars(select(SiteRow.id).order_by(SiteRow.id)).first() or 0


@pytest.fixture
def hire(published: Database, now: datetime) -> Callable[..., int]:
    """Gives the id of a new account."""

    def made(login: str = "ada", *grants: Any) -> int:
        with published.write() as session:
            wanted = grants or [("administrator", None)]
            return actions.create_account(
                session, login=login, name=login.title(), grants=wanted, at=now, actor="test"
            ).id

    return made


def act(database: Database, account_id: int, action: Callable[..., Any], **given: Any) -> Any:
    """An action on an account, in a transaction of its own."""
    with database.write() as session:
        return action(session, account=accounts.account(session, account_id), **given)


def begin(database: Database, account_id: int, at: datetime) -> str:
    """The token of a session that has both factors."""
    return str(act(database, account_id, actions.begin_login, at=at, hours=12, proved_at=at))


def take_up(database: Database, token: str, at: datetime) -> list[str]:
    with database.write() as session:
        step = int(at.timestamp()) // 30
        _account, codes = actions.take_up_invitation(
            session, token=token, password_hash="hash", seed=SEED, step=step, at=at, keeper=KEEPER
        )
        return codes


def is_open(database: Database, token: str, at: datetime) -> bool:
    with database.read() as session:
        try:
            accounts.signed_in(session, token=token, at=at, idle=IDLE)
        except NotSignedIn:
            return False
        return True


def told(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    """What the trail says of accounts and keys: action, actor and detail."""
    with database.read() as session:
        events = session.scalars(
            select(Event).where(Event.action.like("account.%") | Event.action.like("key.%")).order_by(Event.seq)
        )
        return [(event.action, event.actor, event.detail) for event in events]


# INVITATIONS


def test_an_invitation_is_good_once_for_a_day_and_a_reset_for_a_quarter_of_an_hour(
    published: Database, hire: Callable[..., int], now: datetime
) -> None:
    ada = hire()
    first = act(published, ada, actions.invite, at=now, actor="test")
    token = act(published, ada, actions.invite, at=now, actor="test")
    for wrong, at in ((first, now), ("nonsense", now), (token, now + timedelta(hours=24))):
        with pytest.raises(NotFound):
            take_up(published, wrong, at)
    assert len(take_up(published, token, now + timedelta(hours=23))) == 10
    with pytest.raises(NotFound):
        take_up(published, token, now + timedelta(hours=23))

    reset = act(published, ada, actions.invite, at=now, actor="test")
    with pytest.raises(NotFound):
        take_up(published, reset, now + timedelta(minutes=15))
    assert take_up(published, reset, now + timedelta(minutes=14))
    with published.read() as session:
        kept = repr([(one.token_hash, one.used_at) for one in session.scalars(select(Invitation))])
        assert token not in kept and reset not in kept


def test_taking_up_an_invitation_ends_sessions_and_keeps_the_seed_encrypted(
    published: Database, hire: Callable[..., int], now: datetime
) -> None:
    ada = hire()
    before = begin(published, ada, now)
    codes = take_up(published, act(published, ada, actions.invite, at=now, actor="test"), now)
    assert not is_open(published, before, now)
    with published.read() as session:
        account = accounts.account(session, ada)
        assert account.totp_secret is not None and SEED not in account.totp_secret
        hashes = set(session.scalars(select(RecoveryCode.code_hash)))
    assert hashes == {token_hash(code) for code in codes}


def test_an_identity_is_bound_by_an_invitation_to_one_account(
    published: Database, hire: Callable[..., int], now: datetime
) -> None:
    ada, bob = hire("ada"), hire("bob")
    tokens = {who: act(published, who, actions.invite, at=now, actor="test") for who in (ada, bob)}
    with published.write() as session:
        actions.bind_identity(session, token=tokens[ada], issuer="https://idp.example", subject="7", at=now)
    with pytest.raises(Conflict), published.write() as session:
        actions.bind_identity(session, token=tokens[bob], issuer="https://idp.example", subject="7", at=now)
    with published.read() as session:
        found = accounts.account_by_identity(session, issuer="https://idp.example", subject="7")
        assert found is not None and found.id == ada
        assert accounts.account_by_identity(session, issuer="https://other.example", subject="7") is None


# SIGNING IN


def test_a_one_time_code_and_a_recovery_code_count_once(
    published: Database, hire: Callable[..., int], now: datetime
) -> None:
    ada = hire()
    codes = take_up(published, act(published, ada, actions.invite, at=now, actor="test"), now)
    later = now + timedelta(seconds=30)
    code = pyotp.TOTP(SEED).at(later)

    def take(code: str) -> Any:
        return act(published, ada, actions.take_code, code=code, at=later, keeper=KEEPER)

    assert take(pyotp.TOTP(SEED).at(now)) is None, "used when the invitation was taken up"
    assert (take(code), take(code)) == ("code", None)
    assert (take(codes[0].upper()), take(codes[0])) == ("recovery", None)
    assert take("000000") is None and take("") is None
    other = hire("bob")
    assert act(published, other, actions.take_code, code=codes[1], at=later, keeper=KEEPER) is None


def test_new_recovery_codes_void_the_old_ones(published: Database, hire: Callable[..., int], now: datetime) -> None:
    ada = hire()
    old = take_up(published, act(published, ada, actions.invite, at=now, actor="test"), now)
    new = act(published, ada, actions.renew_recovery_codes, at=now)
    taken = [act(published, ada, actions.take_code, code=code, at=now, keeper=KEEPER) for code in (old[0], new[0])]
    assert taken == [None, "recovery"]
    with published.read() as session:
        assert accounts.recovery_codes_left(session, ada) == 9


def attempt(database: Database, at: datetime, login: str = "ada", address: str = "198.51.100.7") -> list[int]:
    with database.write() as session:
        return actions.attempt_login(session, login=login, address=address, at=at)


def test_P30_ten_failures_in_a_quarter_of_an_hour_close_an_account_and_an_address(
    published: Database, now: datetime
) -> None:
    for number in range(FAILURES):
        attempt(published, now + timedelta(seconds=number), address=f"198.51.100.{number}")
    with pytest.raises(TooMany) as refused:
        attempt(published, now + timedelta(seconds=60), login=" ADA ", address="203.0.113.9")
    assert refused.value.seconds == WITHIN.total_seconds() - 60
    attempt(published, now + timedelta(seconds=60), login="bob", address="203.0.113.9")
    attempt(published, now + WITHIN, address="203.0.113.9"), "the first failure is no longer counted"

    for number in range(FAILURES):
        attempt(published, now + timedelta(hours=1), login=f"login{number}", address=f"2001:db8::{number}")
    with pytest.raises(TooMany):
        attempt(published, now + timedelta(hours=1), login="another", address="2001:db8::ffff")
    attempt(published, now + timedelta(hours=1), login="another", address="2001:db8:0:1::ffff")


def test_P30_an_attempt_that_did_not_fail_is_not_counted_and_proof_forgives_the_account(
    published: Database, hire: Callable[..., int], now: datetime
) -> None:
    ada = hire()
    for _number in range(FAILURES * 2):
        with published.write() as session:
            actions.succeed(session, attempt=actions.attempt_login(session, login="ada", address="192.0.2.1", at=now))
    for _number in range(FAILURES - 1):
        attempt(published, now, address="192.0.2.2")
    begin(published, ada, now)
    with published.read() as session:
        subjects = list(session.scalars(select(LoginFailure.subject)))
    assert set(subjects) == {"address:192.0.2.2"}, "an address is not forgiven: its other attempts were at others"


def test_a_password_alone_opens_nothing_and_waits_ten_minutes(
    published: Database, hire: Callable[..., int], now: datetime
) -> None:
    ada = hire()
    token = act(published, ada, actions.begin_login, at=now, hours=12)
    with published.read() as session:
        assert accounts.signed_in(session, token=token, at=now, idle=IDLE).proved_at is None
        assert accounts.halfway(session, token=token, at=now + timedelta(minutes=9)).account_id == ada
        with pytest.raises(NotSignedIn):
            accounts.halfway(session, token=token, at=now + timedelta(minutes=10))
        with pytest.raises(NotSignedIn):
            accounts.halfway(session, token=begin(published, ada, now), at=now)


# ENDING


def test_P27_disabling_changing_the_password_and_changing_roles_end_sessions(
    published: Database, hire: Callable[..., int], site: int, now: datetime
) -> None:
    ada = hire("ada")
    hire("other.administrator")

    def both() -> tuple[str, str]:
        return begin(published, ada, now), begin(published, ada, now)

    one, two = both()
    act(published, ada, actions.change_password, password_hash="new", at=now, but=token_hash(one))
    assert (is_open(published, one, now), is_open(published, two, now)) == (True, False)
    one, two = both()
    act(published, ada, actions.change_grants, grants=[("coordinator", site)], at=now, actor="test")
    assert (is_open(published, one, now), is_open(published, two, now)) == (False, False)
    one, two = both()
    act(published, ada, actions.disable_account, at=now, actor="test")
    assert (is_open(published, one, now), is_open(published, two, now)) == (False, False)
    act(published, ada, actions.enable_account, at=now, actor="test")
    assert not is_open(published, one, now), "what has ended stays so"
    one, two = both()
    act(published, ada, actions.end_logins, at=now, actor="test", but=token_hash(two))
    assert (is_open(published, one, now), is_open(published, two, now)) == (False, True)
    with published.write() as session:
        actions.end_login(session, token_hash=token_hash(two), at=now, actor="test")
    assert not is_open(published, two, now)


def test_P27_a_session_ends_when_it_is_idle_and_after_its_hours(
    published: Database, hire: Callable[..., int], now: datetime
) -> None:
    token = begin(published, hire(), now)
    assert is_open(published, token, now + timedelta(minutes=14, seconds=59))
    assert not is_open(published, token, now + timedelta(minutes=15))
    for minutes in range(0, 12 * 60, 10):
        with published.write() as session:
            actions.see_login(session, token_hash=token_hash(token), at=now + timedelta(minutes=minutes))
    assert is_open(published, token, now + timedelta(hours=11, minutes=59))
    assert not is_open(published, token, now + timedelta(hours=12))


def test_sessions_and_invitations_that_ran_out_are_forgotten_but_for_the_last_session_of_each(
    published: Database, hire: Callable[..., int], now: datetime
) -> None:
    ada, bob = hire(), hire("bob")
    first, last = begin(published, ada, now), begin(published, ada, now + timedelta(days=1))
    act(published, bob, actions.begin_login, at=now, hours=12)  # a password, and then no code
    act(published, bob, actions.invite, at=now, actor="test")
    later = now + timedelta(days=95)
    open_ = begin(published, bob, later)
    with published.write() as session:
        assert actions.forget_logins(session, at=now + timedelta(days=90, minutes=10)) == 1, (
            "the password alone has run out"
        )
        assert actions.forget_logins(session, at=later) == 2
        assert actions.forget_logins(session, at=later) == 0
    with published.read() as session:
        kept = {login.token_hash for login in session.scalars(select(Login))}
        assert (kept, session.scalars(select(Invitation)).all()) == ({token_hash(last), token_hash(open_)}, [])
        assert accounts.last_seen(session) == {ada: now + timedelta(days=1), bob: later}
    assert token_hash(first) not in kept


def test_somebody_is_always_left_to_manage_accounts(
    published: Database, hire: Callable[..., int], now: datetime
) -> None:
    ada, bob = hire("ada"), hire("bob")
    act(published, bob, actions.disable_account, at=now, actor="test")
    with pytest.raises(Conflict):
        act(published, ada, actions.disable_account, at=now, actor="test")
    with pytest.raises(Conflict):
        act(published, ada, actions.change_grants, grants=[("auditor", None)], at=now, actor="test")
    act(published, bob, actions.enable_account, at=now, actor="test")
    act(published, ada, actions.change_grants, grants=[("auditor", None)], at=now, actor="test")


@pytest.mark.parametrize("grants", [[("coordinator", None)], [("auditor", 1)], [("king", None)]])
def test_roles_that_do_not_fit_are_refused(
    published: Database, hire: Callable[..., int], now: datetime, grants: Any
) -> None:
    with pytest.raises(Invalid):
        act(published, hire(), actions.change_grants, grants=grants, at=now, actor="test")


# WHAT IS RECORDED


def test_P22_signing_in_failing_and_changes_of_roles_and_keys_are_in_the_trail(
    published: Database, hire: Callable[..., int], site: int, now: datetime
) -> None:
    ada = hire("ada")
    me, hers = "account 1", "secret-looking login"
    with published.write() as session:
        actions.refuse_login(session, account_id=None, factor="password", address="192.0.2.77", at=now)
        actions.refuse_login(session, account_id=ada, factor="code", address="192.0.2.77", at=now)
    take_up(published, act(published, ada, actions.invite, at=now, actor=me), now)
    token = begin(published, ada, now)
    act(published, ada, actions.change_grants, grants=[("administrator", None), ("physician", site)], at=now, actor=me)
    token = begin(published, ada, now)
    stale, token = token, act(published, ada, actions.prove_again, token_hash=token_hash(token), by="code", at=now)
    assert not is_open(published, stale, now) and is_open(published, token, now)
    act(published, ada, actions.renew_recovery_codes, at=now)
    act(published, ada, actions.change_password, password_hash="h", at=now, but=token_hash(token))
    with published.write() as session:
        key, whole = actions.create_key(
            session, client="EHR", site_id=site, scopes=["screening:read"], days=30, at=now, actor=me
        )
        actions.revoke_key(session, key_id=key.id, at=now, actor=me)
        actions.end_login(session, token_hash=token_hash(token), at=now, actor=me)
    hire("bob")
    act(published, ada + 1, actions.disable_account, at=now, actor=me)
    act(published, ada + 1, actions.enable_account, at=now, actor=me)

    found = told(published)
    assert [action for action, _, _ in found] == [
        "account.created",
        "account.sign_in_failed",
        "account.sign_in_failed",
        "account.invited",
        "account.invitation_taken",
        "account.signed_in",
        "account.roles_changed",
        "account.signed_out",
        "account.signed_in",
        "account.proved_again",
        "account.recovery_codes_made",
        "account.password_changed",
        "key.created",
        "key.revoked",
        "account.signed_out",
        "account.created",
        "account.disabled",
        "account.enabled",
    ]
    roles = found[6][2]
    assert roles == {
        "before": [["administrator", None]],
        "after": [["administrator", None], ["physician", site]],
    }
    whole_trail = repr(found)
    for secret in (token, whole, whole.split(".")[1], hers, "192.0.2.77"):
        assert secret not in whole_trail
    with published.read() as session:
        assert "192.0.2.77" in "".join(session.scalars(select(EventContent.text))), "an address can be erased"


def test_P22_what_fails_leaves_neither_the_change_nor_its_event(
    published: Database, hire: Callable[..., int], now: datetime
) -> None:
    ada = hire()
    before = told(published)
    with pytest.raises(RuntimeError), published.write() as session:
        account = accounts.account(session, ada)
        actions.change_password(session, account=account, password_hash="x", at=now, but="")
        raise RuntimeError
    with published.read() as session:
        assert accounts.account(session, ada).password_hash is None
    assert told(published) == before


def test_what_changes_nothing_leaves_no_event(published: Database, hire: Callable[..., int], now: datetime) -> None:
    ada = hire()
    before = told(published)
    act(published, ada, actions.enable_account, at=now, actor="test")
    act(published, ada, actions.change_grants, grants=[("administrator", None)], at=now, actor="test")
    act(published, ada, actions.end_logins, at=now, actor="test")
    assert told(published) == before


# KEYS


def make_key(database: Database, site: int, at: datetime, **more: Any) -> tuple[ApiKey, str]:
    given: dict[str, Any] = {"client": "EHR", "scopes": ["screening:read"], "days": 90, **more}
    with database.write() as session:
        return actions.create_key(session, site_id=given.pop("site_id", site), at=at, actor="test", **given)


def test_P31_of_a_key_a_hash_is_kept_and_its_text_is_shown_once(published: Database, site: int, now: datetime) -> None:
    key, whole = make_key(published, site, now)
    prefix, _, secret = whole.partition(".")
    assert prefix == key.prefix and len(prefix) == 11 and len(secret) == 43
    with published.read() as session:
        kept = accounts.api_key(session, prefix=prefix)
        assert kept is not None and kept.secret_hash == token_hash(secret)
        assert secret not in repr([getattr(kept, column.name) for column in ApiKey.__table__.columns])
    assert (kept.site_id, kept.scopes, kept.expires_at) == (site, ["screening:read"], now + timedelta(days=90))


def test_P31_a_client_has_two_active_keys_at_a_site_at_most(published: Database, site: int, now: datetime) -> None:
    first, _ = make_key(published, site, now)
    make_key(published, site, now)
    with pytest.raises(Conflict):
        make_key(published, site, now)
    make_key(published, site, now, client="another EHR")
    with published.write() as session:
        actions.revoke_key(session, key_id=first.id, at=now, actor="test")
    make_key(published, site, now)
    make_key(published, site, now + timedelta(days=91)), "those that have run out are not counted"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"client": ""}, "client"),
        ({"client": "<b>"}, "client"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["account:manage"]}, "scopes"),
        ({"days": 366}, "days"),
        ({"days": 0}, "days"),
        ({"site_id": 99_999}, "site"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_field(
    published: Database, site: int, now: datetime, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        make_key(published, site, now, **wrong)
    assert [name for name, _ in refused.value.complaints] == [field]


def test_accounts_are_never_deleted(published: Database, hire: Callable[..., int], now: datetime) -> None:
    hire("other.administrator")
    ada = hire()
    act(published, ada, actions.disable_account, at=now, actor="test")
    with published.read() as session:
        assert session.get(Account, ada) is not None
        assert accounts.names(session, [ada]) == {ada: "Ada"}
