"""Webhooks: an event gets its number in its screening and goes to every subscriber, each delivery by itself.

queue notification ──► AnnounceEvent: numbered once, for good ──► queue webhooks: one message a subscriber
queue webhooks     ──► Deliver: POSTed and signed; what is not accepted comes again later
POST …/replay      ──► Replay: deliveries queued again, for who saw a gap
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from chalicelib.domain.consumers import WEBHOOKS
from chalicelib.domain.events import Event, UnreadableMessage
from chalicelib.domain.ports import Clock, Notifications, Outbox, Outgoing, Webhooks, WebhookSender
from chalicelib.domain.refusals import SignatureInvalid, StoreUnavailable, WebhookDisabled
from chalicelib.domain.signatures import is_signed
from chalicelib.domain.webhooks import Delivery, DeliveryFailed, Notification, Subscriber, Webhook

GONE = 410

MOST_REPLAYED = 100
"""Numbers looked at in one call of the replay endpoint: ten batches of messages, well within a request's time."""


@dataclass(frozen=True)
class AnnounceEvent:
    """Numbers the event and queues a delivery for each webhook that wants it.

    Harmless twice: an event keeps the number that it got first. Its deliveries are queued again, which finishes what a
    crash between the two left undone; a receiver knows each by its delivery id.
    """

    notifications: Notifications
    webhooks: Webhooks
    outbox: Outbox
    clock: Clock

    def __call__(self, event: Event) -> None:
        """Raises StoreUnavailable: let the event come again."""
        notification = self.notifications.number(event)
        _queued(self.outbox, self.clock, chain(*(_for(one, [notification]) for one in self.webhooks.subscribers())))


@dataclass(frozen=True)
class Deliver:
    """Harmless twice: the receiver gets the same delivery id again, and the number tells what it has seen."""

    notifications: Notifications
    webhooks: Webhooks
    courier: WebhookSender
    clock: Clock

    def __call__(self, delivery: Delivery) -> None:
        """Raises DeliveryFailed unless the receiver accepts it. What was for a webhook removed since is dropped."""
        webhook = self.webhooks.find(delivery.webhook_id)
        if webhook is None or webhook.disabled:
            return
        notification = self.notifications.find(delivery.session_id, delivery.sequence)
        if notification is None:
            raise UnreadableMessage(f"no notification {delivery.sequence} of {delivery.session_id}")
        self._settle(webhook, self.courier.deliver(webhook, notification, self.clock()))

    def _settle(self, webhook: Webhook, status: int) -> None:
        if status == GONE:
            self.webhooks.disable(webhook.id, "it answered 410 Gone")
        elif not 200 <= status < 300:
            raise DeliveryFailed(f"webhook {webhook.id} answered {status}")


@dataclass(frozen=True, slots=True)
class ReplayNotifications:
    """`signature` is the header as it came, for this very body."""

    webhook_id: str
    session_id: str
    after_sequence: int
    body: bytes
    signature: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """`next_after_sequence` is what to ask for next; None when there was nothing more."""

    session_id: str
    queued: int
    next_after_sequence: int | None


@dataclass(frozen=True)
class Replay:
    """Queues again what a subscriber says that it has not seen. Harmless twice, as every delivery is."""

    notifications: Notifications
    webhooks: Webhooks
    outbox: Outbox
    clock: Clock
    most: int = MOST_REPLAYED

    def __call__(self, command: ReplayNotifications) -> Replayed:
        """Raises SignatureInvalid, WebhookDisabled, StoreUnavailable."""
        webhook = self._authenticated(command)
        found = self.notifications.after(command.session_id, command.after_sequence, self.most + 1)
        shown = found[: self.most]
        queued = _queued(self.outbox, self.clock, _for(webhook.subscriber, shown))
        return Replayed(command.session_id, queued, shown[-1].sequence if len(found) > len(shown) else None)

    def _authenticated(self, command: ReplayNotifications) -> Webhook:
        webhook, now = self.webhooks.find(command.webhook_id), self.clock()
        if webhook is None or not is_signed(command.signature, command.body, webhook.keys(now), now):
            raise SignatureInvalid
        if webhook.disabled:
            raise WebhookDisabled(webhook.id)
        return webhook


def _for(subscriber: Subscriber, notifications: Sequence[Notification]) -> list[Delivery]:
    return [
        Delivery(subscriber.id, notification.event.session_id, notification.sequence)
        for notification in notifications
        if subscriber.wants(notification.event.type) and not subscriber.disabled
    ]


def _queued(outbox: Outbox, clock: Clock, deliveries: Iterable[Delivery]) -> int:
    """How many were; raises StoreUnavailable unless all of them were."""
    messages = [Outgoing(WEBHOOKS, delivery) for delivery in deliveries]
    if messages and outbox.send(messages, clock()):
        raise StoreUnavailable("SendMessageBatch")
    return len(messages)
