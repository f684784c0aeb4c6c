"""The local identity provider: code with PKCE, refresh tokens that serve once, and nobody from elsewhere."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from infra.local import identity
from infra.local.identity_provider import CLIENT_ID, MOST_KEPT, CodeRequest, Person, Provider, Refused, run_provider
from infra.processes import CannotRunError

PAGE = "http://localhost:8000/"
VERIFIER = "a-verifier-that-nobody-else-knows-0123456789ab"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": PAGE,
    "state": "s",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
ANA = Person("buyer", "ana")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with run_provider(Provider(algorithm="EdDSA")) as provider:
        yield provider


def ask(provider: Provider, method: str, path: str, body: str = "", **headers: str) -> Answer:
    connection = HTTPConnection(urlsplit(provider.issuer).netloc, timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
    finally:
        connection.close()


def code_for(provider: Provider) -> str:
    address = provider.issue_code(CodeRequest.parse(ASKED, CLIENT_ID), ANA)
    return parse_qs(urlsplit(address).query)["code"][0]


def redeem(provider: Provider, code: str, **changes: str) -> Answer:
    fields = {
        "grant_type": "authorization_code",
        "client_id": CLIENT_ID,
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": PAGE,
        **changes,
    }
    return ask(provider, "POST", "/oauth2/token", urlencode(fields))


def refresh(provider: Provider, token: str) -> Answer:
    fields = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": token}
    return ask(provider, "POST", "/oauth2/token", urlencode(fields))


def test_the_page_with_its_buttons_leads_back_with_a_code(provider: Provider) -> None:
    shown = ask(provider, "GET", f"/oauth2/authorize?{urlencode(ASKED)}")
    sent = ask(provider, "POST", "/oauth2/authorize", urlencode({**ASKED, "name": "ana", "role": "buyer"}))

    assert (shown.status, shown.text.count("<button")) == (200, 3)
    assert sent.status == 302
    assert sent.headers["location"].startswith(f"{PAGE}?code=")
    assert sent.headers["location"].endswith("&state=s")


def test_what_a_page_asks_for_is_no_part_of_the_html(provider: Provider) -> None:
    hostile = urlencode({**ASKED, "state": '"><script>'})

    shown = ask(provider, "GET", f"/oauth2/authorize?{hostile}")

    assert "<script>" not in shown.text


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "another"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "http://localhost.evil.example/"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
    ],
)
def test_nobody_is_led_elsewhere_or_without_a_proof(provider: Provider, change: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        fields = urlencode({**ASKED, "role": "buyer", **change})
        answer = ask(provider, method, f"/oauth2/authorize?{fields}", fields if method == "POST" else "")

        assert (answer.status, answer.body["error"]) == (400, "invalid_request")


def test_a_code_serves_once(provider: Provider) -> None:
    code = code_for(provider)
    first, again = redeem(provider, code), redeem(provider, code)

    assert first.status == 200
    assert first.body.keys() == {"access_token", "id_token", "refresh_token", "token_type", "expires_in"}
    assert (again.status, again.body["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "change", [{"code_verifier": "another"}, {"redirect_uri": "http://localhost:8000/other"}, {"client_id": "another"}]
)
def test_a_stolen_code_serves_nobody(provider: Provider, change: dict[str, str]) -> None:
    assert redeem(provider, code_for(provider), **change).status == 400


def test_a_refresh_token_serves_once_and_one_that_comes_again_ends_the_sign_in(provider: Provider) -> None:
    first = redeem(provider, code_for(provider)).body["refresh_token"]
    second = refresh(provider, first).body["refresh_token"]

    assert second != first
    assert refresh(provider, first).status == 400
    assert refresh(provider, second).status == 400


def test_a_sign_in_that_was_ended_is_over(provider: Provider) -> None:
    token = redeem(provider, code_for(provider)).body["refresh_token"]

    ask(provider, "POST", "/oauth2/revoke", urlencode({"token": token}))

    assert refresh(provider, token).status == 400


def test_what_is_kept_has_a_bound() -> None:
    small = Provider(algorithm="EdDSA")
    first = code_for(small)
    for _ in range(MOST_KEPT):
        code_for(small)

    with pytest.raises(Refused):
        small.redeem_code({"code": first, "code_verifier": VERIFIER, "redirect_uri": PAGE})


def test_the_same_name_in_the_same_role_is_the_same_user() -> None:
    assert Person("buyer", "ana").subject == ANA.subject
    assert len({Person(role, name).subject for role in ("buyer", "gate") for name in ("ana", "bob")}) == 4


def test_a_page_of_another_origin_reads_tokens_of_its_own_code_and_nothing_else(provider: Provider) -> None:
    """As Cognito's. For curl's tokens a browser would ask first, and is not answered."""
    at_once = ask(provider, "POST", "/tokens", '{"role": "operator"}', Content_Type="application/json")

    assert redeem(provider, code_for(provider)).headers["access-control-allow-origin"] == "*"
    assert at_once.status == 201
    assert "access-control-allow-origin" not in at_once.headers
    assert ask(provider, "POST", "/tokens", '{"role": "operator"}', Content_Type="text/plain").status == 400
    assert ask(provider, "OPTIONS", "/tokens").status == 501


def test_another_name_of_this_machine_is_refused(provider: Provider) -> None:
    there = {"Content_Type": "application/json", "Host": "evil.example"}
    answer = ask(provider, "POST", "/tokens", '{"role": "operator"}', **there)

    assert answer.status == 421


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_there_is_nothing_else(provider: Provider, method: str) -> None:
    assert ask(provider, method, "/elsewhere").status == 404
    assert ask(provider, "GET", "/logout?logout_uri=https://evil.example/").status == 404


def test_keys_rotate_and_those_before_stay_published(provider: Provider) -> None:
    before = provider.keys[0].id

    rotated = ask(provider, "POST", "/keys", "{}", Content_Type="application/json").body["keys"]

    assert [key["kid"] for key in rotated][1] == before
    assert "d" not in rotated[0]


# As make run and ops use it


def test_a_token_is_asked_for_by_role_and_subject(provider: Provider) -> None:
    token = identity.ask_for_token(provider.issuer, "operator", "user-7")

    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (claims["sub"], claims["cognito:groups"], claims["token_use"]) == ("user-7", ["operator"], "access")
    assert claims["client_id"] == identity.CLIENT_ID


def test_a_refusal_and_a_silent_provider_are_said(provider: Provider) -> None:
    with pytest.raises(CannotRunError, match="refuses"):
        identity.ask_for_token(provider.issuer, "king")
    with pytest.raises(CannotRunError, match="does not answer"):
        identity.ask_for_token("http://127.0.0.1:1", "buyer")
