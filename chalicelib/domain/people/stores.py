"""The stores of personal data: STORES has one row for each table, queue, bucket and other place that keeps some.

docs/privacy.md's table is made from it. A new table or bucket needs its row, and so does a queue of anything but
events: tests/unit/people/test_stores.py compares them. What a row says of names is proved by
tests/integration/machine/test_ops_person.py: there a person really buys, and every store is searched for the names.
"""

from enum import StrEnum
from typing import NamedTuple

from chalicelib.domain.consumers import BOUNCES, CONSUMERS, EXPIRY, PAYMENTS, WEBHOOKS


class StoreKind(StrEnum):
    TABLE = "table"
    QUEUE = "queue"
    BUCKET = "bucket"
    OTHER = "other"


class ErasureEffect(StrEnum):
    """The effect of an erasure on the person's data in a store."""

    DELETES = "deleted"
    TAKES_NAMES_OUT = "the names are taken out"
    KEEPS = "kept"
    RUNS_OUT = "runs out by itself"
    NOTHING = "names nobody"

    @property
    def is_of_store_with_personal_data(self) -> bool:
        """Tells whether the store holds data of persons."""
        return self is not ErasureEffect.NOTHING

    @property
    def changes_store(self) -> bool:
        """Tells whether an erasure deletes or changes items in the store."""
        return self in (ErasureEffect.DELETES, ErasureEffect.TAKES_NAMES_OUT)


class Store(NamedTuple):
    """A place where data is stored: what personal data it holds and for how long, and the effect of an erasure."""

    kind: StoreKind
    name: str
    """The name of the table or queue without the stage's prefix. For a bucket, the part of the bucket's name between
    the stage and the account."""
    holds: str
    at_erasure: ErasureEffect = ErasureEffect.NOTHING
    lasts: str = ""
    why: str = ""


DELETES, TAKES_NAMES_OUT, KEEPS, RUNS_OUT, NOTHING = ErasureEffect
ALWAYS = "for good"

LEGAL_REASON = (
    "an invoice that was issued is kept unchanged for as long as the tax law of the cinema's country says"
    " (EU: Article 17 (3) (b) GDPR; Brazil: Article 16 I LGPD)"
)
MONEY_RECORD = "seat, amount and transaction stay without a name: a later refund and the yearly accounts need them"

_TABLES = (
    Store(StoreKind.TABLE, "sessions", "screenings"),
    Store(
        StoreKind.TABLE,
        "rows",
        "reservations' ids, by seat; of a hold the hash of its request, until the seat is taken again",
    ),
    Store(
        StoreKind.TABLE,
        "reservations",
        "the user's id, the email address and language, what was held and bought, a hash of the request",
        TAKES_NAMES_OUT,
        "unsold ones a day after their expiry, sales for good",
        MONEY_RECORD,
    ),
    Store(
        StoreKind.TABLE,
        "live-holds",
        "a hash of the user's id (and network), the last holds in a screening",
        DELETES,
        "an hour after the last hold",
    ),
    Store(StoreKind.TABLE, "payments", "the user's id, what was paid for", TAKES_NAMES_OUT, ALWAYS, MONEY_RECORD),
    Store(
        StoreKind.TABLE,
        "events",
        "what happened to a reservation, its buyer as a hash; those of an older version have the user's id",
        TAKES_NAMES_OUT,
        ALWAYS,
        "also the hash of the request, which is made from the address",
    ),
    Store(StoreKind.TABLE, "analytics", "counts"),
    Store(StoreKind.TABLE, "ledger", "events' ids"),
    Store(StoreKind.TABLE, "viewers", "connections' ids; hashes of networks, for quotas"),
    Store(
        StoreKind.TABLE,
        "suppressed-addresses",
        "a keyed hash of the address",
        NOTHING,
        ALWAYS,
        "so that nobody writes again to who asked for that; `ops mail --allow` deletes it",
    ),
    Store(StoreKind.TABLE, "breakers", "dependencies"),
    Store(StoreKind.TABLE, "invoices", "the user's id, what was bought and paid", KEEPS, ALWAYS, LEGAL_REASON),
    Store(StoreKind.TABLE, "tickets", "seats, codes and signatures of a reservation: tickets stay good"),
    Store(StoreKind.TABLE, "webhooks", "addresses and secrets of subscribers, which are systems"),
    Store(
        StoreKind.TABLE,
        "notifications",
        "the numbered events, as in `events`",
        TAKES_NAMES_OUT,
        ALWAYS,
        "subscribers are sent no name; what an older version sent them is theirs to erase",
    ),
)

_OLD_NAMES = "the messages of their queues; in those of an older version the user's id"


def _queue(name: str, holds: str) -> tuple[Store, Store]:
    """Makes two rows of STORES: for a queue whose messages name no person, and for its dead-letter queue."""
    return (
        Store(StoreKind.QUEUE, name, holds),
        Store(StoreKind.QUEUE, f"{name}-dlq", _OLD_NAMES, TAKES_NAMES_OUT, "14 days"),
    )


_QUEUES = (
    *(store for consumer in CONSUMERS if consumer.hears for store in _queue(consumer.queue, "events")),
    *_queue(EXPIRY, "holds"),
    Store(
        StoreKind.QUEUE,
        BOUNCES,
        "addresses that an email did not reach",
        RUNS_OUT,
        "seconds, 4 days at most",
        "its consumer keeps a keyed hash",
    ),
    Store(StoreKind.QUEUE, f"{BOUNCES}-dlq", "such a report that can't be read", TAKES_NAMES_OUT, "14 days"),
    *_queue(WEBHOOKS, "ids of deliveries"),
    *_queue(PAYMENTS, "payments that are due, and charges"),
)

_BUCKETS = (
    Store(
        StoreKind.BUCKET, "invoices", "invoices as PDF: the user's id", KEEPS, ALWAYS, f"every version: {LEGAL_REASON}"
    ),
    Store(
        StoreKind.BUCKET,
        "failures",
        "what a stream's handler could not relay: reservations and payments as they were",
        TAKES_NAMES_OUT,
        "30 days",
    ),
)

ACCOUNTS = Store(
    StoreKind.OTHER,
    "user pool",
    "the account: id, email address, password's hash",
    DELETES,
    "until it is deleted",
    "tokens that are out stay valid for an hour at most",
)

_OTHERS = (
    ACCOUNTS,
    Store(
        StoreKind.OTHER,
        "streams of reservations and payments",
        "items before and after each write",
        RUNS_OUT,
        "24 hours",
        "nobody can change a stream",
    ),
    Store(
        StoreKind.OTHER,
        "point-in-time recovery of the tables, in prod",
        "all tables",
        RUNS_OUT,
        "35 days",
        "after a restore, erase again whom you erased in the 35 days before",
    ),
    Store(StoreKind.OTHER, "logs", "ids of reservations, sales and payments, never a user's; an address' domain"),
    Store(
        StoreKind.OTHER,
        "Redis",
        "seats and reservations' ids; hashes of who asks, for quotas",
        NOTHING,
        "25 hours at most",
    ),
    Store(
        StoreKind.OTHER,
        "emails that were sent",
        "the address, what was bought",
        KEEPS,
        "as their readers please",
        "they are in the reader's mailbox",
    ),
    Store(
        StoreKind.OTHER,
        "SES's own list of suppressed addresses",
        "an address that an email did not reach, or whose reader complained",
        KEEPS,
        "until it is deleted",
        "so that SES writes there no more; `aws sesv2 delete-suppressed-destination` deletes it",
    ),
    Store(
        StoreKind.OTHER,
        "payment gateway",
        "what its own page asked for, such as a card; from us the reservation's id",
        KEEPS,
        "as it says",
        "it answers for itself: ask it, by the transaction's id",
    ),
)

STORES = (*_TABLES, *_QUEUES, *_BUCKETS, *_OTHERS)


def stores_by_name(kind: StoreKind) -> dict[str, Store]:
    """Gives the stores of a kind, by name."""
    return {store.name: store for store in STORES if store.kind is kind}
