"""What parses text or bytes of strangers. Each target takes any bytes, and may only refuse as its parser documents."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any

from redis.exceptions import InvalidResponse, RedisError

from chalicelib.api.wire.bodies import BodyTooLarge, MalformedRequest, parsed
from chalicelib.api.wire.languages import preferred_language
from chalicelib.api.wire.live import SubscribeRequest
from chalicelib.api.wire.names import reason_against_name_or_none
from chalicelib.api.wire.reservations import ConfirmationRequest, HoldRequest
from chalicelib.api.wire.sessions import SessionRequest
from chalicelib.api.wire.tickets import AdmissionRequest, normal_ticket_code_or_unchanged
from chalicelib.domain.addresses import UrlRefused, parse_webhook_url_without_address_check
from chalicelib.domain.events import UnreadableMessage
from chalicelib.domain.payments import Charge
from chalicelib.domain.refusals import CursorInvalid, TicketTokenInvalid, Unauthenticated, WebhookAuthenticationFailed
from chalicelib.domain.signatures import is_signature_time_recent, is_signed, sign_body
from chalicelib.domain.tickets.checking import verify_token
from chalicelib.domain.tickets.tokens import TokenMalformed, decode_token, encode_token
from chalicelib.infrastructure.dynamodb.cursors import from_cursor, to_cursor
from chalicelib.infrastructure.identity.tokens import AccessTokenVerifier
from chalicelib.infrastructure.payments.simulated_gateway import SIGNATURE_HEADER, SimulatedGatewayMessages
from chalicelib.infrastructure.redis import answers, seat_format
from chalicelib.infrastructure.redis.wire import TimeAndSizeLimitedParser
from chalicelib.infrastructure.sqs.envelopes import event_in, hold_in, payment_in, webhook_delivery_in

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECRET = "a secret of the tests"  # noqa: S105 - no secret
SHAPES = (HoldRequest, ConfirmationRequest, SessionRequest, AdmissionRequest, SubscribeRequest)
ENVELOPES: tuple[Callable[[Mapping[str, Any]], Any], ...] = (hold_in, event_in, payment_in, webhook_delivery_in)


@dataclass(frozen=True, slots=True)
class Target:
    """A parser. `refusals` are the exceptions by which it may refuse; any other is a fault."""

    name: str
    parse: Callable[[bytes], None]
    refusals: tuple[type[Exception], ...] = ()

    def __call__(self, data: bytes) -> None:
        """Parses. Raises what the parser does not document, and AssertionError for what it must not say."""
        try:
            self.parse(data)
        except self.refusals:
            return


def _text(data: bytes) -> str:
    """Gives the text that a header or path may have: any characters, single surrogates among them."""
    return data.decode(errors="surrogateescape")


def _body(data: bytes) -> None:
    parsed(data[1:], SHAPES[data[0] % len(SHAPES)] if data else HoldRequest)


def _cursor(data: bytes) -> None:
    key = from_cursor(_text(data), 2)
    assert from_cursor(to_cursor(key), 2) == key


def _ticket(data: bytes) -> None:
    text = _text(data)
    token = decode_token(text)
    assert encode_token(token.signed, token.signature) == text, "one token has one text"
    assert token.facts.to_bytes() == token.signed, "what was read is what was signed"


def _forged_ticket(data: bytes) -> None:
    verify_token(_text(data), {}, lambda *_: True)
    raise AssertionError("a ticket of an unknown key is valid")


def _signature(data: bytes) -> None:
    header, _, body = data.partition(b"\n")
    assert not is_signed(_text(header), body, [SECRET], NOW), "a signature was guessed"
    is_signature_time_recent(_text(header), NOW)


class _NoKeys:
    def find(self, key_id: str, now: datetime) -> None:
        return None


def _access_token(data: bytes) -> None:
    AccessTokenVerifier("https://issuer.example", "page", _NoKeys())(_text(data), NOW)
    raise AssertionError("a token of an unknown key is valid")


def _gateway_message(data: bytes) -> None:
    """Whoever has the secret may still send nonsense."""
    headers = {SIGNATURE_HEADER: sign_body([SECRET], data, NOW)}
    charge = SimulatedGatewayMessages([SECRET]).read_charge(headers, data, NOW)
    assert charge is None or isinstance(charge, Charge)


def _queued(data: bytes) -> None:
    ENVELOPES[data[0] % len(ENVELOPES) if data else 0]({"body": data[1:].decode(errors="replace")})


@dataclass
class _Socket:
    """A connection whose other end sends these bytes, in parts, and then hangs up."""

    parts: Any
    socket_timeout: float = 1.0

    @property
    def _sock(self) -> "_Socket":
        return self

    def settimeout(self, seconds: float) -> None:
        pass

    def recv(self, most: int) -> bytes:
        return bytes(next(self.parts)[:most])


READS: Sequence[Callable[[Any], Any]] = (
    answers.integer,
    answers.value_or_none,
    answers.required_value,
    answers.list_of_values(2),
    answers.list_of_integers(2),
    answers.was_set,
    answers.was_executed,
    answers.were_executed,
    answers.counts_by_name,
)


def _redis_answer(data: bytes) -> None:
    """The first byte says in how large parts the answer comes."""
    size = 1 + (data[0] % 64 if data else 0)
    parts = (data[at : at + size] for at in range(1, len(data), size))
    parser = TimeAndSizeLimitedParser(socket_read_size=0)
    parser.on_connect(_Socket(chain(parts, repeat(b""))))
    answer = parser.read_response()
    for read in READS:
        try:
            read(answer)
        except answers.MalformedRedisAnswer:
            continue


def _redis_seat(data: bytes) -> None:
    """A text in Redis: unsigned it says nothing; signed, it may still be of another version of ours."""
    assert seat_format.verified_text(SECRET.encode(), "key", data) is None, "a signature was guessed"
    text = data.decode(errors="replace")
    seat_format.entry_and_valid_until(text)
    seat_format.cached_map_from_text(text)


def _texts(data: bytes) -> None:
    text = _text(data)
    reason_against_name_or_none(text)
    preferred_language(text)
    normal_ticket_code_or_unchanged(text)


def _webhook_url(data: bytes) -> None:
    target = parse_webhook_url_without_address_check(_text(data), allows_http=False)
    assert target.scheme == "https"
    assert "\r" not in target.path_and_query + target.host
    assert "\n" not in target.path_and_query + target.host


TARGETS = {
    target.name: target
    for target in (
        Target("body", _body, (MalformedRequest, BodyTooLarge)),
        Target("cursor", _cursor, (CursorInvalid,)),
        Target("ticket", _ticket, (TokenMalformed,)),
        Target("forged_ticket", _forged_ticket, (TicketTokenInvalid,)),
        Target("signature", _signature),
        Target("access_token", _access_token, (Unauthenticated,)),
        Target("gateway_message", _gateway_message, (WebhookAuthenticationFailed, UnreadableMessage)),
        Target("queued", _queued, (UnreadableMessage,)),
        Target("redis_answer", _redis_answer, (InvalidResponse, RedisError, OSError)),
        Target("redis_seat", _redis_seat),
        Target("texts", _texts),
        Target("webhook_url", _webhook_url, (UrlRefused,)),
    )
}
