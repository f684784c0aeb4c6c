"""Screenings in DynamoDB, each kept in memory for a while: a screening never changes, unless it is cancelled.

A cancelled screening that is still in memory is harmless: its rows decide what can be booked, and they are closed
first.

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
from chalicelib.domain.pages import Page
from chalicelib.domain.refusals import CursorInvalid, SessionNotFound
from chalicelib.domain.sessions import Session
from chalicelib.domain.times import to_iso, utc_whole_ms_from_iso_with_zone
from chalicelib.infrastructure.ttl_cache import TtlCache

from .connection import (
    ConditionFailed,
    Table,
    TransactionCancelled,
    let_client_query,
    outages_as_refusals,
    retry_on_conflict_or_raise_unavailable,
    transact,
)
from .cursors import from_cursor, to_cursor
from .tables import PROGRAMME, RowItem, SessionItem, row_id
from .values import Item, text_key, text_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_SESSIONS = 1024
KEPT_SECONDS = 60.0
"""How long an instance keeps a screening in memory. During this time it may show a cancelled screening as not
cancelled."""

PROGRAMME_SECONDS = 1.0
"""How old a page of the programme may be. The whole programme is one partition of the index, and from one partition
DynamoDB gives some 1,150 pages a second. So each instance reads a page once a second, however many clients ask for
it."""
KEPT_PAGES = 64

ID_CHARACTERS = 36

TRANSACTION_ITEMS = 100
"""The largest number of writes of one TransactWriteItems."""

IS_NEW = "attribute_not_exists(id)"


@dataclass(frozen=True)
class DynamoSessions:
    """The screenings in a table. `kept` caches screenings, and `pages` caches pages of the programme, by query."""

    client: "DynamoDBClient"
    table_name: str
    kept: dict[str, tuple[float, Session]] = field(default_factory=dict)
    """The cached screenings, by id. Each has the moment, by the clock `seconds`, until which it may be shown."""
    rows_table: str = ""
    """The name of the table of rows. If empty, the table of this process's stage."""
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    pages: TtlCache[Page[Session]] = field(default_factory=lambda: TtlCache(PROGRAMME_SECONDS, KEPT_PAGES))

    def get_or_add_with_rows(self, session: Session) -> Session:
        rows = [row_id(session.id, row) for row in session.rows]
        for start in range(0, len(rows), TRANSACTION_ITEMS):
            self._add_rows(rows[start : start + TRANSACTION_ITEMS])
        item = _model_from_session(session).serialize()
        try:
            Table(self.client, self.table_name).put(item, ConditionExpression=IS_NEW)
        except ConditionFailed as failed:
            return _session_from_item(failed.item) if failed.item else session
        finally:
            self.pages.clear()
        return session

    def get(self, session_id: str) -> Session:
        until, session = self.kept.get(session_id, (0.0, None))
        return session if session and self.seconds() < until else self._read(session_id)

    def list_by_start(self, starting_from: datetime | None, limit: int, cursor: str | None) -> Page[Session]:
        """Lists a page of screenings. The page is cached for PROGRAMME_SECONDS.

        A write of this process clears the cache. On AWS the index lags behind the writes by some milliseconds.
        """
        wanted = (starting_from, limit, cursor)
        return self.pages.get_or_read(wanted, lambda: self._read_page(starting_from, limit, cursor))

    def _read_page(self, starting_from: datetime | None, limit: int, cursor: str | None) -> Page[Session]:
        least = to_iso(starting_from) if starting_from else ""
        after = dict(zip(("starts_at", "id"), from_cursor(cursor, 2), strict=True)) if cursor else None
        if after and after["starts_at"] < least:
            raise CursorInvalid  # a cursor of another list, with which DynamoDB would refuse the query as malformed
        found = let_client_query(self.client, SessionItem).by_start.query(
            PROGRAMME,
            SessionItem.starts_at >= least if least else None,
            limit=limit + 1,
            last_evaluated_key=text_key(programme=PROGRAMME, **after) if after else None,
        )
        with outages_as_refusals("Query"):
            sessions = [_session_from_model(item) for item in found]
        last = sessions[limit - 1] if len(sessions) > limit else None
        return Page(items=sessions[:limit], cursor=to_cursor((to_iso(last.starts_at), last.id)) if last else None)

    def set_cancelled_at_for_display_if_unset(self, session_id: str, now: datetime) -> Session:
        try:
            item = Table(self.client, self.table_name).update(
                text_key(id=session_id),
                UpdateExpression="SET cancelled_at = if_not_exists(cancelled_at, :now)",
                ConditionExpression="attribute_exists(id)",
                ExpressionAttributeValues={":now": text_value(to_iso(now))},
                ReturnValues="ALL_NEW",
            )
        except ConditionFailed as failed:
            raise SessionNotFound(session_id) from failed
        finally:
            self.pages.clear()
        return self._keep(_session_from_item(item))

    def _add_rows(self, ids: Sequence[str]) -> None:
        """Puts the missing rows. An existing row fails the transaction, and is left out of the next one."""
        missing = ids
        while missing:
            missing = retry_on_conflict_or_raise_unavailable(
                partial(self._put_rows_or_list_missing, missing), self.sleep
            )

    def _put_rows_or_list_missing(self, ids: Sequence[str]) -> Sequence[str]:
        """Puts all rows, or none if one of them exists. Gives the ids of the rows that are still missing.

        Raises WriteConflict, BackendUnavailable.
        """
        try:
            transact(self.client, [self._row_put(id_) for id_ in ids])
        except TransactionCancelled as cancelled:
            missing = [id_ for id_, exists in zip(ids, cancelled.conditions_failed, strict=True) if not exists]
            if len(missing) == len(ids):
                raise cancelled.as_write_conflict_or_outage() from cancelled
            return missing
        return ()

    def _row_put(self, id_: str) -> Any:
        item = RowItem(id_).serialize()
        return {
            "Put": {
                "TableName": self.rows_table or RowItem.Meta.table_name,
                "Item": item,
                "ConditionExpression": IS_NEW,
            }
        }

    def _read(self, session_id: str) -> Session:
        """Reads the screening, and keeps it in memory. Raises SessionNotFound."""
        item = None
        if len(session_id) == ID_CHARACTERS:
            item = Table(self.client, self.table_name).get(text_key(id=session_id))
        if item is None:
            raise SessionNotFound(session_id)
        return self._keep(_session_from_item(item))

    def _keep(self, session: Session) -> Session:
        """Caches the screening for KEPT_SECONDS. Removes the oldest entry if the cache is full."""
        if session.id not in self.kept and len(self.kept) >= KEPT_SESSIONS:
            self.kept.pop(next(iter(self.kept)), None)
        self.kept[session.id] = self.seconds() + KEPT_SECONDS, session
        return session


def _model_from_session(session: Session) -> SessionItem:
    return SessionItem(
        session.id,
        starts_at=to_iso(session.starts_at),
        movie_title=session.movie_title,
        room=session.room,
        total_seats=session.total_seats,
        seats_per_row=session.seats_per_row,
        price_cents=Money.from_exact_amount(session.ticket_price).minor,
        created_at=to_iso(session.created_at),
        cancelled_at=to_iso(session.cancelled_at) if session.cancelled_at else None,
    )


def _session_from_item(item: Item) -> Session:
    return _session_from_model(SessionItem.from_raw_data(item))


def _session_from_model(item: SessionItem) -> Session:
    return Session(
        id=item.id,
        movie_title=item.movie_title,
        starts_at=utc_whole_ms_from_iso_with_zone(item.starts_at),
        room=item.room,
        total_seats=int(item.total_seats),
        seats_per_row=int(item.seats_per_row),
        ticket_price=Money(int(item.price_cents)).amount,
        created_at=utc_whole_ms_from_iso_with_zone(item.created_at),
        cancelled_at=utc_whole_ms_from_iso_with_zone(item.cancelled_at) if item.cancelled_at else None,
    )
