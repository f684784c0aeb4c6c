"""Reads the facts of a reservation by which the other sources of its story are asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.times import from_ms
from infra.ops.connection import Connection
from infra.ops.find import Found, Item, Records


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the story: a moment, the source, and the event in words."""

    at: datetime
    source: str
    what: str


Told = Line | str
"""A line; or a sentence about what could not be read."""


@dataclass(frozen=True)
class KnownFacts:
    """A reservation, with the facts of its item, its payments and its events."""

    connection: Connection
    records: Records
    reservation_id: str
    session_id: str
    reservation: Item
    """Empty where there is no item: never written, or deleted by TTL."""
    payments: Found
    events: Sequence[Item]
    now: datetime

    @property
    def seats(self) -> list[str]:
        known = {
            seat for one in (self.reservation, *self.payments.items, *self.events) for seat in one.get("seats") or ()
        }
        return sorted(
            known, key=lambda seat: (len(seat.rstrip("0123456789")), seat.rstrip("0123456789"), len(seat), seat)
        )

    @property
    def since(self) -> datetime | None:
        """Gives the moment of the first known fact."""
        moments = [datetime.fromisoformat(event["occurredAt"]) for event in self.events]
        if created := self.reservation.get("created_at_ms"):
            moments.append(from_ms(created))
        return min(moments, default=None)


def read_known(connection: Connection, reservation_id: str, session_id: str, most: int) -> KnownFacts:
    """Reads the facts by which the other sources are searched. Raises OpsError for an id of another form."""
    records = Records(connection, most)
    item = next(iter(records.find_reservation(reservation_id).items), {})
    payments = records.find_payments_of(reservation_id, str(item.get("transaction_id") or ""))
    sessions = (session_id, *(str(one.get("session_id") or "") for one in (item, *payments.items)))
    found = next(filter(None, sessions), "")
    events = [event for event in _events_of(records, found) if reservation_id == event["reservationId"]]
    return KnownFacts(
        connection=connection,
        records=records,
        reservation_id=reservation_id,
        session_id=found,
        reservation=item,
        payments=payments,
        events=events,
        now=datetime.now(UTC),
    )


def _events_of(records: Records, session_id: str) -> Iterator[Any]:
    """Reads the log of a screening: a reservation has no key in it."""
    return records.list_events(session_id) if session_id else iter(())
