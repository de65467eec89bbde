"""The pages of an administrator: people with their roles, and keys of programs. They show nothing of any patient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import actions
from app.access import API_SCOPES, SITE_ROLES, Principal, Role
from app.actions.accounts import check_person
from app.errors import Conflict, Invalid
from app.rules.words import N_, _
from app.store import accounts, queries
from app.store.db import ReadSession
from app.store.models import Account, ApiKey
from app.web.access import need
from app.web.accounts import ROLE_WORDS, field, role_words, shown, site_words
from app.web.deps import App, own_address
from app.web.forms import Fields
from app.web.pages import Parts, Posted

router = APIRouter()
Administrator = Annotated[Principal, need("account:manage")]
KeyKeeper = Annotated[Principal, need("key:manage")]
Number = Annotated[int, Path(ge=1, le=2_147_483_647)]
COMPLAINTS = {
    "login": N_("The login must be 3 to 100 letters, digits or . _ @ + -, beginning with a letter or digit"),
    "name": N_("The name must have 1 to 100 characters"),
    "role": N_("Choose a role"),
    "site": N_("Choose a site for a coordinator or a physician, and none for other roles"),
    "client": N_("The program's name must have 2 to 60 letters, digits, spaces or . _ -"),
    "scopes": N_("Choose what the key may be used for"),
    "days": N_("Choose how long the key is good for"),
}
TAKEN = N_("This login is taken")
LAST = N_("Nobody would be left to manage accounts: give somebody else that role first")
TWO_KEYS = N_("This program has two active keys at this site; revoke one of them first")
DAYS = (30, 90, 180, 365)


def complaints_of(error: Invalid) -> dict[str, str]:
    """The complaints as people read them, by field."""
    return {name: _(COMPLAINTS[name]) for name, _complaint in error.complaints}


# PEOPLE


@dataclass(frozen=True)
class PersonView:
    """Somebody in the list of people."""

    id: int
    name: str
    login: str
    roles: list[tuple[str, str]]  # as the form names them, and in words
    state: str
    seen_at: datetime | None
    invited_until: datetime | None


@router.get("/people")
def people(app: Parts, who: Administrator, request: Request) -> Response:
    """Everybody with an account."""
    with app.database.read() as session:
        views = person_views(app, session, accounts.everyone(session))
    return shown(app, request, "people.html", people=views)


def person_views(app: App, session: ReadSession, people: list[Account]) -> list[PersonView]:
    """People as the list shows them."""
    sites = {site.id: site for site in queries.site_names(session, app.nct_id)}
    seen, invited = accounts.last_seen(session), accounts.open_invitations(session, app.clock())
    return [person_view(one, sites, seen.get(one.id), invited.get(one.id)) for one in people]


def person_view(
    account: Account, sites: Mapping[int, queries.SiteName], seen_at: datetime | None, invited_until: datetime | None
) -> PersonView:
    """Somebody in words."""
    can_enter = account.password_hash is not None or account.issuer is not None
    state = "disabled" if account.disabled_at is not None else "active" if can_enter else "invited"
    roles = [(f"{grant.role}:{grant.site_id or ''}", role_words(grant, sites)) for grant in account.grants]
    return PersonView(account.id, account.name, account.login, roles, state, seen_at, invited_until)


@router.get("/people/new")
def new_person(app: Parts, who: Administrator, request: Request) -> Response:
    """Ask whom to invite."""
    return new_person_page(app, request)


def new_person_page(
    app: App, request: Request, status: int = 200, typed: Mapping[str, str] | None = None, **context: object
) -> Response:
    """The form of an invitation, with what was typed."""
    given = typed or {"login": "", "name": "", "role": "coordinator", "site": ""}
    return shown(
        app,
        request,
        "new_person.html",
        status,
        **{"here": "/people/new", "typed": given, **role_choices(app), **context},
    )


def role_choices(app: App) -> dict[str, object]:
    """The roles and sites that can be chosen."""
    with app.database.read() as session:
        sites = [(str(site.id), site_words(site)) for site in queries.site_names(session, app.nct_id)]
    return {"roles": [(role, _(words)) for role, words in ROLE_WORDS.items()], "sites": sites}


def chosen_role(app: App, posted: Fields, wrong: Sequence[tuple[str, str]] = ()) -> tuple[Role, int | None]:
    """The role and the site that were chosen. Invalid, which also says what else is wrong."""
    role, site = field(posted, "role"), field(posted, "site")
    with app.database.read() as session:
        known = {str(one.id): one.id for one in queries.site_names(session, app.nct_id)}
    if role not in ROLE_WORDS:
        raise Invalid([*wrong, ("role", "must be a role")])
    if (role in SITE_ROLES) != bool(site) or (site and site not in known):
        raise Invalid([*wrong, ("site", "must fit the role")])
    if wrong:
        raise Invalid(wrong)
    return role, known.get(site)


@router.post("/people")
def invite(app: Parts, who: Administrator, posted: Posted, request: Request) -> Response:
    """Add somebody, and show their one-time link, this once."""
    typed = {name: field(posted, name)[:200] for name in ("login", "name", "role", "site")}
    try:
        at, wrong = app.clock(), check_person(typed["login"], typed["name"])
        grant = chosen_role(app, posted, wrong)
        with app.database.write() as session:
            account = actions.create_account(
                session, login=typed["login"], name=typed["name"], grants=[grant], at=at, actor=who.actor
            )
            token = actions.invite(session, account=account, at=at, actor=who.actor)
    except Invalid as error:
        return new_person_page(app, request, 422, typed, errors=complaints_of(error))
    except Conflict:
        return new_person_page(app, request, 422, typed, errors={"login": _(TAKEN)})
    return link_page(app, request, account, token)


def link_page(app: App, request: Request, account: Account, token: str) -> Response:
    """A one-time link, shown this once."""
    base = own_address(app, request)
    is_new = account.password_hash is None and account.issuer is None
    lasts = actions.INVITED_FOR if is_new else actions.RESET_FOR
    context = {"link": f"{base}/invite/{token}", "until": app.clock() + lasts, "is_new": is_new}
    return shown(app, request, "link.html", here="/people", account=account, **context)


@router.get("/people/{account_id}")
def one_person(account_id: Number, app: Parts, who: Administrator, request: Request) -> Response:
    """Somebody's roles, and what can be done about their account."""
    return person_page(app, request, who, account_id)


def person_page(
    app: App, request: Request, who: Principal, account_id: int, status: int = 200, **context: object
) -> Response:
    """The page of somebody."""
    with app.database.read() as session:
        (view,) = person_views(app, session, [accounts.account(session, account_id)])
    context |= {"person": view, "is_self": account_id == who.account_id, **role_choices(app)}
    return shown(app, request, "person.html", status, here=f"/people/{account_id}", **context)


@router.post("/people/{account_id}/roles")
def change_roles(account_id: Number, app: Parts, who: Administrator, posted: Posted, request: Request) -> Response:
    """Give somebody one more role, or take one away; their sessions end."""
    taken = field(posted, "remove")
    try:
        given = None if taken else chosen_role(app, posted)
        with app.database.write() as session:
            account = accounts.account(session, account_id)
            held: list[tuple[Role, int | None]] = [(one.role, one.site_id) for one in account.grants]  # type: ignore[misc]
            wanted = [grant for grant in held if f"{grant[0]}:{grant[1] or ''}" != taken]
            wanted += [] if given is None else [given]
            actions.change_grants(session, account=account, grants=wanted, at=app.clock(), actor=who.actor)
    except Invalid as error:
        return person_page(app, request, who, account_id, 422, errors=complaints_of(error))
    except Conflict:
        return person_page(app, request, who, account_id, 409, errors={"state": _(LAST)})
    return RedirectResponse(f"/people/{account_id}", 303)


@router.post("/people/{account_id}/state")
def change_state(account_id: Number, app: Parts, who: Administrator, posted: Posted, request: Request) -> Response:
    """Disable or enable an account."""
    change = actions.enable_account if field(posted, "state") == "enable" else actions.disable_account
    try:
        with app.database.write() as session:
            account = accounts.account(session, account_id)
            change(session, account=account, at=app.clock(), actor=who.actor)
    except Conflict:
        return person_page(app, request, who, account_id, 409, errors={"state": _(LAST)})
    return RedirectResponse(f"/people/{account_id}", 303)


@router.post("/people/{account_id}/link")
def new_link(account_id: Number, app: Parts, who: Administrator, request: Request) -> Response:
    """Make a new one-time link, and show it, this once."""
    with app.database.write() as session:
        account = accounts.account(session, account_id)
        token = actions.invite(session, account=account, at=app.clock(), actor=who.actor)
    return link_page(app, request, account, token)


# KEYS OF PROGRAMS


@dataclass(frozen=True)
class KeyView:
    """A key in the list; of its secret nothing is known any more."""

    id: int
    client: str
    prefix: str
    site: str
    scopes: list[str]
    state: str
    expires_at: datetime
    used_at: datetime | None
    ends_soon: bool


SCOPE_WORDS = {"screening:read": N_("Read screenings"), "screening:write": N_("Begin and answer screenings")}
SOON = timedelta(days=14)


@router.get("/keys")
def keys(app: Parts, who: KeyKeeper, request: Request) -> Response:
    """All keys, with when each was last used and how long it is good."""
    with app.database.read() as session:
        sites = {site.id: site_words(site) for site in queries.site_names(session, app.nct_id)}
        views = [key_view(key, sites, app.clock()) for key in accounts.keys(session)]
    return shown(app, request, "keys.html", keys=views)


def key_view(key: ApiKey, sites: Mapping[int, str], at: datetime) -> KeyView:
    """A key in words."""
    state = "revoked" if key.revoked_at is not None else "expired" if key.expires_at <= at else "active"
    scopes = [_(SCOPE_WORDS.get(scope, scope)) for scope in key.scopes]
    ends_soon = state == "active" and key.expires_at - at <= SOON
    site = sites.get(key.site_id, str(key.site_id))
    return KeyView(key.id, key.client, key.prefix, site, scopes, state, key.expires_at, key.used_at, ends_soon)


@router.get("/keys/new")
def new_key(app: Parts, who: KeyKeeper, request: Request) -> Response:
    """Ask for whom a key is."""
    return new_key_page(app, request, {"client": request.query_params.get("client", "")[:60]})


def new_key_page(
    app: App, request: Request, typed: Mapping[str, object], status: int = 200, **context: object
) -> Response:
    """The form of a new key, with what was typed."""
    given = {"client": "", "site": "", "days": "90", "scopes": list(API_SCOPES), **typed}
    scopes = [(scope, _(SCOPE_WORDS[scope])) for scope in API_SCOPES]
    sites = role_choices(app)["sites"]
    shown_with = {"typed": given, "scopes": scopes, "sites": sites, "days": [str(days) for days in DAYS]}
    return shown(app, request, "new_key.html", status, here="/keys/new", **shown_with, **context)


@router.post("/keys")
def create_key(app: Parts, who: KeyKeeper, posted: Posted, request: Request) -> Response:
    """Make a key, and show it, this once."""
    typed = {"client": field(posted, "client")[:100], "site": field(posted, "site"), "days": field(posted, "days")}
    scopes = posted.get("scopes", [])
    with app.database.read() as session:
        known = {str(site.id): site for site in queries.site_names(session, app.nct_id)}
    site = known.get(typed["site"])
    try:
        with app.database.write() as session:
            key, whole = actions.create_key(
                session,
                client=typed["client"],
                site_id=0 if site is None else site.id,
                scopes=scopes,  # type: ignore[arg-type]
                days=int(typed["days"]) if typed["days"] in [str(days) for days in DAYS] else 0,
                at=app.clock(),
                actor=who.actor,
                account_id=who.account_id,
            )
    except Invalid as error:
        errors = complaints_of(error) | ({"site": _("Choose a site")} if site is None else {})
        return new_key_page(app, request, {**typed, "scopes": scopes}, 422, errors=errors)
    except Conflict:
        return new_key_page(app, request, {**typed, "scopes": scopes}, 422, errors={"client": _(TWO_KEYS)})
    view = key_view(key, {one.id: site_words(one) for one in known.values()}, app.clock())
    return shown(app, request, "key.html", here="/keys", key=view, whole=whole)


@router.post("/keys/{key_id}/revoke")
def revoke_key(key_id: Number, app: Parts, who: KeyKeeper) -> Response:
    """Let a program in no more, from its next request on."""
    with app.database.write() as session:
        actions.revoke_key(session, key_id=key_id, at=app.clock(), actor=who.actor)
    return RedirectResponse("/keys", 303)
