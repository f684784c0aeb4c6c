"""The life of each payment, on every backend: which write stands, whichever came first."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.money import CURRENCY
from chalicelib.domain.payments import Charge, Payment, PaymentStatus, RefundReason, sold_payment_of
from chalicelib.domain.ports import Payments
from chalicelib.infrastructure.dynamodb.payments import OUTSTANDING
from chalicelib.infrastructure.streams.records import payment_change
from tests.builders import NOW, PAID_AT, a_reservation, a_sale
from tests.contract.conftest import Backend, Dynamo

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def payments(backend: Backend) -> Payments:
    return backend.payments


@pytest.fixture
def sale() -> Payment:
    """A payment that has bought A1 and A2."""
    return a_payment_of_sale(f"tx-{uuid.uuid4()}")


def a_payment_of_sale(transaction_id: str) -> Payment:
    reservation = a_reservation("A1", "A2")
    payment = sold_payment_of(reservation.confirmed(a_sale(reservation.hold, transaction_id)))
    assert payment
    return payment


def for_nothing(payment: Payment, reason: RefundReason = RefundReason.LATE) -> Payment:
    """Gives the same payment, to be returned: it was sent for seats that were not to be had."""
    nothing = replace(payment, sale_id="", sold_at=None, reservation_id="res-other")
    return nothing.with_refund_requested(reason, LATER)


def a_claim(payment: Payment) -> Payment:
    """Gives the claim of the same payment, before it has bought its seats."""
    unsold = replace(payment, sale_id="", sold_at=None)
    return replace(unsold, status=PaymentStatus.CLAIMED, method="credit_card", claimed_at=NOW, due_at=LATER)


def a_charge(payment: Payment, **changes: Any) -> Charge:
    """Gives the gateway's word of this payment, with the right amount and reservation."""
    charge = Charge(
        transaction_id=payment.transaction_id,
        reservation_id=payment.reservation_id,
        amount_cents=payment.amount_cents or 0,
        currency=CURRENCY,
        charged_at=NOW,
    )
    return replace(charge, **changes)


def charged(payment: Payment, charge: Charge) -> Payment:
    return replace(
        payment,
        charged_cents=charge.amount_cents,
        charged_currency=charge.currency,
        charged_at=charge.charged_at,
    )


def test_nothing_is_known_of_a_payment_at_first(payments: Payments, sale: Payment) -> None:
    assert payments.find(sale.transaction_id) is None


def test_a_sale_is_found_as_it_was_registered(payments: Payments, sale: Payment) -> None:
    assert payments.mark_sold_if_allowed_and_read(sale) == sale

    assert payments.find(sale.transaction_id) == sale
    assert (sale.status, sale.amount_cents, sale.sold_at) == (PaymentStatus.SOLD, 5000, PAID_AT)


def test_a_request_is_found_as_it_was_made(payments: Payments, sale: Payment) -> None:
    request = for_nothing(sale)

    assert payments.request_refund_if_allowed_and_read(request) == request

    assert payments.find(sale.transaction_id) == request


# Claims.


def test_a_claim_is_found_as_it_was_made_and_made_again_by_its_own_reservation(
    payments: Payments, sale: Payment
) -> None:
    claim = a_claim(sale)

    assert payments.claim_for_reservation_if_allowed_and_read(claim, only_if_charged=False) == claim
    again = replace(claim, claimed_at=LATER)
    assert payments.claim_for_reservation_if_allowed_and_read(again, only_if_charged=False) == again
    assert payments.find(sale.transaction_id) == again


def test_what_is_claimed_is_nobody_elses(payments: Payments, sale: Payment) -> None:
    claim = a_claim(sale)
    payments.claim_for_reservation_if_allowed_and_read(claim, only_if_charged=False)
    other = replace(claim, reservation_id="res-other")

    assert payments.claim_for_reservation_if_allowed_and_read(other, only_if_charged=False) == claim
    assert payments.mark_sold_if_allowed_and_read(replace(sale, reservation_id="res-other")) == claim
    assert payments.request_refund_if_allowed_and_read(for_nothing(sale)) == claim


def test_where_only_the_gateway_counts_nothing_is_claimed_that_it_has_not_spoken_of(
    payments: Payments, sale: Payment
) -> None:
    assert payments.claim_for_reservation_if_allowed_and_read(a_claim(sale), only_if_charged=True) is None
    assert payments.find(sale.transaction_id) is None

    payments.claim_for_reservation_if_allowed_and_read(a_claim(sale), only_if_charged=False)
    assert payments.claim_for_reservation_if_allowed_and_read(
        replace(a_claim(sale), claimed_at=LATER), only_if_charged=True
    ) == a_claim(sale)


@pytest.mark.parametrize("only_if_charged", [False, True])
@pytest.mark.parametrize(
    "other", [{"amount_cents": 4999}, {"amount_cents": 5001}, {"currency": "USD"}, {"reservation_id": "res-other"}]
)
def test_what_was_charged_is_claimed_for_just_that(
    payments: Payments, sale: Payment, only_if_charged: bool, other: dict[str, Any]
) -> None:
    charge = a_charge(sale, **other)
    stands = payments.record_charge_if_allowed_and_read(charge)

    assert payments.claim_for_reservation_if_allowed_and_read(a_claim(sale), only_if_charged=only_if_charged) == stands
    assert (stands.status, stands.reservation_id) == (PaymentStatus.ASSERTED, charge.reservation_id)


@pytest.mark.parametrize("only_if_charged", [False, True])
def test_what_was_charged_for_it_is_claimed_and_keeps_the_gateways_word(
    payments: Payments, sale: Payment, only_if_charged: bool
) -> None:
    charge = a_charge(sale)
    payments.record_charge_if_allowed_and_read(charge)
    claim = charged(a_claim(sale), charge)

    assert payments.claim_for_reservation_if_allowed_and_read(a_claim(sale), only_if_charged=only_if_charged) == claim
    assert payments.claim_for_reservation_if_allowed_and_read(a_claim(sale), only_if_charged=only_if_charged) == claim
    assert payments.mark_sold_if_allowed_and_read(sale) == replace(
        claim, status=PaymentStatus.SOLD, sale_id=sale.sale_id, sold_at=sale.sold_at
    )


@pytest.mark.parametrize("ended", ["requested", "refunded"])
def test_what_went_back_or_is_on_its_way_is_never_claimed(payments: Payments, sale: Payment, ended: str) -> None:
    request = a_claim(sale).with_refund_requested(RefundReason.LATE, LATER)
    stands = payments.request_refund_if_allowed_and_read(request)
    if ended == "refunded":
        stands = payments.mark_refunded_if_requested(stands.with_refund_completed("re-1", LATER))

    for only_if_charged in (False, True):
        assert (
            payments.claim_for_reservation_if_allowed_and_read(a_claim(sale), only_if_charged=only_if_charged) == stands
        )


def test_a_claim_that_came_to_nothing_is_to_be_returned_and_keeps_what_it_was(
    payments: Payments, sale: Payment
) -> None:
    claim = payments.claim_for_reservation_if_allowed_and_read(a_claim(sale), only_if_charged=False)
    assert claim
    request = replace(sale, sale_id="", sold_at=None).with_refund_requested(RefundReason.LATE, LATER)

    stands = payments.request_refund_if_allowed_and_read(request)

    assert stands == claim.with_refund_requested(RefundReason.LATE, LATER)


# The gateway's word.


def test_what_the_gateway_says_first_is_asserted_once(payments: Payments, sale: Payment) -> None:
    charge = a_charge(sale)
    stands = payments.record_charge_if_allowed_and_read(charge)

    assert (stands.status, stands.reservation_id, stands.was_charged) == (
        PaymentStatus.ASSERTED,
        sale.reservation_id,
        True,
    )
    assert payments.record_charge_if_allowed_and_read(replace(charge, amount_cents=1, charged_at=LATER)) == stands
    assert payments.find(sale.transaction_id) == stands


def test_what_the_gateway_says_of_no_reservation_is_asserted_for_none(payments: Payments, sale: Payment) -> None:
    stands = payments.record_charge_if_allowed_and_read(a_charge(sale, reservation_id=""))

    assert (stands.status, stands.reservation_id) == (PaymentStatus.ASSERTED, "")
    request = replace(
        stands, status=PaymentStatus.REFUND_REQUESTED, reason=RefundReason.RESERVATION_UNKNOWN, requested_at=LATER
    )
    assert payments.request_refund_if_allowed_and_read(request) == request


@pytest.mark.parametrize("reservation_id", ["", "its own"])
def test_what_the_gateway_says_of_a_claim_or_a_sale_is_added_to_it(
    payments: Payments, sale: Payment, reservation_id: str
) -> None:
    charge = a_charge(sale, reservation_id=reservation_id and sale.reservation_id)
    claim = payments.claim_for_reservation_if_allowed_and_read(a_claim(sale), only_if_charged=False)
    assert claim

    assert payments.record_charge_if_allowed_and_read(charge) == charged(claim, charge)

    other = a_payment_of_sale(f"tx-{uuid.uuid4()}")
    payments.mark_sold_if_allowed_and_read(other)
    assert payments.record_charge_if_allowed_and_read(a_charge(other)) == charged(other, a_charge(other))


def test_a_claim_for_another_reservation_than_it_was_charged_for_is_disproved_once_it_came_to_nothing(
    payments: Payments, sale: Payment
) -> None:
    payments.request_refund_if_allowed_and_read(a_claim(sale).with_refund_requested(RefundReason.LATE, LATER))
    charge = a_charge(sale, reservation_id="res-of-its-buyer")

    stands = payments.record_charge_if_allowed_and_read(charge)

    proved = Payment(
        transaction_id=sale.transaction_id, reservation_id="res-of-its-buyer", status=PaymentStatus.ASSERTED
    )
    assert stands == charged(proved, charge)
    assert [each for each in payments.list_outstanding_refunds() if each.transaction_id == sale.transaction_id] == []


def test_a_claim_that_may_be_selling_its_row_stands_though_it_was_charged_for_another(
    payments: Payments, sale: Payment
) -> None:
    claim = payments.claim_for_reservation_if_allowed_and_read(a_claim(sale), only_if_charged=False)

    assert payments.record_charge_if_allowed_and_read(a_charge(sale, reservation_id="res-of-its-buyer")) == claim

    assert payments.find(sale.transaction_id) == claim


@pytest.mark.parametrize("step", ["sold", "returned"])
def test_what_was_sold_or_returned_stays_though_it_was_charged_for_another(
    payments: Payments, sale: Payment, step: str
) -> None:
    stands = payments.mark_sold_if_allowed_and_read(sale)
    if step == "returned":
        request = payments.request_refund_if_allowed_and_read(
            sale.with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER)
        )
        stands = payments.mark_refunded_if_requested(request.with_refund_completed("re-1", LATER))
    charge = a_charge(sale, reservation_id="res-of-its-buyer")

    assert payments.record_charge_if_allowed_and_read(charge) == charged(stands, charge)


# Money back.


def test_what_is_outstanding_is_listed_until_it_was_returned(payments: Payments, sale: Payment) -> None:
    def listed() -> list[Payment]:
        return [each for each in payments.list_outstanding_refunds() if each.transaction_id == sale.transaction_id]

    payments.mark_sold_if_allowed_and_read(sale)
    assert listed() == []
    request = payments.request_refund_if_allowed_and_read(
        sale.with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER)
    )
    assert listed() == [request]
    asked = payments.count_refund_try_of_payment_unknown_to_gateway(request, LATER)
    assert (asked.asked, asked.asked_at) == (1, LATER)
    assert listed() == [asked]
    payments.mark_refunded_if_requested(request.with_refund_completed("re-1", LATER))
    assert listed() == []


def test_what_is_claimed_goes_back_only_where_the_request_names_the_screening(
    payments: Payments, sale: Payment
) -> None:
    """A request without the screening may come from a process that read the payment before it was claimed."""
    asserted = payments.record_charge_if_allowed_and_read(a_charge(sale))
    claim = payments.claim_for_reservation_if_allowed_and_read(a_claim(sale), only_if_charged=True)
    assert claim

    assert (
        payments.request_refund_if_allowed_and_read(
            asserted.with_refund_requested(RefundReason.RESERVATION_UNKNOWN, LATER)
        )
        == claim
    )

    request = claim.with_refund_requested(RefundReason.LATE, LATER)
    assert payments.request_refund_if_allowed_and_read(request) == request


def test_a_sale_that_takes_the_place_of_a_request_keeps_how_often_the_gateway_was_asked(
    payments: Payments, sale: Payment
) -> None:
    request = payments.request_refund_if_allowed_and_read(a_claim(sale).with_refund_requested(RefundReason.LATE, LATER))
    payments.count_refund_try_of_payment_unknown_to_gateway(request, LATER)

    stands = payments.request_refund_if_allowed_and_read(
        sale.with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER)
    )

    assert (stands.sale_id, stands.asked, stands.asked_at) == (sale.sale_id, 1, LATER)


def test_the_first_request_stands(payments: Payments, sale: Payment) -> None:
    first = for_nothing(sale)
    payments.request_refund_if_allowed_and_read(first)

    assert payments.request_refund_if_allowed_and_read(for_nothing(sale, RefundReason.TWICE)) == first
    assert payments.find(sale.transaction_id) == first


def test_what_has_bought_a_sale_is_not_requested_back_for_nothing(payments: Payments, sale: Payment) -> None:
    payments.mark_sold_if_allowed_and_read(sale)

    assert payments.request_refund_if_allowed_and_read(for_nothing(sale)) == sale


def test_what_has_bought_a_sale_is_requested_back_for_that_sale(payments: Payments, sale: Payment) -> None:
    payments.mark_sold_if_allowed_and_read(sale)
    request = sale.with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER)

    assert payments.request_refund_if_allowed_and_read(request) == request
    assert payments.mark_sold_if_allowed_and_read(sale) == request, "told late, it changes nothing"


def test_what_has_bought_a_sale_is_not_requested_back_for_another(payments: Payments, sale: Payment) -> None:
    payments.mark_sold_if_allowed_and_read(sale)
    other = a_payment_of_sale(sale.transaction_id).with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER)

    assert payments.request_refund_if_allowed_and_read(other) == sale


def test_a_sale_may_be_requested_back_before_it_was_registered(payments: Payments, sale: Payment) -> None:
    request = sale.with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER)

    assert payments.request_refund_if_allowed_and_read(request) == request
    assert payments.mark_sold_if_allowed_and_read(sale) == request


def test_a_sale_takes_the_place_of_its_own_request_for_nothing(payments: Payments, sale: Payment) -> None:
    request = replace(for_nothing(sale), reservation_id=sale.reservation_id)
    payments.request_refund_if_allowed_and_read(request)

    assert payments.mark_sold_if_allowed_and_read(sale) == sale
    assert payments.mark_refunded_if_requested(request.with_refund_completed("re-1", LATER)) == sale, (
        "and is not returned any more"
    )


def test_a_sale_does_not_take_the_place_of_another_reservations_request(payments: Payments, sale: Payment) -> None:
    request = for_nothing(sale)
    payments.request_refund_if_allowed_and_read(request)

    assert payments.mark_sold_if_allowed_and_read(sale) == request


def test_a_cancelled_sale_takes_the_place_of_a_request_for_nothing(payments: Payments, sale: Payment) -> None:
    """The screening may be cancelled before the sale is registered."""
    payments.request_refund_if_allowed_and_read(replace(for_nothing(sale), reservation_id=sale.reservation_id))
    request = sale.with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER)

    assert payments.request_refund_if_allowed_and_read(request) == request
    assert payments.mark_sold_if_allowed_and_read(sale) == request


def test_the_first_sale_of_a_payment_stands(payments: Payments, sale: Payment) -> None:
    payments.mark_sold_if_allowed_and_read(sale)

    assert payments.mark_sold_if_allowed_and_read(a_payment_of_sale(sale.transaction_id)) == sale


def test_what_was_returned_stays_returned(payments: Payments, sale: Payment) -> None:
    request = for_nothing(sale)
    payments.request_refund_if_allowed_and_read(request)
    returned = request.with_refund_completed("re-1", LATER)

    assert payments.mark_refunded_if_requested(returned) == returned
    assert payments.mark_refunded_if_requested(request.with_refund_completed("re-2", LATER)) == returned
    assert payments.mark_sold_if_allowed_and_read(sale) == returned
    assert payments.request_refund_if_allowed_and_read(request) == returned
    assert payments.count_refund_try_of_payment_unknown_to_gateway(request, LATER) == returned
    assert payments.find(sale.transaction_id) == returned


def test_a_returned_sale_keeps_what_it_was(payments: Payments, sale: Payment) -> None:
    payments.mark_sold_if_allowed_and_read(sale)
    request = sale.with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER)
    payments.request_refund_if_allowed_and_read(request)

    assert payments.mark_refunded_if_requested(
        request.with_refund_completed("re-1", LATER)
    ) == request.with_refund_completed("re-1", LATER)


def test_nothing_is_settled_that_nobody_knows(payments: Payments, sale: Payment) -> None:
    with pytest.raises(LookupError):
        payments.mark_refunded_if_requested(sale.with_refund_completed("re-1", LATER))
    with pytest.raises(LookupError):
        payments.count_refund_try_of_payment_unknown_to_gateway(sale, LATER)


@pytest.mark.parametrize("transaction_id", ["x", "ü" * 100, '"; {} \\ #1', "🎟" * 100])
def test_any_transaction_id_of_the_contract_is_taken(payments: Payments, transaction_id: str) -> None:
    payment = a_payment_of_sale(f"{uuid.uuid4().hex[:1]}{transaction_id}"[:100])

    assert payments.mark_sold_if_allowed_and_read(payment).transaction_id == payment.transaction_id


# Only in DynamoDB.


def stored(dynamo: Dynamo, payment: Payment) -> dict[str, object]:
    key = {"transaction_id": {"S": payment.transaction_id}}
    return dict(dynamo.client.get_item(TableName=f"{dynamo.prefix}-payments", Key=key, ConsistentRead=True)["Item"])


def test_only_what_is_to_be_returned_is_outstanding(dynamo: Dynamo, sale: Payment) -> None:
    dynamo.payments.mark_sold_if_allowed_and_read(sale)
    assert "outstanding" not in stored(dynamo, sale)
    request = sale.with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER)
    dynamo.payments.request_refund_if_allowed_and_read(request)
    assert stored(dynamo, sale)["outstanding"] == {"S": OUTSTANDING}
    dynamo.payments.mark_refunded_if_requested(request.with_refund_completed("re-1", LATER))
    assert "outstanding" not in stored(dynamo, sale)


def test_the_stream_tells_what_is_stored(dynamo: Dynamo, sale: Payment) -> None:
    dynamo.payments.mark_sold_if_allowed_and_read(sale)

    change = payment_change({"dynamodb": {"NewImage": stored(dynamo, sale)}})

    assert (change.before, change.after) == (None, sale)


def test_a_payment_of_eight_seats_costs_one_write_unit(dynamo: Dynamo) -> None:
    reservation = a_reservation(*(f"AAA{number}" for number in range(1001, 1009)), user_id="u" * 100)
    payment = sold_payment_of(reservation.confirmed(a_sale(reservation.hold, "t" * 90)))
    assert payment
    dynamo.payments.mark_sold_if_allowed_and_read(payment)

    assert sum(len(name) + len(str(value)) - 8 for name, value in stored(dynamo, payment).items()) < 1024


# Found by tests/mutants: guards that no other test missed


def test_what_has_bought_its_seats_is_not_returned_as_if_it_had_bought_nothing(
    payments: Payments, sale: Payment
) -> None:
    payments.mark_sold_if_allowed_and_read(sale)
    nothing = replace(sale, sale_id="", sold_at=None).with_refund_requested(RefundReason.LATE, LATER)

    assert payments.request_refund_if_allowed_and_read(nothing).status is PaymentStatus.SOLD


def test_a_sale_that_is_being_returned_keeps_its_payment_whatever_is_charged_for(
    payments: Payments, sale: Payment
) -> None:
    payments.mark_sold_if_allowed_and_read(sale)
    payments.request_refund_if_allowed_and_read(sale.with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER))

    stands = payments.record_charge_if_allowed_and_read(a_charge(sale, reservation_id="res-other"))

    assert (stands.reservation_id, stands.sale_id) == (sale.reservation_id, sale.sale_id)
    assert stands.status is PaymentStatus.REFUND_REQUESTED
