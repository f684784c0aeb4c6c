"""The ports of events in memory."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.analytics import EMPTY_TALLY, Tally
from chalicelib.domain.events import Event, OutgoingMessage
from chalicelib.domain.pages import Page
from chalicelib.domain.payments import (
    Charge,
    SettlementDue,
)
from chalicelib.domain.reservations import (
    Hold,
)
from chalicelib.domain.times import to_iso
from chalicelib.domain.webhooks import Delivery
from chalicelib.infrastructure.dynamodb.cursors import from_cursor, to_cursor

__all__ = ["FakeAnalytics", "FakeEventLog", "FakeOutbox", "FakeProcessedEvents"]


@dataclass
class FakeOutbox:
    """`sent` has each message with the moment from which it may be delivered. `deaf` queues refuse messages."""

    sent: list[tuple[OutgoingMessage, datetime]] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)

    def send_and_list_unsent_positions(self, messages: Sequence[OutgoingMessage], now: datetime) -> set[int]:
        refused = {position for position, message in enumerate(messages) if message.queue in self.deaf}
        accepted = [message for position, message in enumerate(messages) if position not in refused]
        self.sent += [(message, _due(message, now)) for message in accepted]
        return refused

    def due(self, queue: str, now: datetime) -> list[Hold | SettlementDue | Charge | Event | Delivery]:
        return [message.content for message, moment in self.sent if message.queue == queue and moment <= now]


@dataclass
class FakeEventLog:
    known: dict[tuple[str, datetime, str], Event] = field(default_factory=dict)

    def append(self, event: Event) -> None:
        self.known.setdefault((event.session_id, event.occurred_at, event.id), event)

    def list_events(self, session_id: str, limit: int, cursor: str | None) -> Page[Event]:
        after = from_cursor(cursor, 1)[0] if cursor else ""
        positions = {f"{to_iso(key[1])}#{key[2]}": event for key, event in self.known.items() if key[0] == session_id}
        wanted = sorted(position for position in positions if position > after)
        shown = wanted[:limit]
        more = to_cursor((shown[-1],)) if len(wanted) > limit else None
        return Page([positions[position] for position in shown], more)


@dataclass
class FakeAnalytics:
    """`added` has the session, the bucket and the tally of each event."""

    added: dict[str, tuple[str, datetime, Tally]] = field(default_factory=dict)

    def add_tally_once(self, event_id: str, session_id: str, bucket: datetime, tally: Tally) -> bool:
        entry = session_id, bucket, tally
        return self.added.setdefault(event_id, entry) is entry

    def read_tallies_by_bucket(self, session_id: str) -> Mapping[datetime, Tally]:
        buckets: dict[datetime, Tally] = defaultdict(lambda: EMPTY_TALLY)
        for counted_of, bucket, tally in self.added.values():
            if counted_of == session_id:
                buckets[bucket] += tally
        return dict(buckets)


@dataclass
class FakeProcessedEvents:
    entered: set[str] = field(default_factory=set)

    def contains(self, event_id: str) -> bool:
        return event_id in self.entered

    def add(self, event_id: str) -> None:
        self.entered.add(event_id)


def _due(message: OutgoingMessage, now: datetime) -> datetime:
    return max(message.content.expires_at, now) if isinstance(message.content, Hold) else now
