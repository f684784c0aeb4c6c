"""The consumers: CONSUMERS has one row for each queue that a function of ours reads.

Everything about a consumer comes from its row: the routes of the relay (application/relay.py), the board's queues; in
infra/cloud its queue, dead letters, alarms, event source mapping and permissions; the tables in docs/. `app.py` names
its handler, queue and batch size again for whoever reads it; tests/unit/infra/cloud/test_tables.py compares the two.

For a new consumer, follow docs/recipes.md. Infrastructure, and tables in documents, are generated from its row:
`.venv/bin/python -m infra.cloud.generate`.
"""

from collections.abc import Mapping
from typing import NamedTuple

from .events import EventType

EXPIRY = "expiry"
AUDIT = "audit"
ANALYTICS = "analytics"
EMAIL = "email"
BOUNCES = "bounces"
INVOICES = "invoices"
TICKETS = "tickets"
NOTIFICATION = "notification"
WEBHOOKS = "webhooks"
CACHE = "cache"
PAYMENTS = "payments"
REFUNDS = "refunds"

EVERY_EVENT = tuple(EventType)


class Consumer(NamedTuple):
    """The consumer of one queue: its handler, settings and texts. A NamedTuple, because a dataclass is slower at a cold
    start."""

    queue: str
    """The queue's name without the stage's prefix: audit is cinema-dev-audit in AWS, with cinema-dev-audit-dlq for its
    dead letters."""
    handler: str
    """The name of the function in app.py that handles the messages."""
    purpose: str
    logical_id: str
    """The queue's logical id in CloudFormation. Never change it: a new queue would be made before the old one is
    deleted, under a name that is still taken."""
    dead_letter_alarm_text: str
    """The text of the alarm for dead letters."""
    late_alarm_text: str
    late_after_seconds: int = 300
    """An alarm goes off when the oldest message has this age."""
    alarm_docs_section: str = ""
    """A Markdown link to a section of docs/operations.md, or empty. The texts of the alarms refer first to the sections
    on dead letters and late events, and then to this one."""
    hears: tuple[EventType, ...] = ()
    takes: str = "events"
    """The kind of messages in the queue."""
    batch_size: int = 10
    """The largest number of messages that one invocation handles."""
    batch_window_seconds: int = 0
    """The longest time for which SQS collects a batch. AWS requires at least one second for batches of more than ten.
    """
    max_concurrency: int = 10
    """The largest number of invocations at the same time. It is limited so that a backlog leaves capacity for buyers.
    AWS requires at least 2."""
    allowed_verbs: Mapping[str, str] = {}
    """The verbs that are allowed on each resource, such as `"rows": "get update"`. The resources, mostly tables, and
    the verbs are those of infra/cloud/permissions.py."""
    sends_to: tuple[str, ...] = ()
    """The queues to which the consumer sends messages, in addition to its own dead-letter queue."""


CONSUMERS = (
    Consumer(
        queue=EXPIRY,
        handler="on_hold_lapsed",
        purpose="Expires a hold that has lapsed: one delayed message for each hold.",
        takes="holds",
        allowed_verbs={"rows": "get update", "reservations": "get put update"},
        logical_id="Expiry",
        # A message may rightly wait for the longest hold (900 s); five minutes beyond that nobody is working.
        late_after_seconds=1200,
        dead_letter_alarm_text=(
            "Some hold's expiry failed five times. Its seats are free all the same; its events wait here."
        ),
        late_alarm_text="Lapsed holds are not being expired. Their seats are free all the same; their events are late.",
    ),
    Consumer(
        queue=AUDIT,
        handler="on_event_to_audit",
        purpose="Appends every event to the audit log.",
        hears=EVERY_EVENT,
        allowed_verbs={"events": "get put"},
        logical_id="AuditQueue",
        dead_letter_alarm_text="Some event is missing in the audit log until its message is redriven.",
        late_alarm_text="Events have been waiting for their audit for more than five minutes.",
    ),
    Consumer(
        queue=ANALYTICS,
        handler="on_event_to_analytics",
        purpose="Counts every event.",
        hears=EVERY_EVENT,
        allowed_verbs={"ledger": "put", "analytics": "update"},
        logical_id="AnalyticsQueue",
        dead_letter_alarm_text="Some event is not counted until its message is redriven.",
        late_alarm_text="Events have been waiting for their analytics for more than five minutes.",
    ),
    Consumer(
        queue=EMAIL,
        handler="on_event_to_email",
        purpose="Tells the buyer by email.",
        hears=(EventType.RESERVATION_CREATED, EventType.PAYMENT_CONFIRMED, EventType.REFUND_COMPLETED),
        batch_size=5,  # five emails to a mail service that hangs fit into the handler's 30 seconds
        max_concurrency=2,  # an account sends 1 email a second at first, then 14: more workers are only throttled
        allowed_verbs={
            "reservations": "get",
            "sessions": "get",
            "ledger": "get put",
            "suppressed-addresses": "get",
            "tickets": "get get-many",
            "breakers": "update",
            "mail service": "send",
        },
        sends_to=(EMAIL,),  # emails beyond the account's rate, or whose tickets are unsigned: sent anew, they wait
        logical_id="EmailQueue",
        dead_letter_alarm_text=(
            "Some buyer was not told what an email should have said; it is sent when its message is redriven."
        ),
        late_alarm_text="Emails have been waiting to be sent for more than five minutes.",
        alarm_docs_section="[emails](#emails)",
    ),
    Consumer(
        queue=BOUNCES,
        handler="on_email_returned",
        purpose="Notes whose emails came back, or who complained of them.",
        takes="bounces and complaints",
        max_concurrency=2,
        allowed_verbs={"suppressed-addresses": "put"},
        logical_id="BouncesQueue",
        dead_letter_alarm_text="Some address that emails can't reach, or whose reader complained, is still written to.",
        late_alarm_text=(
            "Bounces and complaints have been waiting for more than five minutes: such addresses are written to."
        ),
        alarm_docs_section="[emails](#emails)",
    ),
    Consumer(
        queue=INVOICES,
        handler="on_sale_to_invoice",
        purpose="Gives each sale its invoice.",
        hears=(EventType.PAYMENT_CONFIRMED,),
        max_concurrency=5,  # filing takes most of the time: five file some 80 a second
        allowed_verbs={
            "sessions": "get",
            "reservations": "get",
            "invoices": "get get-many put update",
            "invoice files": "put",
        },
        logical_id="InvoicesQueue",
        dead_letter_alarm_text="Some sale has no invoice until its message is redriven.",
        late_alarm_text="Sales have been waiting for their invoices for more than five minutes.",
    ),
    Consumer(
        queue=TICKETS,
        handler="on_sale_to_tickets",
        purpose="Signs a ticket for each seat of a sale, and voids those of a refunded one.",
        hears=(EventType.PAYMENT_CONFIRMED, EventType.REFUND_REQUESTED),
        max_concurrency=5,
        allowed_verbs={"sessions": "get", "tickets": "get get-many put update", "ticket key": "sign"},
        logical_id="TicketsQueue",
        dead_letter_alarm_text=(
            "Some sale has no tickets, or a refunded one still has, until its message is redriven. Its buyer can't "
            "come in."
        ),
        late_alarm_text="Sales have been waiting for their tickets for more than five minutes.",
        alarm_docs_section="[tickets](#tickets)",
    ),
    Consumer(
        queue=NOTIFICATION,
        handler="on_event_to_notification",
        purpose="Numbers the events for those who subscribed to them by webhook.",
        hears=EVERY_EVENT,
        # A transaction numbers a batch's events of one screening. Batches of one screening are numbered one after the
        # other: more workers would only disturb each other.
        batch_size=40,
        batch_window_seconds=1,
        max_concurrency=5,
        allowed_verbs={"notifications": "get get-many put", "webhooks": "list-without-secrets"},
        sends_to=(WEBHOOKS,),
        logical_id="NotificationQueue",
        dead_letter_alarm_text="Some event was not told to the webhooks until its message is redriven.",
        late_alarm_text="Events have been waiting to be told to the webhooks for more than five minutes.",
        alarm_docs_section="[webhooks](#webhooks)",
    ),
    Consumer(
        queue=WEBHOOKS,
        handler="on_delivery_to_webhook",
        purpose="Delivers one event to one webhook.",
        takes="deliveries",
        # Ten deliveries at the same time in each: a receiver that hangs can't take all of the account's functions.
        max_concurrency=20,
        allowed_verbs={"notifications": "get", "webhooks": "get update"},
        logical_id="WebhooksQueue",
        dead_letter_alarm_text="Some webhook did not take an event; it is delivered when its message is redriven.",
        late_alarm_text="Webhook deliveries have been waiting for more than five minutes.",
        alarm_docs_section="[webhooks](#webhooks)",
    ),
    Consumer(
        queue=CACHE,
        handler="on_event_to_cache",
        purpose="Has the cache forget what a seat change made wrong.",
        hears=(EventType.RESERVATION_CREATED, EventType.SEAT_RELEASED, EventType.SESSION_CANCELLED),
        logical_id="CacheQueue",
        dead_letter_alarm_text="The cache was not told of some seat change. What it says of it has run out by now.",
        late_alarm_text=(
            "The cache has not been told of seat changes for more than five minutes; what it says runs out by itself."
        ),
        alarm_docs_section="[Redis](#redis)",
    ),
    Consumer(
        queue=PAYMENTS,
        handler="on_payment_due",
        purpose="Settles what is due of payments: claims whose hold is over, and what the gateway says.",
        takes="payments due and charges",
        allowed_verbs={
            "rows": "get update",
            "reservations": "get put update",
            "payments": "get update",
            "sessions": "get",
        },
        logical_id="PaymentsQueue",
        late_after_seconds=1200,  # a claim waits here for up to fifteen minutes on purpose
        dead_letter_alarm_text=(
            "Some payment is neither a sale nor on its way back until its message is redriven, or the sweep finds it."
        ),
        late_alarm_text=(
            "What the payment gateway said, or claims that are due, have been waiting for more than twenty minutes."
        ),
        alarm_docs_section="[money](#money)",
    ),
    Consumer(
        queue=REFUNDS,
        handler="on_refund_requested",
        purpose="Returns payments.",
        hears=(EventType.REFUND_REQUESTED,),
        batch_size=5,  # as for emails: five refunds by a gateway that hangs fit into the 30 seconds
        max_concurrency=5,
        allowed_verbs={
            "rows": "get update",
            "reservations": "get put update",
            "payments": "get update",
            "sessions": "get",
            "breakers": "update",
        },
        logical_id="RefundsQueue",
        dead_letter_alarm_text=(
            "Some payment that bought nothing is not returned until its message is redriven. Somebody waits for money."
        ),
        late_alarm_text="Refunds have been waiting for more than five minutes. Somebody waits for money.",
        alarm_docs_section="[money](#money)",
    ),
)


def queues_for_event_type(kind: EventType) -> tuple[str, ...]:
    """Gives the queues whose consumers receive events of this type."""
    return tuple(consumer.queue for consumer in CONSUMERS if kind in consumer.hears)
