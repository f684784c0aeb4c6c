"""The seats, in DynamoDB: one item for each row of each screening, and every decision one conditional write on it.

A seat's entry in the row's `seats` through time:

    (none) ──hold──► {r, x, f} ──sell──► {r, s}        r: reservation; x: expiry in ms; f: fingerprint; s: sale
                       ▲    │
                  hold │    │ cancel, expire           Once x has come, the entry counts as none, in every condition
                       │    ▼                          and every view.
                        {z}                            z: expiry of the last hold that was given back; a free seat

A seat's x and z only ever grow: a hold needs a later expiry than the one before it. So each hold of a seat is made once
at most, and a request that the client library repeats minutes later can't bring back what was given back meanwhile.

Seats of one row: one UpdateItem. Seats of several rows: one TransactWriteItems, rows in the order of their ids.
A closed row refuses hold and sell; cancel and expire still give back.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.events import RowClosed, RowEvent, SeatsHeld, SeatsReleased, SeatsSold
from chalicelib.domain.live import RowState
from chalicelib.domain.reservations import Held, Hold, Occupancy, Release, RowsClosed, Sale, SeatsTaken, Sold, in_force
from chalicelib.domain.sessions import Session, by_row
from chalicelib.domain.times import from_ms, to_ms

from .connection import (
    ConditionFailed,
    Item,
    Table,
    WriteConflict,
    consistent_items,
    outages_as_refusals,
    when_free_of_conflict,
    why_cancelled,
)
from .streams import event_attribute
from .tables import row_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class DynamoRows:
    client: "DynamoDBClient"
    table_name: str
    sleep: Callable[[float], None] = time.sleep

    def hold(self, hold: Hold, now: datetime) -> None:
        values = {":now": _number(now), ":expires": _number(hold.expires_at), ":new": _held_entry(hold)}
        self._write(
            now,
            [
                _SeatsWrite(
                    row_id(hold.session_id, row),
                    seats,
                    self.free_or_lapsed,
                    {**values, ":event": event_attribute(SeatsHeld(_part(hold, seats), now))},
                    self.row_is_open(),
                )
                for row, seats in by_row(hold.seats).items()
            ],
        )

    def sell(self, hold: Hold, sale: Sale, now: datetime) -> None:
        sold = {"M": {"r": {"S": hold.reservation_id}, "s": {"S": sale.id}}}
        values = {":now": _number(now), ":hold": _held_entry(hold), ":new": sold}
        self._write(
            now,
            [
                _SeatsWrite(
                    row_id(hold.session_id, row),
                    seats,
                    self.this_hold_and_live,
                    {**values, ":event": event_attribute(_sold(hold, seats, sale, now))},
                    self.row_is_open(),
                )
                for row, seats in by_row(hold.seats).items()
            ],
        )

    def release(self, hold: Hold, now: datetime) -> Release:
        parts = [self._release_in_row(row, _part(hold, seats), now) for row, seats in by_row(hold.seats).items()]
        sales = (part.sale_id for part in parts if part.sale_id)
        return Release(tuple(seat for part in parts for seat in part.seats), next(sales, None))

    def occupancy(self, session: Session) -> Mapping[str, Occupancy]:
        items = list(consistent_items(self.client, self.table_name, self._keys(session)))
        occupancy = {seat: entry for row in items for seat, entry in entries_in(row).items()}
        if any("closed" in item for item in items):
            raise RowsClosed(occupancy)
        return occupancy

    def sales_between(self, session: Session, since: datetime, until: datetime) -> Mapping[str, str]:
        items = consistent_items(self.client, self.table_name, self._keys(session))
        entries = (
            entry for item in items if since <= _written_at(item) <= until for entry in entries_in(item).values()
        )
        return {entry.reservation_id: entry.sale_id for entry in entries if isinstance(entry, Sold)}

    def close(self, session_id: str, row: str, now: datetime) -> Mapping[str, Occupancy]:
        event = event_attribute(RowClosed(session_id, row, (), now))
        try:
            item = when_free_of_conflict(lambda: self._close(row_id(session_id, row), now, event), self.sleep)
        except ConditionFailed as failed:
            item = failed.item or {}
        return entries_in(item)

    # The conditions, for the row and for one seat each. The controls of the race tests leave them out; that is why they
    # stand apart.

    def row_is_open(self) -> str:
        return "attribute_not_exists(#closed)"

    def free_or_lapsed(self, seat: str) -> str:
        seat_is_free = f"attribute_not_exists({seat})"
        hold_has_lapsed = f"{seat}.x <= :now"
        return f"({seat_is_free} OR {self.given_back_before(seat)} OR {hold_has_lapsed})"

    def given_back_before(self, seat: str) -> str:
        """An earlier hold was given back, not this one."""
        return f"{seat}.z < :expires"

    def this_hold_and_live(self, seat: str) -> str:
        is_this_hold = f"{seat} = :hold"
        has_not_lapsed = f"{seat}.x > :now"
        return f"({is_this_hold} AND {has_not_lapsed})"

    # One row, or several.

    def _keys(self, session: Session) -> list[Item]:
        return [{"id": {"S": row_id(session.id, row)}} for row in session.rows]

    def _close(self, id_: str, now: datetime, event: Item) -> Item:
        """Raises ConditionFailed where it is closed already."""
        return Table(self.client, self.table_name).update(
            {"id": {"S": id_}},
            UpdateExpression="SET #closed = :now, #event = :event ADD version :one",
            ConditionExpression=f"attribute_exists(id) AND {self.row_is_open()}",
            ExpressionAttributeNames={"#closed": "closed", "#event": "event"},
            ExpressionAttributeValues={":now": _number(now), ":event": event, ":one": {"N": "1"}},
            ReturnValues="ALL_NEW",
        )

    def _write(self, now: datetime, writes: list["_SeatsWrite"]) -> None:
        try:
            if len(writes) == 1:
                when_free_of_conflict(lambda: self._update(writes[0]), self.sleep)
            else:
                when_free_of_conflict(lambda: self._transact(writes), self.sleep)
        except _Refused as refused:
            seats = {seat for write in writes for seat in write.seats}
            closed = any("closed" in item for item in refused.items)
            raise (RowsClosed if closed else SeatsTaken)(_in_force(refused.items, seats, now)) from refused

    def _update(self, write: "_SeatsWrite") -> None:
        try:
            Table(self.client, self.table_name).update(write.key, **write.request())
        except ConditionFailed as failed:
            raise _Refused([failed.item or {}]) from failed

    def _transact(self, writes: list["_SeatsWrite"]) -> None:
        common = {"TableName": self.table_name, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        in_order = sorted(writes, key=lambda write: write.row_id)
        updates: list[Any] = [{"Update": {**common, "Key": write.key, **write.request()}} for write in in_order]
        try:
            with outages_as_refusals("TransactWriteItems"):
                self.client.transact_write_items(TransactItems=updates)
        except self.client.exceptions.TransactionCanceledException as error:
            raise _why(error.response["CancellationReasons"]) from error

    # Giving back, row by row: what is still there of this very hold goes, whatever became of its other seats.

    def _release_in_row(self, row: str, hold: Hold, now: datetime) -> Release:
        write = _SeatsWrite(
            row_id(hold.session_id, row),
            hold.seats,
            lambda seat: f"{seat} = :hold",
            {
                ":hold": _held_entry(hold),
                ":new": _free_again_entry(hold),
                ":event": event_attribute(_released(hold, now)),
            },
        )
        try:
            when_free_of_conflict(lambda: self._update(write), self.sleep)
        except _Refused as refused:
            return self._release_rest(row, hold, now, entries_in(refused.items[0]))
        return Release(hold.seats)

    def _release_rest(self, row: str, hold: Hold, now: datetime, found: Mapping[str, Occupancy]) -> Release:
        """Ends because a seat that was refused once is never again this hold's."""
        entries = {seat: found[seat] for seat in hold.seats if seat in found}
        sales = (e.sale_id for e in entries.values() if isinstance(e, Sold) and e.reservation_id == hold.reservation_id)
        still_held = tuple(seat for seat, entry in entries.items() if isinstance(entry, Held) and entry.is_of(hold))
        if not still_held or still_held == hold.seats:
            return Release((), next(sales, None))
        return self._release_in_row(row, _part(hold, still_held), now)


@dataclass(frozen=True, slots=True)
class _SeatsWrite:
    """One row's share of a write: sets the seats to :new, if `condition` holds for each."""

    row_id: str
    seats: tuple[str, ...]
    condition: Callable[[str], str]
    values: dict[str, Any]
    row_condition: str = ""
    """Empty: seats are given back, also in a closed row."""

    @property
    def key(self) -> Item:
        return {"id": {"S": self.row_id}}

    def request(self) -> dict[str, Any]:
        names = {f"#s{number}": seat for number, seat in enumerate(self.seats)}
        paths = [f"seats.{name}" for name in names]
        row, row_names = ([self.row_condition], {"#closed": "closed"}) if self.row_condition else ([], {})
        changes = ", ".join([*(f"{path} = :new" for path in paths), "#event = :event"])
        return {
            "UpdateExpression": f"SET {changes} ADD version :one",
            "ConditionExpression": " AND ".join([*row, *map(self.condition, paths)]),
            "ExpressionAttributeNames": {**names, **row_names, "#event": "event"},
            "ExpressionAttributeValues": {**self.values, ":one": {"N": "1"}},
        }


class _Refused(Exception):
    """The condition of one row or more failed: `items` as they stand there."""

    def __init__(self, items: list[Item]) -> None:
        super().__init__()
        self.items = items


def _why(reasons: Sequence[Mapping[str, Any]]) -> Exception:
    """A conflict is tried again before anything is concluded: what it is with may change what the others say."""
    codes = {reason["Code"] for reason in reasons}
    refused = [reason.get("Item", {}) for reason in reasons if reason["Code"] == "ConditionalCheckFailed"]
    if "TransactionConflict" in codes and codes <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
        return WriteConflict()
    return _Refused(refused) if refused else why_cancelled(reasons)


def _in_force(items: Iterable[Item], seats: set[str], now: datetime) -> dict[str, Occupancy]:
    entries = {seat: entry for item in items for seat, entry in entries_in(item).items() if seat in seats}
    return in_force(entries, now)


def _written_at(item: Item) -> datetime:
    return from_ms(int(item["event"]["M"]["at"]["N"])) if "event" in item else from_ms(0)


def row_state(record: Mapping[str, Any]) -> RowState | None:
    """The row after the write that a record of the rows' stream tells of; None when the row is new, or gone."""
    item = record["dynamodb"].get("NewImage", {})
    if "version" not in item:
        return None
    session_id, _, row = item["id"]["S"].rpartition("#")
    return RowState(session_id, row, int(item["version"]["N"]), entries_in(item))


def entries_in(item: Item) -> dict[str, Occupancy]:
    """What stands in a row's item, or in a stream record's image of one. Lapsed holds may be among it."""
    seats: Item = item.get("seats", {}).get("M", {})
    return {seat: _entry(entry["M"]) for seat, entry in seats.items() if "r" in entry["M"]}


def _entry(entry: Item) -> Occupancy:
    if "s" in entry:
        return Sold(entry["r"]["S"], entry["s"]["S"])
    return Held(entry["r"]["S"], from_ms(int(entry["x"]["N"])), entry["f"]["S"] if "f" in entry else "")


def _held_entry(hold: Hold) -> Item:
    fingerprint = {"f": {"S": hold.fingerprint}} if hold.fingerprint else {}
    return {"M": {"r": {"S": hold.reservation_id}, "x": _number(hold.expires_at), **fingerprint}}


def _free_again_entry(hold: Hold) -> Item:
    return {"M": {"z": _number(hold.expires_at)}}


def _number(moment: datetime) -> Item:
    return {"N": str(to_ms(moment))}


def _part(hold: Hold, seats: tuple[str, ...]) -> Hold:
    return Hold(hold.session_id, hold.reservation_id, seats, hold.expires_at, hold.fingerprint)


def _sold(hold: Hold, seats: tuple[str, ...], sale: Sale, now: datetime) -> RowEvent:
    return SeatsSold(hold.session_id, hold.reservation_id, seats, sale, now)


def _released(hold: Hold, now: datetime) -> RowEvent:
    return SeatsReleased(hold.session_id, hold.reservation_id, hold.seats, now)
