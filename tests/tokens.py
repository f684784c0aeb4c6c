"""Tokens for the tests of access control: good ones, and one for each way in which a token can be wrong."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from infra.local.identity_provider import Person, Provider, SigningKey

BUYER, OTHER, OPERATOR, GATE = (
    Person("buyer", "ana"),
    Person("buyer", "bob"),
    Person("operator", "olga"),
    Person("gate", "door 1"),
)
HOUR = 3600

Headers = list[tuple[str, str]]


def segment(content: Mapping[str, Any]) -> str:
    """Writes a part of a token by hand, as no library would."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@dataclass(frozen=True)
class Forger:
    """Makes tokens of a provider, and tokens that only look like its own."""

    provider: Provider
    stranger: SigningKey = field(default_factory=SigningKey.make)

    def good(self, person: Person = BUYER, **changes: Any) -> str:
        return self.provider.access_token(person, **changes)

    def without(self, claim: str) -> str:
        return self.key.sign({name: value for name, value in self.claims.items() if name != claim})

    @property
    def key(self) -> SigningKey:
        return self.provider.keys[0]

    @property
    def claims(self) -> dict[str, Any]:
        """Gives the claims of an operator, whose rights are the widest: a refusal is then for the token's fault."""
        return self.provider.claims_of(OPERATOR)

    def expired(self) -> str:
        return self.good(OPERATOR, exp=int(time.time()) - HOUR)

    def not_yet_valid(self) -> str:
        return self.good(OPERATOR, nbf=int(time.time()) + HOUR)

    def of_the_future(self) -> str:
        return self.good(OPERATOR, iat=int(time.time()) + HOUR)

    def of_another_issuer(self) -> str:
        return self.good(OPERATOR, iss="https://issuer.example")

    def of_another_client(self) -> str:
        return self.good(OPERATOR, client_id="another-page")

    def of_another_stage(self) -> str:
        """Makes a token of another user pool: everything is different but the name of the client."""
        pool = Provider("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other", keys=[self.stranger])
        return pool.access_token(OPERATOR)

    def id_token(self) -> str:
        return self.provider.id_token(OPERATOR)

    def unsigned(self) -> str:
        return f"{segment({'alg': 'none', 'kid': self.key.id})}.{segment(self.claims)}."

    def signed_with_the_public_key(self) -> str:
        """Signs by HS256 with the published key as the secret, as if it were one."""
        public = self.key.private.public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        message = f"{segment({'alg': 'HS256', 'kid': self.key.id})}.{segment(self.claims)}"
        digest = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(message.encode(), pem)
        return f"{message}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    def tampered(self) -> str:
        header, _, signature = self.good(BUYER).split(".")
        return f"{header}.{segment(self.claims)}.{signature}"

    def of_an_unknown_key(self) -> str:
        return self.stranger.sign(self.claims)

    def of_a_strangers_key_under_our_id(self) -> str:
        return SigningKey(self.key.id, "RS256", self.stranger.private).sign(self.claims)

    def with_header(self, **header: Any) -> str:
        """Makes a token that is good but for a field of its header."""
        return self.key.sign(self.claims, **header)

    def too_long(self) -> str:
        return self.good(OPERATOR, padding="x" * 12_000)


WRONG_TOKENS: Mapping[str, Callable[[Forger], str]] = {
    "expired": Forger.expired,
    "not yet valid": Forger.not_yet_valid,
    "issued in the future": Forger.of_the_future,
    "other issuer": Forger.of_another_issuer,
    "other client": Forger.of_another_client,
    "other stage's pool": Forger.of_another_stage,
    "ID token": Forger.id_token,
    "alg=none": Forger.unsigned,
    "HS256 with the public key": Forger.signed_with_the_public_key,
    "tampered": Forger.tampered,
    "unknown key": Forger.of_an_unknown_key,
    "stranger's key under our id": Forger.of_a_strangers_key_under_our_id,
    "jku": lambda forger: forger.with_header(jku="https://evil.example/keys"),
    "jwk": lambda forger: forger.with_header(jwk=forger.stranger.public),
    "x5u": lambda forger: forger.with_header(x5u="https://evil.example/certificate"),
    "crit": lambda forger: forger.with_header(crit=["exp"]),
    "no expiry": lambda forger: forger.without("exp"),
    "no subject": lambda forger: forger.without("sub"),
    "16 kB": Forger.too_long,
    "no token at all": lambda _: "abc",
}
"""A token for each way to be wrong, by its name."""


def bearer(token: str) -> Headers:
    return [("Authorization", f"Bearer {token}")]
