"""What became of each transaction's money: which write finds the other, on every backend."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.payments import Fate, Payment, RefundReason, payment_for_unknown, payment_of_sale
from chalicelib.domain.ports import Payments
from chalicelib.domain.times import to_ms
from chalicelib.infrastructure.payments import OUTSTANDING, REMEMBERED
from chalicelib.infrastructure.streams import payment_change
from tests.builders import NOW, PAID_AT, a_reservation, a_sale

from .conftest import Backend, Dynamo

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def payments(backend: Backend) -> Payments:
    return backend.payments


@pytest.fixture
def sale() -> Payment:
    """A transaction that has bought A1 and A2."""
    return a_payment_of_sale(f"tx-{uuid.uuid4()}")


def a_payment_of_sale(transaction_id: str) -> Payment:
    reservation = a_reservation("A1", "A2")
    payment = payment_of_sale(reservation.confirmed(a_sale(reservation.hold, transaction_id)))
    assert payment
    return payment


def for_nothing(payment: Payment, reason: RefundReason = RefundReason.LATE) -> Payment:
    """The same transaction, sent for something that was not to be had."""
    nothing = replace(payment, sale_id="", sold_at=None, reservation_id="res-other")
    return nothing.to_be_returned(reason, LATER)


def test_nothing_is_known_of_a_payment_at_first(payments: Payments, sale: Payment) -> None:
    assert payments.find(sale.transaction_id) is None


def test_a_sale_is_found_as_it_was_registered(payments: Payments, sale: Payment) -> None:
    assert payments.register_sale(sale) == sale

    assert payments.find(sale.transaction_id) == sale
    assert (sale.fate, sale.amount_cents, sale.sold_at) == (Fate.SOLD, 5000, PAID_AT)


def test_a_request_is_found_as_it_was_made(payments: Payments, sale: Payment) -> None:
    request = for_nothing(sale)

    assert payments.request_refund(request) == request

    assert payments.find(sale.transaction_id) == request


def test_a_request_about_nothing_known_has_no_amount(payments: Payments) -> None:
    request = payment_for_unknown(f"tx-{uuid.uuid4()}", "res-forgotten", NOW)
    payments.request_refund(request)

    assert payments.find(request.transaction_id) == request
    assert request.amount_cents is None


def test_the_first_request_stands(payments: Payments, sale: Payment) -> None:
    first = for_nothing(sale)
    payments.request_refund(first)

    assert payments.request_refund(for_nothing(sale, RefundReason.TWICE)) == first
    assert payments.find(sale.transaction_id) == first


def test_what_has_bought_a_sale_is_not_requested_back_for_nothing(payments: Payments, sale: Payment) -> None:
    payments.register_sale(sale)

    assert payments.request_refund(for_nothing(sale)) == sale


def test_what_has_bought_a_sale_is_requested_back_for_that_sale(payments: Payments, sale: Payment) -> None:
    payments.register_sale(sale)
    request = sale.to_be_returned(RefundReason.SCREENING_CANCELLED, LATER)

    assert payments.request_refund(request) == request
    assert payments.register_sale(sale) == request, "told late, it changes nothing"


def test_what_has_bought_a_sale_is_not_requested_back_for_another(payments: Payments, sale: Payment) -> None:
    payments.register_sale(sale)
    other = a_payment_of_sale(sale.transaction_id).to_be_returned(RefundReason.SCREENING_CANCELLED, LATER)

    assert payments.request_refund(other) == sale


def test_a_sale_may_be_requested_back_before_it_was_registered(payments: Payments, sale: Payment) -> None:
    request = sale.to_be_returned(RefundReason.SCREENING_CANCELLED, LATER)

    assert payments.request_refund(request) == request
    assert payments.register_sale(sale) == request


def test_a_sale_takes_the_place_of_a_request_for_nothing(payments: Payments, sale: Payment) -> None:
    request = for_nothing(sale)
    payments.request_refund(request)

    assert payments.register_sale(sale) == sale
    assert payments.settle(request.returned("re-1", LATER)) == sale, "and is not returned any more"


def test_a_cancelled_sale_takes_the_place_of_a_request_for_nothing(payments: Payments, sale: Payment) -> None:
    """Its screening may be cancelled before the sale is told of."""
    payments.request_refund(payment_for_unknown(sale.transaction_id, "res-made-up", NOW))
    request = sale.to_be_returned(RefundReason.SCREENING_CANCELLED, LATER)

    assert payments.request_refund(request) == request
    assert payments.register_sale(sale) == request


def test_the_first_sale_of_a_payment_stands(payments: Payments, sale: Payment) -> None:
    payments.register_sale(sale)

    assert payments.register_sale(a_payment_of_sale(sale.transaction_id)) == sale


def test_what_was_returned_stays_returned(payments: Payments, sale: Payment) -> None:
    request = for_nothing(sale)
    payments.request_refund(request)
    returned = request.returned("re-1", LATER)

    assert payments.settle(returned) == returned
    assert payments.settle(request.returned("re-2", LATER)) == returned
    assert payments.register_sale(sale) == returned
    assert payments.request_refund(request) == returned
    assert payments.void(request, LATER) == returned
    assert payments.find(sale.transaction_id) == returned


def test_a_returned_sale_keeps_what_it_was(payments: Payments, sale: Payment) -> None:
    payments.register_sale(sale)
    request = sale.to_be_returned(RefundReason.SCREENING_CANCELLED, LATER)
    payments.request_refund(request)

    assert payments.settle(request.returned("re-1", LATER)) == request.returned("re-1", LATER)


def test_what_never_was_is_void(payments: Payments, sale: Payment) -> None:
    request = for_nothing(sale, RefundReason.RESERVATION_UNKNOWN)
    payments.request_refund(request)

    assert payments.void(request, LATER) == replace(request, fate=Fate.VOID)


def test_nothing_is_settled_that_nobody_knows(payments: Payments, sale: Payment) -> None:
    with pytest.raises(LookupError):
        payments.settle(sale.returned("re-1", LATER))
    with pytest.raises(LookupError):
        payments.void(sale, LATER)


@pytest.mark.parametrize("transaction_id", ["x", "ü" * 100, '"; {} \\ #1', "🎟" * 100])
def test_any_transaction_id_of_the_contract_is_taken(payments: Payments, transaction_id: str) -> None:
    payment = a_payment_of_sale(f"{uuid.uuid4().hex[:1]}{transaction_id}"[:100])

    assert payments.register_sale(payment).transaction_id == payment.transaction_id


# Only in DynamoDB.


def stored(dynamo: Dynamo, payment: Payment) -> dict[str, object]:
    key = {"transaction_id": {"S": payment.transaction_id}}
    return dict(dynamo.client.get_item(TableName=f"{dynamo.prefix}-payments", Key=key, ConsistentRead=True)["Item"])


def test_only_what_is_to_be_returned_is_outstanding(dynamo: Dynamo, sale: Payment) -> None:
    dynamo.payments.register_sale(sale)
    assert "outstanding" not in stored(dynamo, sale)
    request = sale.to_be_returned(RefundReason.SCREENING_CANCELLED, LATER)
    dynamo.payments.request_refund(request)
    assert stored(dynamo, sale)["outstanding"] == {"S": OUTSTANDING}
    dynamo.payments.settle(request.returned("re-1", LATER))
    assert "outstanding" not in stored(dynamo, sale)


def test_only_what_never_was_is_forgotten(dynamo: Dynamo, sale: Payment) -> None:
    request = for_nothing(sale, RefundReason.RESERVATION_UNKNOWN)
    dynamo.payments.request_refund(request)
    assert "ttl" not in stored(dynamo, sale)
    dynamo.payments.void(request, LATER)

    assert stored(dynamo, sale)["ttl"] == {"N": str(to_ms(LATER + REMEMBERED) // 1000)}
    assert "outstanding" not in stored(dynamo, sale)


def test_the_stream_tells_what_is_stored(dynamo: Dynamo, sale: Payment) -> None:
    dynamo.payments.register_sale(sale)

    change = payment_change({"dynamodb": {"NewImage": stored(dynamo, sale)}})

    assert (change.before, change.after) == (None, sale)


def test_a_payment_of_eight_seats_costs_one_write_unit(dynamo: Dynamo) -> None:
    reservation = a_reservation(*(f"AAA{number}" for number in range(1001, 1009)), user_id="u" * 100)
    payment = payment_of_sale(reservation.confirmed(a_sale(reservation.hold, "t" * 90)))
    assert payment
    dynamo.payments.register_sale(payment)

    assert sum(len(name) + len(str(value)) - 8 for name, value in stored(dynamo, payment).items()) < 1024
