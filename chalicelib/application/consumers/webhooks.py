"""Webhooks: an event gets its number in its session and goes to every subscriber, each delivery by itself.

queue notification ──► NumberEventsAndQueueDeliveries: a number for good ──► queue webhooks: one message a subscriber
queue webhooks     ──► DeliverOrDisableIfGone: signed and POSTed; a delivery that is not accepted comes again later
POST …/replay      ──► Replay: deliveries queued again, for a subscriber that saw a gap
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.consumers import WEBHOOKS
from chalicelib.domain.events import Event, Failures, OutgoingMessage, UnreadableMessage
from chalicelib.domain.refusals import BackendUnavailable, WebhookAuthenticationFailed, WebhookDisabled
from chalicelib.domain.signatures import is_signed
from chalicelib.domain.webhooks import Delivery, DeliveryFailed, Notification, Subscriber, Webhook

from .numbering import number_by_series_else_singly

if TYPE_CHECKING:
    from chalicelib.domain.ports import AllSubscribersReader, Clock, Notifications, Outbox, Webhooks, WebhookSender

GONE = 410

MOST_REPLAYED = 100
"""The largest number of events that one replay covers. They take ten batches of messages, well within a request's
time."""


@dataclass(frozen=True)
class NumberEventsAndQueueDeliveries:
    """Numbers a batch of events, and queues a delivery for each event and each webhook that receives it.

    May run twice: an event keeps its first number. Its deliveries are queued again, in case the first run died before
    it queued them. Receivers recognize a repeated delivery by its id.
    """

    notifications: Notifications
    webhooks: AllSubscribersReader
    outbox: Outbox
    clock: Clock

    def __call__(self, events: Sequence[Event]) -> Failures:
        """Numbers the events and queues their deliveries. Gives the exception of each event that failed, by the event's
        position in the batch.

        Raises BackendUnavailable if the webhooks can't be read.
        """
        numbered, failures = number_by_series_else_singly(
            dict(enumerate(events)), lambda event: event.session_id, self.notifications.assign_numbers_in_session
        )
        return failures | self._queue_deliveries(numbered)

    def _queue_deliveries(self, numbered: Mapping[int, Notification]) -> dict[int, Exception]:
        """Queues the deliveries of the notifications. Gives an exception for each notification with at least one
        delivery that was not queued. Notifications and exceptions are given by position in the batch."""
        subscribers = self.webhooks.list_all_subscribers_without_urls_and_secrets()
        to_send = [
            (position, OutgoingMessage(WEBHOOKS, delivery))
            for position, notification in numbered.items()
            for subscriber in subscribers
            for delivery in _deliveries_for(subscriber, [notification])
        ]
        unsent = (
            self.outbox.send_and_list_unsent_positions([message for _, message in to_send], self.clock())
            if to_send
            else ()
        )
        return {to_send[index][0]: BackendUnavailable("SendMessageBatch") for index in unsent}


@dataclass(frozen=True)
class DeliverOrDisableIfGone:
    """Sends a notification to its webhook. May run twice: the receiver recognizes the delivery by its id and number."""

    notifications: Notifications
    webhooks: Webhooks
    webhook_sender: WebhookSender
    clock: Clock

    def __call__(self, delivery: Delivery) -> None:
        """Sends the notification. Does nothing if the webhook was removed or disabled. Disables a webhook that answers
        410 Gone.

        Raises DeliveryFailed if the receiver does not accept the delivery. Raises UnreadableMessage if the notification
        does not exist.
        """
        webhook = self.webhooks.find(delivery.webhook_id)
        if webhook is None or webhook.disabled:
            return
        notification = self.notifications.find(delivery.session_id, delivery.sequence)
        if notification is None:
            raise UnreadableMessage(f"no notification {delivery.sequence} of {delivery.session_id}")
        self._check_answer(webhook, self.webhook_sender.post_and_get_status(webhook, notification, self.clock()))

    def _check_answer(self, webhook: Webhook, status: int) -> None:
        """Disables a webhook that answered 410 Gone.

        Raises DeliveryFailed for any other status that is not a success.
        """
        if status == GONE:
            self.webhooks.disable_for_reason_or_enable_if_exists(webhook.id, "it answered 410 Gone")
        elif not 200 <= status < 300:
            raise DeliveryFailed(f"webhook {webhook.id} answered {status}")


@dataclass(frozen=True, slots=True)
class ReplayNotificationsCommand:
    """A subscriber's request for a replay. `signature` is the value of the request's signature header."""

    webhook_id: str
    session_id: str
    after_sequence: int
    body: bytes
    signature: str


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The result of a replay.

    If there are more events, `next_after_sequence` is the `after_sequence` of the next request, else None.
    """

    session_id: str
    queued: int
    next_after_sequence: int | None


@dataclass(frozen=True)
class VerifySignatureAndEnqueueReplay:
    """Queues a session's notifications above a given sequence number again, for one webhook. One call covers at most
    `most` notifications.

    Receivers recognize repeated deliveries by their ids.
    """

    notifications: Notifications
    webhooks: Webhooks
    outbox: Outbox
    clock: Clock
    most: int = MOST_REPLAYED

    def __call__(self, command: ReplayNotificationsCommand) -> ReplayResult:
        """Verifies the signature and queues the deliveries.

        Raises WebhookAuthenticationFailed, WebhookDisabled, BackendUnavailable.
        """
        webhook = self._authenticate(command)
        found = self.notifications.list_after(command.session_id, command.after_sequence, self.most + 1)
        shown = found[: self.most]
        queued = _queue_deliveries(self.outbox, self.clock, _deliveries_for(webhook.without_url_and_secrets, shown))
        return ReplayResult(command.session_id, queued, shown[-1].sequence if len(found) > len(shown) else None)

    def _authenticate(self, command: ReplayNotificationsCommand) -> Webhook:
        webhook, now = self.webhooks.find(command.webhook_id), self.clock()
        if webhook is None or not is_signed(command.signature, command.body, webhook.signing_keys(now), now):
            raise WebhookAuthenticationFailed
        if webhook.disabled:
            raise WebhookDisabled(webhook.id)
        return webhook


def _deliveries_for(subscriber: Subscriber, notifications: Sequence[Notification]) -> list[Delivery]:
    return [
        Delivery(subscriber.id, notification.event.session_id, notification.sequence)
        for notification in notifications
        if subscriber.wants_type(notification.event.type) and not subscriber.disabled
    ]


def _queue_deliveries(outbox: Outbox, clock: Clock, deliveries: Iterable[Delivery]) -> int:
    """Queues the deliveries and gives their number. Raises BackendUnavailable if any was not queued."""
    messages = [OutgoingMessage(WEBHOOKS, delivery) for delivery in deliveries]
    if messages and outbox.send_and_list_unsent_positions(messages, clock()):
        raise BackendUnavailable("SendMessageBatch")
    return len(messages)
