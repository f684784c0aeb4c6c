"""Screenings in DynamoDB. At most one is cancelled, and then its rows say so first: so each is kept for a while.

Rows and screening are put only where there is nothing yet. A client library sends a write again whose answer is late,
and the first one may take effect minutes afterwards, when the seats of the row have been sold.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.domain.money import Money
from chalicelib.domain.ports import Page
from chalicelib.domain.refusals import CursorInvalid, SessionNotFound
from chalicelib.domain.sessions import Session
from chalicelib.domain.times import from_iso, to_iso

from .connection import ConditionFailed, Table, outages_as_refusals, when_free_of_conflict, why_cancelled
from .cursors import from_cursor, to_cursor
from .tables import PROGRAMME, RowItem, SessionItem, row_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_SESSIONS = 1024
KEPT_SECONDS = 60.0
"""For so long at most an instance shows a cancelled screening as if it were not."""

ID_CHARACTERS = 36

TRANSACTION_ITEMS = 100
"""The most writes of one TransactWriteItems."""

IS_NEW = "attribute_not_exists(id)"


@dataclass(frozen=True)
class DynamoSessions:
    client: "DynamoDBClient"
    table_name: str
    kept: dict[str, tuple[float, Session]] = field(default_factory=dict)
    """With the moment until which each may be shown, by `seconds`."""
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def add(self, session: Session) -> Session:
        rows = [row_id(session.id, row) for row in session.rows]
        for start in range(0, len(rows), TRANSACTION_ITEMS):
            self._make_rows(rows[start : start + TRANSACTION_ITEMS])
        item = _item(session).serialize()
        try:
            Table(self.client, self.table_name).put(_keys(id=session.id), Item=item, ConditionExpression=IS_NEW)
        except ConditionFailed as failed:
            return _session(SessionItem.from_raw_data(failed.item)) if failed.item else session
        return session

    def get(self, session_id: str) -> Session:
        until, session = self.kept.get(session_id, (0.0, None))
        return session if session and self.seconds() < until else self._read(session_id)

    def page(self, starting_from: datetime | None, limit: int, cursor: str | None) -> Page[Session]:
        """Reads the index, which follows a new screening by some milliseconds on AWS."""
        least = to_iso(starting_from) if starting_from else ""
        after = dict(zip(("starts_at", "id"), from_cursor(cursor, 2), strict=True)) if cursor else None
        if after and after["starts_at"] < least:
            raise CursorInvalid  # of another list: DynamoDB calls a start before the moment asked for a mistake of ours
        found = SessionItem.by_start.query(
            PROGRAMME,
            SessionItem.starts_at >= least if least else None,
            limit=limit + 1,
            last_evaluated_key=_keys(programme=PROGRAMME, **after) if after else None,
        )
        with outages_as_refusals("Query"):
            sessions = [_session(item) for item in found]
        last = sessions[limit - 1] if len(sessions) > limit else None
        return Page(sessions[:limit], to_cursor((to_iso(last.starts_at), last.id)) if last else None)

    def cancel(self, session_id: str, now: datetime) -> Session:
        try:
            item = Table(self.client, self.table_name).update(
                _keys(id=session_id),
                UpdateExpression="SET cancelled_at = if_not_exists(cancelled_at, :now)",
                ConditionExpression="attribute_exists(id)",
                ExpressionAttributeValues={":now": {"S": to_iso(now)}},
                ReturnValues="ALL_NEW",
            )
        except ConditionFailed as failed:
            raise SessionNotFound(session_id) from failed
        return self._kept(_session(SessionItem.from_raw_data(item)))

    def _make_rows(self, ids: Sequence[str]) -> None:
        """One that is there already stands in the way of the whole transaction: the others are put without it."""
        missing = ids
        while missing:
            missing = when_free_of_conflict(partial(self._put_rows, missing), self.sleep)

    def _put_rows(self, ids: Sequence[str]) -> Sequence[str]:
        """Gives those that were not put because of one that is there; fewer than it was given. Raises WriteConflict."""
        puts = [self._put_of_row(id_) for id_ in ids]
        try:
            with outages_as_refusals("TransactWriteItems"):
                self.client.transact_write_items(TransactItems=puts)
        except self.client.exceptions.TransactionCanceledException as error:
            reasons = error.response["CancellationReasons"]
            missing = [id_ for id_, why in zip(ids, reasons, strict=True) if why["Code"] != "ConditionalCheckFailed"]
            if len(missing) == len(ids):
                raise why_cancelled(reasons) from error
            return missing
        return ()

    def _put_of_row(self, id_: str) -> Any:
        item = RowItem(id_).serialize()
        return {"Put": {"TableName": RowItem.Meta.table_name, "Item": item, "ConditionExpression": IS_NEW}}

    def _read(self, session_id: str) -> Session:
        item = None
        if len(session_id) == ID_CHARACTERS:
            item = Table(self.client, self.table_name).get(_keys(id=session_id))
        if item is None:
            raise SessionNotFound(session_id)
        return self._kept(_session(SessionItem.from_raw_data(item)))

    def _kept(self, session: Session) -> Session:
        if session.id not in self.kept and len(self.kept) >= KEPT_SESSIONS:
            self.kept.pop(next(iter(self.kept)), None)
        self.kept[session.id] = self.seconds() + KEPT_SECONDS, session
        return session


def _item(session: Session) -> SessionItem:
    return SessionItem(
        session.id,
        starts_at=to_iso(session.starts_at),
        movie_title=session.movie_title,
        room=session.room,
        total_seats=session.total_seats,
        seats_per_row=session.seats_per_row,
        price_cents=Money.of(session.ticket_price).minor,
        created_at=to_iso(session.created_at),
        cancelled_at=to_iso(session.cancelled_at) if session.cancelled_at else None,
    )


def _session(item: SessionItem) -> Session:
    return Session(
        id=item.id,
        movie_title=item.movie_title,
        starts_at=from_iso(item.starts_at),
        room=item.room,
        total_seats=int(item.total_seats),
        seats_per_row=int(item.seats_per_row),
        ticket_price=Money(int(item.price_cents)).amount,
        created_at=from_iso(item.created_at),
        cancelled_at=from_iso(item.cancelled_at) if item.cancelled_at else None,
    )


def _keys(**keys: str) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in keys.items()}
