"""Confirming a reservation: its hold becomes a sale, now that it is paid for.

    reservation: read ──► payment: claim it for this reservation ──► row: sell, if it is this very hold and live
        │ ended               │ used, refunded, not received             │ the commit point: from here on the seats are
        ▼                     ▼                                          ▼ sold, whatever happens next
      404, 410            409, 402                                    reservation: confirmed ──► 200

A payment is to be refunded if its row was not sold and never will be: its hold is released first. If a request dies,
its claim is settled when the hold is over: see payments.py. The payment is marked as sold afterwards, from the
reservations' stream: see relay.py.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.domain.identity import UNCHECKED, Principal
from chalicelib.domain.payments import (
    Payment,
    PaymentStatus,
    RefundReason,
    claimed_payment_for,
    refund_request_for,
    sold_payment_of,
)
from chalicelib.domain.refusals import (
    LatePayment,
    PaidByAnotherTransaction,
    PaymentClaimedOrUsed,
    PaymentForCancelledReservation,
    PaymentForCancelledSession,
    PaymentNotReportedYet,
    PaymentRefundedOrWrongAmount,
    Refusal,
    TransactionMissing,
)
from chalicelib.domain.reservations import Reservation, RowsOfCancelledSession, Sale, SeatsTakenOrHoldEnded, State

from .owned import get_owned_reservation

if TYPE_CHECKING:
    from chalicelib.domain.ports import Clock, IdMaker, Payments, Reservations, Rows

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConfirmReservationCommand:
    """A command to confirm a reservation.

    Payment method and transaction are empty if the reservation is free of charge.
    """

    reservation_id: str
    payment_method: str = ""
    transaction_id: str = ""
    asked_by: Principal = UNCHECKED


@dataclass(frozen=True)
class ConfirmReservation:
    """Confirms a reservation that is paid for, or free of charge.

    With `only_if_charged`, the payment gateway must have reported the charge. Without `only_if_charged`, the client's
    statement is enough. On a laptop, `only_if_charged` is not set by default. In settlement it is not set on any stage:
    see SettlePayment.confirm.
    """

    rows: Rows
    reservations: Reservations
    payments: Payments
    clock: Clock
    ids: IdMaker
    only_if_charged: bool

    def __call__(self, command: ConfirmReservationCommand) -> Reservation:
        """Confirms the reservation and gives it. A second call with the same transaction gives the same sale.

        Raises ReservationNotFound, TransactionMissing, PaymentNotReportedYet, PaymentClaimedOrUsed,
        PaymentRefundedOrWrongAmount.

        If the payment can no longer buy the seats, requests its refund and raises LatePayment,
        PaymentForCancelledReservation, PaymentForCancelledSession or PaidByAnotherTransaction.
        """
        reservation = get_owned_reservation(self.reservations, command.reservation_id, command.asked_by)
        if reservation.is_free:
            return self._sell(reservation, self._draft_sale(ConfirmReservationCommand(reservation.id), reservation))
        if not command.transaction_id:
            raise TransactionMissing(command.reservation_id)
        sale = self._draft_sale(command, reservation)
        try:
            return self._sell(self._claim_payment(reservation, sale), sale)
        except Refusal as refusal:
            if refusal.refund_reason:
                self._request_refund(reservation, sale, refusal.refund_reason)
            raise

    def _draft_sale(self, command: ConfirmReservationCommand, reservation: Reservation) -> Sale:
        return Sale(
            id=self.ids.sale_id(command.reservation_id, command.transaction_id),
            transaction_id=command.transaction_id,
            payment_method=command.payment_method,
            paid_at=reservation.at_least_1ms_after_creation(self.clock()),
        )

    def _claim_payment(self, reservation: Reservation, sale: Sale) -> Reservation:
        """Claims the sale's payment for the reservation, and gives the reservation. Claims nothing if the reservation
        is not pending. Raises a refusal if the payment can't be claimed.

        The payment is claimed before the seats are sold, so that one payment can't buy two rows.

        If the payment's refund was requested or made, another instance may have refused the same request and ended the
        reservation. Then the ended reservation is read and given, so that both instances give the same answer.
        """
        if reservation.state is not State.PENDING:
            return reservation
        claim = claimed_payment_for(reservation, sale.transaction_id, sale.payment_method, sale.paid_at)
        stands = self.payments.claim_for_reservation_if_allowed_and_read(claim, only_if_charged=self.only_if_charged)
        if _is_claimed_for(stands, reservation):
            return reservation
        ended = self.reservations.find(reservation.id) if _is_being_refunded(stands, reservation) else None
        if ended is None or ended.state is State.PENDING:
            raise _refusal_of_claim(stands, reservation, sale)
        return ended

    def _sell(self, reservation: Reservation, sale: Sale) -> Reservation:
        """Sells the seats of a pending reservation, stores the sale, and gives the confirmed reservation. If the
        reservation is not pending, gives it unchanged if it was bought by this sale, and otherwise raises a refusal.

        Requests the sale's refund if the session was cancelled after the seats were sold. Raises
        PaidByAnotherTransaction, LatePayment, PaymentForCancelledReservation, PaymentForCancelledSession.
        """
        if reservation.state is not State.PENDING:
            return _check_bought(reservation, sale)
        session_is_cancelled = self._sell_seats(reservation, sale)
        confirmed = self._store_sale(reservation, sale)
        if session_is_cancelled:
            self.request_refund_because_session_is_cancelled(confirmed)
        return confirmed

    def _sell_seats(self, reservation: Reservation, sale: Sale) -> bool:
        """Sells the seats, unless this sale owns them already. Releases a hold that can't be sold.

        Gives True if this sale had sold the seats before, and the session was cancelled afterwards: the payment must be
        refunded. Otherwise gives False.

        Raises PaidByAnotherTransaction, LatePayment, PaymentForCancelledReservation, PaymentForCancelledSession.
        """
        try:
            self.rows.sell(reservation.hold, sale, sale.paid_at)
        except SeatsTakenOrHoldEnded as taken:
            # Sold by this very payment: an earlier try got as far as the commit point. Finish what it began.
            sold_by = taken.sale_id_of_any_seat_of(reservation.id) or self._release_hold(reservation, sale, taken)
            if sold_by != sale.id:
                raise PaidByAnotherTransaction(reservation.id, sold_by, sale.transaction_id) from taken
            return isinstance(taken, RowsOfCancelledSession)
        return False

    def _release_hold(self, reservation: Reservation, sale: Sale, taken: SeatsTakenOrHoldEnded) -> str:
        """Releases a hold that can't be sold, ends its reservation, and raises LatePayment or
        PaymentForCancelledReservation. If the hold was sold meanwhile, gives the sale's id instead.

        The hold is released before the payment is refused. Otherwise an instance with a slow clock could still sell the
        hold.

        If the session is cancelled, releases nothing and raises PaymentForCancelledSession: no instance can sell the
        hold.
        """
        if isinstance(taken, RowsOfCancelledSession):
            raise PaymentForCancelledSession(reservation.session_id, reservation.id, sale.transaction_id) from taken
        if sold_by := self.rows.release(reservation.hold, sale.paid_at).sale_id:
            return sold_by
        now = reservation.at_least_1ms_after_creation(self.clock())
        ended = self.reservations.mark_ended_if_pending_with_hold_and_read(
            reservation.hold, _cancelled_or_expired(reservation, taken, now), now
        )
        raise _refusal_of_ended(ended or reservation, sale) from taken

    def _store_sale(self, reservation: Reservation, sale: Sale) -> Reservation:
        """Stores the sale on the reservation, and gives the reservation. If the reservation was deleted, stores it
        again with the sale.

        If an earlier request sold the seats, the time of that sale is unknown, but it was before the hold's expiry. So
        the stored `paid_at` is the expiry at the latest.
        """
        sale = replace(sale, paid_at=min(sale.paid_at, reservation.hold.expires_at))
        confirmed = reservation.confirmed(sale)
        stored = self.reservations.mark_confirmed_unless_sold_and_read(
            reservation.id, sale
        ) or self.reservations.add_sold_if_missing(confirmed)
        if stored.sale != confirmed.sale:
            log.info("sold before: %s by %s", reservation.id, sale.id)
        return stored

    def request_refund_because_session_is_cancelled(self, confirmed: Reservation) -> None:
        """Requests the refund of a sale in a cancelled session.

        The cancellation has missed this sale, because its confirmed reservation was not stored by then.
        """
        if payment := sold_payment_of(confirmed):
            self.payments.request_refund_if_allowed_and_read(
                payment.with_refund_requested(RefundReason.SCREENING_CANCELLED, self.clock())
            )

    def _request_refund(self, reservation: Reservation, sale: Sale, reason: RefundReason) -> None:
        """Requests the refund of a payment that bought nothing.

        With `only_if_charged`, does nothing if the payment is not stored: then the gateway has reported no charge.
        """
        request = refund_request_for(sale.transaction_id, reservation, reason, sale.paid_at)
        if self.only_if_charged and self.payments.find(sale.transaction_id) is None:
            return
        stands = self.payments.request_refund_if_allowed_and_read(request)
        if stands.status is not PaymentStatus.REFUND_REQUESTED:
            log.warning("not returned: %s; its transaction stands for %s", request.log_fields, stands.log_fields)


def _is_claimed_for(payment: Payment | None, reservation: Reservation) -> bool:
    """Tells whether the payment is claimed for the reservation, or was used to buy it."""
    return (
        payment is not None
        and payment.reservation_id == reservation.id
        and payment.status in (PaymentStatus.CLAIMED, PaymentStatus.SOLD)
    )


def _is_being_refunded(payment: Payment | None, reservation: Reservation) -> bool:
    """Tells whether the payment is for the reservation and its refund was requested or made."""
    return payment is not None and payment.reservation_id == reservation.id and payment.is_refund_requested_or_made


def _refusal_of_claim(stands: Payment | None, reservation: Reservation, sale: Sale) -> Refusal:
    """Makes the refusal of a claim for the reservation. `stands` is the stored payment; None if none is stored."""
    if stands is None:
        return PaymentNotReportedYet(reservation.id, sale.transaction_id)
    if stands.is_refund_requested_or_made:
        return PaymentRefundedOrWrongAmount(reservation.id, sale.transaction_id)
    if stands.reservation_id != reservation.id:
        return PaymentClaimedOrUsed(reservation.id, sale.transaction_id)
    if stands.was_charged and not stands.charge_matches_price_of(reservation):
        return PaymentRefundedOrWrongAmount(reservation.id, sale.transaction_id)
    return PaymentNotReportedYet(reservation.id, sale.transaction_id)


def _check_bought(reservation: Reservation, sale: Sale) -> Reservation:
    """Checks a reservation that is no longer pending. If it was bought by this sale, gives it unchanged.

    Otherwise raises LatePayment, PaymentForCancelledReservation or PaidByAnotherTransaction.
    """
    if reservation.sale is None:
        raise _refusal_of_ended(reservation, sale)
    if reservation.sale.id != sale.id:
        raise PaidByAnotherTransaction(reservation.id, reservation.sale.id, sale.transaction_id)
    return reservation


def _cancelled_or_expired(reservation: Reservation, taken: SeatsTakenOrHoldEnded, now: datetime) -> State:
    """Tells how the reservation's hold, which can't be sold any more, has ended.

    Gives expired if it may have lapsed by the clock of some instance, or if others hold or own its seats. Else gives
    cancelled: only a cancellation frees the seats long before the expiry.
    """
    has_lapsed = reservation.hold_may_have_lapsed_by_some_clock(now) or taken.seats_of_others(reservation.id)
    return State.EXPIRED if has_lapsed else State.CANCELLED


def _refusal_of_ended(reservation: Reservation, sale: Sale) -> LatePayment | PaymentForCancelledReservation:
    """Makes the refusal of a payment that comes after its reservation has ended."""
    if reservation.state is State.CANCELLED:
        return PaymentForCancelledReservation(reservation.id, sale.transaction_id)
    ended_at = min(reservation.expires_at, reservation.ended_at or reservation.expires_at)
    return LatePayment(reservation.id, ended_at, sale.transaction_id)
