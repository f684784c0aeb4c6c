"""What must hold, whatever the schedule: looked at while it runs where that can be said, else when all is at rest."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

from chalicelib.application.confirm import ConfirmReservation
from chalicelib.domain.events import Event, EventType, ReservationChange
from chalicelib.domain.payments import Payment, PaymentStatus, RefundReason
from chalicelib.domain.refusals import (
    LatePayment,
    PaymentForCancelled,
    ReservationCancelled,
    StoreUnavailable,
)
from chalicelib.domain.reservations import (
    CountedHold,
    Held,
    Hold,
    LimitReached,
    Occupancy,
    Release,
    Reservation,
    Sale,
    Sold,
    State,
)
from infra.ops.screening_log import Tables, find_differences, fold_events
from tests.fakes import FakeGateway, FakeLiveHolds, FakeRows
from tests.telling import REMEMBERED

if TYPE_CHECKING:
    from .world import World

AHEAD = timedelta(seconds=5)
"""By how much an instance's clock may be wrong."""

ENDED = (State.CANCELLED, State.EXPIRED)


class Broken(Exception):
    """A promise."""


def entry_of(hold: Hold) -> Held:
    return Held(hold.reservation_id, hold.expires_at, hold.fingerprint)


@dataclass
class WatchedRows(FakeRows):
    """Each write is looked at before it takes effect."""

    promises: "Promises | None" = None

    def sell(self, hold: Hold, sale: Sale, now: datetime) -> None:
        super().sell(hold, sale, now)
        assert self.promises
        self.promises.sold_in_row(hold, sale)

    def release_whole(self, hold: Hold, now: datetime) -> tuple[Release, tuple[str, ...]]:
        """One write: all or nothing. Then what it found is said, and what is left of the hold."""
        seats = self.taken[hold.session_id]
        held = entry_of(hold)
        left = tuple(seat for seat in hold.seats if seats.get(seat) == held)
        if left == hold.seats:
            return self.release(hold, now), ()
        entries = (seats.get(seat) for seat in hold.seats)
        sales = (e.sale_id for e in entries if isinstance(e, Sold) and e.reservation_id == hold.reservation_id)
        return Release((), next(sales, None)), left

    def release(self, hold: Hold, now: datetime) -> Release:
        release = super().release(hold, now)
        if self.promises:
            self.promises.given_back |= {(seat, entry_of(hold)) for seat in release.seats}
        return release

    def _put(self, hold: Hold, entry: Occupancy) -> None:
        seats = self.taken[hold.session_id]
        assert self.promises
        if isinstance(entry, Held):
            self.promises.is_held(hold)
        for seat in hold.seats:
            before = seats.get(seat)
            if before:
                self.promises.changes_hands(seat, before, entry)
        super()._put(hold, entry)


@dataclass
class WatchedLiveHolds(FakeLiveHolds):
    promises: "Promises | None" = None

    def add(self, user_id: str, hold: Hold, limit: int, now: datetime, instead_of: CountedHold | None = None) -> None:
        try:
            super().add(user_id, hold, limit, now, instead_of)
        except LimitReached:
            assert self.promises
            self.promises.twins_refused = True
            raise


@dataclass
class WatchedGateway(FakeGateway):
    promises: "Promises | None" = None

    def _take_back(self, transaction_id: str, amount_cents: int | None) -> None:
        assert self.promises
        self.promises.goes_back(transaction_id)
        super()._take_back(transaction_id, amount_cents)


@dataclass(slots=True)
class Paying:
    """A confirmation under way, by whoever holds a 201."""

    command: ConfirmReservation
    was_charged: bool


@dataclass
class Promises:
    world: "World"
    sales: dict[str, tuple[Hold, Sale]] = field(default_factory=dict)
    """By transaction, each once its row is sold."""
    given_back: set[tuple[str, Held]] = field(default_factory=set)
    sold: set[tuple[str, datetime]] = field(default_factory=set)
    cancelled: set[tuple[str, datetime]] = field(default_factory=set)
    ended: set[tuple[str, datetime]] = field(default_factory=set)
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
    unexpired: set[tuple[str, datetime]] = field(default_factory=set)
    """Holds whose expiry message was lost."""
    untold: set[str] = field(default_factory=set)
    """Charges of which the gateway's message was lost, or came late."""

    # While it runs.

    def is_held(self, hold: Hold) -> None:
        again = [seat for seat in hold.seats if (seat, entry_of(hold)) in self.given_back]
        if again:
            _broken(f"{again} were given back, and are held again by the very same {hold}")

    def changes_hands(self, seat: str, before: Occupancy, after: Occupancy) -> None:
        if isinstance(before, Sold):
            _broken(f"{seat} was sold as {before}, and becomes {after}")
        if isinstance(after, Held) and before.expires_at > self.world.clock.now + AHEAD:
            _broken(f"{seat} was held as {before}, and becomes {after}")
        if isinstance(after, Sold) and after.reservation_id != before.reservation_id:
            _broken(f"{seat} was held as {before}, and becomes {after}")

    def sold_in_row(self, hold: Hold, sale: Sale) -> None:
        transaction_id, identity = sale.transaction_id, (hold.reservation_id, hold.expires_at)
        if self.sales.setdefault(transaction_id, (hold, sale))[1].id != sale.id:
            _broken(f"{transaction_id} buys {sale.id}, and has bought {self.sales[transaction_id][1].id}")
        payment = self.world.payments.known.get(transaction_id)
        if not payment or payment.status is not PaymentStatus.CLAIMED or payment.reservation_id != hold.reservation_id:
            _broken(f"{sale.id} is sold, but its payment stands for {payment}")
        if identity in self.cancelled:
            _broken(f"{sale.id} is sold after its hold was answered as cancelled")
        if identity in self.ended:
            _broken(f"{sale.id} is sold after its payer was told that the hold is over")
        self.sold.add(identity)

    def goes_back(self, transaction_id: str) -> None:
        if transaction_id in self.sales and not self._is_closed(self.sales[transaction_id][0].session_id):
            _broken(f"{transaction_id} is returned, and its sale {self.sales[transaction_id][1].id} stands")

    def changes(self, change: ReservationChange) -> None:
        before, after = change.before, change.after
        if before and after and before.state in ENDED and after.state is State.CONFIRMED:
            _broken(f"an ended reservation is sold: {change}")
        if after and after.state is State.CANCELLED and after.id not in self.to_be_cancelled:
            _broken(f"nobody has cancelled it: {change}")

    def _is_closed(self, session_id: str) -> bool:
        return any(closed == session_id for closed, _ in self.world.rows.closed)

    # What was answered.

    def held(self, reservation: Reservation) -> None:
        if reservation.state is not State.PENDING:
            return
        known = self.made.setdefault(reservation.id, reservation.expires_at)
        if known != reservation.expires_at and reservation.id not in self.forgotten:
            _broken(f"{reservation.id} was answered until {known}, and until {reservation.expires_at}")
        self.made[reservation.id] = reservation.expires_at
        if reservation.expires_at + AHEAD <= self.world.clock.now:
            _broken(f"{reservation} is answered after its time")

    def not_held(self, why: Exception) -> None:
        if isinstance(why, ReservationCancelled) and why.reservation_id not in self.to_be_cancelled:
            self.said_to_be_cancelled.add(why.reservation_id)

    def has_cancelled(self, reservation: Reservation) -> None:
        identity = reservation.id, reservation.expires_at
        if identity in self.sold:
            _broken(f"{reservation.id} is answered as cancelled, and it is sold")
        self.cancelled.add(identity)

    def pays(self, command: ConfirmReservation) -> Paying:
        transaction_id, reservation_id = command.transaction_id, command.reservation_id
        self.names(transaction_id, reservation_id)
        payment = self.world.payments.known.get(transaction_id)
        return Paying(command, bool(payment and payment.is_charged and payment.charged_currency))

    def names(self, transaction_id: str, reservation_id: str) -> None:
        if reservation_id:
            self.used[transaction_id].add(reservation_id)
        if sum(reservation_id in named for named in self.used.values()) > 1:
            self.disturbed.add(reservation_id)

    def has_paid(self, paying: Paying, reservation: Reservation) -> None:
        assert reservation.sale
        if self.confirmed.setdefault(reservation.id, reservation.sale.id) != reservation.sale.id:
            _broken(f"{reservation.id} is sold as {reservation.sale.id}, and as {self.confirmed[reservation.id]}")
        if reservation.sale.transaction_id != paying.command.transaction_id:
            _broken(f"{paying.command} is answered by {reservation.sale.id}")

    def could_not_pay(self, paying: Paying, why: Exception) -> None:
        command = paying.command
        expires_at = self.made.get(command.reservation_id)
        if isinstance(why, LatePayment | PaymentForCancelled) and expires_at:
            identity = command.reservation_id, expires_at
            sale = self.sales.get(command.transaction_id)
            if sale and sale[0].reservation_id == command.reservation_id:
                _broken(f"{command} is answered by {why!r}, and it is sold")
            if command.reservation_id not in self.forgotten:
                self.ended.add(identity)
        if self._must_be_payable(paying, expires_at) and not isinstance(why, StoreUnavailable):
            _broken(f"{command} in time, undisturbed, is answered by {why!r}")

    def _must_be_payable(self, paying: Paying, expires_at: datetime | None) -> bool:
        world, command = self.world, paying.command
        is_in_time = expires_at is not None and world.clock.now + AHEAD < expires_at
        is_its_own = self.used[command.transaction_id] == {command.reservation_id}
        is_disturbed = command.reservation_id in self.disturbed | self.forgotten or bool(world.being_cancelled)
        is_wrong = command.transaction_id in world.wrong_charges
        return (
            is_in_time
            and is_its_own
            and not is_disturbed
            and not is_wrong
            and (paying.was_charged or not world.charged_only)
        )

    # Its hold is over, and a minute more: no sweep yet.

    def claims_have_ended(self) -> None:
        for payment in self.world.payments.known.values():
            is_unheard = payment.transaction_id in self.untold or payment.transaction_id in self.world.unheard
            if payment.status in (PaymentStatus.CLAIMED, PaymentStatus.ASSERTED) and not is_unheard:
                _broken(f"a minute after its hold {payment} has no end")

    # At rest.

    def at_rest(self) -> None:
        if self.said_to_be_cancelled and not self.twins_refused:
            _broken(f"answered as cancelled, which nobody has done: {self.said_to_be_cancelled}")
        for session_id, seats in self.world.rows.taken.items():
            for seat, entry in seats.items():
                self._seat_is_free_or_bought(session_id, seat, entry)
        for reservation in self.world.reservations.stored.values():
            self._has_ended(reservation)
        for payment in self.world.payments.known.values():
            self._is_settled(payment)
        for transaction_id, charge in self.world.gateway.charged.items():
            self._is_used_or_returned(transaction_id, charge.amount_cents, charge.refunded_cents)
        self._stay_sold()
        self._log_is_in_order()

    def _stay_sold(self) -> None:
        for reservation_id, sale_id in self.confirmed.items():
            stored = self.world.reservations.stored.get(reservation_id)
            if stored is None or stored.sale is None or stored.sale.id != sale_id:
                _broken(f"{reservation_id} was answered as sold by {sale_id}, and is {stored}")

    def _seat_is_free_or_bought(self, session_id: str, seat: str, entry: Occupancy) -> None:
        if isinstance(entry, Held):
            if (entry.reservation_id, entry.expires_at) not in self.unexpired:
                _broken(f"{seat} is still held: {entry}")
            return
        reservation = self.world.reservations.stored.get(entry.reservation_id)
        if reservation is None or reservation.sale is None or reservation.sale.id != entry.sale_id:
            _broken(f"{seat} is sold as {entry}, and its reservation is {reservation}")
        payment = self.world.payments.known.get(reservation.sale.transaction_id)
        if payment is None or payment.sale_id != entry.sale_id:
            _broken(f"{seat} is sold as {entry}, and its payment stands for {payment}")
        went_back = payment.status in (PaymentStatus.REFUND_REQUESTED, PaymentStatus.REFUNDED)
        is_for_cancelled = payment.reason is RefundReason.SCREENING_CANCELLED and self._is_closed(session_id)
        if not (payment.status is PaymentStatus.SOLD or (went_back and is_for_cancelled)):
            _broken(f"{seat} is sold as {entry}, and its payment stands for {payment}")

    def _has_ended(self, reservation: Reservation) -> None:
        if reservation.state is State.PENDING:
            _broken(f"still pending: {reservation}")
        seats = self.world.rows.taken[reservation.session_id]
        sale = reservation.sale
        if sale and any(seats.get(seat) != Sold(reservation.id, sale.id) for seat in reservation.seats):
            _broken(f"{reservation} is confirmed, and its seats are {[seats.get(seat) for seat in reservation.seats]}")

    def _is_settled(self, payment: Payment) -> None:
        if payment.status in (PaymentStatus.ASSERTED, PaymentStatus.CLAIMED):
            _broken(f"never settled: {payment}")
        if payment.status is PaymentStatus.REFUND_REQUESTED and payment.transaction_id in self.world.gateway.charged:
            _broken(f"charged, and never returned: {payment}")

    def _is_used_or_returned(self, transaction_id: str, charged: int, refunded: int) -> None:
        payment = self.world.payments.known.get(transaction_id)
        if payment is None:
            _broken(f"{transaction_id} was charged, and nothing is known of it")
        if refunded not in (0, charged):
            _broken(f"{refunded} of {charged} went back: {payment}")
        if (payment.status is PaymentStatus.REFUNDED) != (refunded == charged):
            _broken(f"{refunded} of {charged} went back, but it is {payment}")
        if (payment.status is PaymentStatus.SOLD) != (transaction_id in self.sales) and not self.world.being_cancelled:
            _broken(f"{payment}, and its sale is {self.sales.get(transaction_id)}")

    def _log_is_in_order(self) -> None:
        events = sorted(self.world.log.known.values(), key=lambda event: (event.occurred_at, event.id))
        stories: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            stories[event.reservation_id].append(event)
        for reservation_id, told in stories.items():
            if reservation_id and reservation_id not in self.forgotten:
                self._story_makes_sense(reservation_id, told)
        if self.forgotten:
            return
        for screening in self.world.screenings:
            self._tables_say_the_same(screening.id, [event for event in events if event.session_id == screening.id])

    def _tables_say_the_same(self, session_id: str, events: list[Event]) -> None:
        stored = {one.id: one for one in self.world.reservations.stored.values() if one.session_id == session_id}
        tables = Tables(self.world.rows.taken[session_id], stored, self._is_closed(session_id))
        for difference in find_differences(fold_events(events), tables, self.world.clock.now, REMEMBERED):
            _broken(f"the log and the tables differ: {difference}")

    def _story_makes_sense(self, reservation_id: str, events: list[Event]) -> None:
        reservation = self.world.reservations.stored.get(reservation_id)
        told = [event.type for event in events]
        if reservation and told.count(EventType.PAYMENT_CONFIRMED) != (reservation.sale is not None):
            _broken(f"{reservation_id} is {reservation.state}, and its events are {told}")
        if sum(kind in ENDS_OF_A_HOLD for kind in told) > 1:
            _broken(f"{reservation_id} ends more than once: {told}")
        if reservation and next(kind for kind in told if kind is not SEAT_RELEASED) is not CREATED:
            _broken(f"{reservation_id} does not begin with its creation: {told}")
        for place, event in enumerate(events):
            follows = FOLLOWS.get(event.type)
            if follows and not follows(event, events[:place]):
                _broken(f"{event.id} comes before what it follows from: {told}")


SEAT_RELEASED, CREATED = EventType.SEAT_RELEASED, EventType.RESERVATION_CREATED
"""Seats may be given back before: by a request that was refused under a known id."""

ENDS_OF_A_HOLD = (
    EventType.PAYMENT_CONFIRMED,
    EventType.RESERVATION_CANCELLED,
    EventType.RESERVATION_EXPIRED,
)


def _a_request(refund: Event, earlier: list[Event]) -> bool:
    requests = (event for event in earlier if event.type is EventType.REFUND_REQUESTED)
    return any(event.data["transactionId"] == refund.data["transactionId"] for event in requests)


def _its_sale(request: Event, earlier: list[Event]) -> bool:
    sale_id = request.data.get("saleId")
    sales = (event.data["saleId"] for event in earlier if event.type is EventType.PAYMENT_CONFIRMED)
    return not sale_id or sale_id in sales


FOLLOWS: dict[EventType, Callable[[Event, list[Event]], bool]] = {
    EventType.REFUND_REQUESTED: _its_sale,
    EventType.REFUND_COMPLETED: _a_request,
}


def _broken(what: str) -> NoReturn:
    raise Broken(what)
