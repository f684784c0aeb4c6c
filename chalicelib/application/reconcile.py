"""The sweep: compares the gateway's charges with our payments and sales, and mends the differences.

    the gateway's recent charges  ──► payment: recorded, settled       its message was lost, or its claim not settled
    outstanding refunds           ──► gateway: asked once more         it may know by now what it did not know then
    rows sold recently            ──► reservation: has it this sale?   else that is a finding

The sweep shares no stream and no queue with the work that it checks. It can't mend a finding: that is for
`ops payments` and an alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.domain.payments import Charge, GatewayUnavailable, Payment, PaymentStatus, RefundNotConfirmed
from chalicelib.domain.refusals import Refusal
from chalicelib.domain.reservations import Sale, State

from .payments import SettlementNotDueYet, SettlePayment
from .refunds import RefundOrSettle

if TYPE_CHECKING:
    from chalicelib.domain.ports import Clock, PaymentGateway, Payments, Reservations, Rows, Sessions

LOOK_BACK = timedelta(hours=2)
"""How far back charges are compared. An older charge is not lost: the gateway repeats the message of a charge for
longer than this."""

AT_WORK = timedelta(minutes=1)
"""What is younger than this is left alone, because a request or a consumer may still be at work on it: a row, by its
last write; and an open payment whose charge is recorded, by its claim or, without a claim, by its charge. A charge that
is not recorded yet is settled at any age."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(days=1)
"""How long the sweep waits before it retries the refund of a payment that the gateway did not know. The pause doubles
with each try, from FIRST_PAUSE to LONGEST_PAUSE."""

REFUND_LATE_AFTER = timedelta(minutes=10)
"""The age from which a requested refund is late. Five tries take six minutes at most: an older request has become a
dead letter of `refunds`."""

RECENTLY_SOLD = timedelta(minutes=20)
SCREENINGS = 50
"""The largest number of sessions that are compared: first those that began recently, then the upcoming ones. Seats are
sold for the sessions of both groups."""
BEGUN = timedelta(hours=6)
"""The comparison leaves out a session if more than this time has passed since its beginning."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something at which an operator must look: in most cases a difference between our payments or sales and the
    gateway's charges.

    `since` is the moment of the charge, the sale or the refund request; None if there is none.
    """

    says: str
    transaction_id: str = ""
    reservation_id: str = ""
    since: datetime | None = None


class OutcomeNeedingNoOperator(Enum):
    """The outcome of comparing a charge, refund or sale, if no operator has to look at it. Otherwise the outcome is a
    Finding."""

    MENDED = auto()
    NOTHING_TO_DO = auto()


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The result of a sweep.

    `looked_at` is the number of compared charges, refunds and sales. `mended` is the number of those that were settled.
    """

    looked_at: int
    mended: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class ReconcileChargesRefundsAndSales:
    """Compares our payments with the gateway's charges, and sales in the rows with their reservations. Settles payments
    that are still open, and retries late refunds.

    Idempotent. It may run beside the consumers, because it settles by the same use cases.
    """

    payments: Payments
    reservations: Reservations
    rows: Rows
    sessions: Sessions
    gateway: PaymentGateway
    settle_payment: SettlePayment
    refund_or_settle: RefundOrSettle
    clock: Clock

    def __call__(self, charges_look_back: timedelta = LOOK_BACK, *, mend: bool = True) -> SweepResult:
        """Compares the gateway's charges of the last `charges_look_back` with the stored payments. Also compares each
        recent sale that the rows have with its stored reservation. Settles the payments that are still open, and
        retries the refunds that are late.

        With `mend` off, only compares, and does not look at outstanding refunds. Raises BackendUnavailable.
        """
        now = self.clock()
        sweep = _Sweep()
        for charge in self._read_charges(now - charges_look_back, sweep):
            sweep.compare(charge.transaction_id, partial(self._compare_charge, charge, now, mend=mend))
        for payment in list(self.payments.list_outstanding_refunds()) if mend else ():
            sweep.compare(payment.transaction_id, partial(self._retry_refund, payment))
        for reservation_id, sale_id in self._recent_sales(now):
            sweep.compare(reservation_id, partial(self._compare_sale, reservation_id, sale_id))
        return sweep.result()

    def _read_charges(self, since: datetime, sweep: _Sweep) -> list[Charge]:
        """Reads the gateway's charges. If they can't be read, adds a finding to the sweep."""
        try:
            return list(self.gateway.list_charges_since(since))
        except GatewayUnavailable as error:
            sweep.findings.append(Finding(f"the gateway's charges could not be read: {error}"))
            return []

    def _compare_charge(self, charge: Charge, listed_at: datetime, *, mend: bool) -> OutcomeNeedingNoOperator | Finding:
        """Compares a charge with its payment. If the payment is open, settles it, or gives a Finding if `mend` is off.
        Does not settle a payment whose charge is recorded, and on which another process may still be at work: see
        AT_WORK. Gives a Finding if charge and payment differ.

        The gateway's list was read at `listed_at`. A refund that may be newer is not compared.
        """
        payment = self.payments.find(charge.transaction_id)
        if payment is None or not payment.was_charged:
            return self._settle(charge) if mend else _unsettled_charge_finding(charge)
        is_at_work = (payment.claimed_at or charge.charged_at) + AT_WORK > self.clock()
        match payment.status:
            case PaymentStatus.ASSERTED | PaymentStatus.CLAIMED if not is_at_work:
                return self._settle(charge) if mend else _unsettled_charge_finding(charge)
            case PaymentStatus.SOLD if charge.refunded_cents:
                return _payment_finding("the gateway has returned money for which there is a sale", payment)
            case PaymentStatus.SOLD if not self._find_sale(payment):
                return _payment_finding("sold, but there is no such purchase", payment)
            case PaymentStatus.REFUNDED if charge.refunded_cents < charge.amount_cents and _is_listed(
                payment, listed_at
            ):
                return _payment_finding("said to be returned, but the gateway has not returned all of it", payment)
        if payment.reservation_id != charge.reservation_id and charge.reservation_id:
            return _payment_finding(f"it was charged for {charge.reservation_id}", payment)
        return OutcomeNeedingNoOperator.NOTHING_TO_DO

    def _settle(self, charge: Charge) -> OutcomeNeedingNoOperator:
        self.settle_payment(charge)
        return OutcomeNeedingNoOperator.MENDED

    def _find_sale(self, payment: Payment) -> Sale | None:
        """Reads the sale that the payment bought, from the payment's reservation. None if the reservation does not have
        this sale."""
        reservation = self.reservations.find(payment.reservation_id)
        sale = reservation.sale if reservation else None
        return sale if sale and sale.id == payment.sale_id else None

    def _retry_refund(self, payment: Payment) -> OutcomeNeedingNoOperator | Finding:
        """Retries a late refund at the gateway, once the pause since the last try is over. Gives a Finding as long as
        the late refund is still not made.

        A refund is late when its request is older than REFUND_LATE_AFTER. If the gateway did not know its payment, it
        is late immediately.
        """
        now = self.clock()
        requested_at = payment.requested_at or now
        if now - requested_at < REFUND_LATE_AFTER and not payment.asked:
            return OutcomeNeedingNoOperator.NOTHING_TO_DO
        pause = min(FIRST_PAUSE * 2 ** min(payment.asked, 12), LONGEST_PAUSE)
        if payment.asked_at and now < payment.asked_at + pause:
            return _open_refund_finding(payment)
        self.refund_or_settle.refund_if_requested_or_settle_by_charge(payment)
        stands = self.payments.find(payment.transaction_id) or payment
        return (
            _open_refund_finding(stands)
            if stands.status is PaymentStatus.REFUND_REQUESTED
            else OutcomeNeedingNoOperator.MENDED
        )

    def _recent_sales(self, now: datetime) -> Iterator[tuple[str, str]]:
        """Reads all sales in the rows that were last written between RECENTLY_SOLD and AT_WORK ago, for the sessions
        that are compared: see SCREENINGS. Gives pairs of reservation id and sale id."""
        page = self.sessions.list_by_start(now - BEGUN, SCREENINGS, None)
        for session in page.items:
            yield from self.rows.sale_ids_by_reservation_in_rows_last_written_between(
                session, now - RECENTLY_SOLD, now - AT_WORK
            ).items()

    def _compare_sale(self, reservation_id: str, sale_id: str) -> OutcomeNeedingNoOperator | Finding:
        """Compares a sale in the rows with its reservation. Gives a Finding if the reservation lacks the sale."""
        reservation = self.reservations.find(reservation_id)
        if reservation and reservation.state is State.CONFIRMED and reservation.sale and reservation.sale.id == sale_id:
            return OutcomeNeedingNoOperator.NOTHING_TO_DO
        return Finding(f"its seats are sold by {sale_id}, but it has no such sale", "", reservation_id)


@dataclass
class _Sweep:
    """The results of the comparisons so far. If a comparison fails, the failure becomes a finding, and the next
    comparison is made all the same."""

    looked_at: int = 0
    mended: int = 0
    findings: list[Finding] = field(default_factory=list)

    def compare(self, subject: str, look: Callable[[], OutcomeNeedingNoOperator | Finding]) -> None:
        """Runs one comparison, and counts it by its outcome."""
        self.looked_at += 1
        try:
            outcome = look()
        except (SettlementNotDueYet, RefundNotConfirmed, GatewayUnavailable, Refusal, LookupError) as error:
            outcome = Finding(f"could not be settled: {error!r}", subject)
        if isinstance(outcome, Finding):
            self.findings.append(outcome)
        elif outcome is OutcomeNeedingNoOperator.MENDED:
            self.mended += 1

    def result(self) -> SweepResult:
        return SweepResult(self.looked_at, self.mended, tuple(self.findings))


def _unsettled_charge_finding(charge: Charge) -> Finding:
    says = "charged, and neither sold nor returned yet: the next sweep settles it"
    return Finding(says, charge.transaction_id, charge.reservation_id, charge.charged_at)


def _open_refund_finding(payment: Payment) -> Finding:
    why = "the gateway knows of no such payment" if payment.asked else "not returned yet"
    return Finding(why, payment.transaction_id, payment.reservation_id, payment.requested_at)


def _payment_finding(says: str, payment: Payment) -> Finding:
    return Finding(says, payment.transaction_id, payment.reservation_id, payment.sold_at or payment.requested_at)


def _is_listed(payment: Payment, listed_at: datetime) -> bool:
    """Tells whether the list of charges that was read at `listed_at` must show the payment's refund. That is so if the
    refund was made well before `listed_at`, or at an unknown time."""
    return payment.refunded_at is None or payment.refunded_at + AT_WORK <= listed_at
