"""The table of the Lambda functions, one row each. The rows of consumers come from chalicelib/domain/consumers.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from chalicelib.application.relay import SENDS_TO
from chalicelib.domain.consumers import CONSUMERS, PAYMENTS, TICKETS, WEBHOOKS, Consumer
from chalicelib.settings import EVERY_FUNCTION, SETTINGS, Setting

TIMEOUT_SECONDS = 30
STREAMS_RETRY_FOR = timedelta(hours=12)
"""The age up to which a stream's record is retried: an outage of hours only delays it. A stream keeps it for 24."""
RELAYS_PER_SHARD = 10
"""How many batches of one shard are relayed at the same time. Lambda shares them out by partition key, so the records
of one item stay in order. A shard has 1,000 records/s at most, and one relay takes some 240: see decision 101."""
SHOWN_FOR = timedelta(minutes=1)
"""The age above which a change is no longer sent to viewers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    name: str
    """The name in Chalice's configuration: the Python function's in app.py, except for the API and the WebSocket."""
    allowed_verbs: Mapping[str, str] = field(default_factory=dict)
    """The verbs that the function may use on each table or other resource. permissions.py defines the verbs."""
    sends_to: tuple[str, ...] = ()
    """The queues it sends to."""
    consumer: Consumer | None = None
    """The consumer whose queue feeds it."""
    stream: str = ""
    """The table whose stream feeds it."""
    relays: bool = False
    """True when no record of its stream may be lost: each is retried for hours, then kept as a stream failure."""
    shows_queues: bool = False
    is_asked_by_buyers: bool = False
    """True when buyers wait for it: the setting API_CONCURRENCY keeps room for it."""
    timeout_seconds: int = TIMEOUT_SECONDS

    @property
    def logical_id(self) -> str:
        """Gives the function's name in the template, as Chalice makes it."""
        return "APIHandler" if self.name == "api_handler" else self.role_stem

    @property
    def role_stem(self) -> str:
        """Gives the beginning of its role's name in the template."""
        return "".join(part.capitalize() for part in self.name.split("_"))


def settings_of(function: Function) -> list[Setting]:
    """Lists the settings that a function is given."""
    return [one for one in SETTINGS.values() if one.given_to == EVERY_FUNCTION or function.name in one.given_to]


def _relay(name: str, table: str, **allowed_verbs: str) -> Function:
    return Function(
        name=name, stream=table, relays=True, sends_to=tuple(sorted(SENDS_TO[table])), allowed_verbs=allowed_verbs
    )


def _function_of_consumer(consumer: Consumer) -> Function:
    return Function(
        name=consumer.handler, consumer=consumer, allowed_verbs=consumer.allowed_verbs, sends_to=consumer.sends_to
    )


FUNCTIONS = (
    Function(
        name="api_handler",
        timeout_seconds=29,  # API Gateway waits no longer
        allowed_verbs={
            "sessions": "get put",
            "sessions/programme": "query",
            "rows": "get get-many put update",
            "reservations": "get put update",
            "reservations/purchases": "query",
            "live-holds": "get update",
            "payments": "get update",
            "events": "query",
            "analytics": "query",
            "invoices": "get",
            "invoice files": "get",
            "tickets": "get get-many put update",
            "tickets/by_session": "query",
            "webhooks": "get",
            "notifications": "query",
            "stream failures": "list",
            "breakers": "get update",
            "mail service": "ask",
        },
        sends_to=(WEBHOOKS, PAYMENTS, TICKETS),
        shows_queues=True,
        is_asked_by_buyers=True,
    ),
    _relay("on_row_changed", "rows", reservations="get update", payments="get update"),
    _relay(
        "on_reservation_changed",
        "reservations",
        rows="get update",
        reservations="get put update",
        payments="get update",
    ),
    _relay("on_payment_changed", "payments", reservations="get update"),
    Function(
        name="on_row_changed_show",
        stream="rows",
        allowed_verbs={"viewers": "delete query", "viewers/by_viewer": "query", "connections": "post"},
    ),
    Function(
        name="websocket_message",
        allowed_verbs={
            "sessions": "get",
            "viewers": "delete get get-many put query update",
            "viewers/by_viewer": "query",
            "connections": "post",
        },
    ),
    Function(name="websocket_disconnect", allowed_verbs={"viewers": "delete", "viewers/by_viewer": "query"}),
    *(_function_of_consumer(consumer) for consumer in CONSUMERS),
    Function(
        name="on_reconciliation_due",
        timeout_seconds=300,  # it may have to ask the payment gateway for hundreds
        allowed_verbs={
            "rows": "get get-many update",
            "reservations": "get put update",
            "payments": "get update",
            "payments/outstanding": "query",
            "sessions": "get",
            "sessions/programme": "query",
            "breakers": "update",
        },
    ),
)
