"""The sweep: what the gateway says against what is written down; what differs is mended, and the rest is named."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import pytest

from chalicelib.application.reconcile import (
    AT_WORK,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    REFUND_LATE_AFTER,
    ReconcileChargesRefundsAndSales,
    SweepResult,
)
from chalicelib.domain.payments import Charge, PaymentStatus, RefundReason, claimed_payment_for
from chalicelib.domain.reservations import Reservation, Sale, State
from tests.builders import HOLD_SECONDS, NOW, Cinema
from tests.fakes import FakeGateway, FakePayments, FakeReservations, FakeRows, interposed


@dataclass
class Till:
    payments: FakePayments = field(default_factory=FakePayments)
    reservations: FakeReservations = field(default_factory=FakeReservations)
    rows: FakeRows = field(default_factory=FakeRows)
    gateway: FakeGateway = field(default_factory=FakeGateway)

    def __post_init__(self) -> None:
        self.cinema = Cinema(
            payments=self.payments, reservations=self.reservations, rows=self.rows, gateway=self.gateway
        )

    def sweep(self) -> SweepResult:
        return self.reconcile()

    @property
    def reconcile(self) -> ReconcileChargesRefundsAndSales:
        cinema = self.cinema
        return ReconcileChargesRefundsAndSales(
            self.payments,
            cinema.reservations,
            self.rows,
            cinema.sessions,
            self.gateway,
            cinema.settle_payment,
            cinema.refund_or_settle,
            cinema.clock,
        )

    def charge(self, reservation_id: str, transaction_id: str = "tx-1", cents: int = 2500) -> Charge:
        charge = Charge(transaction_id, reservation_id, cents, "BRL", self.cinema.clock())
        self.gateway.pay(charge)
        return charge

    def sold(self, seat: str, transaction_id: str = "tx-1") -> Reservation:
        """Paid, confirmed and registered."""
        held = self.cinema.hold(seat)
        self.payments.record_charge_if_allowed_and_read(self.charge(held.id, transaction_id))
        sold = self.cinema.confirm(held.id, transaction_id)
        self.cinema.settle_payment.mark_payment_sold(sold)
        return sold

    def status(self, transaction_id: str = "tx-1") -> PaymentStatus:
        return self.payments.known[transaction_id].status


@pytest.fixture
def till() -> Till:
    return Till()


def findings(result: SweepResult) -> list[tuple[str, str]]:
    return [(one.transaction_id or one.reservation_id, one.says) for one in result.findings]


def test_where_all_is_well_nothing_is_mended_and_nothing_named(till: Till) -> None:
    till.sold("A1")

    assert till.sweep() == SweepResult(1, 0, ())


def test_a_charge_whose_message_was_lost_buys_its_seats(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.charge(held.id)

    result = till.sweep()

    assert (result.mended, result.findings) == (1, ())
    assert till.status() is PaymentStatus.SOLD
    assert till.reservations.stored[held.id].state is State.CONFIRMED
    assert till.sweep().mended == 0


def test_a_claim_that_nobody_settled_is_settled_once_it_is_old_enough(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.payments.claim_for_reservation_if_allowed_and_read(
        claimed_payment_for(held, "tx-1", "card", NOW), only_if_charged=False
    )
    till.payments.record_charge_if_allowed_and_read(till.charge(held.id))
    assert till.sweep().mended == 0, "its request may be at work"

    till.cinema.clock.forward(seconds=HOLD_SECONDS + AT_WORK.total_seconds())
    assert till.sweep().mended == 1
    assert till.status() is PaymentStatus.REFUND_REQUESTED
    assert till.payments.known["tx-1"].reason is RefundReason.LATE


def test_money_that_the_gateway_was_slow_to_know_of_is_asked_for_again_at_growing_pauses(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.cancel(held.id)
    with pytest.raises(Exception, match=held.id):
        till.cinema.confirm(held.id, "tx-1")
    assert till.sweep().findings == (), "the refund's own message is on its way"

    asked = 0
    for _ in range(1000):
        till.cinema.clock.forward(seconds=REFUND_LATE_AFTER.total_seconds())
        assert findings(till.sweep()) == [("tx-1", "the gateway knows of no such payment")]
        assert till.payments.known["tx-1"].asked - asked in (0, 1)
        asked = till.payments.known["tx-1"].asked
    assert 1000 * REFUND_LATE_AFTER / LONGEST_PAUSE < asked < 20, "each pause is twice the one before, up to a day"

    till.charge(held.id)
    till.cinema.clock.forward(seconds=LONGEST_PAUSE.total_seconds())
    till.sweep()
    assert till.status() is PaymentStatus.REFUNDED
    assert till.sweep().findings == ()


def test_a_refund_that_is_declined_is_named_and_asked_for_again(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.gateway.declined.add("tx-1")
    till.cinema.settle_payment(till.charge("res-forgotten"))
    till.cinema.clock.forward(seconds=REFUND_LATE_AFTER.total_seconds())

    ((subject, says),) = findings(till.sweep())
    assert (subject, "declined" in says) == ("tx-1", True)

    till.gateway.declined.clear()
    assert till.sweep().mended == 1
    assert till.status() is PaymentStatus.REFUNDED
    assert till.reservations.stored[held.id].state is State.PENDING


def test_what_the_gateway_returned_by_itself_for_a_sale_is_named(till: Till) -> None:
    sold = till.sold("A1")
    till.gateway.refund("tx-1", None, "by hand")

    assert findings(till.sweep()) == [("tx-1", "the gateway has returned money for which there is a sale")]
    assert till.reservations.stored[sold.id].state is State.CONFIRMED


def test_what_is_said_to_be_returned_and_was_not_is_named(till: Till) -> None:
    till.cinema.settle_payment(till.charge("res-forgotten"))
    stands = till.payments.known["tx-1"]
    till.payments.mark_refunded_if_requested(stands.with_refund_completed("re-1", NOW))
    till.cinema.clock.forward(seconds=AT_WORK.total_seconds() + 1)

    ((subject, says),) = findings(till.sweep())
    assert (subject, "has not returned all of it" in says) == ("tx-1", True)


def test_what_is_returned_while_the_sweep_reads_is_not_named(till: Till) -> None:
    """The gateway's list is from before the refund, our payment from after it."""
    till.cinema.settle_payment(till.charge("res-forgotten"))
    stands = till.payments.known["tx-1"]
    refund = partial(till.payments.mark_refunded_if_requested, stands.with_refund_completed("re-1", NOW))
    gateway = interposed(till.gateway, "list_charges_since", after=refund)

    assert findings(replace(till.reconcile, gateway=gateway)()) == []


def test_what_was_charged_for_another_than_it_bought_is_named(till: Till) -> None:
    mine, theirs = till.cinema.hold("A1", user="ana"), till.cinema.hold("A2", user="bia")
    till.cinema.settle_payment.mark_payment_sold(till.cinema.confirm(mine.id, "tx-1"))
    till.payments.record_charge_if_allowed_and_read(till.charge(theirs.id))

    assert findings(till.sweep()) == [("tx-1", f"it was charged for {theirs.id}")]


def test_a_payment_whose_purchase_is_not_there_is_named(till: Till) -> None:
    sold = till.sold("A1")
    del till.reservations.stored[sold.id]

    assert ("tx-1", "sold, but there is no such purchase") in findings(till.sweep())


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_row_that_was_sold_of_late_without_its_purchase_is_named(till: Till, is_gone: bool) -> None:
    held = till.cinema.hold("A1")
    till.rows.sell(held.hold, Sale("sale-1", "tx-1", "card", NOW), NOW)
    if is_gone:
        till.reservations.stored.clear()
    assert till.sweep().findings == (), "its request may be at work"

    till.cinema.clock.forward(seconds=AT_WORK.total_seconds())
    assert findings(till.sweep()) == [(held.id, "its seats are sold by sale-1, but it has no such sale")]


def test_one_that_can_not_be_looked_at_does_not_keep_the_others_from_it(till: Till) -> None:
    first, second = till.cinema.hold("A1", user="ana"), till.cinema.hold("A2", user="bia")
    till.charge(first.id, "tx-1")
    till.charge(second.id, "tx-2")
    broken = iter([True, False, False, False])

    def fail_once() -> None:
        if next(broken, False):
            raise LookupError("once")

    till.cinema.reservations = interposed(till.reservations, "find", before=fail_once)
    result = till.sweep()

    assert [one.transaction_id for one in result.findings] == ["tx-1"]
    assert (result.mended, till.status("tx-2")) == (1, PaymentStatus.SOLD)


def test_a_gateway_that_does_not_answer_is_named_and_the_rest_is_looked_at(till: Till) -> None:
    till.gateway.is_silent = True
    held = till.cinema.hold("A1")
    till.rows.sell(held.hold, Sale("sale-1", "tx-1", "card", NOW), NOW)
    till.cinema.clock.forward(seconds=AT_WORK.total_seconds())

    assert [says for _, says in findings(till.sweep())] == [
        "the gateway's charges could not be read: no answer",
        "its seats are sold by sale-1, but it has no such sale",
    ]


def test_who_only_looks_changes_nothing_and_is_told_what_the_next_sweep_will_settle(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.charge(held.id)

    result = till.reconcile(mend=False)

    assert result.mended == 0
    assert findings(result) == [("tx-1", "charged, and neither sold nor returned yet: the next sweep settles it")]
    assert till.payments.known == {}


def test_the_pauses_begin_short(till: Till) -> None:
    assert timedelta(0) < FIRST_PAUSE <= REFUND_LATE_AFTER


def test_nothing_is_changed_by_a_second_sweep_at_once(till: Till) -> None:
    till.sold("A1")
    held = till.cinema.hold("A2", user="bia")
    till.charge(held.id, "tx-2", cents=1)
    till.sweep()
    before = replace(till.payments, known=dict(till.payments.known))

    till.sweep()

    assert till.payments == before


def test_a_finding_says_of_which_reservation_and_since_when(till: Till) -> None:
    open_charge = till.charge(till.cinema.hold("A1", user="ana").id, "tx-open")
    (unsettled,) = till.reconcile(mend=False).findings
    assert (unsettled.reservation_id, unsettled.since) == (open_charge.reservation_id, open_charge.charged_at)

    till.sweep()
    sold = till.sold("A2", "tx-sold")
    till.gateway.refund("tx-sold", None, "by hand")
    (returned,) = till.sweep().findings
    assert (returned.reservation_id, returned.since) == (sold.id, till.payments.known["tx-sold"].sold_at)


def test_an_open_refund_says_of_which_reservation_and_since_when_it_is_due(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.cancel(held.id)
    with pytest.raises(Exception, match=held.id):
        till.cinema.confirm(held.id, "tx-1")
    till.cinema.clock.forward(seconds=REFUND_LATE_AFTER.total_seconds())

    (finding,) = till.sweep().findings

    assert (finding.transaction_id, finding.reservation_id) == ("tx-1", held.id)
    assert finding.since == till.payments.known["tx-1"].requested_at


def test_a_purchase_that_is_there_with_its_sale_is_no_finding_once_it_is_old_enough_to_be_looked_at(till: Till) -> None:
    till.sold("A1")
    till.sold("A2", "tx-2")
    till.cinema.clock.forward(seconds=AT_WORK.total_seconds() + 1)

    assert till.sweep() == SweepResult(4, 0, ())


def test_each_payment_that_is_put_right_is_counted(till: Till) -> None:
    for number, seat in enumerate(("A1", "A2")):
        till.charge(till.cinema.hold(seat, user=seat).id, f"tx-{number}")

    assert till.sweep().mended == 2
