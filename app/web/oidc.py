"""Signing in by an organisation's own sign-in: OpenID Connect with state, nonce and PKCE.

An optional part: it needs the extra `oidc`, and PRESCREEN_OIDC_ISSUER with its client. An account is never made here;
an invitation binds the provider's subject to an account that an administrator made. What a journey to the provider has
to remember travels in a short-lived cookie, encrypted.
"""

import hmac
import secrets
from importlib.util import find_spec
from typing import Any, NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import actions, credentials
from app.errors import Conflict, Misconfigured, NotFound, NotSignedIn
from app.rules.words import N_, _
from app.settings import Settings, secret
from app.store import accounts
from app.store.queries import token_hash
from app.web import entry
from app.web.access import is_at_home, is_secure, person, public
from app.web.accounts import back_to, gone, home_of, insecure, invited, shown
from app.web.deps import App, own_address
from app.web.pages import Parts

router = APIRouter()
CALLBACK = "/login/organisation/callback"
JOURNEY_SECONDS = 600
TIMEOUT = 10
LEEWAY = 60
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]

BROKEN = N_("The sign-in was not begun here, or took too long. Begin again.")
REFUSED = N_("Your organisation did not confirm who you are.")
UNREACHABLE = N_("Your organisation's sign-in cannot be reached at the moment. Try again in a while.")
UNKNOWN = N_("You are not known here. An administrator has to invite you first; use the link that you then get.")
TAKEN = N_("This sign-in belongs to another account already.")


class Refused(Exception):
    """A journey that did not end well; the text is for people."""


class Journey(NamedTuple):
    """What is remembered while somebody is at the provider."""

    state: str
    nonce: str
    verifier: str
    begun: str
    to: str
    invitation: str  # the token of the link that is to be taken up, or nothing
    again: str  # not empty where somebody who is signed in proves who they are


def require_parts(settings: Settings) -> None:
    """Stop where the provider is set and what speaks to it is not installed. Raises Misconfigured."""
    missing = [name for name in ("authlib", "requests") if find_spec(name) is None]
    if settings.oidc_issuer and missing:
        raise Misconfigured(
            f"PRESCREEN_OIDC_ISSUER is set, but {missing[0]} is not installed: pip install 'prescreen[oidc]'"
        )


# TO THE PROVIDER


@router.get("/login/organisation", dependencies=[public])
def begin(app: Parts, request: Request) -> Response:
    """Send somebody to the provider, to sign in."""
    to, again = back_to(request.query_params.get("to", "")), request.query_params.get("again", "")[:1]
    return depart(app, request, to=to, again=again)


@router.get("/invite/{token}/organisation", dependencies=[public])
def begin_invitation(token: str, app: Parts, request: Request) -> Response:
    """Send somebody with a one-time link to the provider, whose sign-in is to open their account."""
    return gone(app, request) if invited(app, token) is None else depart(app, request, invitation=token)


def depart(app: App, request: Request, *, to: str = "", invitation: str = "", again: str = "") -> Response:
    """Send somebody to the provider. NotFound where none is set."""
    if not app.settings.oidc_issuer:
        raise NotFound("no provider")
    if not is_at_home(request):
        return insecure(app, request)
    at = app.clock()
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    asked = {"acr_values": app.settings.oidc_acr} if app.settings.oidc_acr else {}
    asked |= {"prompt": "login", "max_age": "0"} if again else {}
    try:
        endpoint = provider(app)["authorization_endpoint"]
    except Refused as error:
        return failed(app, request, str(error), 502)
    address, state = client(app, request).create_authorization_url(
        endpoint, code_verifier=verifier, nonce=nonce, **asked
    )
    journey = Journey(state, nonce, verifier, str(int(at.timestamp())), to, invitation, again)
    response = RedirectResponse(address, 303)
    response.set_cookie(
        cookie_name(request),
        credentials.sealed(keeper(app), "\n".join(journey), at),
        max_age=JOURNEY_SECONDS,
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )
    return response


# BACK FROM IT


@router.get(CALLBACK, dependencies=[public])
def arrive(app: Parts, request: Request) -> Response:
    """Let somebody in whom the provider confirms, if there is an account for them."""
    if not app.settings.oidc_issuer:
        raise NotFound("no provider")
    try:
        journey = journey_of(app, request)
        subject = confirmed(app, request, journey)
        response = let_in(app, request, journey, subject)
    except Refused as error:
        response = failed(app, request, str(error))
    response.delete_cookie(cookie_name(request), secure=is_secure(request), httponly=True, samesite="lax")
    return response


def journey_of(app: App, request: Request) -> Journey:
    """The journey that ends here. Refused where it was not begun in this browser."""
    sealed = request.cookies.get(cookie_name(request), "")
    kept = credentials.opened(keeper(app), sealed, app.clock(), JOURNEY_SECONDS) if sealed else None
    if kept is None:
        raise Refused(_(BROKEN))
    journey = Journey(*kept.split("\n"))
    given, issuer = request.query_params.get("state", ""), request.query_params.get("iss", app.settings.oidc_issuer)
    if not hmac.compare_digest(given.encode(), journey.state.encode()) or issuer != app.settings.oidc_issuer:
        raise Refused(_(BROKEN))
    return journey


def confirmed(app: App, request: Request, journey: Journey) -> str:
    """The subject whom the provider confirms. Refused."""
    from authlib.integrations.base_client import OAuthError  # optional, as is all that speaks to a provider
    from requests import RequestException

    code = request.query_params.get("code", "")
    if not code:
        raise Refused(_(REFUSED))
    found = provider(app)
    try:
        token = client(app, request).fetch_token(
            found["token_endpoint"], code=code, code_verifier=journey.verifier, timeout=TIMEOUT
        )
    except RequestException:
        raise Refused(_(UNREACHABLE)) from None
    except (OAuthError, ValueError):
        raise Refused(_(REFUSED)) from None
    claims = checked(app, str(token.get("id_token", "")), fetched(found["jwks_uri"]), journey)
    return str(claims["sub"])


def checked(app: App, id_token: str, keys: dict[str, Any], journey: Journey) -> dict[str, Any]:
    """What an ID token claims, if it is the provider's, for us, for this journey, and good now. Refused."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    settings, now = app.settings, int(app.clock().timestamp())
    registry = jwt.JWTClaimsRegistry(
        now=now,
        leeway=LEEWAY,
        iss={"essential": True, "value": settings.oidc_issuer},
        aud={"essential": True, "value": settings.oidc_client_id},
        nonce={"essential": True, "value": journey.nonce},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        claims: dict[str, Any] = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims
        registry.validate(claims)
    except (JoseError, ValueError, KeyError):
        raise Refused(_(REFUSED)) from None
    is_ours = claims.get("azp", settings.oidc_client_id) == settings.oidc_client_id
    is_strong = not settings.oidc_acr or claims.get("acr") in settings.oidc_acr.split()
    is_fresh = not journey.again or int(claims.get("auth_time", 0)) >= int(journey.begun) - LEEWAY
    if not (is_ours and is_strong and is_fresh):
        raise Refused(_(REFUSED))
    return claims


def let_in(app: App, request: Request, journey: Journey, subject: str) -> Response:
    """Take up the invitation, prove again, or open a session, as the journey was meant. Refused."""
    if journey.again:
        return proved(app, request, journey, subject)
    at, visit, issuer = app.clock(), entry.visit_of(request), app.settings.oidc_issuer
    with app.database.write() as session:
        if journey.invitation:
            try:
                account = actions.bind_identity(
                    session, token=journey.invitation, issuer=issuer, subject=subject, at=at
                )
            except NotFound:
                raise Refused(_(BROKEN)) from None
            except Conflict:
                raise Refused(_(TAKEN)) from None
        else:
            found = accounts.account_by_identity(session, issuer=issuer, subject=subject)
            if found is None or found.disabled_at is not None:
                account_id = None if found is None else found.id
                actions.refuse_login(
                    session, account_id=account_id, factor="organisation", address=visit.address, at=at
                )
                account = None
            else:
                account = found
        if account is not None:
            token = entry.open_session(app, session, account, visit, "organisation")
            onward = journey.to or home_of(accounts.principal_of(account))
    if account is None:  # its failure is recorded
        raise Refused(_(UNKNOWN))
    response = RedirectResponse(onward, 303)
    entry.keep_session(response, request, token)
    return response


def proved(app: App, request: Request, journey: Journey, subject: str) -> Response:
    """Keep that somebody who is signed in has proved again who they are. Refused where it is somebody else."""
    try:
        who = person(app, request)
    except NotSignedIn:
        raise Refused(_(BROKEN)) from None
    with app.database.write() as session:
        account = accounts.account(session, who.account_id or 0)
        if (account.issuer, account.subject) != (app.settings.oidc_issuer, subject):
            raise Refused(_(REFUSED))
        this = token_hash(entry.token_of(request))
        token = actions.prove_again(session, account=account, token_hash=this, by="organisation", at=app.clock())
    response = RedirectResponse(journey.to or "/account?done=proved", 303)
    entry.keep_session(response, request, token)
    return response


def failed(app: App, request: Request, message: str, status: int = 422) -> Response:
    """Say why somebody was not let in."""
    return shown(app, request, "organisation_failed.html", status, here="/login", message=message)


# THE PROVIDER


def client(app: App, request: Request) -> Any:
    """What speaks to the provider, for one journey."""
    from authlib.integrations.requests_client import OAuth2Session

    base = own_address(app, request)
    return OAuth2Session(
        app.settings.oidc_client_id,
        app.settings.oidc_client_secret,
        scope="openid",
        redirect_uri=base + CALLBACK,
        code_challenge_method="S256",
    )


def provider(app: App) -> dict[str, Any]:
    """What the provider says of itself. Refused where it cannot be reached, or is another one."""
    found = fetched(f"{app.settings.oidc_issuer}/.well-known/openid-configuration")
    if str(found.get("issuer", "")).rstrip("/") != app.settings.oidc_issuer:
        raise Refused(_(UNREACHABLE))
    return found


def fetched(address: str) -> dict[str, Any]:
    """A document of the provider. Refused."""
    import requests

    try:
        answer = requests.get(address, timeout=TIMEOUT, allow_redirects=False)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
    except (requests.RequestException, ValueError):
        raise Refused(_(UNREACHABLE)) from None
    return found


def keeper(app: App) -> Any:
    """What encrypts a journey."""
    return credentials.vault(secret(app.settings, "oidc"))


def cookie_name(request: Request) -> str:
    """The cookie of a journey."""
    return "__Host-oidc" if is_secure(request) else "oidc"
