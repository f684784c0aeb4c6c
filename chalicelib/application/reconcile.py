"""The sweep: holds what the gateway says against what we have written down, and mends what differs.

    the gateway's charges of late ──► payment: recorded, settled       a message that got lost, a claim nobody settled
    what is still to be returned  ──► gateway: asked once more         what it did not know then it may know by now
    rows sold of late             ──► reservation: bought by this?     else it is told

It shares nothing with what it backs: no stream, no queue. What it can't mend it names, for `ops payments` and an alarm.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from chalicelib.domain.payments import Charge, GatewayUnavailable, Payment, PaymentStatus, RefundRefused
from chalicelib.domain.ports import Clock, PaymentGateway, Payments, Reservations, Rows, Sessions
from chalicelib.domain.refusals import Refusal
from chalicelib.domain.reservations import State

from .payments import NotDueYet, SettlePayment
from .refunds import SettleRefund

LOOKED_BACK = timedelta(hours=2)
"""How old a charge may be that is looked at. The gateway sends a lost message again for longer than that."""

AT_WORK = timedelta(minutes=1)
"""What is younger may still be on its way."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(days=1)
"""How long the gateway is left alone about a payment that it did not know; doubled each time."""

RETURNED_BY_THEN = timedelta(minutes=10)
"""Five tries of a refund take six minutes at most: what is older was given up, and lies in the DLQ of `refunds`."""

SOLD_OF_LATE = timedelta(minutes=20)
SCREENINGS = 50
"""The next ones, and those that began a while ago: what is sold is sold for these."""
BEGUN = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Finding:
    """What somebody must look at."""

    says: str
    transaction_id: str = ""
    reservation_id: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`looked_at` is how many charges, requests and sales were compared, `mended` how many of them stand better now."""

    looked_at: int
    mended: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class ReconcilePayments:
    """Harmless twice, and beside everything else: it does what the consumers do."""

    payments: Payments
    reservations: Reservations
    rows: Rows
    sessions: Sessions
    gateway: PaymentGateway
    settle_payment: SettlePayment
    settle_refund: SettleRefund
    clock: Clock

    def __call__(self, looked_back: timedelta = LOOKED_BACK, *, mend: bool = True) -> Reconciliation:
        """With `mend` off it only looks, and names what it would mend, too. Raises StoreUnavailable."""
        now = self.clock()
        sweep = _Sweep()
        for charge in self._charges(now - looked_back, sweep):
            sweep.compare(charge.transaction_id, partial(self._compare, charge, mend=mend))
        for payment in list(self.payments.outstanding_refunds()) if mend else ():
            sweep.compare(payment.transaction_id, partial(self._ask_again, payment))
        for reservation_id, sale_id in self._sold_of_late(now):
            sweep.compare(reservation_id, partial(self._is_bought, reservation_id, sale_id))
        return sweep.result()

    def _charges(self, since: datetime, sweep: "_Sweep") -> list[Charge]:
        try:
            return list(self.gateway.charges_since(since))
        except GatewayUnavailable as error:
            sweep.findings.append(Finding(f"the gateway's charges could not be read: {error}"))
            return []

    def _compare(self, charge: Charge, *, mend: bool) -> bool | Finding:
        """True when something was mended."""
        payment = self.payments.find(charge.transaction_id)
        if payment is None or not payment.is_charged:
            return self._settle(charge) if mend else _unsettled(charge)
        is_at_work = (payment.claimed_at or charge.charged_at) + AT_WORK > self.clock()
        match payment.status:
            case PaymentStatus.ASSERTED | PaymentStatus.CLAIMED if not is_at_work:
                return self._settle(charge) if mend else _unsettled(charge)
            case PaymentStatus.SOLD if charge.refunded_cents:
                return _finding("the gateway has returned money for which there is a sale", payment)
            case PaymentStatus.SOLD if not self._has_sale(payment):
                return _finding("sold, but there is no such purchase", payment)
            case PaymentStatus.REFUNDED if charge.refunded_cents < charge.amount_cents:
                return _finding("said to be returned, but the gateway has not returned all of it", payment)
        if payment.reservation_id != charge.reservation_id and charge.reservation_id:
            return _finding(f"it was charged for {charge.reservation_id}", payment)
        return False

    def _settle(self, charge: Charge) -> bool:
        self.settle_payment(charge)
        return True

    def _has_sale(self, payment: Payment) -> bool:
        reservation = self.reservations.find(payment.reservation_id)
        return bool(reservation and reservation.sale and reservation.sale.id == payment.sale_id)

    def _ask_again(self, payment: Payment) -> bool | Finding:
        now = self.clock()
        requested_at = payment.requested_at or now
        if now - requested_at < RETURNED_BY_THEN and not payment.asked:
            return False
        pause = min(FIRST_PAUSE * 2 ** min(payment.asked, 12), LONGEST_PAUSE)
        if payment.asked_at and now < payment.asked_at + pause:
            return _unreturned(payment)
        self.settle_refund.settle(payment)
        stands = self.payments.find(payment.transaction_id) or payment
        return _unreturned(stands) if stands.status is PaymentStatus.REFUND_REQUESTED else True

    def _sold_of_late(self, now: datetime) -> Iterator[tuple[str, str]]:
        page = self.sessions.page(now - BEGUN, SCREENINGS, None)
        for session in page.items:
            yield from self.rows.sales_between(session, now - SOLD_OF_LATE, now - AT_WORK).items()

    def _is_bought(self, reservation_id: str, sale_id: str) -> bool | Finding:
        reservation = self.reservations.find(reservation_id)
        if reservation and reservation.state is State.CONFIRMED and reservation.sale and reservation.sale.id == sale_id:
            return False
        return Finding(f"its seats are sold by {sale_id}, but it has no such sale", "", reservation_id)


@dataclass
class _Sweep:
    """What was looked at so far. One that fails does not keep the others from being looked at."""

    looked_at: int = 0
    mended: int = 0
    findings: list[Finding] = field(default_factory=list)

    def compare(self, subject: str, look: Callable[[], bool | Finding]) -> None:
        """`look` gives what it found, or whether it mended something."""
        self.looked_at += 1
        try:
            outcome = look()
        except (NotDueYet, RefundRefused, GatewayUnavailable, Refusal, LookupError) as error:
            outcome = Finding(f"could not be settled: {error!r}", subject)
        if isinstance(outcome, Finding):
            self.findings.append(outcome)
        else:
            self.mended += outcome

    def result(self) -> Reconciliation:
        return Reconciliation(self.looked_at, self.mended, tuple(self.findings))


def _unsettled(charge: Charge) -> Finding:
    says = "charged, and neither sold nor returned yet: the next sweep settles it"
    return Finding(says, charge.transaction_id, charge.reservation_id, charge.charged_at)


def _unreturned(payment: Payment) -> Finding:
    why = "the gateway knows of no such payment" if payment.asked else "not returned yet"
    return Finding(why, payment.transaction_id, payment.reservation_id, payment.requested_at)


def _finding(says: str, payment: Payment) -> Finding:
    return Finding(says, payment.transaction_id, payment.reservation_id, payment.sold_at or payment.requested_at)
