"""The promises at all times, checked at each write and each answer. Promises about the end are in at_rest.py."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

from chalicelib.application.confirm import ConfirmReservationCommand
from chalicelib.domain.payments import Payment, PaymentStatus
from chalicelib.domain.refusals import (
    BackendUnavailable,
    LatePayment,
    PaymentForCancelledReservation,
    ReservationCancelled,
)
from chalicelib.domain.reservations import HeldSeat, Hold, Occupancy, Reservation, Sale, SoldSeat, State
from chalicelib.domain.tickets.ticket import Admission
from chalicelib.infrastructure.dynamodb.reservations import reservation_from_item_unless_bar
from chalicelib.infrastructure.dynamodb.rows import seat_entries_with_lapsed_in
from chalicelib.infrastructure.streams.records import row_event
from tests.fakes import MovableClock
from tests.simulation.cloud.expressions import Item

from .stored import Stored

AHEAD = timedelta(seconds=5)
"""By how much an instance's clock may be wrong."""

ENDED = (State.CANCELLED, State.EXPIRED)

Identity = tuple[str, datetime]
"""A hold: its reservation and its expiry."""


class Broken(BaseException):
    """A promise of the system is broken. A BaseException, so that no handler of ours catches it."""


def broken(promise: str) -> NoReturn:
    raise Broken(promise)


@dataclass(slots=True)
class Paying:
    """A confirmation that was sent and not yet answered."""

    command: ConfirmReservationCommand
    was_charged: bool


@dataclass
class Promises:
    clock: MovableClock
    stored: Stored
    only_if_charged: bool
    sales: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By transaction, the reservation and the sale of each row that was sold."""
    given_back: set[tuple[str, str, HeldSeat]] = field(default_factory=set)
    """The row, the seat and the entry of each hold that was released."""
    sold: set[Identity] = field(default_factory=set)
    cancelled: set[Identity] = field(default_factory=set)
    ended: set[Identity] = field(default_factory=set)
    """Whose payers were told that the hold is over: they get their money back."""
    confirmed: dict[str, str] = field(default_factory=dict)
    """The sale of each 200, by reservation."""
    made: dict[str, datetime] = field(default_factory=dict)
    """The expiry of each 201, by reservation."""
    disturbed: set[str] = field(default_factory=set)
    """Reservations that somebody cancels, or wants to pay for by more than one transaction."""
    to_be_cancelled: set[str] = field(default_factory=set)
    """Reservations that somebody cancels."""
    used: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """For which reservations each transaction was named, by client or gateway."""
    twins_refused: bool = False
    """Of two requests with one key, one may have given back what the other had held."""
    said_to_be_cancelled: set[str] = field(default_factory=set)
    """Without anybody having cancelled them."""
    forgotten: set[str] = field(default_factory=set)
    """Reservations that TTL has deleted."""
    unexpired: set[Identity] = field(default_factory=set)
    """Holds whose expiry message was lost."""
    unheard: set[str] = field(default_factory=set)
    """Charges of which the gateway's message was lost, or has yet to come."""
    wrong_charges: set[str] = field(default_factory=set)
    being_cancelled: set[str] = field(default_factory=set)
    """Screenings."""
    admitted: dict[str, Admission] = field(default_factory=dict)

    # Each write of a row.

    def check_row_write(self, before: Item | None, after: Item | None) -> None:
        if after is None:
            broken(f"a row is gone: {before}")
        old, new = seat_entries_with_lapsed_in(before or {}), seat_entries_with_lapsed_in(after)
        row_id = after["id"]["S"]
        for seat in {**old, **new}:
            if old.get(seat) != new.get(seat):
                self._check_seat_change(row_id, seat, old.get(seat), new.get(seat))
        event = row_event({"dynamodb": {"NewImage": after}}) if "event" in after else None
        if event is not None and type(event).__name__ == "SeatsSold":
            self._check_row_sold(after, event, old)

    def _check_seat_change(self, row_id: str, seat: str, before: Occupancy | None, after: Occupancy | None) -> None:
        if isinstance(before, SoldSeat):
            broken(f"{seat} was sold as {before}, and becomes {after}")
        if isinstance(after, HeldSeat) and (row_id, seat, after) in self.given_back:
            broken(f"{seat} was given back, and is held again by the very same {after}")
        if isinstance(before, HeldSeat):
            self._check_hold_change(row_id, seat, before, after)
        elif isinstance(after, SoldSeat):
            broken(f"{seat} was free, and becomes {after}")

    def _check_hold_change(self, row_id: str, seat: str, before: HeldSeat, after: Occupancy | None) -> None:
        if after is None:
            self.given_back.add((row_id, seat, before))
        if isinstance(after, HeldSeat) and before.expires_at > self.clock.now + AHEAD:
            broken(f"{seat} was held as {before}, and becomes {after}")
        if isinstance(after, SoldSeat) and after.reservation_id != before.reservation_id:
            broken(f"{seat} was held as {before}, and becomes {after}")

    def _check_row_sold(self, after: Item, event: object, old: dict[str, Occupancy]) -> None:
        sale: Sale = event.sale  # type: ignore[attr-defined] # a SeatsSold
        reservation_id: str = event.reservation_id  # type: ignore[attr-defined]
        seats: tuple[str, ...] = event.seats  # type: ignore[attr-defined]
        if seat_entries_with_lapsed_in(after).get(seats[0]) == old.get(seats[0]):
            return  # the event of an earlier write
        known = self.sales.setdefault(sale.transaction_id, (reservation_id, sale.id))
        if known != (reservation_id, sale.id):
            broken(f"{sale.transaction_id} buys {sale.id}, and has bought {known[1]}")
        held = old[seats[0]]
        if isinstance(held, HeldSeat):
            self._check_hold_sold((reservation_id, held.expires_at), sale)

    def _check_hold_sold(self, identity: Identity, sale: Sale) -> None:
        payment = self.stored.payment(sale.transaction_id)
        if not payment or payment.status is not PaymentStatus.CLAIMED or payment.reservation_id != identity[0]:
            broken(f"{sale.id} is sold, but its payment stands for {payment}")
        if identity in self.cancelled:
            broken(f"{sale.id} is sold after its hold was answered as cancelled")
        if identity in self.ended:
            broken(f"{sale.id} is sold after its payer was told that the hold is over")
        self.sold.add(identity)

    # Each write of a reservation, and money that goes back.

    def check_reservation_write(self, before: Item | None, after: Item | None) -> None:
        old = reservation_from_item_unless_bar(before) if before else None
        new = reservation_from_item_unless_bar(after) if after else None
        if old and new and old.state in ENDED and new.state is State.CONFIRMED:
            broken(f"an ended reservation is sold: {old} becomes {new}")
        if old and old.sale and (new is None or new.sale != old.sale):
            broken(f"a purchase changes: {old} becomes {new}")
        if new and new.state is State.CANCELLED and new.id not in self.to_be_cancelled:
            broken(f"nobody has cancelled it: {old} becomes {new}")

    def goes_back(self, transaction_id: str) -> None:
        if transaction_id not in self.sales:
            return
        reservation_id, sale_id = self.sales[transaction_id]
        reservation = self.stored.reservations().get(reservation_id)
        if reservation is None or not self.stored.is_closed(reservation.session_id):
            broken(f"{transaction_id} is returned, and its sale {sale_id} stands")

    # What was answered.

    def held(self, reservation: Reservation) -> None:
        if reservation.state is not State.PENDING:
            return
        known = self.made.setdefault(reservation.id, reservation.expires_at)
        if known != reservation.expires_at and reservation.id not in self.forgotten:
            broken(f"{reservation.id} was answered until {known}, and until {reservation.expires_at}")
        self.made[reservation.id] = reservation.expires_at
        if reservation.expires_at + AHEAD <= self.clock.now:
            broken(f"{reservation} is answered after its time")

    def note_hold_refused(self, why: Exception) -> None:
        if isinstance(why, ReservationCancelled) and why.reservation_id not in self.to_be_cancelled:
            self.said_to_be_cancelled.add(why.reservation_id)

    def note_cancellation(self, reservation: Reservation) -> None:
        identity = reservation.id, reservation.expires_at
        if identity in self.sold:
            broken(f"{reservation.id} is answered as cancelled, and it is sold")
        self.cancelled.add(identity)

    def begin_confirmation(self, command: ConfirmReservationCommand) -> Paying:
        transaction_id, reservation_id = command.transaction_id, command.reservation_id
        self.names(transaction_id, reservation_id)
        payment = self.stored.payment(transaction_id)
        return Paying(command, bool(payment and payment.was_charged and payment.charged_currency))

    def names(self, transaction_id: str, reservation_id: str) -> None:
        if reservation_id:
            self.used[transaction_id].add(reservation_id)
        if sum(reservation_id in named for named in self.used.values()) > 1:
            self.disturbed.add(reservation_id)

    def note_confirmation(self, paying: Paying, reservation: Reservation) -> None:
        sale = reservation.sale
        if sale is None:
            broken(f"{paying.command} is answered by {reservation}")
        if self.confirmed.setdefault(reservation.id, sale.id) != sale.id:
            broken(f"{reservation.id} is sold as {sale.id}, and as {self.confirmed[reservation.id]}")
        if sale.transaction_id != paying.command.transaction_id:
            broken(f"{paying.command} is answered by {sale.id}")

    def note_confirmation_refused(self, paying: Paying, why: Exception) -> None:
        command = paying.command
        expires_at = self.made.get(command.reservation_id)
        if isinstance(why, LatePayment | PaymentForCancelledReservation) and expires_at:
            if self.sales.get(command.transaction_id, ("",))[0] == command.reservation_id:
                broken(f"{command} is answered by {why!r}, and it is sold")
            if command.reservation_id not in self.forgotten:
                self.ended.add((command.reservation_id, expires_at))
        if self._must_be_payable(paying, expires_at) and not isinstance(why, BackendUnavailable):
            broken(f"{command} in time, undisturbed, is answered by {why!r}")

    def _must_be_payable(self, paying: Paying, expires_at: datetime | None) -> bool:
        command = paying.command
        is_in_time = expires_at is not None and self.clock.now + AHEAD < expires_at
        is_its_own = self.used[command.transaction_id] == {command.reservation_id}
        is_disturbed = command.reservation_id in self.disturbed | self.forgotten or bool(self.being_cancelled)
        is_wrong = command.transaction_id in self.wrong_charges
        is_proven = paying.was_charged or not self.only_if_charged
        return is_in_time and is_its_own and not is_disturbed and not is_wrong and is_proven

    def note_admission(self, code: str, admission: Admission) -> None:
        known = self.admitted.setdefault(code, admission)
        if not known.is_same_request_as(admission):
            broken(f"{code} was admitted by {known}, and by {admission}")

    # Its hold is over, and a minute more: no sweep yet.

    def check_claims_have_ended(self, payments: Callable[[], list[Payment]]) -> None:
        for payment in payments():
            is_open = payment.status in (PaymentStatus.CLAIMED, PaymentStatus.ASSERTED)
            if is_open and payment.transaction_id not in self.unheard:
                broken(f"a minute after its hold {payment} has no end")

    def note_expiry_lost(self, hold: Hold) -> None:
        self.unexpired.add((hold.reservation_id, hold.expires_at))
