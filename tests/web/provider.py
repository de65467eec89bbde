"""A small OpenID provider on a free port: discovery, authorisation, tokens and keys, for tests.

It is strict where a provider has to be (client, redirect address, PKCE, a code is good once) and lets a test
say what is to go wrong: `claims` are laid over those of the ID token, `key` signs it.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

CLIENT, SECRET = "prescreen", "a secret of the client"
JSON: Final = "application/json"


class Provider:
    """Who is signed in at the provider (`subject`), and all that was asked of it."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.subject = "7f3a"
        self.claims: dict[str, Any] = {}
        self.key = self.published = ECKey.generate_key("P-256", {"kid": "first"}, private=True)
        self.asked: list[dict[str, str]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"

    def _handler(provider) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(address.query).items()}
                if address.path == "/.well-known/openid-configuration":
                    self.answer(200, provider.described())
                elif address.path == "/keys":
                    self.answer(200, KeySet([provider.published]).as_dict(private=False))
                elif address.path == "/authorise":
                    self.send_response(303)
                    self.send_header("Location", provider.authorised(query))
                    self.end_headers()
                else:
                    self.answer(404, {})

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = {name: values[0] for name, values in parse_qs(content).items()}
                self.answer(*provider.exchanged(fields, self.headers.get("Authorization", "")))

            def answer(self, status: int, plain: object) -> None:
                body = json.dumps(plain).encode()
                self.send_response(status)
                self.send_header("Content-Type", JSON)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        return Handler

    def described(self) -> dict[str, Any]:
        places = {"authorization_endpoint": "authorise", "token_endpoint": "token", "jwks_uri": "keys"}
        return {
            "issuer": self.issuer,
            **{name: f"{self.issuer}/{place}" for name, place in places.items()},
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def authorised(self, query: dict[str, str]) -> str:
        """Where the browser is sent on to; the person has consented."""
        assert query["client_id"] == CLIENT and query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256" and "openid" in query["scope"].split()
        self.asked.append(query)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def exchanged(self, fields: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """A code for an ID token."""
        asked = self.codes.pop(fields.get("code", ""), None)
        expected = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        verifier = fields.get("code_verifier", "")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if authorization != expected:
            return 401, {"error": "invalid_client"}
        if asked is None or challenge != asked["code_challenge"] or fields.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(self.at.timestamp())
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": asked["nonce"],
            **self.claims,
        }
        header = {"alg": "ES256", "kid": "first"}
        token = jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, self.key)
        return 200, {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "id_token": token}


@contextmanager
def providing(at: datetime) -> Iterator[Provider]:
    """A provider that runs."""
    provider = Provider(at)
    thread = threading.Thread(target=provider.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.server.shutdown()
        provider.server.server_close()
        thread.join(10)
