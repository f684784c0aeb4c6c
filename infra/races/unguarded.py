"""The controls of the race tests and of the demo: the same API server with one guard left out.

A race test proves something only if it fails without what it tests. `python -m infra.races.unguarded --without GUARD`
serves the application with one of its adapters replaced; nothing that ships knows of it.
"""

import argparse
import functools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime

from chalicelib.domain.reservations import Hold
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.dynamodb.live_holds import DynamoLiveHolds
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from chalicelib.infrastructure.ids import SecretIds
from chalicelib.wiring.shared.adapters import Adapters
from chalicelib.wiring.shared.process import database, settings, stage_name
from infra.local import server

Parts = Mapping[str, Callable[[], object]]
"""Ports of `Adapters` by name, and what makes the one that stands in."""


class NoHoldCondition(DynamoRows):
    """Holds seats whoever has them."""

    def free_or_lapsed(self, seat: str) -> str:
        return _or_anyway(super().free_or_lapsed(seat))


class NoSellCondition(DynamoRows):
    """Sells seats whoever has them, and whether or not the hold is still live."""

    def this_hold_and_live(self, seat: str) -> str:
        return _or_anyway(super().this_hold_and_live(seat))


class NoConditions(NoHoldCondition, NoSellCondition):
    """Neither of the two."""


class NoClosedCondition(DynamoRows):
    """Holds and sells seats of cancelled screenings."""

    def row_is_open(self) -> str:
        return _or_anyway(super().row_is_open())


class SeatBySeat(DynamoRows):
    """Holds one seat after the other, each with its condition: no longer all or nothing."""

    def hold(self, hold: Hold, now: datetime) -> None:
        for seat in hold.seats:
            super().hold(replace(hold, seats=(seat,)), now)


class SessionInOrderAsked(Session):
    """Leaves the seats in the order in which the buyer names them."""

    def seats_named(self, numbers: Iterable[str]) -> tuple[str, ...]:
        asked = tuple(numbers)
        return tuple(sorted(super().seats_named(asked), key=asked.index))


class SessionsInOrderAsked(DynamoSessions):
    def get(self, session_id: str) -> Session:
        session = super().get(session_id)
        return SessionInOrderAsked(**{field.name: getattr(session, field.name) for field in fields(session)})


class KeyBlindIds(SecretIds):
    """Ids that have nothing to do with the idempotency key: a resend is a new request."""

    def reservation(self, user_id: str, key: str | None) -> str:
        return super().reservation(user_id, None)


class UnlimitedLiveHolds(DynamoLiveHolds):
    """Counts holds, but finds room for any number of them."""

    def free_or_lapsed(self, place: int) -> str:
        return _or_anyway(super().free_or_lapsed(place), "attribute_not_exists(never)")


class NoClaimCondition(DynamoPayments):
    """Claims payments, whoever has claimed them before."""

    def may_be_claimed(self, *, charged_only: bool) -> str:
        condition = super().may_be_claimed(charged_only=charged_only)
        return f"{_or_anyway(condition, 'attribute_exists(fate)')} OR attribute_not_exists(fate)"


def _or_anyway(condition: str, always: str = "attribute_exists(id)") -> str:
    """Always true: a row exists. The condition stays in: DynamoDB refuses values that no expression names."""
    return f"({always} OR {condition})"


def _rows(kind: type[DynamoRows]) -> Parts:
    return {"rows": lambda: kind(database(), stage_name("rows"))}


@functools.cache
def _sessions_in_order_asked() -> DynamoSessions:
    return SessionsInOrderAsked(database(), stage_name("sessions"))


WITHOUT: Mapping[str, Parts] = {
    "hold-condition": _rows(NoHoldCondition),
    "sell-condition": _rows(NoSellCondition),
    "both-conditions": _rows(NoConditions),
    "closed-condition": _rows(NoClosedCondition),
    "all-or-nothing": {**_rows(SeatBySeat), "sessions": _sessions_in_order_asked},
    "claim-condition": {"payments": lambda: NoClaimCondition(database(), stage_name("payments"))},
    "live-holds-limit": {"live_holds": lambda: UnlimitedLiveHolds(database(), stage_name("live-holds"))},
    "idempotency": {"ids": lambda: KeyBlindIds(settings().needed_id_secret.encode())},
}


def leave_out(guard: str) -> None:
    """To be called before the application's first use of the part."""
    for port, make in WITHOUT[guard].items():
        setattr(Adapters, port, _made_by(make))


def _made_by(make: Callable[[], object]) -> property:
    return property(lambda _: make())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.races.unguarded", description="The API without a guard.")
    parser.add_argument("--without", choices=list(WITHOUT), default="both-conditions")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(arguments)
    leave_out(options.without)
    return server.main(["--port", str(options.port)])


if __name__ == "__main__":
    sys.exit(main())
