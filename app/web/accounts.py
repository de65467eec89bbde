"""The pages of somebody's own account: signing in and out, taking up an invitation, sessions, password, codes.

Forms here are plain: with a session the header changes too, and a secret is shown in the answer to its form, once.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import actions, credentials
from app.access import Principal, Role
from app.errors import NotFound, NotSignedIn
from app.rules.words import N_, _, joined
from app.store import accounts, queries
from app.store.models import Account, Grant, Login
from app.store.queries import token_hash
from app.web import entry
from app.web.access import is_at_home, proved_lately, public, signed_in
from app.web.deps import App, address_of
from app.web.forms import Fields
from app.web.pages import SAME_SITE, Parts, Posted, in_force, page
from app.web.site import site_page

router = APIRouter()
Self = Annotated[Principal, signed_in]
PENDING_SECONDS = 1_800
ROLE_WORDS: dict[Role, str] = {
    "coordinator": N_("Coordinator"),
    "physician": N_("Physician"),
    "author": N_("Rule author"),
    "administrator": N_("Administrator"),
    "auditor": N_("Auditor"),
}
WRONG = N_("The login or the password is not right, or the account cannot be used")
WRONG_CODE = N_("The code is not right, or was used before; wait for the next one")


def shown(app: App, request: Request, name: str, status: int = 200, /, **context: object) -> Response:
    """A page of this module, with the way around where somebody has signed in.

    `here` is where the choice of a language leads back to, if not to its own address.
    """
    usual: dict[str, object] = {"here": address_of(request), "errors": {}, "has_errors": bool(context.get("errors"))}
    who: Principal | None = getattr(request.state, "principal", None)
    if who is not None:
        return site_page(app, request, who, name, status, None, **{**usual, **context})
    return page(app, name, in_force(app, app.nct_id), status, **{**usual, **context})


def field(posted: Fields, name: str) -> str:
    """A field that holds one text."""
    return posted.get(name, [""])[0]


def back_to(value: str) -> str:
    """An address on this site, or nothing."""
    return value if SAME_SITE.fullmatch(value) else ""


def home_of(who: Principal) -> str:
    """Where somebody goes who has just come in."""
    if who.may("screening:read"):
        return "/screenings"
    return "/people" if who.may("account:manage") else "/audit" if who.may("audit:read") else "/account"


def with_to(path: str, to: str) -> str:
    """An address that carries on where to go in the end."""
    return f"{path}?{urlencode({'to': to})}" if to else path


def insecure(app: App, request: Request) -> Response:
    """Where no session is opened: the page came over plain HTTP, which others can read."""
    return shown(app, request, "insecure.html", 403, here="/")


# SIGNING IN AND OUT


@router.get("/login", dependencies=[public])
def login(app: Parts, request: Request) -> Response:
    """Ask for login and password; on the first start, say how the first account is made."""
    to = back_to(request.query_params.get("to", ""))
    if not is_at_home(request):
        return insecure(app, request)
    who = entry.whoever(app, request)
    if who is not None:
        return RedirectResponse(to or home_of(who), 303)
    return login_page(app, request, to)


def login_page(app: App, request: Request, to: str, status: int = 200, **context: object) -> Response:
    """The page to sign in."""
    with app.database.read() as session:
        is_first = not accounts.has_accounts(session)
    organisation = with_to("/login/organisation", to) if app.settings.oidc_issuer else ""
    context = {"login": "", **context}
    return shown(app, request, "login.html", status, to=to, is_first=is_first, organisation=organisation, **context)


@router.post("/login", dependencies=[public])
def give_password(app: Parts, posted: Posted, request: Request) -> Response:
    """The first half of signing in. Whatever is wrong, the answer is the same."""
    if not is_at_home(request):
        return insecure(app, request)
    to, given, password = back_to(field(posted, "to")), field(posted, "login"), field(posted, "password")
    if not given or not password:
        errors = {} if given else {"login": _("Enter your login")}
        errors |= {} if password else {"password": _("Enter your password")}
        return login_page(app, request, to, 422, login=given[:100], errors=errors)
    token = entry.give_password(app, request, given, password)
    if token is None:
        return login_page(app, request, to, 422, login=given[:100], errors={"login": _(WRONG)})
    response = RedirectResponse(with_to("/login/code", to), 303)
    entry.keep_session(response, request, token)
    return response


@router.get("/login/code", dependencies=[public])
def code(app: Parts, request: Request) -> Response:
    """Ask for the second factor."""
    to = back_to(request.query_params.get("to", ""))
    with app.database.read() as session:
        try:
            accounts.halfway(session, token=entry.token_of(request), at=app.clock())
        except NotSignedIn:
            return RedirectResponse(with_to("/login", to), 303)
    return shown(app, request, "code.html", to=to)


@router.post("/login/code", dependencies=[public])
def give_code(app: Parts, posted: Posted, request: Request) -> Response:
    """The second half: a one-time code or a recovery code."""
    to = back_to(field(posted, "to"))
    try:
        found = entry.give_code(app, request, field(posted, "code"))
    except NotSignedIn:
        return RedirectResponse(with_to("/login", to), 303)
    if found is None:
        return shown(app, request, "code.html", 422, to=to, errors={"code": _(WRONG_CODE)})
    token, who = found
    response = RedirectResponse(to or home_of(who), 303)
    entry.keep_session(response, request, token)
    return response


@router.post("/logout", dependencies=[public])
def logout(app: Parts, request: Request) -> Response:
    """End this session."""
    entry.sign_out(app, request)
    response = RedirectResponse("/login", 303)
    entry.drop_session(response, request)
    return response


# AN INVITATION


@router.get("/invite/{token}", dependencies=[public])
def invitation(token: str, app: Parts, request: Request) -> Response:
    """Greet somebody with a one-time link, and let them choose a password."""
    if not is_at_home(request):
        return insecure(app, request)
    account = invited(app, token)
    return gone(app, request) if account is None else password_page(app, request, token, account)


@router.post("/invite/{token}", dependencies=[public])
def take_up(token: str, app: Parts, posted: Posted, request: Request) -> Response:
    """Take the password, then the first code; nothing is kept before both are there."""
    if not is_at_home(request):
        return insecure(app, request)
    account = invited(app, token)
    if account is None:
        return gone(app, request)
    pending = opened_pending(app, field(posted, "pending"), token)
    if pending is None:
        errors = new_password_errors(posted, [account.login, account.name])
        if errors:
            return password_page(app, request, token, account, 422, errors)
        pending = Pending(credentials.hash_password(field(posted, "password")), credentials.new_seed())
        return enrol_page(app, request, token, account, pending)
    step = credentials.step_of(pending.seed, field(posted, "code"), app.clock(), None)
    if step is None:
        return enrol_page(app, request, token, account, pending, 422, {"code": _(WRONG_CODE)})
    return finished(app, request, token, pending, step)


def finished(app: App, request: Request, token: str, pending: "Pending", step: int) -> Response:
    """Keep what was chosen, let the person in, and show the recovery codes, this once."""
    try:
        with app.database.write() as session:
            account, codes = actions.take_up_invitation(
                session,
                token=token,
                password_hash=pending.password_hash,
                seed=pending.seed,
                step=step,
                at=app.clock(),
                keeper=entry.vault(app),
            )
            opened = entry.open_session(app, session, account, entry.visit_of(request), "invitation")
            onward = home_of(accounts.principal_of(account))
    except NotFound:
        return gone(app, request)
    response = shown(app, request, "recovery_codes.html", here="/account", codes=codes, onward=onward, is_new=True)
    entry.keep_session(response, request, opened)
    return response


def invited(app: App, token: str) -> Account | None:
    """Whose link it is, as long as it is good."""
    with app.database.read() as session:
        try:
            return accounts.invited(session, token=token, at=app.clock())
        except NotFound:
            return None


def gone(app: App, request: Request) -> Response:
    """The link is not good, or no longer."""
    return shown(app, request, "invitation_gone.html", 404, here="/")


def password_page(
    app: App, request: Request, token: str, account: Account, status: int = 200, errors: Mapping[str, str] | None = None
) -> Response:
    """The first page of an invitation."""
    organisation = f"/invite/{quote(token)}/organisation" if app.settings.oidc_issuer else ""
    context = {"account": account, "is_reset": account.password_hash is not None, "organisation": organisation}
    return shown(app, request, "invitation.html", status, shortest=credentials.SHORTEST, errors=errors or {}, **context)


def enrol_page(
    app: App,
    request: Request,
    token: str,
    account: Account,
    pending: "Pending",
    status: int = 200,
    errors: Mapping[str, str] | None = None,
) -> Response:
    """The second page of an invitation: a device learns the seed, and shows that it did."""
    seed, at = pending.seed, app.clock()
    kept = "\n".join([token_hash(token), pending.seed, pending.password_hash])
    context = {
        "account": account,
        "qr_code": Markup(credentials.qr_code(credentials.seed_uri(seed, account.login))),
        "seed": " ".join(seed[start : start + 4] for start in range(0, len(seed), 4)),
        "pending": credentials.sealed(entry.vault(app), kept, at),
    }
    return shown(app, request, "enrol.html", status, errors=errors or {}, **context)


@dataclass(frozen=True)
class Pending:
    """What somebody chose on the first page of an invitation; it travels, encrypted, in the form of the second."""

    password_hash: str
    seed: str


def opened_pending(app: App, sealed: str, token: str) -> Pending | None:
    """What travelled in the form, if it belongs to this link and is not too old."""
    kept = credentials.opened(entry.vault(app), sealed, app.clock(), PENDING_SECONDS) if sealed else None
    of, _sep, rest = (kept or "").partition("\n")
    seed, _sep, password_hash = rest.partition("\n")
    return Pending(password_hash, seed) if hmac.compare_digest(of, token_hash(token)) else None


def new_password_errors(posted: Fields, context: list[str]) -> dict[str, str]:
    """What is wrong with a new password that was typed twice."""
    password, again = field(posted, "password"), field(posted, "again")
    complaint = credentials.password_complaint(password, context) if password else _("must be given")
    if complaint is not None:
        return {"password": _("The password {complaint}", complaint=complaint)}
    return {} if password == again else {"again": _("The two passwords are not the same")}


# ONE'S OWN ACCOUNT


@dataclass(frozen=True)
class SessionView:
    """A session, as its person sees it."""

    id: str
    browser: str
    address: str
    seen_at: datetime
    created_at: datetime
    is_this: bool


@dataclass(frozen=True)
class AccountView:
    """Somebody's own account."""

    name: str
    login: str
    roles: list[str]
    sessions: list[SessionView]
    codes_left: int
    has_password: bool
    by_organisation: bool


@router.get("/account")
def account(app: Parts, who: Self, request: Request) -> Response:
    """Who somebody is here, where they are signed in, and what they prove it with."""
    done = request.query_params.get("done", "")
    return shown(app, request, "account.html", account=account_view(app, who, request), done=DONE.get(done, ""))


DONE = {
    "password": N_("The password is changed. Other sessions have ended."),
    "sessions": N_("The session has ended."),
    "proved": N_("Thank you: you have proved who you are."),
}


def account_view(app: App, who: Principal, request: Request) -> AccountView:
    """What the page of an account shows."""
    idle = timedelta(minutes=app.settings.idle_minutes)
    with app.database.read() as session:
        own = accounts.account(session, who.account_id or 0)
        sites = {site.id: site for site in queries.site_names(session, app.nct_id)}
        sessions = accounts.logins(session, account_id=own.id, at=app.clock(), idle=idle)
        left = accounts.recovery_codes_left(session, own.id)
    this = token_hash(entry.token_of(request))
    return AccountView(
        name=own.name,
        login=own.login,
        roles=[role_words(grant, sites) for grant in own.grants],
        sessions=[session_view(one, this) for one in sessions],
        codes_left=left,
        has_password=own.password_hash is not None,
        by_organisation=own.issuer is not None,
    )


def session_view(login: Login, this: str) -> SessionView:
    """A session in words; its id is the beginning of a hash, which opens nothing."""
    browser = browser_words(login.browser)
    is_this = login.token_hash == this
    return SessionView(login.token_hash[:16], browser, login.address, login.seen_at, login.created_at, is_this)


def role_words(grant: Grant, sites: Mapping[int, queries.SiteName]) -> str:
    """A role and where it holds."""
    role = _(ROLE_WORDS[grant.role])  # type: ignore[index]
    site = sites.get(grant.site_id or 0)
    return role if site is None else _("{role} at {site}", role=role, site=site_words(site))


def site_words(site: queries.SiteName) -> str:
    """A site in one line: its number, and what it is called."""
    named = [word for word in (site.name, site.city) if word]
    return f"{site.number}, {joined('{first}, {next}', named)}" if named else site.number


BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
           ("Linux", "Linux"))  # fmt: skip


def browser_words(agent: str) -> str:
    """A browser and its system, by what it says of itself; enough to tell one's own from a stranger's."""
    browser = next((name for mark, name in BROWSERS if f"{mark}/" in agent), _("Another browser"))
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return _("{browser} on {system}", browser=browser, system=system) if system else browser


@router.post("/account/sessions")
def end_sessions(app: Parts, who: Self, posted: Posted, request: Request) -> Response:
    """End one of one's own sessions, or all others."""
    which, this = field(posted, "session"), token_hash(entry.token_of(request))
    idle = timedelta(minutes=app.settings.idle_minutes)
    with app.database.write() as session:
        own = accounts.account(session, who.account_id or 0)
        if which == "others":
            actions.end_logins(session, account=own, at=app.clock(), actor=who.actor, but=this)
        for one in accounts.logins(session, account_id=own.id, at=app.clock(), idle=idle):
            if which and one.token_hash[:16] == which:
                actions.end_login(session, token_hash=one.token_hash, at=app.clock(), actor=who.actor)
    return RedirectResponse("/account?done=sessions", 303)


@router.get("/account/password")
def password(app: Parts, who: Self, request: Request) -> Response:
    """Ask for another password."""
    return shown(app, request, "password.html", shortest=credentials.SHORTEST)


@router.post("/account/password")
def change_password(app: Parts, who: Self, posted: Posted, request: Request) -> Response:
    """Take another password from somebody who knows the present one."""
    own = entry.own_account(app, who)
    errors = new_password_errors(posted, [own.login, own.name])
    if not entry.knows_password(app, request, who, field(posted, "current")):
        errors = {"current": _("The present password is not right"), **errors}
    if errors:
        return shown(app, request, "password.html", 422, shortest=credentials.SHORTEST, errors=errors)
    made, this = credentials.hash_password(field(posted, "password")), token_hash(entry.token_of(request))
    with app.database.write() as session:
        own = accounts.account(session, own.id)
        actions.change_password(session, account=own, password_hash=made, at=app.clock(), but=this)
    return RedirectResponse("/account?done=password", 303)


@router.get("/account/recovery-codes")
def recovery_codes(app: Parts, who: Self, request: Request) -> Response:
    """Say what new recovery codes do; who somebody is must have been proved a moment ago."""
    if not proved_lately(app, request, app.clock(), entry.PROVED_FOR):
        return RedirectResponse(with_to("/account/prove", "/account/recovery-codes"), 303)
    return shown(app, request, "new_recovery_codes.html")


@router.post("/account/recovery-codes")
def renew_recovery_codes(app: Parts, who: Self, request: Request) -> Response:
    """Make new recovery codes, and show them, this once."""
    if not proved_lately(app, request, app.clock(), entry.PROVED_FOR):
        return RedirectResponse(with_to("/account/prove", "/account/recovery-codes"), 303)
    with app.database.write() as session:
        own = accounts.account(session, who.account_id or 0)
        codes = actions.renew_recovery_codes(session, account=own, at=app.clock())
    here = "/account"
    return shown(app, request, "recovery_codes.html", here=here, codes=codes, onward="/account", is_new=False)


@router.get("/account/prove")
def prove(app: Parts, who: Self, request: Request) -> Response:
    """Ask somebody who is signed in to prove again who they are, and then go on to `to`."""
    return prove_page(app, request, who, back_to(request.query_params.get("to", "")))


def prove_page(app: App, request: Request, who: Principal, to: str, status: int = 200, **context: object) -> Response:
    """The page on which somebody proves again who they are."""
    own = entry.own_account(app, who)
    by_organisation = bool(app.settings.oidc_issuer) and own.issuer == app.settings.oidc_issuer
    organisation = f"/login/organisation?{urlencode({'again': '1', 'to': to})}" if by_organisation else ""
    has_password = own.password_hash is not None
    return shown(
        app, request, "prove.html", status, to=to, organisation=organisation, has_password=has_password, **context
    )


@router.post("/account/prove")
def prove_again(app: Parts, who: Self, posted: Posted, request: Request) -> Response:
    """Take password and code from somebody who is signed in."""
    to = back_to(field(posted, "to"))
    token = entry.prove_again(app, request, who, field(posted, "password"), field(posted, "code"))
    if token is None:
        wrong = _("The password or the code is not right, or the code was used before")
        return prove_page(app, request, who, to, 422, errors={"password": wrong})
    response = RedirectResponse(to or "/account?done=proved", 303)
    entry.keep_session(response, request, token)
    return response
