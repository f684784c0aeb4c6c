"""A local identity provider: signs people in without a password, and issues tokens shaped as Amazon Cognito's.

`AUTH=on make run` starts it; by hand: `python -m infra.local.identity_provider --port 8091`. It has the addresses of a
Cognito user pool and of its domain, so that the page's code is the same for both:

    GET  /.well-known/jwks.json           the public keys: the one that signs now, and the ones before it
    GET  /oauth2/authorize?…              a page with three buttons: buyer, operator, gate. Code with PKCE (S256) only
    POST /oauth2/token                    grant_type=authorization_code or refresh_token. A refresh token serves once;
                                          one that comes again ends all that came from the same sign-in
    POST /oauth2/revoke                   ends a sign-in
    GET  /logout?client_id=…&logout_uri=… back to the page
    POST /tokens                          {"role": "operator", "subject": "…"}: an access token at once, for curl
    POST /keys                            a new key signs from now on; the old one stays published

Only pages of this machine can sign in here. Nothing outlives the process.
"""

import argparse
import base64
import contextlib
import hashlib
import html
import json
import re
import secrets
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from infra.local.serving import is_loopback, serve

LOOPBACK = "127.0.0.1"
CLIENT_ID = "cinema-page"
ROLES = ("buyer", "operator", "gate")
PEOPLE = uuid.UUID("6f0c7e0e-4b55-4f0e-9a62-6f2f6b4d7c11")
"""The namespace from which subjects are made. So a name in a role is always the same user, also after a restart."""

ACCESS_SECONDS = 3600
CODE_SECONDS = 60
MOST_KEPT = 1000
"""The largest number of codes, and of sign-ins, that are remembered. Then the oldest is forgotten."""
LARGEST_BODY_BYTES = 10_000

Json = dict[str, Any]


class Refused(Exception):
    """A request is refused, with an error code of RFC 6749."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(code, description)
        self.code, self.description = code, description


@dataclass(frozen=True)
class SigningKey:
    id: str
    algorithm: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @classmethod
    def make(cls, algorithm: str = "RS256") -> "SigningKey":
        """Makes a key for RS256, as Cognito has them, or for EdDSA (Ed25519)."""
        made = generate_private_key(65537, 2048) if algorithm == "RS256" else Ed25519PrivateKey.generate()
        return cls(secrets.token_urlsafe(32), algorithm, made)

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        return jwt.encode(dict(claims), self.private, self.algorithm, headers={"kid": self.id, "typ": None, **header})

    @property
    def public(self) -> Json:
        """Gives the public key as a JSON Web Key."""
        if isinstance(self.private, RSAPrivateKey):
            described: Json = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        else:
            described = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**described, "kid": self.id, "use": "sig", "alg": self.algorithm}


@dataclass(frozen=True)
class Person:
    role: str
    name: str = "me"

    @property
    def subject(self) -> str:
        return str(uuid.uuid5(PEOPLE, f"{self.role}/{self.name}"))

    @property
    def email(self) -> str:
        return f"{re.sub('[^a-z0-9]+', '-', self.name.lower()).strip('-') or 'me'}@example.com"


@dataclass(frozen=True)
class CodeRequest:
    """A page's request for a code."""

    redirect_uri: str
    challenge: str
    state: str

    @classmethod
    def parse(cls, fields: Mapping[str, str], client_id: str) -> "CodeRequest":
        """Reads the request. Raises Refused for another client, another page, or a request without PKCE."""
        redirect_uri, challenge = fields.get("redirect_uri", ""), fields.get("code_challenge", "")
        if fields.get("client_id") != client_id or not is_loopback(urlsplit(redirect_uri).netloc):
            raise Refused("invalid_request", "Only the page on this machine signs in here.")
        if fields.get("response_type") != "code" or fields.get("code_challenge_method") != "S256":
            raise Refused("invalid_request", "Ask for a code, with a code_challenge of the method S256.")
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge):
            raise Refused("invalid_request", "The code_challenge is not a SHA-256 in base64url.")
        return cls(redirect_uri, challenge, fields.get("state", ""))


@dataclass
class Provider:
    """The provider, with its keys, its unredeemed codes and its sign-ins. It is thread-safe."""

    issuer: str = ""
    client_id: str = CLIENT_ID
    algorithm: str = "RS256"
    access_seconds: int = ACCESS_SECONDS
    keys: list[SigningKey] = field(default_factory=list)
    """The keys, the newest first. The newest signs; all are published."""
    _codes: dict[str, tuple[CodeRequest, Person, float]] = field(default_factory=dict)
    _sign_ins: dict[str, tuple[str, Person]] = field(default_factory=dict)
    """The newest refresh token and the person of each sign-in, by the sign-in's id. A refresh token begins with that
    id."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if not self.keys:
            self.rotate_keys()

    def rotate_keys(self) -> None:
        self.keys = [SigningKey.make(self.algorithm), *self.keys][:3]

    @property
    def key_set(self) -> Json:
        return {"keys": [key.public for key in self.keys]}

    def access_token(self, person: Person, **changes: Any) -> str:
        return self.keys[0].sign({**self.claims_of(person), **changes})

    def claims_of(self, person: Person) -> Json:
        """Makes the claims of an access token as Cognito does, and adds the email address as the user pool's trigger
        does."""
        now = int(time.time())
        return {
            "sub": person.subject,
            "cognito:groups": [person.role],
            "iss": self.issuer,
            "version": 2,
            "client_id": self.client_id,
            "origin_jti": str(uuid.uuid4()),
            "token_use": "access",
            "scope": "openid email",
            "auth_time": now,
            "exp": now + self.access_seconds,
            "iat": now,
            "jti": str(uuid.uuid4()),
            "username": person.name,
            "email": person.email,
        }

    def id_token(self, person: Person) -> str:
        claims = self.claims_of(person)
        del claims["client_id"]
        return self.keys[0].sign({**claims, "token_use": "id", "aud": self.client_id, "cognito:username": person.name})

    def issue_code(self, wanted: CodeRequest, person: Person) -> str:
        """Gives the page's address with a code, which can be redeemed once, within a minute."""
        code = secrets.token_urlsafe(24)
        with self._lock:
            _keep(self._codes, code, (wanted, person, time.monotonic() + CODE_SECONDS))
        query = urlencode({"code": code, **({"state": wanted.state} if wanted.state else {})})
        return f"{wanted.redirect_uri}{'&' if '?' in wanted.redirect_uri else '?'}{query}"

    def redeem_code(self, fields: Mapping[str, str]) -> Json:
        """Gives tokens for a code. Raises Refused."""
        with self._lock:
            found = self._codes.pop(fields.get("code", ""), None)
        if found is None or found[2] < time.monotonic():
            raise Refused("invalid_grant", "The code is unknown, used or too old.")
        wanted, person, _ = found
        digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if proof != wanted.challenge or fields.get("redirect_uri") != wanted.redirect_uri:
            raise Refused("invalid_grant", "The verifier or the address is not of this code.")
        return self._tokens(person, secrets.token_urlsafe(16))

    def refresh(self, fields: Mapping[str, str]) -> Json:
        """Gives new tokens for a refresh token, which is then invalid. Raises Refused.

        A refresh token that was used before may be a copy. Then the whole sign-in is ended.
        """
        given = fields.get("refresh_token", "")
        sign_in = given.partition(".")[0]
        with self._lock:
            last, person = self._sign_ins.get(sign_in, ("", None))
            if person is None or not secrets.compare_digest(last.encode(), given.encode()):
                self._sign_ins.pop(sign_in, None)
                raise Refused("invalid_grant", "The refresh token is unknown, or was used before.")
        return self._tokens(person, sign_in)

    def revoke(self, fields: Mapping[str, str]) -> None:
        with self._lock:
            self._sign_ins.pop(fields.get("token", "").partition(".")[0], None)

    def _tokens(self, person: Person, sign_in: str) -> Json:
        refresh = f"{sign_in}.{secrets.token_urlsafe(32)}"
        with self._lock:
            _keep(self._sign_ins, sign_in, (refresh, person))
        return {
            "access_token": self.access_token(person),
            "id_token": self.id_token(person),
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self.access_seconds,
        }


def _keep(kept: dict[str, Any], name: str, value: Any) -> None:
    kept.pop(name, None)
    kept[name] = value
    while len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in, on this machine</title>
<style>body {{ font: 1.1rem system-ui; max-width: 24rem; margin: 15vh auto; padding: 0 1rem }}
button, input {{ font: inherit; padding: .6rem; width: 100%; margin: .3rem 0; box-sizing: border-box }}</style>
<h1>Sign in</h1><p>This is the identity provider of this machine. It asks for no password.</p>
<form method="post" action="authorize">{hidden}
<label>Who are you? <input name="name" value="me" maxlength="60" autocomplete="off" required></label>
<button name="role" value="buyer">I buy tickets</button>
<button name="role" value="operator">I am an operator</button>
<button name="role" value="gate">I am at the gate</button></form></html>
"""


class Handler(BaseHTTPRequestHandler):
    server: "Server"
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        fields = dict(parse_qsl(parts.query))
        if parts.path == "/.well-known/jwks.json":
            return self._send_json(HTTPStatus.OK, self.server.provider.key_set)
        if parts.path == "/oauth2/authorize":
            return self._answer(lambda: self._show_page(fields))
        if parts.path == "/logout" and is_loopback(urlsplit(fields.get("logout_uri", "")).netloc):
            return self._redirect(fields["logout_uri"])
        return self._send_json(HTTPStatus.NOT_FOUND, {"error": "not_found"})

    def do_POST(self) -> None:
        known = {
            "/oauth2/authorize": self._sign_in,
            "/oauth2/token": self._issue_tokens,
            "/oauth2/revoke": self._revoke,
            "/tokens": self._make_token,
            "/keys": self._rotate_keys,
        }
        answer = known.get(urlsplit(self.path).path)
        if answer is None:
            return self._send_json(HTTPStatus.NOT_FOUND, {"error": "not_found"})
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), LARGEST_BODY_BYTES))
        return self._answer(lambda: answer(body.decode(errors="replace")))

    def _answer(self, answer: Any) -> None:
        """Calls `answer`, and sends what it refuses. Refuses other names of this machine (DNS rebinding)."""
        if not is_loopback(self.headers.get("host", "")):
            return self._send_json(HTTPStatus.MISDIRECTED_REQUEST, {"error": "invalid_request"})
        try:
            answer()
        except Refused as refusal:
            error = {"error": refusal.code, "error_description": refusal.description}
            self._send_json(HTTPStatus.BAD_REQUEST, error)

    def _show_page(self, fields: Mapping[str, str]) -> None:
        CodeRequest.parse(fields, self.server.provider.client_id)
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in fields.items()
        )
        self._send(HTTPStatus.OK, PAGE.format(hidden=hidden), "text/html; charset=utf-8")

    def _sign_in(self, body: str) -> None:
        fields = dict(parse_qsl(body))
        wanted = CodeRequest.parse(fields, self.server.provider.client_id)
        self._redirect(self.server.provider.issue_code(wanted, _person_in(fields)))

    def _issue_tokens(self, body: str) -> None:
        fields = dict(parse_qsl(body))
        if fields.get("client_id") != self.server.provider.client_id:
            raise Refused("invalid_client")
        grants = {"authorization_code": self.server.provider.redeem_code, "refresh_token": self.server.provider.refresh}
        grant = grants.get(fields.get("grant_type", ""))
        if grant is None:
            raise Refused("unsupported_grant_type")
        self._send_json(HTTPStatus.OK, grant(fields), for_pages=True)

    def _revoke(self, body: str) -> None:
        self.server.provider.revoke(dict(parse_qsl(body)))
        self._send_json(HTTPStatus.OK, {}, for_pages=True)

    def _make_token(self, body: str) -> None:
        """Sends a token for curl. A foreign page can't ask: JSON needs a preflight, which is not answered."""
        fields = self._json_in(body)
        subject = str(fields.get("subject") or "")
        token = self.server.provider.access_token(_person_in(fields), **({"sub": subject} if subject else {}))
        self._send_json(HTTPStatus.CREATED, {"access_token": token, "expires_in": self.server.provider.access_seconds})

    def _rotate_keys(self, body: str) -> None:
        self._json_in(body)
        self.server.provider.rotate_keys()
        self._send_json(HTTPStatus.CREATED, self.server.provider.key_set)

    def _json_in(self, body: str) -> Mapping[str, Any]:
        try:
            fields = json.loads(body)
        except ValueError:
            fields = None
        if self.headers.get("content-type") != "application/json" or not isinstance(fields, dict):
            raise Refused("invalid_request", "Send a JSON object as application/json.")
        return fields

    def _redirect(self, address: str) -> None:
        self._send(HTTPStatus.FOUND, "", "text/plain", Location=address)

    def _send_json(self, status: HTTPStatus, body: Json, *, for_pages: bool = False) -> None:
        """Sends JSON. Pages of other origins may read it only if it is `for_pages`, as Cognito's tokens are."""
        allowed = {"Access-Control-Allow-Origin": "*"} if for_pages or status is HTTPStatus.BAD_REQUEST else {}
        self._send(status, json.dumps(body), "application/json", **allowed)

    def _send(self, status: HTTPStatus, text: str, content_type: str, **headers: str) -> None:
        content = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Cache-Control": "no-store", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server gives it
        """Prints nothing: addresses have codes in them."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, provider: Provider) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.provider = provider
        provider.issuer = f"http://{LOOPBACK}:{self.server_port}"


def _person_in(fields: Mapping[str, Any]) -> Person:
    """Reads who signs in. Raises Refused for a role that there is not."""
    role, name = str(fields.get("role", "")), str(fields.get("name") or "me").strip()
    if role not in ROLES or not name or len(name) > 60:
        raise Refused("invalid_request", f"The role is one of {', '.join(ROLES)}.")
    return Person(role, name)


@contextlib.contextmanager
def run_provider(provider: Provider | None = None, port: int = 0) -> Iterator[Provider]:
    """Serves a provider from a thread of this process, at its `issuer`."""
    made = provider or Provider()
    with serve(Server(port, made)):
        yield made


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.identity_provider", description="Runs a local identity provider."
    )
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--algorithm", choices=["RS256", "EdDSA"], default="RS256")
    options = parser.parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        Server(options.port, Provider(algorithm=options.algorithm)).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
