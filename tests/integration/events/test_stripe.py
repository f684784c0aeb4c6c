"""Stripe: its signed messages, its answers that mean nothing, its refusals; and what the other functions load of it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from stripe import WebhookSignature

from chalicelib.domain.events import UnreadableMessage
from chalicelib.domain.payments import GatewayUnavailable, PaymentNotYetAtGateway, RefundNotConfirmed
from chalicelib.domain.refusals import WebhookAuthenticationFailed
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.payments.guarded_gateway import GatewaySilent
from chalicelib.infrastructure.payments.stripe_gateway import SIGNATURE_HEADER, StripeGateway, StripeMessages
from infra.local.serving import serve
from infra.processes import ROOT
from tests.builders import NOW, a_reservation
from tests.receiver import Received, receiver
from tests.stripe_server import PUBLIC_KEY, SECRET_KEY, StripeServer, as_today, stripe_server

WEBHOOK_SECRET = "whsec_of_nobody"  # noqa: S105 - names what it is


@pytest.fixture(scope="module")
def server(run_dir: Path) -> Iterator[StripeServer]:
    with stripe_server(run_dir) as found:
        yield found


@pytest.fixture(scope="module")
def stripe(server: StripeServer) -> StripeGateway:
    return StripeGateway(SECRET_KEY, PUBLIC_KEY, api_base=server.url)


@contextmanager
def told(server: StripeServer) -> Iterator[Callable[[], Received]]:
    """What localstripe sends to our webhook, a second after it happened."""
    with receiver() as got:
        server.tell(got.url, WEBHOOK_SECRET)

        def first() -> Received:
            until = time.monotonic() + 10
            while not got.got:
                assert time.monotonic() < until, "nothing was told"
                time.sleep(0.02)
            return got.got[0]

        yield first


def signed(event: object, secret: str = WEBHOOK_SECRET) -> tuple[dict[str, str], bytes]:
    """As Stripe signs it at NOW."""
    body = json.dumps(event)
    header = WebhookSignature.generate_signature_header(body, secret, int(NOW.timestamp()))
    return {SIGNATURE_HEADER: header}, body.encode()


def an_event(**changes: Any) -> dict[str, Any]:
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "status": "succeeded",
        "amount": 5000,
        "amount_received": 5000,
        "currency": "brl",
        "metadata": {"reservation_id": "res-1"},
    }
    created = int(NOW.timestamp()) - 2
    event = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": created}
    return event | {"data": {"object": intent | changes}}


# Starting


def test_the_buyers_browser_is_given_what_it_needs_and_no_more(stripe: StripeGateway) -> None:
    intent = stripe.start_payment(a_reservation(), "key-of-a-browser")

    assert (intent.provider, intent.public_key) == ("stripe", PUBLIC_KEY)
    assert intent.client_secret.startswith(intent.id)
    assert intent.client_secret not in repr(intent)
    assert SECRET_KEY not in repr(stripe) + repr(intent)


def test_a_card_that_is_declined_charges_nothing(server: StripeServer, stripe: StripeGateway) -> None:
    intent = stripe.start_payment(a_reservation(), "key-of-a-bad-card")
    server.pay(intent.id, card="4000000000000341")

    assert stripe.find_charge(intent.id) is None
    assert intent.id not in [
        charge.transaction_id for charge in stripe.list_charges_since(utc_now() - timedelta(minutes=5))
    ]


# What is none of ours: the account may sell popcorn, too.


def test_a_payment_of_something_else_is_left_alone(server: StripeServer, stripe: StripeGateway) -> None:
    popcorn = {"amount": 500, "currency": "brl", "payment_method_types": ["card"], "metadata": {"order": "popcorn"}}
    foreign = server.asked("POST", "/v1/payment_intents", popcorn)["id"]
    server.pay(foreign)

    assert stripe.find_charge(foreign) is None
    assert foreign not in [
        charge.transaction_id for charge in stripe.list_charges_since(utc_now() - timedelta(minutes=5))
    ]
    with pytest.raises(PaymentNotYetAtGateway):
        stripe.refund(foreign, None, "key-of-popcorn")
    headers, body = signed(an_event(metadata={"order": "popcorn"}))
    assert StripeMessages([WEBHOOK_SECRET]).read_charge(headers, body, NOW) is None


def test_what_a_client_made_up_is_not_asked_for(server: StripeServer) -> None:
    nobody = StripeGateway(SECRET_KEY, PUBLIC_KEY, api_base="http://127.0.0.1:9")

    assert nobody.find_charge("tx-456") is None
    with pytest.raises(PaymentNotYetAtGateway):
        nobody.refund("pi_1/../../refunds", None, "key")


# Refunds


def test_a_refund_is_found_by_its_key_when_stripe_has_forgotten_that_key(
    server: StripeServer, stripe: StripeGateway
) -> None:
    transaction_id = stripe.start_payment(a_reservation(), "key-of-forgotten").id
    server.pay(transaction_id)
    first = stripe.refund(transaction_id, 2000, "refund-of-forgotten")
    server.answers.clear()

    assert stripe.refund(transaction_id, 2000, "refund-of-forgotten") == first
    charge = stripe.find_charge(transaction_id)
    assert charge
    assert charge.refunded_cents == 2000


def test_what_was_returned_on_stripes_own_pages_is_returned(server: StripeServer, stripe: StripeGateway) -> None:
    transaction_id = stripe.start_payment(a_reservation(), "key-of-by-hand").id
    server.pay(transaction_id)
    by_hand = server.asked("POST", "/v1/refunds", {"payment_intent": transaction_id})["id"]

    assert stripe.refund(transaction_id, 5000, "refund-of-by-hand") == by_hand


# Answers of another shape, and silence


@contextmanager
def answering(*answers: tuple[int, object]) -> Iterator[StripeGateway]:
    """A Stripe that gives these answers in turn, the last one for ever."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, said = left.pop(0) if len(left) > 1 else left[0]
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    with serve(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield StripeGateway(SECRET_KEY, PUBLIC_KEY, api_base=url, read_seconds=1)


def refund_of(key: str, **changes: Any) -> dict[str, Any]:
    return {"id": f"re_{key}", "status": "succeeded", "metadata": {"refund_key": key}} | changes


def an_intent(*refunds: dict[str, Any], refunded: int = 0, intent_id: str = "pi_1", **changes: Any) -> dict[str, Any]:
    charge = {
        "status": "succeeded",
        "captured": True,
        "amount_captured": 5000,
        "amount_refunded": refunded,
        "created": 1_708_023_600,
        "refunds": {"object": "list", "data": list(refunds)},
    }
    intent: dict[str, Any] = an_event()["data"]["object"]
    return intent | {"id": intent_id, "latest_charge": charge | changes}


def error(code: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"type": kind, "code": code, "message": "no"}}


NONSENSE: list[tuple[int, object]] = [
    (200, b""),
    (200, b"<html>"),
    (200, b"\xff"),
    (200, []),
    (200, "pi_1"),
    (200, {}),
    (200, {"id": 7}),
    (200, {"object": "payment_intent", "id": "pi_1"}),
    (200, an_intent() | {"latest_charge": "ch_1"}),
    (200, an_intent(amount_captured="5000", refunds=None)),
    (200, an_intent(amount_captured=True, refunds=None)),
    (200, an_intent(amount_refunded=5001, refunds=None)),
    (200, an_intent(created=10**15, refunds=None)),
    (200, an_intent(refunds=None) | {"currency": "reais"}),
    (200, an_intent(refunds=None) | {"metadata": None}),
    (302, b""),
    (400, error("parameter_unknown")),
    (401, error("", "authentication_error")),
    (404, b"<html>"),
    (404, error("")),
    (429, error("rate_limit")),
    (500, error("", "api_error")),
    (500, b""),
    (503, b"<html>"),
]


@pytest.mark.parametrize("answer", NONSENSE, ids=str)
def test_an_answer_that_means_nothing_is_no_payment_and_no_refund(answer: tuple[int, object]) -> None:
    with answering(answer) as stripe:
        for ask in (
            lambda: stripe.start_payment(a_reservation(), "key"),
            lambda: stripe.find_charge("pi_1"),
            lambda: stripe.list_charges_since(NOW),
        ):
            with pytest.raises(GatewayUnavailable):
                ask()
        with pytest.raises(RefundNotConfirmed) as refused:
            stripe.refund("pi_1", None, "key")
    assert not isinstance(refused.value, PaymentNotYetAtGateway), "a wrong address must not make payments void"


def test_a_stripe_that_nobody_reaches_is_silent() -> None:
    nobody = StripeGateway(SECRET_KEY, PUBLIC_KEY, api_base="http://127.0.0.1:9")
    for ask in (
        lambda: nobody.start_payment(a_reservation(), "key"),
        lambda: nobody.find_charge("pi_1"),
        lambda: nobody.list_charges_since(NOW),
        lambda: nobody.refund("pi_1", None, "key"),
        nobody.ping,
    ):
        with pytest.raises(GatewaySilent):
            ask()


def test_it_is_alive_when_it_takes_our_key(stripe: StripeGateway) -> None:
    stripe.ping()
    with answering((401, error("", "authentication_error"))) as other, pytest.raises(GatewayUnavailable):
        other.ping()


def test_a_payment_that_stripe_does_not_know_is_told_apart() -> None:
    with answering((404, error("resource_missing"))) as stripe:
        assert stripe.find_charge("pi_1") is None
        with pytest.raises(PaymentNotYetAtGateway):
            stripe.refund("pi_1", 5000, "key")


def test_a_refund_that_somebody_else_made_meanwhile_is_found() -> None:
    refunded = an_intent(refund_of("other"), refunded=5000)
    with answering((200, an_intent()), (400, error("charge_already_refunded")), (200, refunded)) as stripe:
        assert stripe.refund("pi_1", 5000, "key") == "re_other"


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_a_refund_that_failed_is_none(status: str) -> None:
    unlucky = answering((200, an_intent()), (200, refund_of("key", status=status)))
    with unlucky as stripe, pytest.raises(RefundNotConfirmed, match=status):
        stripe.refund("pi_1", 5000, "key")
    with answering((200, an_intent(refund_of("key", status=status))), (200, refund_of("new"))) as stripe:
        assert stripe.refund("pi_1", 5000, "key") == "re_new"


def a_page(*ids: str, has_more: object) -> tuple[int, dict[str, Any]]:
    charges = [
        an_intent()["latest_charge"] | {"id": f"ch_{one}", "payment_intent": an_intent(intent_id=one)} for one in ids
    ]
    return 200, {"object": "list", "data": charges, "has_more": has_more, "url": "/v1/charges"}


def test_charges_are_listed_over_all_pages() -> None:
    pages = a_page("pi_1", "pi_2", has_more=True), a_page("pi_3", has_more=False)
    with answering(*pages) as stripe:
        assert [charge.transaction_id for charge in stripe.list_charges_since(NOW)] == ["pi_1", "pi_2", "pi_3"]


@pytest.mark.parametrize("second", [(200, {}), a_page(has_more=True), a_page(has_more=None), (500, b"")], ids=str)
def test_a_list_that_breaks_off_is_none(second: tuple[int, object]) -> None:
    with answering(a_page("pi_1", has_more=True), second) as stripe, pytest.raises(GatewayUnavailable):
        stripe.list_charges_since(NOW)


def test_money_that_is_only_reserved_on_the_card_is_not_charged() -> None:
    with answering((200, an_intent(captured=False))) as stripe:
        assert stripe.find_charge("pi_1") is None
    with answering((200, an_intent() | {"status": "requires_capture"})) as stripe:
        assert stripe.find_charge("pi_1") is None


# Messages


def test_its_message_is_signed_as_we_verify_it(server: StripeServer, stripe: StripeGateway) -> None:
    reservation = a_reservation()
    with told(server) as first:
        transaction_id = stripe.start_payment(reservation, "key-of-a-message").id
        server.pay(transaction_id)
        message = first()

    with pytest.raises(WebhookAuthenticationFailed):
        StripeMessages(["whsec_other"]).read_charge(message.headers, message.raw, utc_now())
    with pytest.raises(UnreadableMessage, match="amount_received"):  # which localstripe leaves out
        StripeMessages(["whsec_other", WEBHOOK_SECRET]).read_charge(message.headers, message.raw, utc_now())
    headers, body = signed(as_today(message.body))
    charge = StripeMessages([WEBHOOK_SECRET]).read_charge(headers, body, NOW)
    assert charge
    assert charge == stripe.find_charge(transaction_id)
    assert (charge.reservation_id, charge.amount_cents) == (reservation.id, 5000)


def test_several_secrets_are_good_while_they_are_rotated() -> None:
    headers, body = signed(an_event())

    charge = StripeMessages(["whsec_new", WEBHOOK_SECRET]).read_charge(headers, body, NOW)
    assert charge
    assert (charge.transaction_id, charge.reservation_id, charge.currency) == ("pi_1", "res-1", "BRL")
    assert (charge.amount_cents, charge.charged_at) == (5000, NOW.replace(microsecond=0) - timedelta(seconds=2))
    for secrets in ([], [""], ["whsec_new"]):
        with pytest.raises(WebhookAuthenticationFailed):
            StripeMessages(secrets).read_charge(headers, body, NOW)


@pytest.mark.parametrize("seconds", [-301, 302])
def test_a_signature_is_worth_five_minutes(seconds: int) -> None:
    headers, body = signed(an_event())
    with pytest.raises(WebhookAuthenticationFailed):
        StripeMessages([WEBHOOK_SECRET]).read_charge(headers, body, NOW + timedelta(seconds=seconds))


def test_the_moment_that_is_signed_is_the_one_that_is_looked_at() -> None:
    """Stripe's package reads the first of several."""
    headers, body = signed(an_event())
    later = NOW + timedelta(hours=1)
    forged = {SIGNATURE_HEADER: f"{headers[SIGNATURE_HEADER]},t={int(later.timestamp())}"}
    with pytest.raises(WebhookAuthenticationFailed):
        StripeMessages([WEBHOOK_SECRET]).read_charge(forged, body, later)


@pytest.mark.parametrize("header", ["", "t=1", "v1=0", "é", "t=1,v1=é", "t=\u0661,v1=00"])
@pytest.mark.parametrize("body", [b"{}", b"\xff"])
def test_what_is_no_signature_is_none(header: str, body: bytes) -> None:
    for given in ({}, {SIGNATURE_HEADER: header}, {SIGNATURE_HEADER: f"t={int(NOW.timestamp())},{header}"}):
        with pytest.raises(WebhookAuthenticationFailed):
            StripeMessages([WEBHOOK_SECRET]).read_charge(given, body, NOW)


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        "evt_1",
        {"type": "payment_intent.succeeded"},
        an_event(id="ch_1"),
        an_event(amount_received="5000"),
        an_event(amount_received=None),
        an_event(currency=None),
        an_event(metadata=None),
        an_event() | {"created": None},
    ],
    ids=str,
)
def test_what_is_signed_and_makes_no_sense_is_unreadable(event: object) -> None:
    headers, body = signed(event)
    with pytest.raises(UnreadableMessage):
        StripeMessages([WEBHOOK_SECRET]).read_charge(headers, body, NOW)


def test_a_message_of_something_else_says_nothing() -> None:
    for kind in ("payment_intent.payment_failed", "charge.refunded", "customer.created"):
        headers, body = signed(an_event() | {"type": kind})
        assert StripeMessages([WEBHOOK_SECRET]).read_charge(headers, body, NOW) is None


# What it costs those who don't call it


def test_only_who_calls_stripe_imports_its_package() -> None:
    script = (
        "import sys, app\n"
        "from chalicelib.infrastructure.payments import guarded_gateway, simulated_gateway, stripe_gateway\n"
        "from chalicelib.wiring.shared.gateway import payment_gateway; payment_gateway()\n"
        "stripe_gateway.StripeGateway('sk', 'pk'), stripe_gateway.StripeMessages(['whsec'])\n"
        "print(*sorted(sys.modules))"
    )
    environment = {"STAGE": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, check=False)

    loaded = done.stdout.decode().split()
    assert "chalicelib.infrastructure.payments.stripe_gateway" in loaded, done.stderr
    assert {"stripe", "requests"} & set(loaded) == set()
