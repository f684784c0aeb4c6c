"""Works out a screening's tables from its events, and finds where the real tables differ.

    events ──► reservations: what was made, and how it ended ──► seats: sold, held until then, or free
                         │                                                  │
    tables:         compared with reservations                     compared with the rows, at one moment

The order of the events does not matter: a reservation is made once and ends once at most, and then stays ended.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal

from chalicelib.domain.events import ENDS, Event, EventType
from chalicelib.domain.money import Money
from chalicelib.domain.reservations import HeldSeat, Occupancy, Reservation, Sale, SoldSeat, State
from chalicelib.domain.sessions import row_of_seat
from chalicelib.domain.times import from_ms, to_iso

STATES = {kind: state for state, kind in ENDS.items()}
"""The final state of a reservation, by the event that ends it. Of two ends in a log, the first in this order counts."""
CLOCKS_DIFFER = timedelta(seconds=5)
"""The tolerance when two clocks are compared: ours dates creations to the millisecond, the stream dates ends to the
second."""

NOTHING = "nothing"
FREE = "free"


@dataclass(frozen=True, slots=True)
class LoggedReservation:
    """A reservation as its events describe it.

    `created_at` and `expires_at` are None where its creation is not logged.
    """

    id: str
    state: State
    seats: tuple[str, ...]
    amount: Decimal
    created_at: datetime | None
    expires_at: datetime | None
    fingerprint: str
    sale: Sale | None
    refunded_at: datetime | None

    def entry_at(self, now: datetime) -> Occupancy | None:
        """Gives the entry that the row should have at `now` for each of its seats; None when they should be free."""
        if self.sale:
            return SoldSeat(self.id, self.sale.id)
        if self.state is State.PENDING and self.expires_at and self.expires_at > now:
            return HeldSeat(self.id, self.expires_at, self.fingerprint)
        return None

    def may_be_forgotten(self, now: datetime, remembered: timedelta) -> bool:
        """Tells whether TTL may have deleted the reservation: it is not sold, and expired at least `remembered` ago."""
        return self.state is not State.CONFIRMED and bool(self.expires_at and self.expires_at + remembered <= now)


@dataclass(frozen=True, slots=True)
class Story:
    """The state of a screening, worked out from its events.

    `released_seats`: for each reservation, the seats that it released after it was made.
    """

    reservations: Mapping[str, LoggedReservation]
    released_seats: Mapping[str, frozenset[str]]
    cancelled: bool

    def seats_at(self, now: datetime) -> dict[str, tuple[Occupancy, ...]]:
        """Gives, for each seat, the entries that its row should have at `now` by the log.

        There is more than one where the log contradicts itself. Free seats are left out.
        """
        seats: dict[str, tuple[Occupancy, ...]] = defaultdict(tuple)
        for logged in self.reservations.values():
            entry = logged.entry_at(now)
            for seat in logged.seats if entry else ():
                if isinstance(entry, SoldSeat) or (entry and seat not in self.released_seats[logged.id]):
                    seats[seat] += (entry,)
        return dict(seats)


@dataclass(frozen=True, slots=True)
class Tables:
    """A screening's data as read from the tables. `seats` may have lapsed holds. `closed`: a row refuses bookings."""

    seats: Mapping[str, Occupancy]
    reservations: Mapping[str, Reservation]
    closed: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A place at which log and tables differ, with both values in words."""

    what: str
    log: str
    table: str
    remark: str = ""


def fold_events(events: Iterable[Event]) -> Story:
    """Works out a screening's state from its events, which may be in any order and repeated."""
    of_reservation: dict[str, list[Event]] = defaultdict(list)
    cancelled = False
    for event in events:
        cancelled = cancelled or event.type is EventType.SESSION_CANCELLED
        of_reservation[event.reservation_id].append(event)
    reservations = [logged for known in of_reservation.values() if (logged := _fold_reservation(known))]
    return Story(
        {logged.id: logged for logged in reservations},
        {logged.id: _released_seats(logged, of_reservation[logged.id]) for logged in reservations},
        cancelled,
    )


def _fold_reservation(events: list[Event]) -> LoggedReservation | None:
    """Works out a reservation from its events. Gives None when they only release seats, as after a refused hold."""
    created = max(
        _events_of_type(events, EventType.RESERVATION_CREATED), key=lambda event: event.occurred_at, default=None
    )
    end = min(_ends_of(events, created), key=lambda event: list(STATES).index(event.type), default=None)
    first = created or end
    if first is None:
        return None
    expires_ms = first.data.get("expiresAtMs")
    sale = _sale_of(end) if end and end.type is EventType.PAYMENT_CONFIRMED else None
    return LoggedReservation(
        id=first.reservation_id,
        state=STATES[end.type] if end else State.PENDING,
        seats=first.seats,
        amount=Money(int(first.data.get("amountCents", 0))).amount,
        created_at=created.occurred_at if created else None,
        expires_at=from_ms(expires_ms) if isinstance(expires_ms, int) else None,
        fingerprint=str(first.data.get("fingerprint", "")),
        sale=sale,
        refunded_at=_refund_time(sale, events) if sale else None,
    )


def _ends_of(events: list[Event], created: Event | None) -> list[Event]:
    """Gives the possible ends of the reservation that was created last.

    A reservation is deleted a day after its end, and its idempotency key may then make it again, under the same id.
    Ends of the earlier one are left out.
    """
    ends = [event for event in events if event.type in STATES]
    creations = {event.occurred_at for event in _events_of_type(events, EventType.RESERVATION_CREATED)}
    if created is None or len(creations) == 1:
        return ends
    return [end for end in ends if end.occurred_at >= created.occurred_at - CLOCKS_DIFFER]


def _refund_time(sale: Sale, events: list[Event]) -> datetime | None:
    """Gives the moment of this sale's refund. Refunds of other payments for the reservation do not count."""
    refunds = _events_of_type(events, EventType.REFUND_COMPLETED)
    return next((refund.occurred_at for refund in refunds if refund.data.get("saleId") == sale.id), None)


def _released_seats(logged: LoggedReservation, events: list[Event]) -> frozenset[str]:
    """Gives the seats that the reservation released after it was made.

    An earlier release belongs to an earlier hold under the same id. A release in the same millisecond could be either:
    it counts as later, as if a cancellation of this reservation had stopped halfway.
    """
    made = logged.created_at
    releases = [
        event for event in _events_of_type(events, EventType.SEAT_RELEASED) if made and event.occurred_at >= made
    ]
    return frozenset(seat for release in releases for seat in release.seats)


def _events_of_type(events: Iterable[Event], kind: EventType) -> list[Event]:
    return [event for event in events if event.type is kind]


def _sale_of(payment: Event) -> Sale:
    sale, transaction, method = (
        str(payment.data.get(name, "")) for name in ("saleId", "transactionId", "paymentMethod")
    )
    return Sale(sale, transaction, method, payment.occurred_at)


# Compared with the tables.


def find_differences(story: Story, tables: Tables, now: datetime, remembered: timedelta) -> list[Difference]:
    """Gives the differences between the tables and the events; empty when they agree.

    `remembered` is the time for which a reservation without a sale stays after its expiry.
    """
    return [
        *_compare_cancellation(story, tables),
        *_compare_seats(story, tables, now),
        *_compare_reservations(story, tables, now, remembered),
    ]


def _compare_cancellation(story: Story, tables: Tables) -> Iterator[Difference]:
    if story.cancelled == tables.closed:
        return
    remark = "its cancellation was interrupted: `cancel` it again, that finishes it" if tables.closed else ""
    yield Difference("screening", _screening_text(story.cancelled), _screening_text(tables.closed), remark)


def _compare_seats(story: Story, tables: Tables, now: datetime) -> Iterator[Difference]:
    logged = story.seats_at(now)
    in_rows = {
        seat: entry for seat, entry in tables.seats.items() if isinstance(entry, SoldSeat) or entry.expires_at > now
    }
    for seat in sorted(logged.keys() | in_rows.keys(), key=_hall_order):
        must, stands = logged.get(seat, ()), (in_rows[seat],) if seat in in_rows else ()
        if must != stands:
            yield Difference(
                f"seat {seat}", _entries_text(must), _entries_text(stands), _explain_lone_hold(must, stands)
            )


def _explain_lone_hold(must: tuple[Occupancy, ...], stands: tuple[Occupancy, ...]) -> str:
    """Says when a hold without a reservation lapses; empty for other differences.

    Such a hold has no event, because its request stopped between its two writes.
    """
    lone = [entry for entry in stands if isinstance(entry, HeldSeat) and not must]
    return (
        f"a hold without a reservation lapses by itself: look again after {to_iso(lone[0].expires_at)}" if lone else ""
    )


def _compare_reservations(story: Story, tables: Tables, now: datetime, remembered: timedelta) -> Iterator[Difference]:
    for reservation_id in sorted(story.reservations.keys() | tables.reservations.keys()):
        what = f"reservation {reservation_id}"
        logged, stored = story.reservations.get(reservation_id), tables.reservations.get(reservation_id)
        found = _to_logged(stored) if stored else None
        if logged and found:
            yield from _compare_fields(what, logged, found)
        elif not logged or not logged.may_be_forgotten(now, remembered):
            yield Difference(what, _reservation_text(logged), _reservation_text(found))


def _compare_fields(subject: str, logged: LoggedReservation, found: LoggedReservation) -> Iterator[Difference]:
    for name in (field.name for field in fields(LoggedReservation)):
        must, stands = getattr(logged, name), getattr(found, name)
        if must != stands:
            yield Difference(f"{subject} {name}", _text(must), _text(stands))


def _to_logged(stored: Reservation) -> LoggedReservation:
    """Gives a stored reservation in the form of a logged one."""
    return LoggedReservation(**{field.name: getattr(stored, field.name) for field in fields(LoggedReservation)})


# In words.


def _hall_order(seat: str) -> tuple[int, str, int, str]:
    """Gives the key that sorts seats in the hall's order. Takes text that is no seat, too."""
    row = row_of_seat(seat)
    return len(row), row, len(seat), seat


def _entries_text(entries: tuple[Occupancy, ...]) -> str:
    return " and ".join(map(_entry_text, entries)) or FREE


def _entry_text(entry: Occupancy) -> str:
    if isinstance(entry, SoldSeat):
        return f"sold by {entry.sale_id} to {entry.reservation_id}"
    request = f", request {entry.fingerprint}" if entry.fingerprint else ""
    return f"held for {entry.reservation_id} until {to_iso(entry.expires_at)}{request}"


def _screening_text(cancelled: bool) -> str:
    return "cancelled" if cancelled else "open"


def _reservation_text(logged: LoggedReservation | None) -> str:
    return f"{logged.state}, {' '.join(logged.seats)}" if logged else NOTHING


def _text(value: object) -> str:
    match value:
        case datetime():
            return to_iso(value)
        case Sale():
            return f"{value.id} of {value.transaction_id} by {value.payment_method} at {to_iso(value.paid_at)}"
        case tuple():
            return " ".join(value)
        case _:
            return str(value or NOTHING)
