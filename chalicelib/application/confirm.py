"""Turning a hold into a sale, now that it is paid for.

payment ──► reservation: read ──► row: sell, if it is this very hold and live ──► reservation: confirmed ──► 200
                                        ▲ the commit point: from here on the seats are sold, whatever happens next
refused ──► payment: to be returned ──► 404, 409, 410

That a payment has bought a sale is registered after the fact, from the reservations' stream: see relay.py.
"""

import logging
from dataclasses import dataclass

from chalicelib.domain.payments import Payment, payment_for_nothing, payment_for_unknown
from chalicelib.domain.ports import Clock, Ids, Payments, Reservations, Rows
from chalicelib.domain.refusals import (
    AlreadyPaid,
    LatePayment,
    PaymentForCancelled,
    PaymentForCancelledSession,
    PaymentForUnknown,
    Refusal,
    ReservationNotFound,
)
from chalicelib.domain.reservations import Reservation, RowsClosed, Sale, SeatsTaken, State

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConfirmReservation:
    reservation_id: str
    payment_method: str
    transaction_id: str


@dataclass(frozen=True)
class Confirm:
    rows: Rows
    reservations: Reservations
    payments: Payments
    clock: Clock
    ids: Ids

    def __call__(self, command: ConfirmReservation) -> Reservation:
        """Gives the confirmed reservation. The same transaction again gives the same sale.

        Raises ReservationNotFound, LatePayment, PaymentForCancelled, PaymentForCancelledSession, AlreadyPaid; before
        that, the payment's return was requested.
        """
        reservation = self.reservations.find(command.reservation_id)
        if reservation is None:
            raise self._unknown(command)
        try:
            return self._confirmed(reservation, self._sale(command))
        except Refusal as refusal:
            if refusal.refund_reason:
                reason, now = refusal.refund_reason, self.clock()
                self._request_refund(payment_for_nothing(command.transaction_id, reservation, reason, now))
            raise

    def _unknown(self, command: ConfirmReservation) -> Refusal:
        """What is no id of ours can't have been paid for, and leaves no trace."""
        if not self.ids.may_be_reservation(command.reservation_id):
            return ReservationNotFound(command.reservation_id)
        payment = payment_for_unknown(command.transaction_id, command.reservation_id, self.clock())
        self._request_refund(payment)
        return PaymentForUnknown(command.reservation_id, command.transaction_id)

    def _request_refund(self, payment: Payment) -> None:
        """Money that has bought a sale stays where it is, whoever sends its transaction again for something else."""
        stands = self.payments.request_refund(payment)
        if stands.sale_id:
            log.warning("not returned: %s; its transaction has bought %s", payment.facts, stands.facts)

    def _confirmed(self, reservation: Reservation, sale: Sale) -> Reservation:
        if reservation.state is State.PENDING:
            self._sell(reservation, sale)
            reservation = self.reservations.confirm(reservation.id, sale) or reservation.confirmed(sale)
        return _paid_by(sale, reservation)

    def _sale(self, command: ConfirmReservation) -> Sale:
        return Sale(
            id=self.ids.sale(command.reservation_id, command.transaction_id),
            transaction_id=command.transaction_id,
            payment_method=command.payment_method,
            paid_at=self.clock(),
        )

    def _sell(self, reservation: Reservation, sale: Sale) -> None:
        try:
            self.rows.sell(reservation.hold, sale, sale.paid_at)
        except SeatsTaken as taken:
            sold_by = taken.sale_of(reservation.id)
            if sold_by is None and isinstance(taken, RowsClosed):
                raise PaymentForCancelledSession(reservation.session_id, reservation.id, sale.transaction_id) from taken
            if sold_by is None:
                raise _not_for_sale(reservation, sale) from taken
            if sold_by != sale.id:
                raise AlreadyPaid(reservation.id, sold_by, sale.transaction_id) from taken
            # Sold by this very payment: an earlier try got as far as the commit point. Finish what it began.


def _paid_by(sale: Sale, reservation: Reservation) -> Reservation:
    if reservation.sale is None:
        raise _not_for_sale(reservation, sale)
    if reservation.sale.id != sale.id:
        raise AlreadyPaid(reservation.id, reservation.sale.id, sale.transaction_id)
    return reservation


def _not_for_sale(reservation: Reservation, sale: Sale) -> LatePayment | PaymentForCancelled:
    """Seats that are gone before their time were given back, by a cancellation that may still be at work."""
    if reservation.state_at(sale.paid_at) is State.EXPIRED:
        return LatePayment(reservation.id, reservation.expires_at, sale.transaction_id)
    return PaymentForCancelled(reservation.id, sale.transaction_id)
