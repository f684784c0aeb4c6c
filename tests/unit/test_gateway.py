"""The payment gateway: what we make of its answers, and what the simulated one makes of requests."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from chalicelib.domain.payments import PaymentUnknown, RefundRefused
from chalicelib.infrastructure.gateway import GatewaySilent, HttpGateway
from infra import gateway as simulated
from infra import serving


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[HttpGateway]:
    """A gateway that always answers this."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with serving.served(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield HttpGateway(f"{url}/")


@pytest.mark.parametrize(
    ("status", "body"),
    [(201, b'{"refundId": "re-1"}'), (409, b'{"error": "ALREADY_REFUNDED", "refundId": "re-1"}')],
)
def test_what_was_returned_now_or_before_is_returned(status: int, body: bytes) -> None:
    with answering(status, body) as gateway:
        assert gateway.refund("tx-1", 5000, "key") == "re-1"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"refundId": "re-1"}'),
        (201, b"{}"),
        (201, b'{"refundId": ""}'),
        (201, b'{"refundId": 7}'),
        (201, b"returned"),
        (201, b"[]"),
        (201, b"\xff"),
        (402, b'{"error": "DECLINED", "message": "no"}'),
        (404, b"<html>no such page</html>"),
        (404, b'{"error": "NOT_FOUND"}'),
        (409, b'{"error": "BUSY", "refundId": "re-1"}'),
        (429, b""),
        (500, b""),
    ],
)
def test_any_other_answer_is_no_refund_and_no_unknown_payment(status: int, body: bytes) -> None:
    with answering(status, body) as gateway, pytest.raises(RefundRefused) as refused:
        gateway.refund("tx-1", 5000, "key")

    assert not isinstance(refused.value, PaymentUnknown), "a wrong address must not make payments void"
    assert str(status) in str(refused.value)


def test_a_payment_that_the_gateway_does_not_know_is_told_apart() -> None:
    with answering(404, b'{"error": "UNKNOWN_TRANSACTION"}') as gateway, pytest.raises(PaymentUnknown):
        gateway.refund("tx-1", 5000, "key")


def test_money_is_not_asked_for_where_an_answer_points_to() -> None:
    elsewhere = answering(307, b"", Location="http://127.0.0.1:9/refunds")
    with elsewhere as gateway, pytest.raises(RefundRefused, match="307"):
        gateway.refund("tx-1", 5000, "key")


# The simulated one.


@pytest.fixture
def served() -> Iterator[tuple[str, simulated.Gateway]]:
    with simulated.serving() as (url, gateway):
        yield url, gateway


def test_any_transaction_of_the_contract_is_returned_once_for_its_key(served: tuple[str, simulated.Gateway]) -> None:
    url, gateway = served
    for transaction in ("tx-1", "ü🎟 \\ \"'", "x" * 100):
        first = HttpGateway(url).refund(transaction, None, f"refund-{transaction}")
        assert HttpGateway(url).refund(transaction, None, f"refund-{transaction}") == first
        assert HttpGateway(url).refund(transaction, None, "another key") == first
    assert [one["amountCents"] for one in gateway.listed(None)] == [None] * 3


def test_a_key_that_came_with_another_request_is_refused(served: tuple[str, simulated.Gateway]) -> None:
    gateway = HttpGateway(served[0])
    gateway.refund("tx-1", 5000, "key")

    with pytest.raises(RefundRefused, match="KEY_REUSED"):
        gateway.refund("tx-1", 2500, "key")


def test_it_declines_as_often_as_the_transaction_says(served: tuple[str, simulated.Gateway]) -> None:
    gateway = HttpGateway(served[0])
    for _ in range(2):
        with pytest.raises(RefundRefused, match="402 DECLINED: The bank declined"):
            gateway.refund("tx-decline-2", 5000, "key")
    assert gateway.refund("tx-decline-2", 5000, "key")
    for _ in range(8):
        with pytest.raises(RefundRefused):
            gateway.refund("tx-decline", 5000, "other key")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"transactionId": 7}', b'{"transactionId": "t", "amountCents": true}']
)
def test_a_malformed_request_is_400_and_returns_nothing(served: tuple[str, simulated.Gateway], body: bytes) -> None:
    url, gateway = served
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    connection.request("POST", "/refunds", body, {"Idempotency-Key": "key"})
    answer = connection.getresponse()

    assert (answer.status, json.loads(answer.read())) == (400, {"error": "MALFORMED"})
    connection.close()
    assert gateway.listed(None) == []


@pytest.mark.parametrize("status", [200, 404])
def test_a_gateway_that_answers_anything_is_alive(status: int) -> None:
    with answering(status, b"") as gateway:
        gateway.ping()


def test_a_gateway_that_says_that_it_is_out_of_order_is_not() -> None:
    with answering(503, b"") as gateway, pytest.raises(GatewaySilent, match="503"):
        gateway.ping()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "not a URL"])
def test_a_gateway_that_nobody_reaches_is_not(url: str) -> None:
    with pytest.raises(GatewaySilent):
        HttpGateway(url).ping()
