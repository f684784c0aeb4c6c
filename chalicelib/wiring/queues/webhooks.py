"""Wiring of webhooks: numbering notifications, delivering them, and replaying them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.application.consumers.webhooks import (
    DeliverOrDisableIfGone,
    NumberEventsAndQueueDeliveries,
    VerifySignatureAndEnqueueReplay,
)
from chalicelib.infrastructure.dynamodb.events.notifications import DynamoNotifications
from chalicelib.infrastructure.dynamodb.events.webhooks import CachedSubscribers, DynamoWebhooks
from chalicelib.infrastructure.sqs import envelopes
from chalicelib.infrastructure.webhooks.sender import HttpWebhookSender, WebhookSenderWithBreakerPerWebhook
from chalicelib.wiring.shared.breakers import new_breaker
from chalicelib.wiring.shared.process import clock, database, once_per_settings, resource_name, settings
from chalicelib.wiring.shared.queues import outbox
from chalicelib.wiring.shared.tracing import traced_calls_if_on

if TYPE_CHECKING:
    from chalicelib.domain import ports


@once_per_settings
def webhooks() -> ports.Webhooks:
    return DynamoWebhooks(database(), resource_name("webhooks"))


@once_per_settings
def notifications() -> ports.Notifications:
    return DynamoNotifications(database(), resource_name("notifications"))


@once_per_settings
def webhook_sender() -> ports.WebhookSender:
    breaker_of_webhook = partial(new_breaker, "webhooks")  # one name for all, because each name is a metric
    sender = traced_calls_if_on(HttpWebhookSender(local=settings().is_on_laptop), "webhook")
    return WebhookSenderWithBreakerPerWebhook(sender, breaker_of_webhook)


@once_per_settings
def queue_webhook_deliveries() -> NumberEventsAndQueueDeliveries:
    return NumberEventsAndQueueDeliveries(notifications(), CachedSubscribers(webhooks()), outbox(), clock)


@once_per_settings
def deliver_notification() -> DeliverOrDisableIfGone:
    return DeliverOrDisableIfGone(notifications(), webhooks(), webhook_sender(), clock)


def deliver_to_webhook(record: Mapping[str, Any]) -> None:
    """Delivers the notification in a queue record to its webhook."""
    deliver_notification()(envelopes.webhook_delivery_in(record))


@once_per_settings
def enqueue_notification_replay() -> VerifySignatureAndEnqueueReplay:
    return VerifySignatureAndEnqueueReplay(notifications(), webhooks(), outbox(), clock)
