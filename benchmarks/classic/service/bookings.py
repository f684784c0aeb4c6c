"""Bookings: what is held, sold and given back, each in one transaction of PostgreSQL."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import errors
from psycopg.rows import dict_row

from .dying import COMMITTED, LOCKED, die_if_told
from .events import Publisher
from .locks import SeatLocks
from .refusals import EXPIRED, Refusal, not_found, seats_taken

Row = dict[str, Any]

LOCK = """
SELECT number, price_cents, status = 'sold' OR (status = 'reserved' AND expires_at > now()) AS taken
FROM seats JOIN screenings ON screenings.id = screening_id
WHERE screening_id = %s AND number = ANY(%s) ORDER BY number FOR UPDATE OF seats
"""
REMEMBER = """
INSERT INTO reservations (id, screening_id, user_id, seats, amount_cents, status, expires_at, idempotency_key)
VALUES (%s, %s, %s, %s, %s, 'pending', now() + make_interval(secs => %s), %s) RETURNING *
"""
RESERVE = """
UPDATE seats SET status = 'reserved', reservation_id = %(id)s, expires_at = %(expires_at)s
WHERE screening_id = %(screening_id)s AND number = ANY(%(seats)s)
"""
SELL = """
UPDATE seats SET status = 'sold', expires_at = NULL
WHERE screening_id = %(screening_id)s AND number = ANY(%(seats)s) AND reservation_id = %(id)s
"""
END = """
UPDATE reservations SET status = '{status}' WHERE id IN (
    SELECT id FROM reservations WHERE status = 'pending' AND {condition} ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED
) RETURNING id, screening_id, seats
"""
RELEASE = """
UPDATE seats SET status = 'available', reservation_id = NULL, expires_at = NULL
WHERE screening_id = %(screening_id)s AND number = ANY(%(seats)s) AND status = 'reserved' AND reservation_id = %(id)s
"""


@dataclass(frozen=True)
class Bookings:
    pool: Any
    locks: SeatLocks
    publisher: Publisher
    hold_seconds: int

    def hold(self, session: str, user: str, seats: Sequence[str], key: str | None) -> Row:
        """Holds all seats, or none, and gives the reservation. Raises Refusal."""
        wanted = sorted(set(seats))
        if key and (known := self._find_by_key(user, key)):
            return _answer_again(known, session, wanted)
        with self.locks.locked(session, wanted):
            try:
                made = self._hold_locked(session, user, wanted, key)
            except errors.UniqueViolation:
                return _answer_again(self._find_by_key(user, key or "") or {}, session, wanted)
        self.publisher.publish("ReservationCreated", reservationId=made["id"], seats=wanted)
        return made

    def _find_by_key(self, user: str, key: str) -> Row | None:
        query = "SELECT * FROM reservations WHERE user_id = %s AND idempotency_key = %s"
        return self._fetch_one(query, user, key)

    def _fetch_one(self, query: str, *values: Any) -> Row | None:
        with self.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            found: Row | None = cursor.execute(query, values).fetchone()
            return found

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        """Gives a cursor in a transaction, which is committed when the block ends well."""
        with self.pool.connection() as connection, connection.transaction():
            yield connection.cursor(row_factory=dict_row)

    def _hold_locked(self, session: str, user: str, seats: list[str], key: str | None) -> Row:
        with self._transaction() as cursor:
            found = cursor.execute(LOCK, (session, seats)).fetchall()
            die_if_told(LOCKED)
            if len(found) < len(seats):
                raise not_found("seat")
            if taken := [row["number"] for row in found if row["taken"]]:
                raise seats_taken(taken)
            amount = sum(row["price_cents"] for row in found)
            values = (f"res-{secrets.token_hex(16)}", session, user, seats, amount, self.hold_seconds, key)
            made: Row = cursor.execute(REMEMBER, values).fetchone()
            cursor.execute(RESERVE, made)
            return made

    def confirm(self, reservation: str, transaction: str) -> Row:
        """Sells the seats of a hold and gives the sale. Raises Refusal."""
        try:
            sale, is_new = self._sell(reservation, transaction)
        except errors.UniqueViolation as error:
            raise Refusal(409, "PAYMENT_ALREADY_USED", "This payment bought something else.") from error
        if is_new:
            die_if_told(COMMITTED)
            self.publisher.publish("PaymentConfirmed", reservationId=reservation, saleId=sale["id"])
        return sale

    def _sell(self, reservation: str, transaction: str) -> tuple[Row, bool]:
        """Gives the sale, and whether it is a new one."""
        with self._transaction() as cursor:
            held = cursor.execute(
                "SELECT *, expires_at > now() AS lives FROM reservations WHERE id = %s FOR UPDATE", (reservation,)
            ).fetchone()
            if not held:
                raise not_found("reservation")
            if held["status"] == "confirmed":
                return _find_same_sale(cursor, held, transaction), False
            if held["status"] != "pending" or not held["lives"]:
                raise Refusal(410, *EXPIRED)
            cursor.execute(SELL, held)
            if cursor.rowcount < len(held["seats"]):
                raise Refusal(410, *EXPIRED)
            sale = cursor.execute(
                "INSERT INTO sales (id, reservation_id, user_id, transaction_id) VALUES (%s, %s, %s, %s) RETURNING *",
                (f"sale-{secrets.token_hex(16)}", reservation, held["user_id"], transaction),
            ).fetchone()
            cursor.execute("UPDATE reservations SET status = 'confirmed' WHERE id = %s", (reservation,))
            return {**sale, "seats": held["seats"]}, True

    def cancel(self, reservation: str) -> None:
        """Gives the seats of a hold back. Raises Refusal."""
        if not self._release("id = %s", (reservation,), "cancelled"):
            raise not_found("reservation")

    def release_lapsed(self) -> int:
        """Releases up to a hundred lapsed holds and counts them. Instances may do it at the same time."""
        return self._release("expires_at <= now()", (), "expired")

    def _release(self, condition: str, values: tuple[Any, ...], status: str) -> int:
        with self._transaction() as cursor:
            ended = cursor.execute(END.format(status=status, condition=condition), values).fetchall()
            for row in ended:
                cursor.execute(RELEASE, row)
        for row in ended:
            self.publisher.publish("SeatReleased", reservationId=row["id"], seats=row["seats"], why=status)
        return len(ended)


def _answer_again(known: Row, session: str, seats: list[str]) -> Row:
    """Gives the reservation that a key has made already. Raises Refusal for another request with the same key."""
    if str(known.get("screening_id")) != session or sorted(known["seats"]) != seats:
        raise Refusal(422, "IDEMPOTENCY_KEY_REUSED", "This key was used for another request.")
    return known


def _find_same_sale(cursor: Any, held: Row, transaction: str) -> Row:
    sale: Row = cursor.execute("SELECT * FROM sales WHERE reservation_id = %s", (held["id"],)).fetchone()
    if sale["transaction_id"] != transaction:
        raise Refusal(409, "RESERVATION_ALREADY_PAID", "Another payment has bought these seats.")
    return {**sale, "seats": held["seats"]}
