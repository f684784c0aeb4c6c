"""The payment gateway: what we make of its answers, and what the simulated one makes of requests."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from chalicelib.domain.events import UnreadableMessage
from chalicelib.domain.payments import Charge, GatewayUnavailable, PaymentNotYetAtGateway, RefundNotConfirmed
from chalicelib.domain.refusals import WebhookAuthenticationFailed
from chalicelib.domain.signatures import is_signed, sign_body
from chalicelib.infrastructure.breakers import Breaker, BreakerPolicy
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.payments.guarded_gateway import CircuitBreakerGateway, GatewaySilent
from chalicelib.infrastructure.payments.simulated_gateway import (
    SIGNATURE_HEADER,
    HttpClientOfSimulatedGateway,
    SimulatedGatewayMessages,
)
from chalicelib.settings import load
from infra.local import payment_gateway as simulated
from infra.local import serving
from infra.local.payment_gateway import Gateway, Messenger
from tests.builders import NOW, a_reservation
from tests.receiver import Received, Receiver, receiver

SHAPES = [
    (200, b"{}"),
    (200, b"[]"),
    (200, b"\xff"),
    (200, b"[" * 100_000),
    (200, b"<html>"),
    (200, b""),
    (201, b'{"paymentId": 7, "reservationId": "res-1"}'),
    (201, b'{"paymentId": "", "reservationId": "res-1"}'),
    (201, b'{"paymentId": "pay-1", "reservationId": "res-other"}'),
    (404, b"<html>no such page</html>"),
    (404, b'{"error": "NOT_FOUND"}'),
    (429, b""),
    (500, b'{"error": "UNKNOWN_TRANSACTION"}'),
    (200, b'"' + b"x" * 2_000_000 + b'"'),
]
"""Answers that mean nothing."""
PAID = {
    "paymentId": "tx-1",
    "reservationId": "res-1",
    "status": "charged",
    "amountCents": 5000,
    "currency": "BRL",
    "chargedAtMs": 1_708_023_600_123,
    "refundedCents": 0,
}


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[HttpClientOfSimulatedGateway]:
    """Serves a gateway that always answers this."""

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

    with serving.serve(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield HttpClientOfSimulatedGateway(f"{url}/")


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
    with answering(status, body) as gateway, pytest.raises(RefundNotConfirmed) as refused:
        gateway.refund("tx-1", 5000, "key")

    assert not isinstance(refused.value, PaymentNotYetAtGateway), "a wrong address must not make payments void"
    assert str(status) in str(refused.value)


def test_a_payment_that_the_gateway_does_not_know_is_told_apart() -> None:
    with answering(404, b'{"error": "UNKNOWN_TRANSACTION"}') as gateway, pytest.raises(PaymentNotYetAtGateway):
        gateway.refund("tx-1", 5000, "key")


def test_money_is_not_asked_for_where_an_answer_points_to() -> None:
    elsewhere = answering(307, b"", Location="http://127.0.0.1:9/refunds")
    with elsewhere as gateway, pytest.raises(RefundNotConfirmed, match="307"):
        gateway.refund("tx-1", 5000, "key")


@pytest.mark.parametrize(("status", "body"), SHAPES)
def test_an_answer_that_means_nothing_says_nothing_of_a_payment(status: int, body: bytes) -> None:
    with answering(status, body) as gateway:
        for ask in (
            lambda: gateway.start_payment(a_reservation(), "key"),
            lambda: gateway.find_charge("tx-1"),
            lambda: gateway.list_charges_since(NOW),
        ):
            with pytest.raises(GatewayUnavailable):
                ask()


def test_a_payment_is_read_as_it_was_charged() -> None:
    with answering(200, json.dumps(PAID).encode()) as gateway:
        charge = gateway.find_charge("tx-1")
    assert charge
    assert (charge.reservation_id, charge.amount_cents, charge.currency) == ("res-1", 5000, "BRL")
    assert charge.charged_at.isoformat() == "2024-02-15T19:00:00.123000+00:00"


@pytest.mark.parametrize(
    "change",
    [
        {"paymentId": "tx-2"},
        {"paymentId": None},
        {"reservationId": 7},
        {"status": "pending"},
        {"amountCents": "5000"},
        {"amountCents": True},
        {"amountCents": -1},
        {"amountCents": 50.0},
        {"currency": "brl"},
        {"currency": "REAIS"},
        {"chargedAtMs": None},
        {"chargedAtMs": 10**18},
        {"chargedAtMs": -1},
        {"refundedCents": 5001},
        {"refundedCents": -1},
    ],
)
def test_a_payment_with_a_nonsensical_field_is_none(change: dict[str, object]) -> None:
    with answering(200, json.dumps(PAID | change).encode()) as gateway, pytest.raises(GatewayUnavailable):
        gateway.find_charge("tx-1")


@pytest.mark.parametrize(
    "body",
    [
        {"payments": None, "next": None},
        {"payments": [7], "next": None},
        {"payments": [PAID | {"currency": ""}], "next": None},
        {"payments": [], "next": "2"},
        {"payments": [], "next": True},
        {"payments": [], "next": 0},
    ],
)
def test_a_list_that_makes_no_sense_or_does_not_end_is_none(body: dict[str, object]) -> None:
    with answering(200, json.dumps(body).encode()) as gateway, pytest.raises(GatewayUnavailable):
        gateway.list_charges_since(NOW)


def test_without_a_gateway_nothing_is_paid_and_nothing_returned() -> None:
    nowhere = HttpClientOfSimulatedGateway("")
    with pytest.raises(GatewayUnavailable, match="set PAYMENTS_URL"):
        nowhere.find_charge("tx-1")
    with pytest.raises(GatewayUnavailable, match="set PAYMENTS_URL"):
        nowhere.start_payment(a_reservation(), "key")
    with pytest.raises(RefundNotConfirmed, match="set PAYMENTS_URL"):
        nowhere.refund("tx-1", None, "key")


def test_an_answer_that_trickles_is_given_up() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" ")
                    ended.wait(0.02)
            except ConnectionError:
                ended.set()

        def log_message(self, *_: object) -> None: ...

    ended = threading.Event()
    with serving.serve(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url, pytest.raises(GatewaySilent):
        HttpClientOfSimulatedGateway(url, 0.2).find_charge("tx-1")
    assert ended.wait(5), "the connection was closed"


# The breaker before it.


def test_a_silent_gateway_is_left_alone_by_every_call_and_refusals_do_not_count() -> None:
    patience = BreakerPolicy(failures=2, pause_seconds=60, longest_pause_seconds=60)
    with answering(404, b'{"error": "UNKNOWN_TRANSACTION"}') as alive:
        guarded = CircuitBreakerGateway(alive, Breaker("payments", patience))
        for _ in range(3):
            assert guarded.find_charge("tx-1") is None
            with pytest.raises(PaymentNotYetAtGateway):
                guarded.refund("tx-1", None, "key")

    guarded = CircuitBreakerGateway(HttpClientOfSimulatedGateway("http://127.0.0.1:9"), guarded.breaker)
    with pytest.raises(GatewaySilent):
        guarded.list_charges_since(NOW)
    with pytest.raises(GatewaySilent):
        guarded.start_payment(a_reservation(), "key")
    for ask in (lambda: guarded.find_charge("tx-1"), lambda: guarded.start_payment(a_reservation(), "key")):
        with pytest.raises(GatewayUnavailable, match="was not asked"):
            ask()
    with pytest.raises(RefundNotConfirmed, match="was not asked"):
        guarded.refund("tx-1", None, "key")


# The simulated one.


@pytest.fixture
def served() -> Iterator[tuple[str, Gateway]]:
    with simulated.run_gateway() as (url, gateway):
        yield url, gateway


def post(url: str, path: str, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", path, raw, headers)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_any_transaction_of_the_contract_is_returned_once_for_its_key(served: tuple[str, Gateway]) -> None:
    url, gateway = served
    for transaction in ("tx-1", "ü🎟 \\ \"'/?", "x" * 100):
        gateway.charge(transaction, "res-1", 5000)
        first = HttpClientOfSimulatedGateway(url).refund(transaction, None, f"refund-{transaction}")
        assert HttpClientOfSimulatedGateway(url).refund(transaction, None, f"refund-{transaction}") == first
        assert HttpClientOfSimulatedGateway(url).refund(transaction, None, "another key") == first
        assert HttpClientOfSimulatedGateway(url).find_charge(transaction), transaction
    assert [one["amountCents"] for one in gateway.list_refunds(None)] == [5000] * 3


def test_a_key_that_came_with_another_request_is_refused(served: tuple[str, Gateway]) -> None:
    url, simulated_gateway = served
    gateway = HttpClientOfSimulatedGateway(url)
    simulated_gateway.charge("tx-1", "res-1", 5000)
    gateway.refund("tx-1", 5000, "key")
    gateway.start_payment(a_reservation(), "key")

    with pytest.raises(RefundNotConfirmed, match="KEY_REUSED"):
        gateway.refund("tx-1", 2500, "key")
    with pytest.raises(GatewayUnavailable, match="KEY_REUSED"):
        gateway.start_payment(a_reservation(), "key")


def test_it_returns_in_parts_and_never_more_than_was_charged(served: tuple[str, Gateway]) -> None:
    url, gateway = served
    gateway.charge("tx-1", "res-1", 5000)
    HttpClientOfSimulatedGateway(url).refund("tx-1", 2000, "first")

    with pytest.raises(RefundNotConfirmed, match="AMOUNT_TOO_LARGE: 3000 cents are left"):
        HttpClientOfSimulatedGateway(url).refund("tx-1", 3001, "second")
    HttpClientOfSimulatedGateway(url).refund("tx-1", None, "second")

    assert [one["amountCents"] for one in gateway.list_refunds("tx-1")] == [2000, 3000]
    charge = HttpClientOfSimulatedGateway(url).find_charge("tx-1")
    assert charge
    assert charge.refunded_cents == 5000


@pytest.mark.parametrize("transaction", ["tx-made-up", "tx-uncharged", "tx-unknown"])
def test_what_was_never_charged_can_not_be_returned(served: tuple[str, Gateway], transaction: str) -> None:
    url, gateway = served
    asked = {"reservationId": "res-1", "amountCents": 5000, "currency": "BRL", "transactionId": transaction}
    if transaction != "tx-made-up":
        post(url, "/payments", asked, **{"Idempotency-Key": "key"})

    assert HttpClientOfSimulatedGateway(url).find_charge(transaction) is None
    with pytest.raises(PaymentNotYetAtGateway):
        HttpClientOfSimulatedGateway(url).refund(transaction, 5000, "key")
    assert gateway.list_refunds(None) == []


def test_it_charges_less_where_the_transaction_says_so(served: tuple[str, Gateway]) -> None:
    url, gateway = served
    assert gateway.charge("tx-short", "res-1", 5000)["amountCents"] == 4999
    charge = HttpClientOfSimulatedGateway(url).find_charge("tx-short")
    assert charge
    assert charge.amount_cents == 4999


def test_a_payment_may_be_named_once(served: tuple[str, Gateway]) -> None:
    url, gateway = served
    asked = {"reservationId": "res-1", "amountCents": 5000, "currency": "BRL", "transactionId": "tx-1"}

    assert post(url, "/payments", asked, **{"Idempotency-Key": "key"})[1]["paymentId"] == "tx-1"
    assert post(url, "/payments", asked, **{"Idempotency-Key": "key"})[0] == 201
    assert post(url, "/payments", asked, **{"Idempotency-Key": "other"}) == (409, {"error": "TRANSACTION_EXISTS"})
    with pytest.raises(ValueError, match="TRANSACTION_EXISTS"):
        gateway.charge("tx-1", "res-1", 5000)


def test_payments_and_refunds_have_unguessable_ids_that_a_restart_does_not_give_again() -> None:
    ids = set()
    for _ in range(2):
        with simulated.run_gateway() as (url, _gateway):
            gateway = HttpClientOfSimulatedGateway(url)
            paid = gateway.start_payment(a_reservation(), "key").id
            ids |= {paid, gateway.refund(paid, None, "key")}
    assert len(ids) == 4
    assert all(len(one) >= 24 for one in ids)


def test_all_that_was_charged_since_a_moment_is_listed_over_its_pages(served: tuple[str, Gateway]) -> None:
    url, gateway = served
    begun = utc_now() - timedelta(seconds=1)
    wanted = {f"tx-{number}" for number in range(2 * simulated.PAGE + 7)}
    for transaction in wanted:
        gateway.charge(transaction, "res-1", 5000)
    gateway.charge("tx-uncharged", "res-1", 5000)

    assert {one.transaction_id for one in HttpClientOfSimulatedGateway(url).list_charges_since(begun)} == wanted
    assert HttpClientOfSimulatedGateway(url).list_charges_since(utc_now() + timedelta(seconds=5)) == []


def test_it_declines_as_often_as_the_transaction_says(served: tuple[str, Gateway]) -> None:
    url, simulated_gateway = served
    gateway = HttpClientOfSimulatedGateway(url)
    for transaction in ("tx-decline-2", "tx-decline"):
        simulated_gateway.charge(transaction, "res-1", 5000)
    for _ in range(2):
        with pytest.raises(RefundNotConfirmed, match="402 DECLINED: The bank declined"):
            gateway.refund("tx-decline-2", 5000, "key")
    assert gateway.refund("tx-decline-2", 5000, "key")
    for _ in range(8):
        with pytest.raises(RefundNotConfirmed):
            gateway.refund("tx-decline", 5000, "other key")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *(("/refunds", body) for body in (b"", b"{", b"[]", b"null", b"[" * 9999, {"transactionId": 7})),
        ("/refunds", {"transactionId": "tx-1", "amountCents": True}),
        ("/refunds", {"transactionId": "tx-1", "amountCents": 0}),
        ("/payments", {"reservationId": "res-1", "amountCents": 5000}),
        ("/payments", {"reservationId": "res-1", "amountCents": 5000, "currency": "brl"}),
        ("/payments", {"reservationId": "res-1", "amountCents": 0, "currency": "BRL"}),
        ("/payments", {"reservationId": "", "amountCents": 5000, "currency": "BRL"}),
        ("/payments", {"reservationId": "res-1", "amountCents": 5000, "currency": "BRL", "transactionId": None}),
    ],
)
def test_a_malformed_request_is_400_and_moves_nothing(served: tuple[str, Gateway], path: str, body: object) -> None:
    url, gateway = served
    gateway.charge("tx-1", "res-1", 5000)

    assert post(url, path, body, **{"Idempotency-Key": "key"}) == (400, {"error": "MALFORMED"})
    assert gateway.list_refunds(None) == []
    assert list(gateway.payments) == ["tx-1"]


def test_a_request_without_a_key_is_400(served: tuple[str, Gateway]) -> None:
    asked = {"reservationId": "res-1", "amountCents": 5000, "currency": "BRL"}
    assert post(served[0], "/payments", asked)[0] == 400
    assert post(served[0], "/refunds", {"transactionId": "tx-1"})[0] == 400


# Its messages.

SECRETS = ["new", "old"]


@pytest.fixture
def telling() -> Iterator[tuple[Gateway, Receiver]]:
    """Serves a gateway that is late by more than a test waits, and a receiver of its messages."""
    with receiver() as got:
        gateway = Gateway(late_seconds=60, messenger=Messenger(got.url, SECRETS, pause_seconds=0.01))
        with simulated.run_gateway(gateway=gateway):
            yield gateway, got


def wait_for(happened: Callable[[], bool]) -> None:
    """Waits until it has happened. Fails after 10 seconds."""
    until = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.01)


def messages_received(got: Receiver) -> list[tuple[str, str]]:
    """Gives the type and the payment of each message."""
    return [(one.body["type"], one.body["payment"]["paymentId"]) for one in got.got]


def read(one: Received, secrets: Sequence[str] = ("old",)) -> Charge | None:
    return SimulatedGatewayMessages(secrets).read_charge(one.headers, one.raw, utc_now())


def test_what_was_charged_is_told_signed_with_each_secret(telling: tuple[Gateway, Receiver]) -> None:
    gateway, got = telling
    gateway.charge("tx-1", "res-1", 5000)
    assert gateway.messenger.wait_until_idle(10)

    [message] = got.got
    charge = read(message)
    assert charge
    assert (charge.transaction_id, charge.reservation_id, charge.amount_cents) == ("tx-1", "res-1", 5000)
    assert read(message, ["other", "new"]) == charge
    assert message.body["id"].startswith("evt-")


def test_where_it_tells_may_be_said_later(served: tuple[str, Gateway]) -> None:
    url, gateway = served
    gateway.charge("tx-1", "res-1", 5000)
    with receiver() as got:
        assert urllib3.request("PUT", f"{url}/webhook", json={"url": got.url}).status == 200
        assert urllib3.request("PUT", f"{url}/webhook", json={"url": "file:///etc/passwd"}).status == 400
        gateway.charge("tx-2", "res-1", 5000)
        assert gateway.messenger.wait_until_idle(10)
    assert messages_received(got) == [("payment.charged", "tx-2")]
    messages = urllib3.request("GET", f"{url}/messages").json()["messages"]
    assert [one["payment"]["paymentId"] for one in messages] == ["tx-1", "tx-2"]


def test_the_gateways_signature_is_the_one_that_we_know() -> None:
    ours = sign_body(SECRETS, b'{"a": 1}', NOW)
    assert simulated.signature(SECRETS, b'{"a": 1}', NOW.timestamp()) == ours
    assert is_signed(ours, b'{"a": 1}', ["old"], NOW)
    assert simulated.SIGNATURE_HEADER.lower() == SIGNATURE_HEADER
    assert load({}).payments_secrets == (simulated.SECRET,)


def test_a_message_comes_again_until_it_is_taken(telling: tuple[Gateway, Receiver]) -> None:
    gateway, got = telling
    got.statuses += [500, 302, 404]
    gateway.charge("tx-1", "res-1", 5000)
    assert gateway.messenger.wait_until_idle(10)

    assert len(got.got) == 4
    assert len({one.body["id"] for one in got.got}) == 1


def test_a_message_that_nobody_takes_is_given_up(telling: tuple[Gateway, Receiver]) -> None:
    gateway, got = telling
    gateway.messenger.pause_seconds = 0
    got.statuses += [500] * (simulated.MOST_TRIES + 5)
    gateway.charge("tx-1", "res-1", 5000)

    assert gateway.messenger.wait_until_idle(30)
    assert len(got.got) == simulated.MOST_TRIES


@pytest.mark.parametrize("by_switch", [False, True])
@pytest.mark.parametrize(("behaviour", "times"), [("", 1), ("twice", 2), ("lost", 0), ("late", 0)])
def test_messages_are_lost_late_or_come_twice_as_the_transaction_or_a_switch_says(
    telling: tuple[Gateway, Receiver], behaviour: str, times: int, by_switch: bool
) -> None:
    gateway, got = telling
    gateway.messages = behaviour if by_switch else ""
    gateway.charge("tx-1" if by_switch or not behaviour else f"tx-1-{behaviour}", "res-1", 5000)
    gateway.messages = ""
    gateway.charge("tx-after", "res-2", 5000)
    wait_for(lambda: ("payment.charged", "tx-after") in messages_received(got))

    assert len(got.got) == times + 1
    assert len({one.body["id"] for one in got.got}) == min(times, 1) + 1


def test_a_late_message_comes_in_the_end() -> None:
    with receiver() as got:
        gateway = Gateway(messages="late", late_seconds=0.05, messenger=Messenger(got.url))
        with simulated.run_gateway(gateway=gateway):
            gateway.charge("tx-1", "res-1", 5000)
            assert gateway.messenger.wait_until_idle(10)
    assert messages_received(got) == [("payment.charged", "tx-1")]


def test_a_shuffled_message_comes_after_the_next_one(telling: tuple[Gateway, Receiver]) -> None:
    gateway, got = telling
    gateway.charge("tx-1-shuffled", "res-1", 5000)
    gateway.refund("key", simulated.RefundRequest("tx-1-shuffled", None))
    assert gateway.messenger.wait_until_idle(10)
    gateway.messages = "shuffled"
    for number in range(4):
        gateway.charge(f"tx-{number}", "res-1", 5000)
    assert gateway.messenger.wait_until_idle(10)

    assert messages_received(got)[:2] == [("payment.refunded", "tx-1-shuffled"), ("payment.charged", "tx-1-shuffled")]
    assert [transaction for _, transaction in messages_received(got)[2:]] == ["tx-1", "tx-0", "tx-3", "tx-2"]


def test_what_is_no_charge_is_told_and_says_nothing_to_us(telling: tuple[Gateway, Receiver]) -> None:
    gateway, got = telling
    gateway.charge("tx-uncharged", "res-1", 5000)
    assert gateway.messenger.wait_until_idle(10)

    assert messages_received(got) == [("payment.declined", "tx-uncharged")]
    assert read(got.got[0]) is None


def signed(body: bytes, **headers: str) -> dict[str, str]:
    return {SIGNATURE_HEADER: sign_body(["key"], body, NOW), **headers}


@pytest.mark.parametrize(
    ("headers", "secrets"),
    [
        (signed(b"{}"), ["other"]),
        (signed(b"{}"), []),
        (signed(b"{ }"), ["key"]),
        ({}, ["key"]),
        ({SIGNATURE_HEADER: sign_body(["key"], b"{}", NOW - timedelta(seconds=301))}, ["key"]),
        ({SIGNATURE_HEADER: sign_body(["key"], b"{}", NOW + timedelta(seconds=301))}, ["key"]),
    ],
)
def test_a_message_that_is_not_ours_now_is_not_believed(headers: dict[str, str], secrets: list[str]) -> None:
    with pytest.raises(WebhookAuthenticationFailed):
        SimulatedGatewayMessages(secrets).read_charge(headers, b"{}", NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"type": 7}',
        b'{"type": "payment.charged"}',
        b'{"type": "payment.charged", "payment": {}}',
        json.dumps({"type": "payment.charged", "payment": PAID | {"amountCents": "5000"}}).encode(),
        json.dumps({"type": "payment.charged", "payment": PAID | {"status": "declined"}}).encode(),
    ],
)
def test_what_is_signed_and_makes_no_sense_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        SimulatedGatewayMessages(["key"]).read_charge(signed(body), body, NOW)


# Whether it is alive.


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
        HttpClientOfSimulatedGateway(url).ping()
