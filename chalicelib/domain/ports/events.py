"""Ports of events: the outbox to the queues, the audit log, the counts, and the events a consumer has processed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from chalicelib.domain.analytics import Tally
    from chalicelib.domain.events import Event, OutgoingMessage
    from chalicelib.domain.pages import Page


__all__ = ["Analytics", "EventLog", "Outbox", "ProcessedEvents"]


class Outbox(Protocol):
    def send(self, messages: Sequence[OutgoingMessage], now: datetime) -> set[int]:
        """Sends each message at least once. Gives the positions of the messages that were refused, to be sent again."""
        ...


class EventLog(Protocol):
    """The audit log."""

    def append(self, event: Event) -> None:
        """Writes the event once: a written event stays as it is."""
        ...

    def list_events(self, session_id: str, limit: int, cursor: str | None) -> Page[Event]:
        """Lists a session's events, oldest first. Consistent. Raises CursorInvalid."""
        ...


class ProcessedEvents(Protocol):
    """The events that one consumer has processed. For effects outside the database, such as an email.

    Each method raises StoreUnavailable.
    """

    def contains(self, event_id: str) -> bool:
        """Reads consistently: every earlier write is seen."""
        ...

    def add(self, event_id: str) -> None:
        """Marks the event as processed. Harmless twice."""
        ...


class Analytics(Protocol):
    """The counts of each session, in buckets of five minutes. Each method raises StoreUnavailable."""

    def add_tally_once(self, event_id: str, session_id: str, bucket: datetime, tally: Tally) -> bool:
        """Adds the tally to a bucket, once for each event id; False when it was added before.

        After StoreUnavailable, add it again: it counts once.
        """
        ...

    def read_tallies_by_bucket(self, session_id: str) -> Mapping[datetime, Tally]:
        """Reads the counts by the beginning of their five minutes. Consistent, in no order."""
        ...
