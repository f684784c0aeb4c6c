"""A purchase through Stripe, from the hold to the sale: its message comes once, twice, late, or never."""

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from stripe import WebhookSignature

from chalicelib.domain.payments import Payment
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.payments.stripe_gateway import SIGNATURE_HEADER, StripeGateway
from chalicelib.wiring.shared.adapters import adapters
from chalicelib.wiring.use_cases.settling import SettlingUseCases
from infra.local.pump import Pump
from tests.conftest import ApiServers
from tests.http_api import Answer, Api
from tests.integration.conftest import Tables
from tests.integration.money import adapters_with, lapse_hold
from tests.stripe_server import PUBLIC_KEY, SECRET_KEY, StripeServer, stripe_server

WEBHOOK_SECRET = "whsec_of_this_cinema"  # noqa: S105 - names what it is


@dataclass(frozen=True)
class Cinema:
    """With Stripe as its gateway, whose word alone counts."""

    api: Api
    server: StripeServer
    gateway: StripeGateway
    pump: Pump

    def held(self) -> str:
        session_id = self.api.schedule()
        return str(self.api.hold(session_id, "A1", "A2", user=f"user-{uuid.uuid4()}").body["reservationId"])

    def started(self, reservation: str) -> str:
        started = self.api.send("POST", f"/api/reservations/{reservation}/payment")
        assert started.status == 201, started.text
        assert (started.body["provider"], started.body["amount"], started.body["currency"]) == ("stripe", 50, "BRL")
        assert started.body["clientSecret"].startswith(started.body["paymentId"])
        assert started.body["publicKey"] == PUBLIC_KEY
        return str(started.body["paymentId"])

    def tell(self, payment: str, reservation: str, secret: str = WEBHOOK_SECRET) -> Answer:
        """The message that Stripe sends of it."""
        intent = {
            "id": payment,
            "object": "payment_intent",
            "status": "succeeded",
            "amount": 5000,
            "amount_received": 5000,
            "currency": "brl",
            "metadata": {"reservation_id": reservation},
        }
        now = int(utc_now().timestamp())
        event = {"id": f"evt_{payment}", "object": "event", "type": "payment_intent.succeeded", "created": now}
        body = json.dumps(event | {"data": {"object": intent}})
        header = WebhookSignature.generate_signature_header(body, secret, now)
        headers = {"Content-Type": "application/json; charset=utf-8", SIGNATURE_HEADER: header}
        return self.api.send("POST", "/api/payments/webhook", body, **headers)

    def payment(self, payment: str) -> Payment:
        found = adapters().payments.find(payment)
        assert found
        return found

    def sweep(self) -> None:
        self.settling.reconcile_charges_refunds_and_sales(timedelta(hours=1))

    @property
    def settling(self) -> SettlingUseCases:
        return SettlingUseCases(adapters_with(gateway=self.gateway))


@pytest.fixture(scope="module")
def stripe(run_dir: Path) -> Iterator[StripeServer]:
    with stripe_server(run_dir) as server:
        yield server


@pytest.fixture
def cinema(stripe: StripeServer, api_servers: ApiServers, pump: Pump) -> Cinema:
    (url,) = api_servers(
        1,
        PAYMENTS_PROVIDER="stripe",
        PAYMENTS_URL=stripe.url,
        PAYMENTS_CONFIRMED_BY="gateway",
        PAYMENTS_WEBHOOK_SECRETS=f"whsec_of_before,{WEBHOOK_SECRET}",
        STRIPE_SECRET_KEY=SECRET_KEY,
        STRIPE_PUBLIC_KEY=PUBLIC_KEY,
    )
    gateway = StripeGateway(SECRET_KEY, PUBLIC_KEY, api_base=stripe.url)
    return Cinema(Api(url), stripe, gateway, pump)


def confirmed(cinema: Cinema, reservation: str, payment: str) -> Any:
    answer = cinema.api.confirm(reservation, payment)
    assert answer.status == 200, answer.text
    return answer.body


@pytest.mark.parametrize("times", [1, 2])
def test_a_payment_by_stripe_buys_the_seats_once_its_message_has_come(cinema: Cinema, times: int) -> None:
    reservation = cinema.held()
    payment = cinema.started(reservation)
    assert cinema.started(reservation) == payment
    early = cinema.api.confirm(reservation, payment)
    assert (early.status, early.body["error"], early.headers["retry-after"]) == (402, "PAYMENT_NOT_RECEIVED", "2")

    cinema.server.pay(payment)
    for _ in range(times):
        assert cinema.tell(payment, reservation).status == 200
    cinema.pump.drain()

    sale = confirmed(cinema, reservation, payment)
    assert confirmed(cinema, reservation, payment) == sale
    cinema.pump.drain()
    assert cinema.payment(payment).status == "sold"


def test_a_payment_by_stripe_whose_message_is_lost_is_found_by_the_sweep(cinema: Cinema) -> None:
    reservation = cinema.held()
    payment = cinema.started(reservation)
    cinema.server.pay(payment)
    assert cinema.api.confirm(reservation, payment).status == 402

    cinema.sweep()

    assert confirmed(cinema, reservation, payment)["status"] == "confirmed"


def test_a_payment_by_stripe_whose_message_comes_too_late_goes_back_once(cinema: Cinema, tables: Tables) -> None:
    reservation = cinema.held()
    payment = cinema.started(reservation)
    cinema.server.pay(payment)
    lapse_hold(tables.client, tables.prefix, reservation)

    for _ in range(2):
        cinema.tell(payment, reservation)
    cinema.pump.drain()  # its refund consumer has the simulated gateway, which knows of no such payment
    for _ in range(2):
        cinema.settling.refund_or_settle.refund_if_requested_or_settle_by_charge(cinema.payment(payment))

    stands = cinema.payment(payment)
    assert (stands.status, stands.reason) == ("refunded", "late")
    charge = cinema.gateway.find_charge(payment)
    assert charge
    assert charge.refunded_cents == 5000
    late = cinema.api.confirm(reservation, payment)
    assert (late.status, late.body["error"]) == (410, "RESERVATION_EXPIRED")


def test_a_message_that_stripe_did_not_sign_says_nothing(cinema: Cinema) -> None:
    reservation = cinema.held()
    payment = cinema.started(reservation)

    refused = cinema.tell(payment, reservation, secret="whsec_of_a_stranger")
    cinema.pump.drain()

    assert (refused.status, refused.body["error"]) == (401, "SIGNATURE_INVALID")
    assert cinema.api.confirm(reservation, payment).status == 402
    assert os.environ.get("STRIPE_SECRET_KEY") is None, "the tests' own environment knows of no Stripe"
