"""Accounts and how their people come in: invitations, sessions, roles, keys for programs.

Passwords are checked and hashed by the caller, outside the transaction, as that takes long on purpose. An attempt to
sign in is counted as failed before it is looked at and taken back when it was none, so that no crowd of attempts at
once gets past the limit. Addresses stand in the erasable content of an event, never in its detail.
"""

import ipaddress
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.fernet import Fernet
from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from app import credentials
from app.access import API_SCOPES, ROLES, SITE_ROLES, Permission, Role
from app.actions.record import record
from app.errors import Conflict, Invalid, NotFound, TooMany
from app.store import accounts
from app.store.db import WriteSession
from app.store.models import Account, ApiKey, Grant, Invitation, Login, LoginFailure, RecoveryCode
from app.store.queries import token_hash
from app.store.queries import token_hash as hashed  # where the name is that of an argument

LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{2,99}")
CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{1,59}")
INVITED_FOR, RESET_FOR = timedelta(hours=24), timedelta(minutes=15)
REMEMBERED = timedelta(days=90)  # how long a session or an invitation is kept that nobody can use any more
HALFWAY = timedelta(minutes=10)  # how long a password alone is waiting for its code
FAILURES, WITHIN = 10, timedelta(minutes=15)
TURN = 5_086_317  # of the advisory lock under which PostgreSQL counts attempts
KEY_DAYS = 365
ACTIVE_KEYS = 2
NOBODY = "visitor"


# ACCOUNTS


def create_account(
    session: WriteSession, *, login: str, name: str, grants: Sequence[tuple[Role, int | None]], at: datetime, actor: str
) -> Account:
    """Add a person, who cannot sign in before an invitation is taken up. Invalid; Conflict where the login is taken."""
    complaints = [*check_person(login, name), *check_grants(grants)]
    if complaints:
        raise Invalid(complaints)
    if accounts.account_by_login(session, login) is not None:
        raise Conflict("this login is taken")
    account = Account(login=login.lower(), name=name.strip(), created_at=at)
    account.grants = [Grant(role=role, site_id=site_id) for role, site_id in grants]
    session.add(account)
    session.flush()  # its id is needed for the event
    record(session, at, actor, "account.created", "account", account.id, {"grants": [list(grant) for grant in grants]})
    return account


def check_person(login: str, name: str) -> list[tuple[str, str]]:
    """What is wrong with a login and a name."""
    wrong = []
    if not LOGIN.fullmatch(login.lower()):
        wrong.append(("login", "must be 3 to 100 letters, digits or . _ @ + -, beginning with a letter or digit"))
    if not name.strip() or len(name) > 100 or not name.isprintable():
        wrong.append(("name", "must be a name of at most 100 characters"))
    return wrong


def check_grants(grants: Sequence[tuple[str, int | None]]) -> list[tuple[str, str]]:
    """What is wrong with roles: each of a site needs one, the others are everywhere."""
    wrong = []
    for role, site_id in grants:
        if role not in ROLES:
            wrong.append(("role", f"must be one of {', '.join(ROLES)}"))
        elif (role in SITE_ROLES) != (site_id is not None):
            wrong.append(("site", f"must {'' if role in SITE_ROLES else 'not '}be given for the role {role}"))
    return wrong


def change_grants(
    session: WriteSession, *, account: Account, grants: Sequence[tuple[Role, int | None]], at: datetime, actor: str
) -> None:
    """Give an account these roles and no others; its sessions end, so that nobody goes on under the old ones.

    Invalid; Conflict where nobody would be left to manage accounts.
    """
    complaints = check_grants(grants)
    if complaints:
        raise Invalid(complaints)
    before, after = [(grant.role, grant.site_id) for grant in account.grants], list(dict.fromkeys(grants))
    if set(before) == set(after):
        return
    if ("administrator", None) in before and ("administrator", None) not in after:
        _keep_an_administrator(session, account)
    held = {(grant.role, grant.site_id): grant for grant in account.grants}
    account.grants = [held.get(grant) or Grant(role=grant[0], site_id=grant[1]) for grant in after]
    session.flush()
    told = {"before": [list(grant) for grant in before], "after": [list(grant) for grant in after]}
    record(session, at, actor, "account.roles_changed", "account", account.id, told)
    end_logins(session, account=account, at=at, actor=actor)


def disable_account(session: WriteSession, *, account: Account, at: datetime, actor: str) -> None:
    """Let somebody in no more, from their next request on. Conflict where nobody would be left to manage accounts."""
    if account.disabled_at is not None:
        return
    _keep_an_administrator(session, account)
    account.disabled_at = at
    _void_invitations(session, account, at)
    session.flush()
    record(session, at, actor, "account.disabled", "account", account.id, {})
    end_logins(session, account=account, at=at, actor=actor)


def enable_account(session: WriteSession, *, account: Account, at: datetime, actor: str) -> None:
    """Let somebody in again, with what they had."""
    if account.disabled_at is None:
        return
    account.disabled_at = None
    session.flush()
    record(session, at, actor, "account.enabled", "account", account.id, {})


def _keep_an_administrator(session: WriteSession, but: Account) -> None:
    if ("administrator", None) in [(grant.role, grant.site_id) for grant in but.grants]:
        others = accounts.administrators(session) - {but.id}
        if not others:
            raise Conflict("nobody would be left to manage accounts")


# INVITATIONS


def invite(session: WriteSession, *, account: Account, at: datetime, actor: str) -> str:
    """Make a one-time link: gives its token, which is kept nowhere. An earlier link is void.

    Whoever never came in has a day; to set password and codes anew, there are 15 minutes. Conflict where disabled.
    """
    if account.disabled_at is not None:
        raise Conflict("the account is disabled")
    _void_invitations(session, account, at)
    is_new = account.password_hash is None and account.issuer is None
    token, lasts = secrets.token_urlsafe(32), INVITED_FOR if is_new else RESET_FOR
    session.add(Invitation(token_hash=token_hash(token), account_id=account.id, created_at=at, expires_at=at + lasts))
    session.flush()
    verb = "account.invited" if is_new else "account.reset_link_made"
    record(session, at, actor, verb, "account", account.id, {"minutes": int(lasts.total_seconds()) // 60})
    return token


def take_up_invitation(
    session: WriteSession, *, token: str, password_hash: str, seed: str, step: int, at: datetime, keeper: Fernet
) -> tuple[Account, list[str]]:
    """Set password and one-time codes by an invitation; gives the account and its recovery codes, which are shown once.

    `step` is that of the code which showed that the device knows the seed. All sessions end. NotFound.
    """
    account = _take(session, token, at)
    account.password_hash = password_hash
    account.totp_secret = credentials.sealed(keeper, seed, at)
    account.totp_step = step
    codes = _replace_recovery_codes(session, account)
    actor = accounts.actor_of(account.id)
    record(session, at, actor, "account.invitation_taken", "account", account.id, {"by": "password"})
    end_logins(session, account=account, at=at, actor=actor)
    _forgive(session, account)
    return account, codes


def bind_identity(session: WriteSession, *, token: str, issuer: str, subject: str, at: datetime) -> Account:
    """Let an account be entered by a provider's sign-in, by an invitation. NotFound; Conflict where it is another's."""
    account = _take(session, token, at)
    other = accounts.account_by_identity(session, issuer=issuer, subject=subject)
    if other is not None and other.id != account.id:
        raise Conflict("this sign-in belongs to another account")
    account.issuer, account.subject = issuer, subject
    session.flush()
    actor = accounts.actor_of(account.id)
    record(session, at, actor, "account.invitation_taken", "account", account.id, {"by": "organisation"})
    end_logins(session, account=account, at=at, actor=actor)
    return account


def _take(session: WriteSession, token: str, at: datetime) -> Account:
    """The account of an invitation, which is used up by this."""
    account = accounts.account(session, accounts.invited(session, token=token, at=at).id)
    used = update(Invitation).where(Invitation.token_hash == token_hash(token), Invitation.used_at.is_(None))
    if session.execute(used.values(used_at=at)).rowcount != 1:  # type: ignore[attr-defined]
        raise NotFound("no such invitation")  # somebody was faster
    return account


def _void_invitations(session: WriteSession, account: Account, at: datetime) -> None:
    open_ = Invitation.account_id == account.id, Invitation.used_at.is_(None)
    session.execute(update(Invitation).where(*open_).values(used_at=at))


# SIGNING IN


def attempt_login(session: WriteSession, *, login: str, address: str, at: datetime) -> list[int]:
    """Count an attempt, as failed for now; gives what `succeed` takes back. TooMany, by account and by address."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(TURN)))
    session.execute(delete(LoginFailure).where(LoginFailure.at <= at - WITHIN))
    subjects = [_login_subject(login), _address_subject(address)]
    for subject in subjects:
        earlier = accounts.failures(session, subject=subject, since=at - WITHIN)
        if len(earlier) >= FAILURES:
            raise TooMany(max(1, int((earlier[-FAILURES] + WITHIN - at).total_seconds())))
    failures = [LoginFailure(subject=subject, at=at) for subject in subjects]
    session.add_all(failures)
    session.flush()
    return [failure.id for failure in failures]


def succeed(session: WriteSession, *, attempt: Sequence[int]) -> None:
    """Take back an attempt that did not fail."""
    session.execute(delete(LoginFailure).where(LoginFailure.id.in_(attempt)))


def _forgive(session: WriteSession, account: Account) -> None:
    """Forget an account's failures, once somebody has proved to be its person; not those of an address."""
    session.execute(delete(LoginFailure).where(LoginFailure.subject == _login_subject(account.login)))


def _login_subject(login: str) -> str:
    return f"login:{token_hash(login.strip().lower())}"  # a password typed into the wrong field is kept nowhere


def _address_subject(address: str) -> str:
    """An address, or the network of 64 bits that one has in IPv6."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return f"address:{address[:60]}"
    return f"address:{known if known.version == 4 else ipaddress.ip_network((known, 64), strict=False)}"


def refuse_login(session: WriteSession, *, account_id: int | None, factor: str, address: str, at: datetime) -> None:
    """Record that somebody could not sign in; what they typed as a login is kept nowhere."""
    subject = ("service", 0) if account_id is None else ("account", account_id)
    content = {"address": address}
    record(session, at, NOBODY, "account.sign_in_failed", *subject, {"factor": factor}, content=content)


def begin_login(
    session: WriteSession,
    *,
    account: Account,
    at: datetime,
    hours: int,
    address: str = "",
    browser: str = "",
    proved_at: datetime | None = None,
    by: str = "password",
) -> str:
    """Open a session; gives its token, which is kept nowhere. `proved_at` says when the second factor was given.

    Without the second factor the session lasts some minutes and opens nothing but the page that asks for it.
    """
    token = secrets.token_urlsafe(32)
    session.add(
        Login(
            token_hash=token_hash(token),
            account_id=account.id,
            created_at=at,
            seen_at=at,
            expires_at=at + (HALFWAY if proved_at is None else timedelta(hours=hours)),
            proved_at=proved_at,
            address=address[:60],
            browser=browser[:200],
        )
    )
    session.flush()
    if proved_at is not None:
        _forgive(session, account)
    verb = "account.password_given" if proved_at is None else "account.signed_in"
    actor, content = accounts.actor_of(account.id), {"address": address[:60]} if address else None
    record(session, at, actor, verb, "account", account.id, {"by": by}, content=content)
    return token


def take_code(session: WriteSession, *, account: Account, code: str, at: datetime, keeper: Fernet) -> str | None:
    """Use up a one-time code or a recovery code; gives which it was ("code", "recovery"), None where it is neither."""
    kept = account.totp_secret and credentials.opened(keeper, account.totp_secret)
    step = credentials.step_of(kept, code, at, account.totp_step) if kept else None
    if step is not None:
        account.totp_step = step
        session.flush()
        return "code"
    plain = credentials.recovery_code(code)
    if plain is None:
        return None
    of_account = RecoveryCode.account_id == account.id, RecoveryCode.used_at.is_(None)
    used = update(RecoveryCode).where(RecoveryCode.code_hash == token_hash(plain), *of_account).values(used_at=at)
    return "recovery" if session.execute(used).rowcount == 1 else None  # type: ignore[attr-defined]


def close_halfway(session: WriteSession, *, login: Login, at: datetime) -> None:
    """End a session that waited for the code, which has come. No event: the session that takes its place has one."""
    login.ended_at = at
    session.flush()


def prove_again(session: WriteSession, *, account: Account, token_hash: str, by: str, at: datetime) -> str:
    """Keep that somebody who is signed in has just proved again who they are, as a signature asks for.

    The session goes on under another token, which is given. NotFound where it has ended.
    """
    _forgive(session, account)
    token = secrets.token_urlsafe(32)
    this = update(Login).where(Login.token_hash == token_hash, Login.ended_at.is_(None))
    if session.execute(this.values(token_hash=hashed(token), proved_at=at)).rowcount != 1:  # type: ignore[attr-defined]
        raise NotFound("no such session")
    record(session, at, accounts.actor_of(account.id), "account.proved_again", "account", account.id, {"by": by})
    return token


def see_login(session: WriteSession, *, token_hash: str, at: datetime) -> None:
    """Keep when a session was last used. No event: it changes nothing that anybody decides on."""
    session.execute(update(Login).where(Login.token_hash == token_hash, Login.seen_at < at).values(seen_at=at))


# SIGNING OUT


def end_login(session: WriteSession, *, token_hash: str, at: datetime, actor: str) -> None:
    """End one session, from its next request on; nothing happens where it has ended."""
    login = session.get(Login, token_hash)
    if login is not None and login.ended_at is None:
        login.ended_at = at
        session.flush()
        record(session, at, actor, "account.signed_out", "account", login.account_id, {"sessions": 1})


def end_logins(session: WriteSession, *, account: Account, at: datetime, actor: str, but: str = "") -> int:
    """End an account's sessions, except that of one hash; gives how many."""
    session.flush()
    open_ = Login.account_id == account.id, Login.ended_at.is_(None), Login.expires_at > at, Login.token_hash != but
    number: int = session.execute(update(Login).where(*open_).values(ended_at=at)).rowcount  # type: ignore[attr-defined]
    if number:
        record(session, at, actor, "account.signed_out", "account", account.id, {"sessions": number})
    return number


def forget_logins(session: WriteSession, *, at: datetime) -> int:
    """Delete the sessions and invitations that ran out more than 90 days ago; gives their number.

    The last session of an account stays: it tells when its person was last here. No event: those of signing in and out
    are kept, and tell all of it.
    """
    other, long_ago = aliased(Login), at - REMEMBERED
    later = exists().where(
        other.account_id == Login.account_id, other.proved_at.is_not(None), other.seen_at > Login.seen_at
    )
    old = (
        delete(Login).where(Login.expires_at <= long_ago, or_(Login.proved_at.is_(None), later)),
        delete(Invitation).where(Invitation.expires_at <= long_ago),
    )
    return sum(
        session.execute(each, execution_options={"synchronize_session": False}).rowcount  # type: ignore[attr-defined]
        for each in old
    )


# WHAT SOMEBODY PROVES IT WITH


def change_password(session: WriteSession, *, account: Account, password_hash: str, at: datetime, but: str) -> None:
    """Give an account another password; its sessions end, except the one in which this is done."""
    account.password_hash = password_hash
    session.flush()
    actor = accounts.actor_of(account.id)
    record(session, at, actor, "account.password_changed", "account", account.id, {})
    end_logins(session, account=account, at=at, actor=actor, but=but)


def rehash_password(session: WriteSession, *, account: Account, password_hash: str) -> None:
    """Keep the same password's hash with other parameters. No event: it is the same password."""
    account.password_hash = password_hash
    session.flush()


def renew_recovery_codes(session: WriteSession, *, account: Account, at: datetime) -> list[str]:
    """New recovery codes, which are shown once; the old ones are void."""
    codes = _replace_recovery_codes(session, account)
    record(session, at, accounts.actor_of(account.id), "account.recovery_codes_made", "account", account.id, {})
    return codes


def _replace_recovery_codes(session: WriteSession, account: Account) -> list[str]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account.id))
    codes = credentials.new_recovery_codes()
    session.add_all(RecoveryCode(code_hash=token_hash(code), account_id=account.id) for code in codes)
    session.flush()
    return codes


# KEYS OF PROGRAMS


def create_key(
    session: WriteSession,
    *,
    client: str,
    site_id: int,
    scopes: Sequence[Permission],
    days: int,
    at: datetime,
    actor: str,
    account_id: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key for a program; gives it, and its text, which is kept nowhere.

    Invalid; Conflict where the client has two active keys at this site: one to use, one to change over to.
    """
    complaints = []
    if not CLIENT.fullmatch(client):
        complaints.append(
            ("client", "must be 2 to 60 letters, digits, spaces or . _ -, beginning with one of the first")
        )
    if not scopes or not set(scopes) <= set(API_SCOPES):
        complaints.append(("scopes", f"must be some of {', '.join(API_SCOPES)}"))
    if not 1 <= days <= KEY_DAYS:
        complaints.append(("days", f"must be a whole number from 1 to {KEY_DAYS}"))
    if not accounts.has_site(session, site_id):
        complaints.append(("site", "must be one of the trial's sites"))
    if complaints:
        raise Invalid(complaints)
    if accounts.active_keys(session, client=client, site_id=site_id, at=at) >= ACTIVE_KEYS:
        raise Conflict("this client has two active keys at this site; revoke one first")
    prefix, secret = f"pk_{secrets.token_hex(4)}", secrets.token_urlsafe(32)
    key = ApiKey(
        prefix=prefix,
        secret_hash=token_hash(secret),
        client=client,
        site_id=site_id,
        scopes=[scope for scope in API_SCOPES if scope in scopes],
        created_at=at,
        created_by=account_id,
        expires_at=at + timedelta(days=days),
    )
    session.add(key)
    session.flush()
    told = {"client": client, "prefix": prefix, "scopes": key.scopes, "days": days}
    record(session, at, actor, "key.created", "key", key.id, told, site_id=site_id)
    return key, f"{prefix}.{secret}"


def revoke_key(session: WriteSession, *, key_id: int, at: datetime, actor: str) -> None:
    """Let a program in no more, from its next request on. NotFound."""
    key = accounts.key(session, key_id)
    if key.revoked_at is None:
        key.revoked_at = at
        session.flush()
        record(session, at, actor, "key.revoked", "key", key.id, {"prefix": key.prefix}, site_id=key.site_id)


def see_key(session: WriteSession, *, key_id: int, at: datetime) -> None:
    """Keep when a key was last used. No event, as above."""
    session.execute(update(ApiKey).where(ApiKey.id == key_id).values(used_at=at))
