"""A person's bookings: reservations, live holds and payments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.payments import PaymentStatus
from chalicelib.domain.people.person import ERASED, Person
from chalicelib.domain.people.stores import Store, StoreKind, stores_by_name
from chalicelib.domain.ports import Clock
from chalicelib.domain.reservations import State
from chalicelib.domain.times import from_ms, to_iso
from chalicelib.infrastructure.dynamodb.values import Item, ms_value, text_value
from chalicelib.infrastructure.ids import buyer_partition_of_user
from chalicelib.settings import MAX_LIVE_HOLDS
from infra.ops.find import Item as PlainItem
from infra.ops.find import to_plain

from .tables import StageTables, ids_of

TABLES = stores_by_name(StoreKind.TABLE)
SETTLED = (PaymentStatus.SOLD, PaymentStatus.REFUNDED)
"""The ends of a payment. Any other payment is open: its person must be known until it has ended."""


@dataclass(frozen=True)
class PersonsReservations:
    """The reservations, in the partition of their buyer.

    The name is taken out of each that is not a live hold, in one write on the condition that it still is none.
    """

    tables: StageTables
    clock: Clock
    store: Store = TABLES["reservations"]

    def find(self, person: Person) -> Iterator[PlainItem]:
        return map(to_plain, self._items(person))

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        named = [item for item in self._items(person) if item["user_id"] == text_value(person.user_id)]
        return sum(self._erase_one(item, person) for item in named)

    def _items(self, person: Person) -> Iterator[Item]:
        """Reads the reservations that are, or were, the person's. A bar is none."""
        buyer = {":buyer": text_value(buyer_partition_of_user(person.user_id))}
        names = (text_value(person.user_id), text_value(ERASED))
        found = self.tables.query("reservations", "buyer = :buyer", buyer)
        return (item for item in found if item.get("user_id") in names)

    def _erase_one(self, item: Item, person: Person) -> int:
        is_no_live_hold = "(#state <> :pending OR expires_at_ms <= :now)"
        return self.tables.update(
            "reservations",
            {name: item[name] for name in ("buyer", "id")},
            UpdateExpression="SET user_id = :erased REMOVE email, #language, fingerprint",
            ConditionExpression=f"user_id = :user AND {is_no_live_hold}",
            ExpressionAttributeNames={"#state": "state", "#language": "language"},
            ExpressionAttributeValues={
                ":erased": text_value(ERASED),
                ":user": text_value(person.user_id),
                ":pending": text_value(State.PENDING),
                ":now": ms_value(self.clock()),
            },
        )


@dataclass(frozen=True)
class PersonsLiveHolds:
    """The person's live-hold counts. Erasure leaves a count that has a live hold.

    A count's key may be a hash of user and network. So a count is found by the reservations in it, by a scan of the
    table, whose items expire within an hour.
    """

    tables: StageTables
    clock: Clock
    store: Store = TABLES["live-holds"]

    def find(self, person: Person) -> Iterator[PlainItem]:
        return map(to_plain, self._items(person))

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        return sum(map(self._erase_one, list(self._items(person))))

    def _items(self, person: Person) -> Iterator[Item]:
        is_theirs = " OR ".join(f"begins_with(age{age}.r, :theirs)" for age in range(MAX_LIVE_HOLDS))
        return self.tables.scan("live-holds", is_theirs, {":theirs": text_value(ids_of(person))})

    def _erase_one(self, item: Item) -> int:
        ages = [name for name in item if name.startswith("age")]
        key = {name: item[name] for name in ("buyer", "session_id")}
        return self.tables.delete(
            "live-holds",
            key,
            ConditionExpression=" AND ".join(["attribute_exists(buyer)", *(f"{age}.x <= :now" for age in ages)]),
            **({"ExpressionAttributeValues": {":now": ms_value(self.clock())}} if ages else {}),
        )


@dataclass(frozen=True)
class PersonsPayments:
    """The payments. No index leads from a user to them, so the table is read.

    The name is taken out of each that has ended, in one write on the condition that it has.
    """

    tables: StageTables
    store: Store = TABLES["payments"]

    def find(self, person: Person) -> Iterator[PlainItem]:
        return map(to_plain, self._items(person))

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        named = [item for item in self._items(person) if item.get("user_id") == text_value(person.user_id)]
        return sum(self._erase_one(item, person) for item in named)

    def _items(self, person: Person) -> Iterator[Item]:
        values = {":user": text_value(person.user_id), ":theirs": text_value(ids_of(person))}
        return self.tables.scan("payments", "user_id = :user OR begins_with(reservation_id, :theirs)", values)

    def _erase_one(self, item: Item, person: Person) -> int:
        return self.tables.update(
            "payments",
            {"transaction_id": item["transaction_id"]},
            UpdateExpression="SET user_id = :erased",
            ConditionExpression="user_id = :user AND fate IN (:sold, :refunded)",
            ExpressionAttributeValues={
                ":erased": text_value(ERASED),
                ":user": text_value(person.user_id),
                ":sold": text_value(PaymentStatus.SOLD),
                ":refunded": text_value(PaymentStatus.REFUNDED),
            },
        )


@dataclass(frozen=True)
class PersonsOpenMatters:
    """The person's open live holds and payments, and the email addresses of reservations and account."""

    reservations: PersonsReservations
    payments: PersonsPayments

    def describe_live_holds_and_open_payments(self, person: Person, now: datetime) -> Sequence[str]:
        held = [each for each in self.reservations.find(person) if _is_live_hold(each, now)]
        paid = [each for each in self.payments.find(person) if each["fate"] not in SETTLED]
        return [
            *(f"{each['id']} holds seats until {to_iso(from_ms(each['expires_at_ms']))}" for each in held),
            *(f"payment {each['transaction_id']} is {each['fate'].replace('_', ' ')}" for each in paid),
        ]

    def known_emails(self, person: Person) -> frozenset[str]:
        return frozenset(each["email"] for each in self.reservations.find(person) if each.get("email"))


def _is_live_hold(item: PlainItem, now: datetime) -> bool:
    return item["state"] == State.PENDING and from_ms(item["expires_at_ms"]) > now
