"""The system with one guard taken out: a promise must then break, else the simulator would miss real faults.

A guard is a condition of a write, or a step of a use case. `test_planted.py` finds each of these faults.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any

from chalicelib.application.confirm import ConfirmReservation
from chalicelib.application.release import NotLapsedYet
from chalicelib.domain import consumers
from chalicelib.domain.events import OutgoingMessage
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.reservations import Hold, ReleaseResult, Reservation, Sale, State
from chalicelib.domain.tickets.ticket import VoidReason
from chalicelib.infrastructure.dynamodb.events.tickets import IN_FORCE, DynamoTickets
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.sqs.queues import SqsOutbox

from .cloud import expressions
from .cloud.doors import Change, Request
from .instances import Adapters

ALWAYS_TRUE = "attribute_exists({key}) OR attribute_not_exists({key})"


def pruned(operation: str, request: Request) -> Request:
    """Leaves out names and values that no expression uses any more: DynamoDB refuses them."""
    if operation == "TransactWriteItems":
        parts = [{kind: _pruned(one) for kind, one in part.items()} for part in request["TransactItems"]]
        return {**request, "TransactItems": parts}
    return _pruned(request) if operation in ("PutItem", "UpdateItem") else request


def _pruned(request: Request) -> Request:
    used: frozenset[str] = frozenset()
    if text := request.get("ConditionExpression"):
        used |= expressions.condition(text).placeholders
    if text := request.get("UpdateExpression"):
        used |= expressions.update(text).placeholders
    kept = dict(request)
    for given in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        if given in kept:
            kept[given] = {name: value for name, value in kept[given].items() if name in used}
    return kept


@dataclass(frozen=True)
class Planted:
    """A fault of ours: adapters that lack a guard, or a change of the requests that go to DynamoDB."""

    adapters: Adapters = field(default_factory=Adapters)
    change: Change = pruned


def unconditional(table: str, starts: Callable[[Request], bool] = lambda request: True) -> Planted:
    """Takes the condition from the writes of a table for which `starts` is true."""

    def change(operation: str, request: Request) -> Request:
        if operation == "TransactWriteItems":
            parts = [{kind: without(one) for kind, one in part.items()} for part in request["TransactItems"]]
            return {**request, "TransactItems": parts}
        return without(request)

    def without(request: Request) -> Request:
        if request.get("TableName", "").endswith(f"-{table}") and "ConditionExpression" in request and starts(request):
            return {name: value for name, value in request.items() if name != "ConditionExpression"}
        return request

    return Planted(change=lambda operation, request: pruned(operation, change(operation, request)))


def _is_put(request: Request) -> bool:
    return "Item" in request


def _is_counter_write(request: Request) -> bool:
    return any("counter" in str(value) for value in {**request.get("Key", {}), **request.get("Item", {})}.values())


def _is_refund_request(request: Request) -> bool:
    return ":reason" in request.get("ExpressionAttributeValues", {})


# Seats.


class RowsThatForget(DynamoRows):
    """Lacks the guard by which a released hold can't be made again."""

    def released_hold_expires_before_this_condition(self, seat_path: str) -> str:
        return f"attribute_exists({seat_path}.z)"


class HeldIsFree(DynamoRows):
    """Lets a seat be held that another buyer holds."""

    def may_be_held_condition(self, seat_path: str) -> str:
        return f"attribute_not_exists({seat_path}.s)"


class SoldIsFree(DynamoRows):
    """Takes a sold seat for free, because it has no live hold."""

    def may_be_held_condition(self, seat_path: str) -> str:
        return f"(attribute_not_exists({seat_path}.x) OR {seat_path}.x <= :now)"


class AnyHoldSells(DynamoRows):
    """Sells a held seat to any payer, whose hold it may not be."""

    def this_hold_is_live_condition(self, seat_path: str) -> str:
        return f"{seat_path}.x > :now"


class ClosedIsOpen(DynamoRows):
    """Lets the seats of a cancelled screening be held and sold."""

    def open_row_condition(self) -> str:
        return "attribute_exists(id)"


class RowByRow(DynamoRows):
    """Writes seats in several rows one row after the other, instead of in one transaction."""

    def _transact(self, writes: Any) -> None:
        for write in writes:
            self._update(write)


class QuietRows(DynamoRows):
    """Releases without telling of a sale that is in the way, so that a sold reservation ends as expired."""

    def release(self, hold: Hold, now: datetime) -> ReleaseResult:
        return ReleaseResult(super().release(hold, now).seats)


# Reservations and payments.


class NoBar(DynamoReservations):
    """Sets no bar, so that the reservation of an ended hold can still be stored."""

    def bar_hold_and_earlier_or_read_stored(self, hold: Hold) -> Reservation | None:
        return self.find(hold.reservation_id)


class StrongerThanTheRow(DynamoReservations):
    """Keeps an ended reservation ended, although the row is sold."""

    def mark_confirmed_unless_sold_and_read(self, reservation_id: str, sale: Sale) -> Reservation | None:
        stored = self.find(reservation_id)
        return (
            super().mark_confirmed_unless_sold_and_read(reservation_id, sale)
            if stored and stored.state is State.PENDING
            else stored
        )


class AnybodysPayments(DynamoPayments):
    """Lets a payment be claimed that is another reservation's."""

    def claim_for_reservation_condition(self, *, only_if_charged: bool) -> str:
        return ALWAYS_TRUE.format(key="transaction_id")


@dataclass
class RowsThatKeep:
    """Keeps the seats of a payment that is refunded."""

    rows: Any

    def __getattr__(self, method: str) -> Any:
        return getattr(self.rows, method)

    def release(self, hold: Hold, now: datetime) -> ReleaseResult:
        return ReleaseResult(())


def _with_kept_rows(confirm: ConfirmReservation) -> ConfirmReservation:
    return replace(confirm, rows=RowsThatKeep(confirm.rows))


KEYS = count()


@dataclass
class RefundsAnew:
    """Sends each refund with a new key, so that a repeated request returns the money again."""

    gateway: Any

    def __getattr__(self, method: str) -> Any:
        return getattr(self.gateway, method)

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        refund_id: str = self.gateway.refund(transaction_id, amount_cents, f"{idempotency_key}-{next(KEYS)}")
        return refund_id


# Streams, queues, projections.


class SendsAndForgets(SqsOutbox):
    """Loses the messages that SQS did not take."""

    def send_and_list_unsent_positions(self, messages: Any, now: datetime) -> set[int]:
        super().send_and_list_unsent_positions(messages, now)
        return set()


def _relay_that_skips(
    table: str, relay: Callable[[Any], list[OutgoingMessage]]
) -> Callable[[Any], list[OutgoingMessage]]:
    """Makes a relay that passes over a record that can't be relayed now."""

    def relayed(change: Any) -> list[OutgoingMessage]:
        try:
            return relay(change)
        except BackendUnavailable:
            return []

    return relayed


def _consumer_that_hurries(queue: str, consume: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Makes a consumer that takes an early expiry message for handled."""

    def consumed(record: Any) -> None:
        try:
            consume(record)
        except NotLapsedYet:
            return

    return consumed if queue == consumers.EXPIRY else consume


class AdmitsAgain(DynamoTickets):
    def admission_condition(self) -> str:
        return IN_FORCE


class NeverVoid(DynamoTickets):
    def void_sale_for_good(self, reservation_id: str, reason: VoidReason, now: datetime) -> None:
        """Leaves the tickets in force after a refund."""


def _with(**adapters: Any) -> Planted:
    return Planted(Adapters(**adapters))


PLANTED: dict[str, Planted] = {
    "rows-that-forget": _with(rows=RowsThatForget),
    "held-is-free": _with(rows=HeldIsFree),
    "sold-is-free": _with(rows=SoldIsFree),
    "any-hold-sells": _with(rows=AnyHoldSells),
    "closed-is-open": _with(rows=ClosedIsOpen),
    "row-by-row": _with(rows=RowByRow),
    "rows-are-put-again": unconditional("rows", _is_put),
    "no-bar": _with(reservations=NoBar),
    "stronger-than-the-row": _with(rows=QuietRows, reservations=StrongerThanTheRow),
    "ends-what-is-sold": unconditional("reservations", lambda request: ":pending" in _values(request)),
    "anybodys-payments": _with(payments=AnybodysPayments),
    "no-release-before-a-refund": _with(confirm=_with_kept_rows),
    "refunds-whatever": unconditional("payments", _is_refund_request),
    "refunds-anew": _with(gateway=RefundsAnew),
    "sends-and-forgets": _with(outbox=SendsAndForgets),
    "skips-records": _with(relay=_relay_that_skips),
    "expires-in-haste": _with(consume=_consumer_that_hurries),
    "counts-again": unconditional("ledger"),
    "numbers-again": unconditional("invoices", _is_counter_write),
    "numbers-events-again": unconditional("notifications"),
    "tickets-again": unconditional("tickets", _is_put),
    "admits-again": _with(tickets=AdmitsAgain),
    "never-void": _with(tickets=NeverVoid),
}


def _values(request: Request) -> Request:
    values: Request = request.get("ExpressionAttributeValues", {})
    return values
