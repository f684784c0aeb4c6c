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
    """The sender of messages to queues."""

    def send_and_list_unsent_positions(self, messages: Sequence[OutgoingMessage], now: datetime) -> set[int]:
        """Sends the messages, each at least once. Gives the positions of the messages that were not sent."""
        ...


class EventLog(Protocol):
    """The audit log."""

    def append(self, event: Event) -> None:
        """Writes the event. Idempotent: an event that is already written stays unchanged."""
        ...

    def list_events(self, session_id: str, limit: int, cursor: str | None) -> Page[Event]:
        """Lists a session's events, oldest first. Strongly consistent. Raises CursorInvalid."""
        ...


class ProcessedEvents(Protocol):
    """The events that one consumer has processed. They make effects outside the database, such as emails, idempotent.

    Each method raises BackendUnavailable.
    """

    def contains(self, event_id: str) -> bool:
        """Tells whether the event is marked as processed. Strongly consistent."""
        ...

    def add(self, event_id: str) -> None:
        """Marks the event as processed. Idempotent."""
        ...


class Analytics(Protocol):
    """The counts of each session, in buckets of five minutes. Each method raises BackendUnavailable."""

    def add_tally_once(self, event_id: str, session_id: str, bucket: datetime, tally: Tally) -> bool:
        """Adds the tally to a bucket, once for each event id. False if the event was already counted.

        After BackendUnavailable, a retry is safe.
        """
        ...

    def read_tallies_by_bucket(self, session_id: str) -> Mapping[datetime, Tally]:
        """Reads the session's tallies, by the beginning of their buckets, in no order. Strongly consistent."""
        ...
