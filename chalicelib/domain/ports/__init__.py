"""Ports: the Protocols by which the use cases reach the world outside.

common       pages of a listing, the clock, the makers of ids
booking      sessions, rows of seats, the seat cache, reservations, live holds
payments     payments, the payment gateway and its messages
events       the outbox, the audit log, processed events, counts
notifying    emails, webhooks, live seat maps
invoices     invoices and their files
operations   rate limits, probes, refusals counted, queues
"""

from .booking import LiveHolds, Reservations, Rows, SeatCache, Sessions
from .common import Clock, Ids, Page
from .events import Analytics, EventLog, Outbox, Outgoing, ProcessedEvents
from .invoices import InvoiceFiles, InvoiceLink, Invoices
from .notifying import EmailRenderer, EmailSender, LiveConnections, Notifications, Viewers, Webhooks, WebhookSender
from .operations import DependencyState, Probe, QueueBoard, RateLimiter, Refusals
from .payments import GatewayMessages, PaymentGateway, Payments

__all__ = [
    "Analytics",
    "Clock",
    "DependencyState",
    "EmailRenderer",
    "EmailSender",
    "EventLog",
    "GatewayMessages",
    "Ids",
    "InvoiceFiles",
    "InvoiceLink",
    "Invoices",
    "LiveConnections",
    "LiveHolds",
    "Notifications",
    "Outbox",
    "Outgoing",
    "Page",
    "PaymentGateway",
    "Payments",
    "Probe",
    "ProcessedEvents",
    "QueueBoard",
    "RateLimiter",
    "Refusals",
    "Reservations",
    "Rows",
    "SeatCache",
    "Sessions",
    "Viewers",
    "WebhookSender",
    "Webhooks",
]
