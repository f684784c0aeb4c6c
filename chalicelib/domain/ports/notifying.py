"""Ports of notifying: emails to buyers, webhooks to subscribers, live seat maps to viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.domain.email import EmailContext, RenderedEmail
    from chalicelib.domain.events import Event
    from chalicelib.domain.webhooks import Notification, Secret, Subscriber, Webhook

__all__ = [
    "EmailRenderer",
    "EmailSender",
    "LiveConnections",
    "Notifications",
    "Subscribers",
    "SuppressedAddresses",
    "Viewers",
    "WebhookSender",
    "Webhooks",
]


class EmailRenderer(Protocol):
    def render(self, email: EmailContext) -> RenderedEmail:
        """Puts the email into words, in its reader's language, or else in English."""
        ...


class EmailSender(Protocol):
    def send(self, message: RenderedEmail) -> None:
        """Sends the email. Raises EmailRefused, when trying again can't help, EmailThrottled and EmailUnavailable."""
        ...


class SuppressedAddresses(Protocol):
    """The addresses that must not be written to. Each method raises StoreUnavailable."""

    def add(self, address: str, reason: str, since: datetime) -> None: ...

    def contains(self, address: str) -> bool:
        """Reads consistently. Letters' case makes no difference."""
        ...

    def remove(self, address: str) -> bool:
        """Lets the address be written to again. False when it was not among them."""
        ...


class Subscribers(Protocol):
    def list_subscribers(self) -> Sequence[Subscriber]:
        """Lists all webhooks without their addresses and secrets. Raises StoreUnavailable."""
        ...


class Webhooks(Subscribers, Protocol):
    """The stored webhooks: so few that they are listed without pages. Each method raises StoreUnavailable."""

    def add(self, webhook: Webhook) -> None: ...

    def find(self, webhook_id: str) -> Webhook | None:
        """Reads consistently: every earlier write is seen."""
        ...

    def list_all(self) -> Sequence[Webhook]:
        """Lists all webhooks, oldest first. Consistent."""
        ...

    def change_secrets(self, webhook_id: str, secrets: Sequence[Secret]) -> bool:
        """Replaces the webhook's secrets. False when there is no such webhook."""
        ...

    def set_disabled(self, webhook_id: str, reason: str | None) -> bool:
        """Disables the webhook; None as the reason enables it again. False when there is no such webhook."""
        ...

    def remove(self, webhook_id: str) -> bool:
        """Removes the webhook. False when there was no such webhook."""
        ...


class Notifications(Protocol):
    """The events of each session, numbered from 1 without a gap. Each method raises StoreUnavailable."""

    def assign_number(self, event: Event) -> Notification:
        """Gives the event the next number of its session, unless it has one."""
        ...

    def assign_numbers(self, events: Sequence[Event]) -> Sequence[Notification]:
        """Gives events of one session their numbers, like `assign_number`, in fewer writes. An event may occur twice.

        New numbers follow the order of the events. After StoreUnavailable, some of them may have their numbers.
        """
        ...

    def find(self, session_id: str, sequence: int) -> Notification | None:
        """Reads consistently: every earlier write is seen."""
        ...

    def list_after(self, session_id: str, sequence: int, limit: int) -> Sequence[Notification]:
        """Lists the notifications with higher numbers, in order, `limit` at most. Consistent."""
        ...


class WebhookSender(Protocol):
    def deliver(self, webhook: Webhook, notification: Notification, now: datetime) -> int:
        """Posts the notification, signed with every secret that is valid now. Gives the status of the answer.

        Raises DeliveryTimedOut, and DeliveryFailed when nobody is reached or the URL is not allowed.
        """
        ...


class Viewers(Protocol):
    """The viewers of each session, by the id of their connection. A viewer watches one session at a time."""

    def add(self, viewer_id: str, session_id: str) -> None: ...

    def remove(self, viewer_id: str) -> None: ...

    def count(self, session_id: str, most: int) -> int:
        """Counts the session's viewers, up to `most`. A viewer added just now may be missing."""
        ...

    def viewers_of(self, session_id: str) -> Sequence[str]:
        """Reads the ids of the session's viewers. Consistent: every viewer added earlier is among them."""
        ...


class LiveConnections(Protocol):
    """The open WebSocket connections of viewers."""

    def send_message(self, viewer_ids: Sequence[str], message: str, seconds: float = 20.0) -> set[str]:
        """Sends the message to each viewer once, within `seconds` in all.

        Gives the viewers whose connection is gone; others may miss the message.
        """
        ...
