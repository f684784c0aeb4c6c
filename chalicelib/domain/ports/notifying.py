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
    "AllSubscribersReader",
    "EmailRenderer",
    "EmailSender",
    "Notifications",
    "SuppressedAddresses",
    "ViewerRegistry",
    "ViewerSender",
    "WebhookSender",
    "Webhooks",
]


class EmailRenderer(Protocol):
    def render(self, email: EmailContext) -> RenderedEmail:
        """Renders the email's subject, text and HTML in the reader's language.

        Uses English if there are no templates in that language.
        """
        ...


class EmailSender(Protocol):
    def send(self, message: RenderedEmail) -> None:
        """Sends the email. Raises EmailThrottled or EmailNotConfirmed if a retry may help, EmailRefused if none
        can."""
        ...


class SuppressedAddresses(Protocol):
    """The email addresses to which no email is sent, because emails bounced or their reader complained.

    Each method raises BackendUnavailable.
    """

    def add(self, address: str, reason: str, since: datetime) -> None: ...

    def contains(self, address: str) -> bool:
        """Tells whether the address is suppressed. Ignores case. Strongly consistent."""
        ...

    def remove(self, address: str) -> bool:
        """Removes the address, so that emails are sent to it again. False if the address was not suppressed."""
        ...


class AllSubscribersReader(Protocol):
    def list_all_subscribers_without_urls_and_secrets(self) -> Sequence[Subscriber]:
        """Lists all webhooks without their addresses and secrets. Raises BackendUnavailable."""
        ...


class Webhooks(AllSubscribersReader, Protocol):
    """The stored webhooks. They are few, so lists have no pages. Each method raises BackendUnavailable."""

    def put(self, webhook: Webhook) -> None: ...

    def find(self, webhook_id: str) -> Webhook | None:
        """Reads the webhook, strongly consistent. None if there is no such webhook."""
        ...

    def list_all(self) -> Sequence[Webhook]:
        """Lists all webhooks, oldest first. Strongly consistent."""
        ...

    def change_secrets(self, webhook_id: str, secrets: Sequence[Secret]) -> bool:
        """Replaces the webhook's secrets. False if there is no such webhook."""
        ...

    def disable_for_reason_or_enable_if_exists(self, webhook_id: str, reason: str | None) -> bool:
        """Disables the webhook for this reason, or enables it if the reason is None.

        False if there is no such webhook.
        """
        ...

    def remove(self, webhook_id: str) -> bool:
        """Removes the webhook. False if there was no such webhook."""
        ...


class Notifications(Protocol):
    """The numbered events of each session.

    The numbers are 1, 2, 3, … without a gap. Each method raises BackendUnavailable.
    """

    def assign_number_in_session(self, event: Event) -> Notification:
        """Gives the event's notification. An event without a number gets the next number of its session."""
        ...

    def assign_numbers_in_session(self, events: Sequence[Event]) -> Sequence[Notification]:
        """Gives the notifications of events of one session, in fewer writes than one by one. `events` may contain an
        event twice; both have the same number.

        New numbers follow the order of the events. After BackendUnavailable, some events may have their numbers
        already; a retry is safe.
        """
        ...

    def find(self, session_id: str, sequence: int) -> Notification | None:
        """Reads the notification with this number, with strong consistency. None if there is none."""
        ...

    def list_after(self, session_id: str, sequence: int, limit: int) -> Sequence[Notification]:
        """Lists the session's notifications with numbers above `sequence`, in order, at most `limit`.

        Strongly consistent.
        """
        ...


class WebhookSender(Protocol):
    def post_and_get_status(self, webhook: Webhook, notification: Notification, now: datetime) -> int:
        """Posts the notification to the webhook's URL, signed with each secret that is valid at `now`. Gives the HTTP
        status of the answer. An error status is given too, and not raised.

        Raises DeliveryTimedOut if there is no answer in time. Raises DeliveryFailed if the host can't be reached, or
        the URL is not allowed.
        """
        ...


class ViewerRegistry(Protocol):
    """A registry of the viewers of each session, by connection id. A viewer watches one session at a time."""

    def set_watched_session(self, viewer_id: str, session_id: str) -> None: ...

    def remove(self, viewer_id: str) -> None: ...

    def count(self, session_id: str, most: int) -> int:
        """Counts the session's viewers, but stops at `most`.

        Eventually consistent: the latest viewers may be missing.
        """
        ...

    def viewers_of(self, session_id: str) -> Sequence[str]:
        """Lists the connection ids of the session's viewers. Strongly consistent."""
        ...


class ViewerSender(Protocol):
    """The open WebSocket connections of viewers."""

    def send_and_list_gone(self, viewer_ids: Sequence[str], message: str, seconds: float = 20.0) -> set[str]:
        """Sends the message once to each viewer. Stops after `seconds`, so some viewers may miss the message.

        Gives the viewers whose connection is closed.
        """
        ...
