"""Serves the contract's requests for the old design: `python -m benchmarks.classic.service --port N`.

DATABASE_URL, LOCKS_URL and BROKER_URL name PostgreSQL and both Redises; HOLD_SECONDS is how long a hold
lives. Waitress'
threads take the requests; each borrows a connection from the pool for as long as its transaction.
"""

import argparse
import os
import threading
import time
from datetime import UTC, datetime
from typing import Any

import falcon
import psycopg
import redis
import waitress
from psycopg_pool import ConnectionPool, PoolTimeout

from .bookings import Bookings
from .events import Publisher
from .locks import SeatLocks
from .refusals import Refusal, unavailable
from .screenings import Screenings

THREADS = 16
CONNECTIONS = 12
SWEEP_SECONDS = float(os.environ.get("SWEEP_SECONDS", "1"))
TIMEOUTS = "-c lock_timeout=2s -c statement_timeout=5s -c idle_in_transaction_session_timeout=5s"
"""No request waits for another for ever, and no dead instance keeps its row locks."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    options = {"autocommit": True, "options": TIMEOUTS}
    with ConnectionPool(
        os.environ["DATABASE_URL"], min_size=4, max_size=CONNECTIONS, kwargs=options, timeout=3
    ) as pool:
        locks = SeatLocks(_redis("LOCKS_URL"))
        hold_seconds = int(os.environ.get("HOLD_SECONDS", "30"))
        bookings = Bookings(pool, locks, Publisher(_redis("BROKER_URL")), hold_seconds)
        threading.Thread(target=sweep, args=(bookings,), daemon=True).start()
        app = make_app(Views(bookings, Screenings(pool)))
        waitress.serve(app, host="127.0.0.1", port=port, threads=THREADS, backlog=1024, _quiet=True)


def _redis(name: str) -> Any:
    return redis.Redis.from_url(os.environ[name], socket_timeout=1, socket_connect_timeout=1, decode_responses=True)


def sweep(bookings: Bookings) -> None:
    """Releases lapsed holds, for as long as the process lives."""
    while True:
        try:
            while bookings.release_lapsed():
                pass
        except (psycopg.Error, PoolTimeout):
            pass  # the database is away: the next round tries again
        time.sleep(SWEEP_SECONDS)


class Views:
    """The requests, as falcon calls them."""

    def __init__(self, bookings: Bookings, screenings: Screenings) -> None:
        self.bookings, self.screenings = bookings, screenings

    def on_post_sessions(self, request: Any, response: Any) -> None:
        made = self.screenings.schedule(request.media)
        response.status, response.media = 201, {**_screening(made), "availableSeats": made["total_seats"]}

    def on_get_sessions(self, _: Any, response: Any) -> None:
        response.media = {"sessions": [_screening(row) for row in self.screenings.programme()]}

    def on_get_session(self, _: Any, response: Any, session: str) -> None:
        response.media = _screening(self.screenings.get(session))

    def on_get_seats(self, _: Any, response: Any, session: str) -> None:
        seats = [_seat(row) for row in self.screenings.seat_map(session)]
        free = sum(seat["status"] == "available" for seat in seats)
        response.media = {"sessionId": session, "totalSeats": len(seats), "availableSeats": free, "seats": seats}

    def on_post_reservations(self, request: Any, response: Any) -> None:
        wanted, key = request.media, request.get_header("Idempotency-Key")
        held = self.bookings.hold(wanted["sessionId"], wanted["userId"], wanted["seatNumbers"], key)
        response.status = 201
        response.media = {
            "reservationId": held["id"],
            "status": held["status"],
            "expiresAt": _iso(held["expires_at"]),
            "seats": held["seats"],
            "totalAmount": held["amount_cents"] / 100,
        }

    def on_post_confirm(self, request: Any, response: Any, reservation: str) -> None:
        sale = self.bookings.confirm(reservation, request.media["transactionId"])
        facts = {"saleId": sale["id"], "status": "confirmed", "seats": sale["seats"], "paidAt": _iso(sale["paid_at"])}
        response.media = facts

    def on_delete_reservation(self, _: Any, response: Any, reservation: str) -> None:
        self.bookings.cancel(reservation)
        response.status = 204

    def on_get_purchases(self, _: Any, response: Any, user: str) -> None:
        response.media = {"userId": user, "purchases": [_purchase(row) for row in self.screenings.purchases(user)]}

    def on_get_health(self, _: Any, response: Any) -> None:
        response.media = {"status": "ok"}


ROUTES = {
    "/health": "health",
    "/api/sessions": "sessions",
    "/api/sessions/{session}": "session",
    "/api/sessions/{session}/seats": "seats",
    "/api/reservations": "reservations",
    "/api/reservations/{reservation}": "reservation",
    "/api/reservations/{reservation}/confirm": "confirm",
    "/api/users/{user}/purchases": "purchases",
}


def make_app(views: Views) -> Any:
    app = falcon.App()
    for path, suffix in ROUTES.items():
        app.add_route(path, views, suffix=suffix)
    app.add_error_handler(Refusal, _answer_refusal)
    app.add_error_handler((psycopg.OperationalError, PoolTimeout), _answer_outage)
    return app


def _answer_refusal(_: Any, response: Any, refusal: Refusal, __: Any) -> None:
    response.status, response.media = refusal.status, refusal.body


def _answer_outage(request: Any, response: Any, _: Exception, params: Any) -> None:
    _answer_refusal(request, response, unavailable("PostgreSQL"), params)


def _screening(row: dict[str, Any]) -> dict[str, Any]:
    named = {"sessionId": str(row["id"]), "movieTitle": row["movie_title"], "startTime": row["starts_at"]}
    facts = {"roomNumber": row["room"], "totalSeats": row["total_seats"], "ticketPrice": row["price_cents"] / 100}
    return {**named, **facts, "createdAt": _iso(row["created_at"])}


def _seat(row: dict[str, Any]) -> dict[str, Any]:
    seat = {"number": row["number"], "status": row["status"]}
    return {**seat, "expiresAt": _iso(row["expires_at"])} if row["status"] == "reserved" else seat


def _purchase(row: dict[str, Any]) -> dict[str, Any]:
    named = {"saleId": row["id"], "sessionId": str(row["screening_id"]), "movieTitle": row["movie_title"]}
    facts = {"seats": row["seats"], "totalAmount": row["amount_cents"] / 100, "purchasedAt": _iso(row["paid_at"])}
    return {**named, **facts}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    main()
