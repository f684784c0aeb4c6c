"""The simulated payment gateway, over HTTP. infra/local/payment_gateway.py describes its addresses.

    POST {PAYMENTS_URL}/payments               start
    GET  {PAYMENTS_URL}/payments/{id}          charge
    GET  {PAYMENTS_URL}/payments?since=…       list_charges_since
    POST {PAYMENTS_URL}/refunds                refund
      201  {"refundId": "…"}                              returned
      409  {"error": "ALREADY_REFUNDED", "refundId": "…"} returned before, by this request or another
      404  {"error": "UNKNOWN_TRANSACTION"}               no such payment
      402  {"error": "DECLINED", "message": "…"}          and anything else: not returned, or nobody knows
    GET  {PAYMENTS_URL}/health                 below 500: it is alive

An answer of another shape counts as no answer.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from chalicelib.domain.events import UnreadableMessage
from chalicelib.domain.money import CURRENCY
from chalicelib.domain.payments import (
    Charge,
    GatewayUnavailable,
    PaymentIntent,
    PaymentNotYetAtGateway,
    RefundNotConfirmed,
)
from chalicelib.domain.refusals import WebhookAuthenticationFailed
from chalicelib.domain.reservations import Reservation
from chalicelib.domain.signatures import is_signed
from chalicelib.domain.times import from_ms, to_ms

from .guarded_gateway import GatewaySilent

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

PROVIDER = "simulated"
SIGNATURE_HEADER = "payment-signature"

CONNECT_SECONDS, READ_SECONDS = 1.0, 3.0
LARGEST_ANSWER_BYTES = 1_000_000
"""The largest number of bytes of an answer: a page of a hundred payments has 30 kB."""
MOST_PAGES = 10_000
MOST_TEXT = 200
LONGEST_ID = 255
LAST_MS = 32_503_680_000_000
"""The latest moment that is accepted in an answer, in ms since 1970: the year 3000."""

RETURNED = {(201, None), (409, "ALREADY_REFUNDED")}
UNKNOWN = (404, "UNKNOWN_TRANSACTION")
NOT_SET_UP = "no payment gateway is set up: set PAYMENTS_URL, deploy, and redrive the message"


@dataclass(frozen=True)
class _Answer:
    """An answer of the gateway. `body` is its JSON object; empty if it has none."""

    status: int
    body: Mapping[str, Any]

    @property
    def status_and_error(self) -> tuple[int, Any]:
        return self.status, self.body.get("error")

    def __str__(self) -> str:
        reason = f"the payment gateway answered {self.status} {str(self.body.get('error', ''))[:MOST_TEXT]}"
        details = str(self.body.get("message", ""))[:MOST_TEXT]
        return f"{reason}: {details}" if details else reason


@dataclass(frozen=True)
class HttpClientOfSimulatedGateway:
    """The simulated payment gateway over HTTP. Calls are not retried. `url` is empty if no gateway is set up."""

    url: str
    read_seconds: float = READ_SECONDS
    currency: str = CURRENCY

    def start_payment(self, reservation: Reservation, idempotency_key: str) -> PaymentIntent:
        body = {
            "reservationId": reservation.id,
            "amountCents": reservation.amount_cents,
            "currency": self.currency,
        }
        answer = self._ask("POST", "/payments", GatewayUnavailable, body, idempotency_key)
        payment_id = answer.body.get("paymentId")
        if answer.status != 201 or not _is_id(payment_id) or answer.body.get("reservationId") != reservation.id:
            raise GatewayUnavailable(str(answer))
        return PaymentIntent(PROVIDER, str(payment_id))

    def find_charge(self, transaction_id: str) -> Charge | None:
        answer = self._ask("GET", f"/payments/{quote(transaction_id, safe='')}", GatewayUnavailable)
        if answer.status_and_error == UNKNOWN:
            return None
        if answer.status != 200 or answer.body.get("paymentId") != transaction_id:
            raise GatewayUnavailable(str(answer))
        return _charge_or_unavailable(answer.body)

    def list_charges_since(self, moment: datetime) -> Sequence[Charge]:
        found: list[Charge] = []
        after = 0
        for _ in range(MOST_PAGES):
            payments, following = self._read_page(to_ms(moment), after)
            found += [charge for one in payments if (charge := _charge_or_unavailable(one))]
            if following is None:
                return found
            if following <= after:
                break
            after = following
        raise GatewayUnavailable("the payment gateway's list of payments does not end")

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        """Requests a refund from the gateway. Gives the refund's id. Raises PaymentNotYetAtGateway,
        RefundNotConfirmed.

        An unclear answer counts as a refusal, because a retry with the same idempotency key is safe.
        """
        amount = {} if amount_cents is None else {"amountCents": amount_cents}
        body = {"transactionId": transaction_id, **amount}
        answer = self._ask("POST", "/refunds", RefundNotConfirmed, body, idempotency_key)
        refund_id = answer.body.get("refundId")
        if answer.status_and_error in RETURNED and _is_id(refund_id):
            return str(refund_id)
        raise (PaymentNotYetAtGateway if answer.status_and_error == UNKNOWN else RefundNotConfirmed)(str(answer))

    def ping(self) -> None:
        """Checks that the gateway answers.

        Raises GatewaySilent if it does not, or answers with a status of 500 or more.
        """
        status = self._send("GET", "/health").status
        if status >= 500:
            raise GatewaySilent(f"the payment gateway answered {status}")

    def _read_page(self, since_ms: int, after: int) -> tuple[Sequence[Any], int | None]:
        """Reads a page of payments. Gives the payments, and the `after` of the next page, or None on the last page."""
        query = urlencode({"since": since_ms, "after": after})
        answer = self._ask("GET", f"/payments?{query}", GatewayUnavailable)
        payments, following = answer.body.get("payments"), answer.body.get("next")
        is_page = isinstance(payments, list) and (following is None or type(following) is int)
        if answer.status != 200 or not is_page:
            raise GatewayUnavailable(str(answer))
        return payments or [], following

    def _ask(
        self, method: str, path: str, refusal: type[Exception], body: Mapping[str, Any] | None = None, key: str = ""
    ) -> _Answer:
        """Sends a request. `key` is the idempotency key of a request with a body.

        Raises `refusal` if no gateway is set up. Raises GatewaySilent if the gateway does not answer.
        """
        if not self.url:
            raise refusal(NOT_SET_UP)
        if body is None:
            return self._send(method, path)
        headers = {"Content-Type": "application/json", "Idempotency-Key": quote(key, safe="")}
        return self._send(method, path, body=json.dumps(body), headers=headers)

    def _send(self, method: str, path: str, **request: Any) -> _Answer:
        """Sends a request and reads its answer. Raises GatewaySilent."""
        from urllib3.exceptions import HTTPError, LocationValueError

        timeout, url = _http_timeout(self.read_seconds), f"{self.url.rstrip('/')}{path}"
        options = {"timeout": timeout, "retries": False, "redirect": False, "preload_content": False}
        try:
            answer = _pool().request(method, url, decode_content=False, **options, **request)
            return _Answer(answer.status, _object_in(_read_content(answer, monotonic() + self.read_seconds)))
        except (HTTPError, LocationValueError, OSError) as error:
            raise GatewaySilent(f"the payment gateway gave no answer: {error!r}") from error


@dataclass(frozen=True)
class SimulatedGatewayMessages:
    """The reader of the simulated gateway's signed messages. During a rotation there are several secrets."""

    secrets: Sequence[str]

    def read_charge(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Charge | None:
        if not is_signed(headers.get(SIGNATURE_HEADER, ""), body, self.secrets, now):
            raise WebhookAuthenticationFailed
        message = _object_in(body)
        if not isinstance(message.get("type"), str):
            raise UnreadableMessage("no message of the payment gateway")
        if message["type"] != "payment.charged":
            return None
        try:
            charge = _parse_charge_unless_declined(message.get("payment"))
        except ValueError as error:
            raise UnreadableMessage(str(error)) from error
        if charge is None:
            raise UnreadableMessage("the payment is said to be charged, and is not")
        return charge


def _charge_or_unavailable(payment: object) -> Charge | None:
    try:
        return _parse_charge_unless_declined(payment)
    except ValueError as error:
        raise GatewayUnavailable(str(error)) from error


def _parse_charge_unless_declined(payment: object) -> Charge | None:
    """Reads the charge of a payment. None if the payment was declined. Raises ValueError for what is not a payment."""
    match payment:
        case {"paymentId": str() as payment_id, "status": "declined"} if _is_id(payment_id):
            return None
        case {
            "paymentId": str() as payment_id,
            "reservationId": str() as reservation_id,
            "status": "charged",
            "amountCents": int() as amount,
            "currency": str() as currency,
            "chargedAtMs": int() as charged_at_ms,
            "refundedCents": int() as refunded,
        }:
            are_ids = _is_id(payment_id) and len(reservation_id) <= LONGEST_ID
            if are_ids and _are_possible(amount, refunded, charged_at_ms) and re.fullmatch("[A-Z]{3}", currency):
                return Charge(
                    transaction_id=payment_id,
                    reservation_id=reservation_id,
                    amount_cents=amount,
                    currency=currency,
                    charged_at=from_ms(charged_at_ms),
                    refunded_cents=refunded,
                )
    raise ValueError(f"no payment of the payment gateway: {str(payment)[:MOST_TEXT]}")


def _are_possible(amount: int, refunded: int, charged_at_ms: int) -> bool:
    are_numbers = not any(isinstance(number, bool) for number in (amount, refunded, charged_at_ms))
    return are_numbers and 0 <= charged_at_ms <= LAST_MS and 0 <= refunded <= amount


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID


def _object_in(content: bytes) -> Mapping[str, Any]:
    """Parses a JSON object. Gives an empty one if the content is not a JSON object."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read_content(answer: "BaseHTTPResponse", until: float) -> bytes:
    """Reads the whole answer. Raises OSError when it is too large, or has not ended by `until` (monotonic seconds)."""
    content = bytearray()
    try:
        while len(content) <= LARGEST_ANSWER_BYTES and monotonic() < until:
            chunk = answer.read1(65_536)
            if not chunk:
                return bytes(content)
            content += chunk
    finally:
        answer.close()  # the rest of it must not become the next answer
    raise OSError("the answer does not end")


@cache
def _pool() -> "PoolManager":
    """Makes the process's pool of connections. Imports urllib3 only on the first call of the gateway."""
    import urllib3

    return urllib3.PoolManager(maxsize=4)


def _http_timeout(read_seconds: float) -> Any:
    from urllib3 import Timeout

    return Timeout(connect=CONNECT_SECONDS, read=read_seconds)
