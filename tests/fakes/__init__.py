"""The ports in memory. They pass the contract tests that DynamoDB and SQS pass, so that a use case may trust them."""

from .booking import FakeLiveHolds, FakeReservations, FakeRows, FakeSessions
from .common import MovableClock, ReadableIds, Ticks
from .events import FakeAnalytics, FakeEventLog, FakeOutbox, FakeProcessedEvents
from .faults import Crash, crash, interposed, sent_twice
from .invoices import FakeInvoiceFiles, FakeInvoices
from .notifying import (
    FakeConnections,
    FakeEmailRenderer,
    FakeEmailSender,
    FakeNotifications,
    FakeViewers,
    FakeWebhooks,
    FakeWebhookSender,
)
from .operations import FakeQueueBoard, FakeRefusals
from .payments import FakeGateway, FakePayments, with_charge

__all__ = [
    "Crash",
    "FakeAnalytics",
    "FakeConnections",
    "FakeEmailRenderer",
    "FakeEmailSender",
    "FakeEventLog",
    "FakeGateway",
    "FakeInvoiceFiles",
    "FakeInvoices",
    "FakeLiveHolds",
    "FakeNotifications",
    "FakeOutbox",
    "FakePayments",
    "FakeProcessedEvents",
    "FakeQueueBoard",
    "FakeRefusals",
    "FakeReservations",
    "FakeRows",
    "FakeSessions",
    "FakeViewers",
    "FakeWebhookSender",
    "FakeWebhooks",
    "MovableClock",
    "ReadableIds",
    "Ticks",
    "crash",
    "interposed",
    "sent_twice",
    "with_charge",
]
