"""The payment gateway over HTTP: asks it to give money back.

    POST {PAYMENTS_URL}/refunds   Idempotency-Key: …   {"transactionId": "…", "amountCents": 5000}
      201  {"refundId": "…"}                              returned
      409  {"error": "ALREADY_REFUNDED", "refundId": "…"} returned before, whoever asked for it
      404  {"error": "UNKNOWN_TRANSACTION"}               there is no such payment
      402  {"error": "DECLINED", "message": "…"}          and anything else: not returned, or nobody knows

    GET {PAYMENTS_URL}/health      below 500: it is alive

Without an amount all that was charged is returned. infra/gateway.py is such a gateway, simulated.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chalicelib.domain.payments import PaymentUnknown, RefundRefused
from chalicelib.domain.ports import PaymentGateway

from .breakers import Breaker, BreakerOpen

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

CONNECT_SECONDS, READ_SECONDS = 1.0, 3.0
MOST_TEXT = 200
RETURNED = {(201, None), (409, "ALREADY_REFUNDED")}
UNKNOWN = (404, "UNKNOWN_TRANSACTION")


class GatewaySilent(RefundRefused):
    """It did not answer, or not in time: whether the money was returned is unknown."""


@dataclass(frozen=True)
class HttpGateway:
    """One try for each call: the queue tries again, later each time. `url` is empty where no gateway is set up."""

    url: str
    read_seconds: float = READ_SECONDS

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        if not self.url:
            raise RefundRefused("no payment gateway is set up: set PAYMENTS_URL, deploy, and redrive the message")
        amount = {} if amount_cents is None else {"amountCents": amount_cents}
        answer = self._asked({"transactionId": transaction_id, **amount}, idempotency_key)
        return _refund_id(answer.status, _body(answer))

    def ping(self) -> None:
        """Raises GatewaySilent. Whoever answers is alive, whether it knows the address or not."""
        answer = self._answer("GET", "/health")
        if answer.status >= 500:
            raise GatewaySilent(f"the payment gateway answered {answer.status}")

    def _asked(self, body: dict[str, Any], key: str) -> "BaseHTTPResponse":
        headers = {"Content-Type": "application/json", "Idempotency-Key": quote(key, safe="")}
        return self._answer("POST", "/refunds", body=json.dumps(body), headers=headers)

    def _answer(self, method: str, path: str, **request: Any) -> "BaseHTTPResponse":
        from urllib3.exceptions import HTTPError, LocationValueError

        timeout, url = _timeout(self.read_seconds), f"{self.url.rstrip('/')}{path}"
        try:
            return _pool().request(method, url, timeout=timeout, retries=False, redirect=False, **request)
        except (HTTPError, LocationValueError, OSError) as error:
            raise GatewaySilent(f"the payment gateway gave no answer: {error!r}") from error


@dataclass(frozen=True)
class GuardedGateway:
    """While the gateway does not answer, most refunds come again later without having waited for it."""

    gateway: PaymentGateway
    breaker: Breaker

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        try:
            return self.breaker.call(
                lambda: self.gateway.refund(transaction_id, amount_cents, idempotency_key), (GatewaySilent,)
            )
        except BreakerOpen as error:
            raise RefundRefused("the payment gateway was not asked: it has just failed") from error


def _refund_id(status: int, body: dict[str, Any]) -> str:
    """Whatever is not known to mean "returned" is taken to mean "not returned": asking again does no harm."""
    said = status, body.get("error")
    refund_id = body.get("refundId")
    if said in RETURNED and isinstance(refund_id, str) and refund_id:
        return refund_id
    reason = f"the payment gateway answered {status} {str(body.get('error', ''))[:MOST_TEXT]}"
    details = str(body.get("message", ""))[:MOST_TEXT]
    raise (PaymentUnknown if said == UNKNOWN else RefundRefused)(f"{reason}: {details}" if details else reason)


def _body(answer: "BaseHTTPResponse") -> dict[str, Any]:
    try:
        body = json.loads(answer.data)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


@cache
def _pool() -> "PoolManager":
    """urllib3 comes with botocore; it is imported where it is used."""
    import urllib3

    return urllib3.PoolManager(maxsize=4)


def _timeout(read_seconds: float) -> Any:
    from urllib3 import Timeout

    return Timeout(connect=CONNECT_SECONDS, read=read_seconds)
