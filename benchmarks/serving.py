"""Serving what everybody asks for: the programme, and seat maps, beside /health on one connection to one instance.

A programme of ten thousand screenings and a hall of two thousand seats are beside small ones: the cost of a request
must not grow with what it does not show.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from http.client import HTTPConnection
from itertools import islice
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from benchmarks.frame.pairs import Ratio, interleave, ratio
from benchmarks.frame.run import Run
from benchmarks.frame.system import PREFIX, run_api
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from chalicelib.infrastructure.dynamodb.tables import SessionItem, set_table_names
from chalicelib.infrastructure.ttl_cache import TtlCache
from infra.local.redis_server import run_redis
from infra.processes import CannotRunError
from infra.races import crowd

ROUNDS, REQUESTS = 24, 40
SCREENINGS, MANY_SCREENINGS = 60, 10_000
SMALL_HALL, LARGE_HALL = 200, 2000
ITEMS_OF_A_BATCH = 25
NEVER_REACHED = "*=90000/10s per address"
"""Rate limits that refuse nothing, and are counted as those of a deployment are: /health has none."""

PAGE = f"/api/sessions?limit={SCREENINGS}"


def measure(run: Run) -> None:
    with (
        run_redis(run_dir=run.scratch) as redis_url,
        run_api(run.scratch, REDIS_URL=redis_url, RATE_LIMITS=NEVER_REACHED) as (url, client),
        Visitor(url) as visitor,
    ):
        small = client.create_session(SMALL_HALL, seats_per_row=20)
        large = client.create_session(LARGE_HALL, seats_per_row=20)
        put_screenings(SCREENINGS)
        measure_programme(run, visitor)
        measure_halls(run, visitor, small, large)
        count_items_of_a_page(run)


def measure_programme(run: Run, visitor: "Visitor") -> None:
    run.say(f"the programme, {SCREENINGS} screenings on a page")
    tag = str(visitor.get(PAGE)["ETag"])
    paths = {
        "health": visitor.often("/health"),
        "programme": visitor.often(PAGE),
        "unchanged": visitor.often(PAGE, 304, {"If-None-Match": tag}),
    }
    samples = interleave(paths, rounds=ROUNDS, seconds_left=run.seconds_left, clock=perf_counter)
    for figure in ("programme", "unchanged"):
        run.record(figure, share(samples["health"], samples[figure]), samples=samples)


def count_items_of_a_page(run: Run) -> None:
    """Counts the items that DynamoDB reads for a page of a short and of a long programme.

    Its time is no measure: this emulator looks through the whole table for each query.
    """
    set_table_names(PREFIX)
    client = connection.new_dynamodb_client()
    sessions = DynamoSessions(client, f"{PREFIX}-sessions", pages=TtlCache(0.0))
    read: list[int] = []
    client.meta.events.register("after-call.dynamodb.Query", lambda parsed, **_: read.append(parsed["ScannedCount"]))
    sessions.list_by_start(None, SCREENINGS, None)
    run.say(f"putting {MANY_SCREENINGS} screenings into the programme")
    put_screenings(MANY_SCREENINGS)
    sessions.list_by_start(None, SCREENINGS, None)
    short, long = read
    run.record("long programme", long / short, note=f"{long} items for {SCREENINGS} of {MANY_SCREENINGS:,}")


def measure_halls(run: Run, visitor: "Visitor", small: str, large: str) -> None:
    run.say(f"seat maps of {SMALL_HALL} and {LARGE_HALL} seats")
    paths = {
        "small": visitor.often(f"/api/sessions/{small}/seats", requests=REQUESTS // 4),
        "large": visitor.often(f"/api/sessions/{large}/seats", requests=REQUESTS // 4),
    }
    samples = interleave(paths, rounds=ROUNDS // 2, seconds_left=run.seconds_left, clock=perf_counter)
    per_seat = ratio(samples["large"], [each * LARGE_HALL / SMALL_HALL for each in samples["small"]])
    run.record("seat of a large hall", per_seat, samples=samples)


def share(health: list[float], subject: list[float]) -> Ratio:
    """Gives the requests a second of a path as a share of those of /health."""
    return ratio(health, subject)


def put_screenings(how_many: int) -> None:
    """Puts screenings into the programme, without rows: nobody books them."""
    client = connection.new_dynamodb_client()
    with contextlib.closing(client):
        screenings = made_screenings(how_many)
        while batch := list(islice(screenings, ITEMS_OF_A_BATCH)):
            client.batch_write_item(RequestItems={f"{PREFIX}-sessions": batch})


def made_screenings(how_many: int) -> Iterator[Any]:
    for number in range(how_many):
        item = SessionItem(
            f"bench-{how_many}-{number:05}",
            starts_at=f"2031-{1 + number % 12:02}-{1 + number % 28:02}T{number % 24:02}:{number % 60:02}:00.000Z",
            movie_title=f"Film {number}",
            room="A1",
            total_seats=100,
            seats_per_row=10,
            price_cents=2500,
            created_at="2026-11-27T00:00:00.000Z",
        )
        yield {"PutRequest": {"Item": item.serialize()}}


class Visitor:
    """A keep-alive connection that reads answers without looking into them."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.connection = HTTPConnection(address.hostname or "", address.port, timeout=crowd.LONGEST_ANSWER_SECONDS)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def get(self, path: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Message:
        """Asks once and gives the answer's headers. Raises CannotRunError for another status."""
        self.connection.request("GET", path, headers=dict(headers or {}))
        response = self.connection.getresponse()
        response.read()
        if response.status != status:
            raise CannotRunError(f"GET {path} should be answered {status}, not {response.status}")
        return response.headers

    def often(
        self, path: str, status: int = 200, headers: Mapping[str, str] | None = None, requests: int = REQUESTS
    ) -> Callable[[], object]:
        return lambda: [self.get(path, status, headers) for _ in range(requests)]
