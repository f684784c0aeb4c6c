"""Payment gateways: the fake, the simulated one over HTTP, and Stripe against a server that is not ours."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.domain.money import CURRENCY
from chalicelib.domain.payments import Charge, GatewayUnavailable, PaymentNotYetAtGateway
from chalicelib.domain.ports import PaymentGateway
from chalicelib.domain.reservations import Reservation
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.payments.simulated_gateway import HttpClientOfSimulatedGateway
from chalicelib.infrastructure.payments.stripe_gateway import StripeGateway
from infra.local import payment_gateway as simulated
from tests.builders import a_reservation
from tests.fakes import FakeGateway
from tests.stripe_server import PUBLIC_KEY, SECRET_KEY, stripe_server


@dataclass(frozen=True)
class Bank:
    """A gateway and its buyers. `pay` pays a payment that was started; with `start_unpaid` the card is declined."""

    gateway: PaymentGateway
    pay: Callable[[Reservation, str], None]
    start_unpaid: Callable[[Reservation], str]

    def paid(self, reservation: Reservation) -> str:
        transaction_id = self.gateway.start_payment(reservation, f"pay-{reservation.id}").id
        self.pay(reservation, transaction_id)
        return transaction_id

    def charge(self, transaction_id: str) -> Charge:
        found = self.gateway.find_charge(transaction_id)
        assert found, f"{transaction_id} was not charged"
        return found


@contextmanager
def fake_bank(run_dir: Path) -> Iterator[Bank]:
    gateway = FakeGateway()
    gateway.pay(
        Charge(
            transaction_id="tx-of-another",
            reservation_id="res-1",
            amount_cents=1,
            currency=CURRENCY,
            charged_at=utc_now() - timedelta(days=1),
        )
    )

    def pay(reservation: Reservation, transaction_id: str) -> None:
        gateway.pay(
            Charge(
                transaction_id=transaction_id,
                reservation_id=reservation.id,
                amount_cents=int(reservation.amount * 100),
                currency=CURRENCY,
                charged_at=utc_now(),
            )
        )

    yield Bank(gateway=gateway, pay=pay, start_unpaid=lambda booked: gateway.start_payment(booked, a_key()).id)


@contextmanager
def simulated_bank(run_dir: Path) -> Iterator[Bank]:
    with simulated.run_gateway() as (url, bank):

        def start_unpaid(reservation: Reservation) -> str:
            return str(bank.charge(f"tx-{uuid.uuid4().hex}-uncharged", reservation.id, 5000)["paymentId"])

        yield Bank(gateway=HttpClientOfSimulatedGateway(url), pay=lambda *_: None, start_unpaid=start_unpaid)


@contextmanager
def stripe_bank(run_dir: Path) -> Iterator[Bank]:
    with stripe_server(run_dir) as server:
        gateway = StripeGateway(SECRET_KEY, PUBLIC_KEY, api_base=server.url)
        yield Bank(
            gateway=gateway,
            pay=lambda _, transaction_id: server.pay(transaction_id),
            start_unpaid=lambda reservation: gateway.start_payment(reservation, a_key()).id,
        )


BANKS = {"fake": fake_bank, "simulated": simulated_bank, "stripe": stripe_bank}


@pytest.fixture(scope="module", params=BANKS)
def bank(request: pytest.FixtureRequest, run_dir: Path) -> Iterator[Bank]:
    with BANKS[request.param](run_dir) as found:
        yield found


def a_key() -> str:
    return f"key-{uuid.uuid4().hex}"


def test_a_payment_is_started_once_for_each_key(bank: Bank) -> None:
    reservation, key = a_reservation(), a_key()
    first = bank.gateway.start_payment(reservation, key)

    assert bank.gateway.start_payment(reservation, key) == first
    assert bank.gateway.start_payment(reservation, a_key()).id != first.id


def test_what_was_paid_is_known_with_its_reservation_and_amount(bank: Bank) -> None:
    reservation, before = a_reservation("A1", "A2"), utc_now()
    charge = bank.charge(bank.paid(reservation))

    assert (charge.reservation_id, charge.amount_cents, charge.currency) == (reservation.id, 5000, CURRENCY)
    assert charge.refunded_cents == 0
    assert before - timedelta(seconds=1) < charge.charged_at <= utc_now(), "Stripe tells whole seconds"


@pytest.mark.parametrize("made_up", ["tx-made-up", "pi_made_up", "ü/../?&", "x" * 255])
def test_what_nobody_has_paid_is_no_charge_and_can_not_be_returned(bank: Bank, made_up: str) -> None:
    for transaction_id in (made_up, bank.start_unpaid(a_reservation())):
        assert bank.gateway.find_charge(transaction_id) is None
        with pytest.raises(PaymentNotYetAtGateway):
            bank.gateway.refund(transaction_id, 100, a_key())
        with pytest.raises(PaymentNotYetAtGateway):
            bank.gateway.refund(transaction_id, None, a_key())


def test_what_was_charged_since_a_moment_is_listed(bank: Bank) -> None:
    before = utc_now()
    paid = {bank.paid(a_reservation()) for _ in range(12)}
    unpaid = bank.start_unpaid(a_reservation())

    listed = list(bank.gateway.list_charges_since(before))
    found = [charge.transaction_id for charge in listed]
    assert paid <= set(found)
    assert unpaid not in found
    assert len(found) == len(set(found))
    assert all(charge == bank.charge(charge.transaction_id) for charge in listed if charge.transaction_id in paid)
    assert list(bank.gateway.list_charges_since(utc_now() + timedelta(seconds=5))) == []


@pytest.mark.parametrize(("amount", "returned"), [(None, 5000), (2000, 2000)])
def test_one_key_returns_once(bank: Bank, amount: int | None, returned: int) -> None:
    transaction_id, key = bank.paid(a_reservation()), a_key()
    refund_id = bank.gateway.refund(transaction_id, amount, key)

    assert refund_id
    assert bank.gateway.refund(transaction_id, amount, key) == refund_id
    assert bank.charge(transaction_id).refunded_cents == returned


def test_parts_are_returned_each_by_its_key_and_then_the_rest(bank: Bank) -> None:
    transaction_id = bank.paid(a_reservation())
    refunds = [bank.gateway.refund(transaction_id, amount, a_key()) for amount in (2000, 1000, 2000)]

    assert len(set(refunds)) == 3
    assert bank.charge(transaction_id).refunded_cents == 5000


def test_what_was_returned_whole_is_not_returned_again_by_another_key(bank: Bank) -> None:
    transaction_id = bank.paid(a_reservation())
    bank.gateway.refund(transaction_id, None, a_key())

    assert bank.gateway.refund(transaction_id, None, a_key())
    assert bank.charge(transaction_id).refunded_cents == 5000


def test_a_key_that_came_with_another_request_is_refused(bank: Bank) -> None:
    if isinstance(bank.gateway, FakeGateway):
        pytest.skip("the fake compares no requests")
    key = a_key()
    bank.gateway.start_payment(a_reservation(), key)

    with pytest.raises(GatewayUnavailable):
        bank.gateway.start_payment(a_reservation(), key)
