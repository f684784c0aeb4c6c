"""The seats, in DynamoDB: one item for each row of each screening, and every decision one conditional write on it.

A seat's entry in the row's `seats` through time:

    (none) ──hold──► {r, x, f} ──sell──► {r, s}        r: reservation; x: expiry in ms; f: fingerprint; s: sale
                       ▲    │
                  hold │    │ cancel, expire           Once x has come, the entry counts as none, in every condition
                       │    ▼                          and every view.
                        {z}                            z: expiry of the last hold that was released; a free seat

A seat's x and z only ever grow: a hold needs a later expiry than the one before it. So each hold of a seat is made once
at most: a request that the client library repeats minutes later can't bring back a hold that was released meanwhile.

Seats of one row: one UpdateItem. Seats of several rows: one TransactWriteItems, rows in the order of their ids.
A closed row refuses hold and sell; cancel and expire still release its seats.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.events import RowClosed, RowEvent, SeatsHeld, SeatsReleased, SeatsSold
from chalicelib.domain.live import RowState
from chalicelib.domain.reservations import (
    HeldSeat,
    Hold,
    Occupancy,
    ReleaseResult,
    RowsOfCancelledSession,
    Sale,
    SeatsTakenOrHoldEnded,
    SoldSeat,
    without_lapsed_holds,
)
from chalicelib.domain.sessions import Session, seats_by_row_in_given_order
from chalicelib.domain.times import from_ms
from chalicelib.infrastructure.streams.records import row_event_attribute_value

from .connection import (
    BatchReader,
    ConditionFailed,
    Table,
    TransactionCancelled,
    WriteConflict,
    retry_on_conflict_or_raise_unavailable,
    transact,
)
from .tables import row_id
from .values import (
    Item,
    Value,
    find_text,
    map_value,
    ms_value,
    number_value,
    read_map_of_maps_or_empty,
    read_ms,
    read_required_map,
    read_required_number,
    read_text,
    text_key,
    text_value,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class DynamoRows:
    """The rows of seats in a table. Conditional writes decide which buyer gets a seat."""

    client: "DynamoDBClient"
    table_name: str
    sleep: Callable[[float], None] = time.sleep

    def hold(self, hold: Hold, now: datetime) -> None:
        values = {":now": ms_value(now), ":expires": ms_value(hold.expires_at), ":new": _held_value(hold)}
        writes = [
            _SeatsWrite(
                row_id=row_id(hold.session_id, row),
                seats=seats,
                condition=self.may_be_held_condition,
                values={**values, ":event": row_event_attribute_value(SeatsHeld(_with_seats(hold, seats), now))},
                row_condition=self.open_row_condition(),
            )
            for row, seats in seats_by_row_in_given_order(hold.seats).items()
        ]
        self._write(writes, now, hold.expires_at)

    def sell(self, hold: Hold, sale: Sale, now: datetime) -> None:
        values = {":now": ms_value(now), ":hold": _held_value(hold), ":new": _sold_value(hold, sale)}
        writes = [
            _SeatsWrite(
                row_id=row_id(hold.session_id, row),
                seats=seats,
                condition=self.this_hold_is_live_condition,
                values={**values, ":event": row_event_attribute_value(_sold_event(hold, seats, sale, now))},
                row_condition=self.open_row_condition(),
            )
            for row, seats in seats_by_row_in_given_order(hold.seats).items()
        ]
        self._write(writes, now)

    def release(self, hold: Hold, now: datetime) -> ReleaseResult:
        parts = [
            self._release_in_row(row, _with_seats(hold, seats), now)
            for row, seats in seats_by_row_in_given_order(hold.seats).items()
        ]
        sales = (part.sale_id for part in parts if part.sale_id)
        seats = tuple(seat for part in parts for seat in part.seats)
        return ReleaseResult(seats, next(sales, None), any(part.was_sold_and_session_cancelled_since for part in parts))

    def read_entries_with_lapsed_or_raise_if_cancelled(self, session: Session) -> Mapping[str, Occupancy]:
        items = list(BatchReader(self.client, self.table_name, self.sleep)(_row_keys(session)))
        occupancy = {seat: entry for row in items for seat, entry in seat_entries_with_lapsed_in(row).items()}
        if any("closed" in item for item in items):
            raise RowsOfCancelledSession(occupancy)
        return occupancy

    def sale_ids_by_reservation_in_rows_last_written_between(
        self, session: Session, since: datetime, until: datetime
    ) -> Mapping[str, str]:
        items = BatchReader(self.client, self.table_name, self.sleep)(_row_keys(session))
        entries = (
            entry
            for item in items
            if since <= _written_at(item) <= until
            for entry in seat_entries_with_lapsed_in(item).values()
        )
        return {entry.reservation_id: entry.sale_id for entry in entries if isinstance(entry, SoldSeat)}

    def close_row_and_read_entries_with_lapsed(
        self, session_id: str, row: str, now: datetime
    ) -> Mapping[str, Occupancy]:
        event = row_event_attribute_value(
            RowClosed(session_id=session_id, row=row, sold_reservation_ids=(), occurred_at=now)
        )
        try:
            item = retry_on_conflict_or_raise_unavailable(
                lambda: self._close_row(row_id(session_id, row), now, event), self.sleep
            )
        except ConditionFailed as failed:
            item = failed.item or {}
        return seat_entries_with_lapsed_in(item)

    # The conditions, for the row and for one seat each. The controls of the race tests replace them; that is why they
    # are methods.

    def open_row_condition(self) -> str:
        """Gives the condition that the row is not closed."""
        return "attribute_not_exists(#closed)"

    def may_be_held_condition(self, seat_path: str) -> str:
        """Gives the condition that the seat at this path may be held: the seat has no entry; or its hold has lapsed; or
        its last hold was released, and the new hold expires later than that one.

        The last part refuses a delayed repeat of the released hold's own write.
        """
        seat_is_free = f"attribute_not_exists({seat_path})"
        hold_has_lapsed = f"{seat_path}.x <= :now"
        return f"({seat_is_free} OR {self.released_hold_expires_before_this_condition(seat_path)} OR {hold_has_lapsed})"

    def released_hold_expires_before_this_condition(self, seat_path: str) -> str:
        """Gives the condition that the seat's last hold was released, and that its expiry is before the new hold's."""
        return f"{seat_path}.z < :expires"

    def this_hold_is_live_condition(self, seat_path: str) -> str:
        """Gives the condition that the seat at this path is held by the hold `:hold`, and that this hold has not
        lapsed."""
        is_this_hold = f"{seat_path} = :hold"
        has_not_lapsed = f"{seat_path}.x > :now"
        return f"({is_this_hold} AND {has_not_lapsed})"

    # One row, or several.

    def _close_row(self, id_: str, now: datetime, event: Value) -> Item:
        """Closes a row and gives its item.

        Raises ConditionFailed if the row is closed already, or is not stored. Raises WriteConflict, BackendUnavailable.
        """
        return Table(self.client, self.table_name).update(
            text_key(id=id_),
            UpdateExpression="SET #closed = :now, #event = :event ADD version :one",
            ConditionExpression=f"attribute_exists(id) AND {self.open_row_condition()}",
            ExpressionAttributeNames={"#closed": "closed", "#event": "event"},
            ExpressionAttributeValues={":now": ms_value(now), ":event": event, ":one": number_value(1)},
            ReturnValues="ALL_NEW",
        )

    def _write(self, writes: list["_SeatsWrite"], now: datetime, expires_at: datetime | None = None) -> None:
        """Makes all writes, or none. `expires_at` is the expiry of a new hold.

        Raises SeatsTakenOrHoldEnded, RowsOfCancelledSession, BackendUnavailable.
        """
        try:
            if len(writes) == 1:
                retry_on_conflict_or_raise_unavailable(lambda: self._update(writes[0]), self.sleep)
            else:
                retry_on_conflict_or_raise_unavailable(lambda: self._transact(writes), self.sleep)
        except _Refused as refused:
            seats = {seat for write in writes for seat in write.seats}
            closed = any("closed" in item for item in refused.items)
            refusal = RowsOfCancelledSession if closed else SeatsTakenOrHoldEnded
            held_meanwhile = _released_with_later_expiry(refused.items, seats, expires_at) if expires_at else ()
            raise refusal(_occupancy_in_force(refused.items, seats, now), held_meanwhile=held_meanwhile) from refused

    def _update(self, write: "_SeatsWrite") -> None:
        """Makes one write. Raises _Refused, WriteConflict, BackendUnavailable."""
        try:
            Table(self.client, self.table_name).update(write.key, **write.request())
        except ConditionFailed as failed:
            raise _Refused([failed.item or {}]) from failed

    def _transact(self, writes: list["_SeatsWrite"]) -> None:
        """Makes all writes in one transaction. Raises _Refused, WriteConflict, BackendUnavailable."""
        common = {"TableName": self.table_name, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        in_order = sorted(writes, key=lambda write: write.row_id)
        updates: list[Any] = [{"Update": {**common, "Key": write.key, **write.request()}} for write in in_order]
        try:
            transact(self.client, updates)
        except TransactionCancelled as cancelled:
            raise _error_of(cancelled) from cancelled

    # Releasing, row by row: all seats that this very hold still has, whatever became of its other seats.

    def _release_in_row(self, row: str, hold: Hold, now: datetime) -> ReleaseResult:
        """Releases the hold's seats, all in this row. Gives the released seats, and the sale if one was made."""
        write = _SeatsWrite(
            row_id=row_id(hold.session_id, row),
            seats=hold.seats,
            condition=lambda seat: f"{seat} = :hold",
            values={
                ":hold": _held_value(hold),
                ":new": _released_value(hold),
                ":event": row_event_attribute_value(_released_event(hold, now)),
            },
        )
        try:
            retry_on_conflict_or_raise_unavailable(lambda: self._update(write), self.sleep)
        except _Refused as refused:
            return self._release_rest(row, hold, now, refused.items[0])
        return ReleaseResult(hold.seats)

    def _release_rest(self, row: str, hold: Hold, now: datetime, item: Item) -> ReleaseResult:
        """Releases the seats that the hold still has. `item` is the row. Gives the same as
        `_release_in_row`.

        If the row changes before the write, `_release_in_row` calls this method again with the new entries. These calls
        come to an end, because the hold can't get seats back.
        """
        found = seat_entries_with_lapsed_in(item)
        entries = {seat: found[seat] for seat in hold.seats if seat in found}
        sales = (
            e.sale_id for e in entries.values() if isinstance(e, SoldSeat) and e.reservation_id == hold.reservation_id
        )
        still_held = tuple(
            seat for seat, entry in entries.items() if isinstance(entry, HeldSeat) and entry.is_exactly_of(hold)
        )
        if not still_held or still_held == hold.seats:
            sale_id = next(sales, None)
            return ReleaseResult((), sale_id, was_sold_and_session_cancelled_since=bool(sale_id) and "closed" in item)
        return self._release_in_row(row, _with_seats(hold, still_held), now)


@dataclass(frozen=True, slots=True)
class _SeatsWrite:
    """An update of one row. Sets the entry of each seat to :new, if a condition is true for each seat.

    `condition` makes the condition from the path of a seat. `values` are the values of the expressions.
    """

    row_id: str
    seats: tuple[str, ...]
    condition: Callable[[str], str]
    values: dict[str, Any]
    row_condition: str = ""
    """The condition of the row itself: that it is not closed. Empty for a release, which a closed row allows."""

    @property
    def key(self) -> Item:
        return text_key(id=self.row_id)

    def request(self) -> dict[str, Any]:
        """Gives the arguments of UpdateItem, without the table and the key."""
        names = {f"#s{number}": seat for number, seat in enumerate(self.seats)}
        paths = [f"seats.{name}" for name in names]
        row, row_names = ([self.row_condition], {"#closed": "closed"}) if self.row_condition else ([], {})
        changes = ", ".join([*(f"{path} = :new" for path in paths), "#event = :event"])
        return {
            "UpdateExpression": f"SET {changes} ADD version :one",
            "ConditionExpression": " AND ".join([*row, *map(self.condition, paths)]),
            "ExpressionAttributeNames": {**names, **row_names, "#event": "event"},
            "ExpressionAttributeValues": {**self.values, ":one": number_value(1)},
        }


class _Refused(Exception):
    """The condition failed in one row or more. `items` are the stored items of those rows."""

    def __init__(self, items: list[Item]) -> None:
        super().__init__()
        self.items = items


def _error_of(cancelled: TransactionCancelled) -> Exception:
    """Gives the error of a cancelled transaction: WriteConflict, _Refused or BackendUnavailable.

    If there are both a conflict and a failed condition, gives the conflict: the other transaction may change what the
    condition finds.
    """
    if cancelled.has_conflict and cancelled.reason_codes <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
        return WriteConflict("TransactWriteItems")
    pairs = zip(cancelled.reasons, cancelled.conditions_failed, strict=True)
    refused = [reason.get("Item", {}) for reason, failed in pairs if failed]
    return _Refused(refused) if refused else cancelled.as_write_conflict_or_outage()


def _row_keys(session: Session) -> list[Item]:
    return [text_key(id=row_id(session.id, row)) for row in session.rows]


def _occupancy_in_force(items: Iterable[Item], seats: set[str], now: datetime) -> dict[str, Occupancy]:
    entries = {
        seat: entry for item in items for seat, entry in seat_entries_with_lapsed_in(item).items() if seat in seats
    }
    return without_lapsed_holds(entries, now)


def _released_with_later_expiry(items: Iterable[Item], seats: set[str], expires_at: datetime) -> tuple[str, ...]:
    """Gives the seats whose last hold was released, and would have expired at `expires_at` or later."""
    entries = (pair for item in items for pair in read_map_of_maps_or_empty(item, "seats").items() if pair[0] in seats)
    return tuple(seat for seat, entry in entries if "z" in entry and read_ms(entry, "z") >= expires_at)


def _written_at(item: Item) -> datetime:
    """Gives the moment of the row's last write; 1970 for a new row."""
    return read_ms(read_required_map(item, "event"), "at") if "event" in item else from_ms(0)


def row_state_after_write(record: Mapping[str, Any]) -> RowState | None:
    """Reads the row's state after the write, from a record of the rows' stream.

    None if the row was just created, because its seats are not written yet, or if it was deleted.
    """
    item = record["dynamodb"].get("NewImage", {})
    if "version" not in item:
        return None
    session_id, _, row = read_text(item, "id").rpartition("#")
    return RowState(
        session_id=session_id,
        row=row,
        version=read_required_number(item, "version"),
        occupancy=seat_entries_with_lapsed_in(item),
    )


def seat_entries_with_lapsed_in(item: Item) -> dict[str, Occupancy]:
    """Reads the entries of held and sold seats from a row's item, or from an item's image in a stream record.

    May include lapsed holds.
    """
    entries = read_map_of_maps_or_empty(item, "seats")
    return {seat: _occupancy_from_entry(entry) for seat, entry in entries.items() if "r" in entry}


def _occupancy_from_entry(entry: Item) -> Occupancy:
    if "s" in entry:
        return SoldSeat(read_text(entry, "r"), read_text(entry, "s"))
    return HeldSeat(
        reservation_id=read_text(entry, "r"),
        expires_at=read_ms(entry, "x"),
        fingerprint=find_text(entry, "f") or "",
    )


def _held_value(hold: Hold) -> Value:
    fingerprint = {"f": text_value(hold.fingerprint)} if hold.fingerprint else {}
    return map_value({"r": text_value(hold.reservation_id), "x": ms_value(hold.expires_at), **fingerprint})


def _sold_value(hold: Hold, sale: Sale) -> Value:
    return map_value({"r": text_value(hold.reservation_id), "s": text_value(sale.id)})


def _released_value(hold: Hold) -> Value:
    return map_value({"z": ms_value(hold.expires_at)})


def _with_seats(hold: Hold, seats: tuple[str, ...]) -> Hold:
    return Hold(
        session_id=hold.session_id,
        reservation_id=hold.reservation_id,
        seats=seats,
        expires_at=hold.expires_at,
        fingerprint=hold.fingerprint,
    )


def _sold_event(hold: Hold, seats: tuple[str, ...], sale: Sale, now: datetime) -> RowEvent:
    return SeatsSold(
        session_id=hold.session_id, reservation_id=hold.reservation_id, seats=seats, sale=sale, occurred_at=now
    )


def _released_event(hold: Hold, now: datetime) -> RowEvent:
    return SeatsReleased(
        session_id=hold.session_id, reservation_id=hold.reservation_id, seats=hold.seats, occurred_at=now
    )
