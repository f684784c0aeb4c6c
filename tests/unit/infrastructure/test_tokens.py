"""Access tokens and the provider's keys: what is accepted, what is refused, how often the provider is asked."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any

import pytest
from jwt import PyJWK

from chalicelib.domain.identity import Principal, Role
from chalicelib.domain.refusals import AccessTokenFault, BackendUnavailable, Unauthenticated
from chalicelib.infrastructure.identity.keys import (
    FRESH,
    LARGEST_ANSWER_BYTES,
    MOST_KEYS,
    PAUSE,
    READ_SECONDS,
    STALE,
    IdentityProviderKeysUnreadable,
    ProviderKeys,
    new_key_set_reader,
    parse_key_set,
)
from chalicelib.infrastructure.identity.tokens import SKEW_SECONDS, AccessTokenVerifier
from infra.local.identity_provider import Provider, SigningKey, run_provider
from infra.local.serving import serve
from infra.processes import free_port
from tests.tokens import BUYER, GATE, OPERATOR, WRONG_TOKENS, Forger

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ours"
"""As in the Amazon Cognito Developer Guide, "Verifying JSON web tokens"."""


@dataclass
class FakeProvider:
    """Gives the text of a provider's keys, and counts how often it was asked. `fails` while it can't be reached."""

    provider: Provider
    reads: int = 0
    fails: bool = False
    more: list[Any] = field(default_factory=list)

    def __call__(self) -> bytes:
        self.reads += 1
        if self.fails:
            raise IdentityProviderKeysUnreadable("down")
        return json.dumps({"keys": [*self.provider.key_set["keys"], *self.more]}).encode()


@pytest.fixture(scope="module", params=["RS256", "EdDSA"])
def forger(request: pytest.FixtureRequest) -> Forger:
    return Forger(Provider(ISSUER, algorithm=request.param))


@pytest.fixture
def asked(forger: Forger) -> FakeProvider:
    return FakeProvider(forger.provider)


@pytest.fixture
def verify(forger: Forger, asked: FakeProvider) -> AccessTokenVerifier:
    return AccessTokenVerifier(ISSUER, forger.provider.client_id, ProviderKeys(asked))


def now() -> datetime:
    return datetime.now(UTC)


def fault_of(verify: AccessTokenVerifier, token: str, at: datetime | None = None) -> AccessTokenFault:
    with pytest.raises(Unauthenticated) as refused:
        verify(token, at or now())
    return refused.value.fault


# Tokens


def test_a_good_token_tells_who_asks(forger: Forger, verify: AccessTokenVerifier) -> None:
    assert verify(forger.good(BUYER), now()) == Principal(BUYER.subject, frozenset({Role.BUYER}), BUYER.email)
    assert verify(forger.good(GATE), now()).roles == {Role.GATE}


@pytest.mark.parametrize("wrong", WRONG_TOKENS)
def test_a_wrong_token_is_refused(forger: Forger, verify: AccessTokenVerifier, wrong: str) -> None:
    faults = {"expired": AccessTokenFault.EXPIRED, "not yet valid": AccessTokenFault.NOT_YET_VALID}
    faults["issued in the future"] = AccessTokenFault.NOT_YET_VALID

    assert fault_of(verify, WRONG_TOKENS[wrong](forger)) == faults.get(wrong, AccessTokenFault.INVALID)


def test_the_clock_is_the_callers(forger: Forger, verify: AccessTokenVerifier) -> None:
    issued = now().replace(microsecond=0)
    token = forger.good(BUYER, iat=issued.timestamp(), exp=issued.timestamp() + 60)
    skew = timedelta(seconds=SKEW_SECONDS)

    assert verify(token, issued - skew).subject == BUYER.subject
    assert verify(token, issued + timedelta(seconds=59) + skew).subject == BUYER.subject
    assert fault_of(verify, token, issued + timedelta(seconds=60) + skew) is AccessTokenFault.EXPIRED
    assert fault_of(verify, token, issued - skew - timedelta(seconds=1)) is AccessTokenFault.NOT_YET_VALID


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("moment", [True, None, "2000000000", [2_000_000_000], float("nan"), float("inf")])
def test_a_time_is_a_number(forger: Forger, verify: AccessTokenVerifier, name: str, moment: object) -> None:
    assert fault_of(verify, forger.good(OPERATOR, **{name: moment})) is AccessTokenFault.INVALID


@pytest.mark.parametrize("subject", ["", " ", "a b", "a\n", "x" * 129, 7, None, ["a"]])
def test_a_subject_can_be_an_id(forger: Forger, verify: AccessTokenVerifier, subject: object) -> None:
    assert fault_of(verify, forger.good(BUYER, sub=subject)) is AccessTokenFault.INVALID


@pytest.mark.parametrize(
    ("groups", "roles"),
    [
        ([], {Role.BUYER}),
        (["staff"], {Role.BUYER}),
        (["operator"], {Role.OPERATOR}),
        (["gate", "staff"], {Role.GATE}),
        (["buyer", "operator"], {Role.BUYER, Role.OPERATOR}),
        (["Operator", "operator "], {Role.BUYER}),
        ([["operator"], 7, None], {Role.BUYER}),
    ],
)
def test_the_groups_are_the_roles(
    forger: Forger, verify: AccessTokenVerifier, groups: list[object], roles: set[Role]
) -> None:
    assert verify(forger.good(BUYER, **{"cognito:groups": groups}), now()).roles == roles


def test_groups_that_are_no_list_are_refused(forger: Forger, verify: AccessTokenVerifier) -> None:
    assert fault_of(verify, forger.good(BUYER, **{"cognito:groups": "operator"})) is AccessTokenFault.INVALID


def test_an_address_that_was_not_verified_counts_for_nothing(forger: Forger, verify: AccessTokenVerifier) -> None:
    assert verify(forger.good(BUYER, email_verified=False), now()).email == ""
    assert verify(forger.good(BUYER, email="a@example.com\r\nBcc: b@example.com"), now()).email == ""


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é.é", "{}.{}.{}", "." * 8000, "eyJhbGciOiJSUzI1NiJ9.e30."])
def test_any_other_text_is_refused(verify: AccessTokenVerifier, text: str) -> None:
    assert fault_of(verify, text) is AccessTokenFault.INVALID


# Keys


def test_the_keys_are_read_once_for_many_tokens(
    forger: Forger, verify: AccessTokenVerifier, asked: FakeProvider
) -> None:
    for _ in range(3):
        verify(forger.good(), now())

    assert asked.reads == 1


def test_a_new_key_is_found_without_a_deployment(asked: FakeProvider) -> None:
    keys, began = ProviderKeys(asked), now()
    keys.find(asked.provider.keys[0].id, began)
    asked.more = [SigningKey.make("EdDSA").public]
    new = asked.more[0]["kid"]

    assert keys.find(new, began + PAUSE / 2) is None
    assert isinstance(keys.find(new, began + PAUSE), PyJWK)
    assert asked.reads == 2


def test_invented_key_ids_ask_the_provider_once_in_a_pause(asked: FakeProvider) -> None:
    keys, began = ProviderKeys(asked), now()

    found = [keys.find(f"invented-{number}", began + PAUSE * number / 100) for number in range(200)]

    assert set(found) == {None}
    assert asked.reads == 2


def test_a_withdrawn_key_serves_no_longer_than_an_hour(asked: FakeProvider) -> None:
    withdrawn = SigningKey.make("EdDSA").public
    asked.more = [withdrawn]
    keys, began = ProviderKeys(asked), now()
    assert keys.find(withdrawn["kid"], began)
    asked.more = []

    assert keys.find(withdrawn["kid"], began + FRESH - timedelta(seconds=1))
    assert keys.find(withdrawn["kid"], began + FRESH) is None


def test_known_keys_serve_through_an_outage_of_the_provider_for_a_day(asked: FakeProvider) -> None:
    keys, began, known = ProviderKeys(asked), now(), asked.provider.keys[0].id
    keys.find(known, began)
    asked.fails = True

    assert keys.find(known, began + STALE - timedelta(seconds=1))
    with pytest.raises(BackendUnavailable):
        keys.find(known, began + STALE)
    with pytest.raises(BackendUnavailable):
        keys.find("perhaps a new one", began + FRESH + PAUSE)


def test_without_any_keys_nobody_can_tell(asked: FakeProvider) -> None:
    asked.fails = True
    keys, began = ProviderKeys(asked), now()

    for seconds in (0, 1, 2):
        with pytest.raises(BackendUnavailable):
            keys.find("any", began + timedelta(seconds=seconds))
    assert asked.reads == 1


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"alg": "HS256"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "EC", "crv": "P-256"},
        {"kid": 7},
        {"n": None, "x": None},
        {"n": "!", "x": "!"},
        {"kty": ["RSA"]},
    ],
)
def test_a_key_of_another_kind_is_left_out(forger: Forger, change: dict[str, Any]) -> None:
    assert parse_key_set(json.dumps({"keys": [{**forger.key.public, **change}]}).encode()) == {}


def test_a_set_has_a_bound(forger: Forger) -> None:
    many = [{**forger.key.public, "kid": str(number)} for number in range(MOST_KEYS + 1)]

    assert len(parse_key_set(json.dumps({"keys": many}).encode())) == MOST_KEYS


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b'{"keys": 1}', b"\xff", b"[" * 100_000])
def test_what_is_no_key_set_counts_as_no_answer(text: bytes) -> None:
    with pytest.raises(IdentityProviderKeysUnreadable):
        parse_key_set(text)


# Over HTTP


def test_the_keys_are_read_from_the_issuer() -> None:
    with run_provider(Provider(algorithm="EdDSA")) as provider:
        keys = parse_key_set(new_key_set_reader(provider.issuer)())

    assert set(keys) == {provider.keys[0].id}


class BadProvider(BaseHTTPRequestHandler):
    """Answers in a way in which no provider should."""

    def do_GET(self) -> None:
        if "/error" in self.path:
            return self.send_error(500)
        if "/elsewhere" in self.path:
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(200)
        self.end_headers()
        if "/slow" in self.path:
            return self._drip()
        self.wfile.write(b" " * (LARGEST_ANSWER_BYTES + 20_000))
        return None

    def _drip(self) -> None:
        """Sends a byte now and then, for longer than anybody waits."""
        until = monotonic() + 3 * READ_SECONDS
        with suppress(ConnectionError):
            while monotonic() < until:
                self.wfile.write(b" ")
                sleep(0.05)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Logs nothing."""


@pytest.mark.parametrize("path", ["/error", "/elsewhere", "/slow", "/endless"])
def test_a_bad_answer_counts_as_none_and_ends_in_time(path: str) -> None:
    began = monotonic()
    with (
        serve(ThreadingHTTPServer(("127.0.0.1", 0), BadProvider)) as url,
        pytest.raises(IdentityProviderKeysUnreadable),
    ):
        new_key_set_reader(f"{url}{path}")()

    assert monotonic() - began < 3 * READ_SECONDS + 5


def test_nobody_at_the_address_counts_as_no_answer() -> None:
    with pytest.raises(IdentityProviderKeysUnreadable):
        new_key_set_reader(f"http://127.0.0.1:{free_port()}")()


def test_another_algorithm_is_refused_before_a_key_is_looked_for(
    forger: Forger, verify: AccessTokenVerifier, asked: FakeProvider
) -> None:
    assert fault_of(verify, forger.signed_with_the_public_key()) is AccessTokenFault.INVALID
    assert asked.reads == 0


def test_a_token_for_another_use_is_refused_though_it_names_our_client(
    forger: Forger, verify: AccessTokenVerifier
) -> None:
    assert fault_of(verify, forger.good(OPERATOR, token_use="id")) is AccessTokenFault.INVALID
