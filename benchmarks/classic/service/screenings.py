"""Screenings, their seat maps, and what a user has bought: all that is only read, once it is there."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row

from .refusals import not_found

SCHEDULE = """
INSERT INTO screenings (id, movie_title, starts_at, room, total_seats, price_cents)
VALUES (%s, %s, %s, %s, %s, %s) RETURNING *
"""
ADD_SEATS = """
INSERT INTO seats (screening_id, number, place)
SELECT %s, number, place FROM unnest(%s::text[]) WITH ORDINALITY AS named (number, place)
"""
SEAT_MAP = """
SELECT number, expires_at,
       CASE WHEN status = 'reserved' AND expires_at <= now() THEN 'available' ELSE status END AS status
FROM seats WHERE screening_id = %s ORDER BY place
"""
PURCHASES = """
SELECT sales.id, screening_id, movie_title, seats, amount_cents, paid_at
FROM sales JOIN reservations ON reservations.id = reservation_id JOIN screenings ON screenings.id = screening_id
WHERE sales.user_id = %s ORDER BY paid_at DESC LIMIT %s
"""
PAGE = 50
Row = dict[str, Any]


def row_name(index: int) -> str:
    return ("" if index < 26 else row_name(index // 26 - 1)) + chr(65 + index % 26)


@dataclass(frozen=True)
class Screenings:
    pool: Any

    def schedule(self, fields: Row) -> Row:
        """Creates a screening with all its seats and gives it."""
        total, per_row = fields["totalSeats"], fields.get("seatsPerRow", 10)
        numbers = [f"{row_name(place // per_row)}{place % per_row + 1}" for place in range(total)]
        values = (uuid.uuid4(), fields["movieTitle"], fields["startTime"], fields["roomNumber"], total)
        with self.pool.connection() as connection, connection.transaction():
            cursor = connection.cursor(row_factory=dict_row)
            made: Row = cursor.execute(SCHEDULE, (*values, round(fields["ticketPrice"] * 100))).fetchone()
            cursor.execute(ADD_SEATS, (made["id"], numbers))
        return made

    def programme(self) -> Sequence[Row]:
        return self._fetch("SELECT * FROM screenings ORDER BY starts_at, id LIMIT %s", PAGE)

    def get(self, session: str) -> Row:
        """Gives a screening. Raises Refusal."""
        found = self._fetch("SELECT * FROM screenings WHERE id = %s", session)
        if not found:
            raise not_found("session")
        return found[0]

    def seat_map(self, session: str) -> Sequence[Row]:
        """Gives the seats in their order, lapsed ones as available. Raises Refusal."""
        found = self._fetch(SEAT_MAP, session)
        if not found:
            raise not_found("session")
        return found

    def purchases(self, user: str) -> Sequence[Row]:
        return self._fetch(PURCHASES, user, PAGE)

    def _fetch(self, query: str, *values: Any) -> list[Row]:
        with self.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            found: list[Row] = cursor.execute(query, values).fetchall()
            return found
