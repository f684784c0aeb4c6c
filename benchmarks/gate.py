"""Measures the savings of the gate on a sold-out screening: `python -m benchmarks.gate`. Asserts nothing.

    refused per second    over HTTP: CLIENTS buyers on INSTANCES instances, for SECONDS each: with the gate, without
                          Redis, and with one that takes connections and never answers
    calls, write units    of one refused hold, counted in this process; a refused conditional write is charged like one
                          that takes effect

The numbers are those of one emulator on this machine: compare them with each other, not with AWS.
"""

import contextlib
import os
import socket
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cost import LASTING, as_benchmark
from chalicelib.application.hold import HoldSeatsCommand, PlaceHold
from chalicelib.application.live_holds import CountLiveHold
from chalicelib.domain.ports import Rows
from chalicelib.domain.refusals import SeatsUnavailable
from chalicelib.infrastructure.breakers import POLICIES, Breaker
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.live_holds import DynamoLiveHolds
from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from chalicelib.infrastructure.dynamodb.tables import row_id
from chalicelib.infrastructure.ids import SecretIds
from chalicelib.infrastructure.redis.cached_rows import CachedRows
from chalicelib.infrastructure.redis.connection import RedisConnection
from chalicelib.infrastructure.redis.seat_cache import SeatCache, secret_from
from chalicelib.settings import LOCAL_SECRET, load
from infra.cloud import deploy
from infra.local import emulator as machine
from infra.local.redis_server import run_redis
from infra.processes import HOST
from infra.races import crowd, instances

PREFIX = "cinema-bench"
SEATS = tuple(f"{row}{number}" for row in "ABCDEFGHIJ" for number in range(1, 11))
INSTANCES, CLIENTS, SECONDS, MOST_REQUESTS = 2, 8, 5.0, 20_000
SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Measured:
    """The numbers of one mode: with the gate, without Redis, or with a frozen Redis."""

    name: str
    per_second: float
    median_ms: float
    worst_ms: float
    calls: float
    write_units: float


def main() -> int:
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        emulator = stack.enter_context(machine.run_emulator(run_dir=scratch))
        redis_url = stack.enter_context(run_redis(run_dir=scratch))
        settings = {"STAGE": "test", "TABLE_PREFIX": PREFIX, "AWS_ENDPOINT_URL": emulator.endpoint, **LASTING}
        os.environ |= {**machine.CREDENTIALS, **settings, "LOG_LEVEL": "ERROR"}
        deploy.deploy_data("bench")
        gated, plain = measure("with the gate", redis_url, scratch), measure("without Redis", "", scratch)
        print(machine.describe_machine(emulator.endpoint, redis_url))
        with run_silent_redis() as url:
            print_comparison(gated, plain, measure("Redis frozen", url, scratch))
    return 0


@contextlib.contextmanager
def run_silent_redis() -> Iterator[str]:
    """Gives the URL of a frozen Redis: the kernel accepts connections, but no process answers."""
    with socket.create_server((HOST, 0)) as server:
        yield f"redis://{HOST}:{server.getsockname()[1]}/0"


def measure(name: str, redis_url: str, scratch: Path) -> Measured:
    """Has holds refused for SECONDS and gives the numbers."""
    environment = {**os.environ, "REDIS_URL": redis_url}
    with instances.run_instances(INSTANCES, environment, run_dir=scratch) as urls:
        with crowd.Crowd(urls, 1) as buyers:
            session = create_sold_out_session(buyers)
        refuse_holds_for(0.5, urls, session)  # a warm-up: connections are opened, the driver is imported
        times = refuse_holds_for(SECONDS, urls, session)
    counted = count_calls_of_refused_holds(session, redis_url)
    units = counted["UpdateItem"] * measure_row_units(session)
    per_second, calls = len(times) / SECONDS, counted.total() / SAMPLE
    return Measured(name, per_second, statistics.median(times), max(times), calls, units / SAMPLE)


def create_sold_out_session(buyers: crowd.Crowd) -> str:
    """Schedules a screening, sells all its seats and gives its id."""
    session = buyers.create_session(len(SEATS))
    for start in range(0, len(SEATS), 8):
        user = crowd.new_buyers(1)[0]
        held = buyers.expect(crowd.hold_call(session, user, SEATS[start : start + 8]))["reservationId"]
        buyers.expect(crowd.confirm_call(held, f"tx-{user}"), 200)
    return session


def refuse_holds_for(seconds: float, urls: Sequence[str], session: str) -> list[float]:
    """Sends holds with `seconds` to go, each with its own key. Gives the milliseconds of each refusal."""
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(CLIENTS) as clients:
        asked = [clients.submit(refuse_holds_until, deadline, urls[n % len(urls)], session, n) for n in range(CLIENTS)]
        return [milliseconds for each in asked for milliseconds in each.result()]


def refuse_holds_until(deadline: float, url: str, session: str, client_number: int) -> list[float]:
    """Sends holds with one client until the deadline. Raises UnexpectedAnswer when one is not refused."""
    client, times = crowd.Client(url), list[float]()
    family = crowd.new_buyers(1)[0]
    with contextlib.closing(client.connection):
        while time.monotonic() < deadline and len(times) < MOST_REQUESTS:
            key = f"{family}-{len(times)}"
            answer = client.ask(
                crowd.hold_call(session, key, [SEATS[(client_number + len(times)) % len(SEATS)]], key=key)
            )
            if answer.status != 409:
                raise crowd.UnexpectedAnswer(f"A sold seat must be refused: {answer}")
            times.append(answer.milliseconds)
    return times


def count_calls_of_refused_holds(session: str, redis_url: str) -> Counter[str]:
    """Counts the calls to DynamoDB of SAMPLE refused holds with keys, by operation."""
    counted: Counter[str] = Counter()
    client = connection.client()
    sessions = DynamoSessions(client, f"{PREFIX}-sessions")
    rows: Rows = DynamoRows(client, f"{PREFIX}-rows")
    if redis_url:
        rows = CachedRows(rows, sessions, make_seat_cache(redis_url), utc_now)
    reservations = DynamoReservations(client, f"{PREFIX}-reservations")
    count_live_hold = CountLiveHold(DynamoLiveHolds(client, f"{PREFIX}-live-holds"), reservations, limit=2)
    ids = SecretIds(LOCAL_SECRET.encode())
    place_hold = PlaceHold(sessions, rows, count_live_hold, reservations, utc_now, ids, load({"STAGE": "test"}))
    sessions.get(session)
    client.meta.events.register("before-call.dynamodb", lambda model, **_: counted.update([model.name]))
    for number in range(SAMPLE):
        with contextlib.suppress(SeatsUnavailable):
            place_hold(HoldSeatsCommand(session, f"late-{number}", (SEATS[number % len(SEATS)],), f"key-{number}"))
    client.close()
    return counted


def measure_row_units(session: str) -> float:
    """Writes a full row over itself and gives the capacity units charged for it."""
    client, table = connection.client(), f"{PREFIX}-rows"
    item = client.get_item(TableName=table, Key={"id": {"S": row_id(session, "A")}}, ConsistentRead=True)["Item"]
    answer = client.put_item(TableName=table, Item=item, ReturnConsumedCapacity="TOTAL")
    client.close()
    return answer["ConsumedCapacity"]["CapacityUnits"]


def make_seat_cache(redis_url: str) -> SeatCache:
    connection = RedisConnection(redis_url, Breaker("redis", POLICIES["redis"]))
    return SeatCache(connection, PREFIX, secret_from(LOCAL_SECRET))


def print_comparison(gated: Measured, plain: Measured, frozen: Measured) -> None:
    print(f"Refused holds, with idempotency keys, of {len(SEATS)} seats that are all sold;")
    print(f"{CLIENTS} clients on {INSTANCES} instances, {SECONDS:.0f} s each\n")
    print(f"  {'':16}{'refused/s':>12}{'median ms':>12}{'worst ms':>10}{'DynamoDB calls':>16}{'write units':>13}")
    for each in (gated, plain, frozen):
        times = f"{each.per_second:12.0f}{each.median_ms:12.1f}{each.worst_ms:10.0f}"
        print(f"  {each.name:16}{times}{each.calls:16.2f}{each.write_units:13.2f}")
    if gated.calls:
        print(
            "\n  This Redis does not say whether it drops keys, so each refused hold looks its id up in the database."
        )
    print(f"\n  {gated.per_second / plain.per_second:.2f} × as many refusals; each saves ", end="")
    print(f"{plain.calls - gated.calls:.1f} calls and {plain.write_units - gated.write_units:.1f} write units")


if __name__ == "__main__":
    as_benchmark(main)
