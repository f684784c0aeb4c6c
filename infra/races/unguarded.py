"""Serves the API without one of its guards, as the control of the race tests and of the demo.

A race test proves something only if it fails without its guard. `python -m infra.races.unguarded --without GUARD`
serves the application with one of its adapters replaced. No deployed code imports this module.
"""

import argparse
import functools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime

from chalicelib.domain.reservations import Hold
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.dynamodb.events.tickets import DynamoTickets
from chalicelib.infrastructure.dynamodb.live_holds import DynamoHoldsCountedUntilExpiry
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from chalicelib.infrastructure.ids import RandomOrDerivedIds
from chalicelib.wiring.shared.adapters import SellingAndSettlingAdapters
from chalicelib.wiring.shared.process import database, resource_name, settings
from infra.local import server

Parts = Mapping[str, Callable[[], object]]
"""The functions that make replacement adapters, by the name of the adapter's port in `SellingAndSettlingAdapters`."""


class RowsWithoutHoldCondition(DynamoRows):
    """Holds seats even if others have them."""

    def may_be_held_condition(self, seat: str) -> str:
        return _or_anyway(super().may_be_held_condition(seat))


class RowsWithoutSellCondition(DynamoRows):
    """Sells seats even if others have them, or the hold has lapsed."""

    def this_hold_is_live_condition(self, seat: str) -> str:
        return _or_anyway(super().this_hold_is_live_condition(seat))


class RowsWithoutConditions(RowsWithoutHoldCondition, RowsWithoutSellCondition):
    """Holds and sells seats even if others have them."""


class RowsWithoutClosedCondition(DynamoRows):
    """Holds and sells seats of cancelled screenings."""

    def open_row_condition(self) -> str:
        return _or_anyway(super().open_row_condition())


class RowsSeatBySeat(DynamoRows):
    """Holds one seat after the other, each by its own conditional write. So a hold may get only some of its seats."""

    def hold(self, hold: Hold, now: datetime) -> None:
        for seat in hold.seats:
            super().hold(replace(hold, seats=(seat,)), now)


class SessionInOrderAsked(Session):
    """A session that leaves the seats in the buyer's order, instead of sorting them."""

    def distinct_seats_in_hall_order(self, numbers: Iterable[str]) -> tuple[str, ...]:
        asked = tuple(numbers)
        return tuple(sorted(super().distinct_seats_in_hall_order(asked), key=asked.index))


class SessionsInOrderAsked(DynamoSessions):
    """Reads sessions that leave the seats in the buyer's order."""

    def get(self, session_id: str) -> Session:
        session = super().get(session_id)
        return SessionInOrderAsked(**{field.name: getattr(session, field.name) for field in fields(session)})


class KeyBlindIds(RandomOrDerivedIds):
    """Makes ids without the idempotency key, so that a resent request counts as a new request."""

    def reservation_id(self, user_id: str, key: str | None) -> str:
        return super().reservation_id(user_id, None)


class UnlimitedLiveHolds(DynamoHoldsCountedUntilExpiry):
    """Counts a user's holds and refuses none."""

    def free_or_lapsed_condition(self, place: int) -> str:
        return _or_anyway(super().free_or_lapsed_condition(place), "attribute_not_exists(never)")


class PaymentsWithoutClaimCondition(DynamoPayments):
    """Claims payments even if they are claimed already."""

    def claim_for_reservation_condition(self, *, only_if_charged: bool) -> str:
        condition = super().claim_for_reservation_condition(only_if_charged=only_if_charged)
        return f"{_or_anyway(condition, 'attribute_exists(fate)')} OR attribute_not_exists(fate)"


class TicketsWithoutAdmissionCondition(DynamoTickets):
    """Admits tickets even if they are admitted already."""

    def admission_condition(self) -> str:
        return _or_anyway(super().admission_condition())


def _or_anyway(condition: str, always: str = "attribute_exists(id)") -> str:
    """Makes a condition that is true for every item that exists.

    The original condition stays a part of it: DynamoDB refuses values that no condition uses.
    """
    return f"({always} OR {condition})"


def _replace_rows(kind: type[DynamoRows]) -> Parts:
    """Gives the replacement of the rows' adapter by one of this class."""
    return {"rows": lambda: kind(database(), resource_name("rows"))}


@functools.cache
def _make_sessions_in_order_asked() -> DynamoSessions:
    return SessionsInOrderAsked(database(), resource_name("sessions"))


WITHOUT: Mapping[str, Parts] = {
    "hold-condition": _replace_rows(RowsWithoutHoldCondition),
    "sell-condition": _replace_rows(RowsWithoutSellCondition),
    "both-conditions": _replace_rows(RowsWithoutConditions),
    "closed-condition": _replace_rows(RowsWithoutClosedCondition),
    "all-or-nothing": {**_replace_rows(RowsSeatBySeat), "sessions": _make_sessions_in_order_asked},
    "claim-condition": {"payments": lambda: PaymentsWithoutClaimCondition(database(), resource_name("payments"))},
    "admission-condition": {"tickets": lambda: TicketsWithoutAdmissionCondition(database(), resource_name("tickets"))},
    "live-holds-limit": {
        "holds_counted_until_expiry": lambda: UnlimitedLiveHolds(database(), resource_name("live-holds"))
    },
    "idempotency": {"ids": lambda: KeyBlindIds(settings().needed_id_secret.encode())},
}


def leave_out_guard(guard: str) -> None:
    """Replaces the adapter that has the guard by an adapter without it. Call this before the adapter is first used."""
    for port, make in WITHOUT[guard].items():
        setattr(SellingAndSettlingAdapters, port, _property_of(make))


def _property_of(make: Callable[[], object]) -> property:
    return property(lambda _: make())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.races.unguarded", description="The API without a guard.")
    parser.add_argument("--without", choices=list(WITHOUT), default="both-conditions")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(arguments)
    leave_out_guard(options.without)
    return server.main(["--port", str(options.port)])


if __name__ == "__main__":
    sys.exit(main())
