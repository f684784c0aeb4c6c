"""Turning a hold into a sale, now that it is paid for.

    reservation: read ──► payment: claim it for this reservation ──► row: sell, if it is this very hold and live
        │ over                │ used, returned, not received             │ the commit point: from here on the seats are
        ▼                     ▼                                          ▼ sold, whatever happens next
      404, 410            409, 402                                    reservation: confirmed ──► 200

A payment whose row was not sold, and never will be (its hold is given back first), is to be returned. A claim whose
request dies is settled when its hold is over: see payments.py. That a payment has bought its sale is registered after
the fact, from the reservations' stream: see relay.py.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.payments import (
    Payment,
    PaymentStatus,
    RefundReason,
    claim_on,
    payment_for_nothing,
    payment_of_sale,
)
from chalicelib.domain.ports import Clock, Ids, Payments, Reservations, Rows
from chalicelib.domain.refusals import (
    AlreadyPaid,
    LatePayment,
    PaymentAlreadyUsed,
    PaymentForCancelled,
    PaymentForCancelledSession,
    PaymentNotReceived,
    PaymentReturned,
    Refusal,
    ReservationNotFound,
    TransactionMissing,
)
from chalicelib.domain.reservations import Reservation, RowsClosed, Sale, SeatsTaken, State

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConfirmReservation:
    """Without method and transaction where nothing is to be paid."""

    reservation_id: str
    payment_method: str = ""
    transaction_id: str = ""


@dataclass(frozen=True)
class Confirm:
    """`charged_only`: a payment counts once the gateway has said that it was charged. Else the client's word is enough,
    as on a laptop."""

    rows: Rows
    reservations: Reservations
    payments: Payments
    clock: Clock
    ids: Ids
    charged_only: bool

    def __call__(self, command: ConfirmReservation) -> Reservation:
        """Gives the confirmed reservation. The same transaction again gives the same sale.

        Raises ReservationNotFound, TransactionMissing, PaymentNotReceived, PaymentAlreadyUsed, PaymentReturned;
        LatePayment, PaymentForCancelled, PaymentForCancelledSession, AlreadyPaid: then what was paid is to be returned.
        """
        reservation = self.reservations.find(command.reservation_id)
        if reservation is None:
            raise ReservationNotFound(command.reservation_id)
        if reservation.is_free:
            return self._sold(reservation, self._sale(ConfirmReservation(command.reservation_id), reservation))
        if not command.transaction_id:
            raise TransactionMissing(command.reservation_id)
        sale = self._sale(command, reservation)
        try:
            return self._paid(reservation, sale)
        except Refusal as refusal:
            if refusal.refund_reason:
                self._request_refund(reservation, sale, refusal.refund_reason)
            raise

    def _paid(self, reservation: Reservation, sale: Sale) -> Reservation:
        if reservation.state is State.PENDING:
            reservation = self._claim(reservation, sale)
        return self._sold(reservation, sale)

    def _sale(self, command: ConfirmReservation, reservation: Reservation) -> Sale:
        return Sale(
            id=self.ids.sale(command.reservation_id, command.transaction_id),
            transaction_id=command.transaction_id,
            payment_method=command.payment_method,
            paid_at=reservation.not_before(self.clock()),
        )

    def _claim(self, reservation: Reservation, sale: Sale) -> Reservation:
        """Before the row is sold: two who claim one payment never both get to a row. Gives the reservation again: over,
        where the same request has been refused by another instance since it was read, so that both say the same."""
        claim = claim_on(reservation, sale.transaction_id, sale.payment_method, sale.paid_at)
        stands = self.payments.claim(claim, charged_only=self.charged_only)
        if _is_for(stands, reservation):
            return reservation
        refused = self.reservations.find(reservation.id) if _bought_nothing(stands, reservation) else None
        if refused is None or refused.state is State.PENDING:
            raise _in_the_way(stands, reservation, sale)
        return refused

    def _sold(self, reservation: Reservation, sale: Sale) -> Reservation:
        if reservation.state is not State.PENDING:
            return _bought_by(sale, reservation)
        is_cancelled = self._sell(reservation, sale)
        sold = self._remember_sale(reservation, sale)
        if is_cancelled:
            self._return_of_cancelled(sold)
        return sold

    def _sell(self, reservation: Reservation, sale: Sale) -> bool:
        """Whether the screening was cancelled since this sale was made."""
        try:
            self.rows.sell(reservation.hold, sale, sale.paid_at)
        except SeatsTaken as taken:
            # Sold by this very payment: an earlier try got as far as the commit point. Finish what it began.
            sold_by = taken.sale_of(reservation.id) or self._given_back(reservation, sale, taken)
            if sold_by != sale.id:
                raise AlreadyPaid(reservation.id, sold_by, sale.transaction_id) from taken
            return isinstance(taken, RowsClosed)
        return False

    def _given_back(self, reservation: Reservation, sale: Sale, taken: SeatsTaken) -> str:
        """Before it may be said that the payment buys nothing, its hold must be gone: another instance, whose clock is
        behind, may be selling it at this moment. Then that was the commit point, and this gives the sale's id.

        Raises LatePayment, PaymentForCancelled, PaymentForCancelledSession.
        """
        if isinstance(taken, RowsClosed):
            raise PaymentForCancelledSession(reservation.session_id, reservation.id, sale.transaction_id) from taken
        if sold_by := self.rows.release(reservation.hold, sale.paid_at).sale_id:
            return sold_by
        now = reservation.not_before(self.clock())
        state = _how_it_ended(reservation, taken, now)
        stands = self.reservations.end(reservation.hold, state, now) or reservation
        raise _not_for_sale(stands, sale) from taken

    def _remember_sale(self, reservation: Reservation, sale: Sale) -> Reservation:
        sold = reservation.confirmed(sale)
        stored = self.reservations.confirm(reservation.id, sale) or self.reservations.restore(sold)
        if stored.sale != sold.sale:
            log.info("sold before: %s by %s", reservation.id, sale.id)
        return stored

    def _return_of_cancelled(self, reservation: Reservation) -> None:
        """The cancellation could not see this sale's payment yet."""
        if payment := payment_of_sale(reservation):
            self.payments.request_refund(payment.to_be_returned(RefundReason.SCREENING_CANCELLED, self.clock()))

    def _request_refund(self, reservation: Reservation, sale: Sale, reason: RefundReason) -> None:
        """Where only charged payments count, what was never heard of is no money: there is nothing to be returned."""
        request = payment_for_nothing(sale.transaction_id, reservation, reason, sale.paid_at)
        if self.charged_only and self.payments.find(sale.transaction_id) is None:
            return
        stands = self.payments.request_refund(request)
        if stands.status is not PaymentStatus.REFUND_REQUESTED:
            log.warning("not returned: %s; its transaction stands for %s", request.facts, stands.facts)


def _is_for(payment: Payment | None, reservation: Reservation) -> bool:
    return (
        payment is not None
        and payment.reservation_id == reservation.id
        and payment.status in (PaymentStatus.CLAIMED, PaymentStatus.SOLD)
    )


def _bought_nothing(payment: Payment | None, reservation: Reservation) -> bool:
    return payment is not None and payment.reservation_id == reservation.id and payment.goes_back


def _in_the_way(stands: Payment | None, reservation: Reservation, sale: Sale) -> Refusal:
    if stands is None:
        return PaymentNotReceived(reservation.id, sale.transaction_id)
    if stands.goes_back:
        return PaymentReturned(reservation.id, sale.transaction_id)
    if stands.reservation_id != reservation.id:
        return PaymentAlreadyUsed(reservation.id, sale.transaction_id)
    if stands.is_charged and not stands.pays(reservation):
        return PaymentReturned(reservation.id, sale.transaction_id)
    return PaymentNotReceived(reservation.id, sale.transaction_id)


def _bought_by(sale: Sale, reservation: Reservation) -> Reservation:
    if reservation.sale is None:
        raise _not_for_sale(reservation, sale)
    if reservation.sale.id != sale.id:
        raise AlreadyPaid(reservation.id, reservation.sale.id, sale.transaction_id)
    return reservation


def _how_it_ended(reservation: Reservation, taken: SeatsTaken, now: datetime) -> State:
    """Seats that are free long before their time were given back by the buyer. Shortly before it they may have lapsed
    by another instance's clock, as what somebody else has had in any case."""
    has_lapsed = reservation.may_have_lapsed(now) or taken.seats_of_others(reservation.id)
    return State.EXPIRED if has_lapsed else State.CANCELLED


def _not_for_sale(reservation: Reservation, sale: Sale) -> LatePayment | PaymentForCancelled:
    if reservation.state is State.CANCELLED:
        return PaymentForCancelled(reservation.id, sale.transaction_id)
    ended_at = min(reservation.expires_at, reservation.ended_at or reservation.expires_at)
    return LatePayment(reservation.id, ended_at, sale.transaction_id)
