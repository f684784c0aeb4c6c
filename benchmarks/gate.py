"""What the gate saves on a screening that has sold out: refused holds with it, without Redis, and with a frozen one.

Requests are counted over HTTP; calls and write units of one refused hold in this process. A refused conditional write
is charged like one that takes effect.
"""

import contextlib
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.frame.pairs import FEWEST_ROUNDS, ratio
from benchmarks.frame.run import Run
from benchmarks.frame.system import PREFIX, run_tables
from chalicelib.application.hold import HoldSeatsCommand, PlaceHold
from chalicelib.application.live_holds import CountUserHoldInSessionOrRefuse
from chalicelib.domain.ports import Rows
from chalicelib.domain.refusals import SeatsUnavailable
from chalicelib.infrastructure.breakers import POLICIES, Breaker
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.live_holds import DynamoHoldsCountedUntilExpiry
from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from chalicelib.infrastructure.dynamodb.tables import row_id
from chalicelib.infrastructure.ids import RandomOrDerivedIds
from chalicelib.infrastructure.redis.connection import RedisConnection
from chalicelib.infrastructure.redis.rows_behind_cache import RowsBehindCache
from chalicelib.infrastructure.redis.seat_cache import SeatCache, derive_seat_cache_signing_key
from chalicelib.settings import LOCAL_SECRET, load
from infra.local.redis_server import run_redis
from infra.processes import HOST
from infra.races import crowd, instances

SEATS = tuple(f"{row}{number}" for row in "ABCDEFGHIJ" for number in range(1, 11))
INSTANCES, CLIENTS, MOST_REQUESTS = 2, 8, 20_000
ROUNDS, SECONDS = 6, 1.5
SAMPLE = 200
GATED, PLAIN, FROZEN = "with the gate", "without Redis", "Redis frozen"


def measure(run: Run) -> None:
    with contextlib.ExitStack() as stack:
        redis_url = stack.enter_context(run_redis(run_dir=run.scratch))
        stack.enter_context(run_tables(run.scratch))
        modes = {GATED: redis_url, PLAIN: "", FROZEN: stack.enter_context(run_silent_redis())}
        urls = {
            name: stack.enter_context(run_instances_with(run, redis, number))
            for number, (name, redis) in enumerate(modes.items())
        }
        sessions = {name: create_sold_out_session(urls[name]) for name in modes}
        record_refusals(run, refuse_in_turn(run, urls, sessions))
        record_calls(run, sessions[PLAIN], sessions[GATED], redis_url)


def run_instances_with(run: Run, redis_url: str, number: int) -> contextlib.AbstractContextManager[list[str]]:
    """Runs INSTANCES of the API with this Redis and gives their URLs."""
    directory = run.scratch / f"instances-{number}"
    directory.mkdir()
    return instances.run_instances(INSTANCES, {**os.environ, "REDIS_URL": redis_url}, run_dir=directory)


def refuse_in_turn(
    run: Run, urls: Mapping[str, Sequence[str]], sessions: Mapping[str, str]
) -> Mapping[str, list[float]]:
    """Gives the refused holds a second of each mode, one number a round. The first round warms up."""
    rates: Mapping[str, list[float]] = {name: [] for name in urls}
    for number in range(ROUNDS + 1):
        for name in urls:
            refused = refuse_holds_for(SECONDS, urls[name], sessions[name])
            if number:
                rates[name].append(refused / SECONDS)
        run.say(f"round {number} of {ROUNDS}")
        if number >= FEWEST_ROUNDS and run.seconds_left() <= 0:
            run.leave_out(f"{ROUNDS - number} rounds: no time")
            break
    return rates


def record_refusals(run: Run, rates: Mapping[str, list[float]]) -> None:
    best = ", ".join(f"{max(samples):.0f} {name}" for name, samples in rates.items())
    run.record("refusals", ratio(rates[GATED], rates[PLAIN]), samples=rates, note=f"at best a second: {best}")
    run.record("refusals, Redis frozen", ratio(rates[FROZEN], rates[PLAIN]))


def record_calls(run: Run, plain: str, gated: str, redis_url: str) -> None:
    """Records the calls and write units of one refused hold, in a sold-out screening of each mode."""
    units_of_write = measure_row_units(plain)
    for name, session, redis in ((GATED, gated, redis_url), (PLAIN, plain, "")):
        counted = count_calls_of_refused_holds(session, redis)
        units = counted["UpdateItem"] * units_of_write / SAMPLE
        run.record(f"calls of a refusal {name}", counted.total() / SAMPLE, note=f"{units:.2f} write units")


@contextlib.contextmanager
def run_silent_redis() -> Iterator[str]:
    """Gives the URL of a frozen Redis: the kernel accepts connections, but no process answers."""
    with socket.create_server((HOST, 0)) as server:
        yield f"redis://{HOST}:{server.getsockname()[1]}/0"


def create_sold_out_session(urls: Sequence[str]) -> str:
    """Schedules a screening, sells all its seats and gives its id."""
    with crowd.Crowd(urls, 1) as buyers:
        session = buyers.create_session(len(SEATS))
        for start in range(0, len(SEATS), 8):
            user = crowd.new_buyers(1)[0]
            held = buyers.expect(crowd.hold_call(session, user, SEATS[start : start + 8]))["reservationId"]
            buyers.expect(crowd.confirm_call(held, f"tx-{user}"), 200)
    return session


def refuse_holds_for(seconds: float, urls: Sequence[str], session: str) -> int:
    """Sends holds with `seconds` to go, each with its own key. Gives the number of refusals."""
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(CLIENTS) as clients:
        asked = [clients.submit(refuse_holds_until, deadline, urls[n % len(urls)], session, n) for n in range(CLIENTS)]
        return sum(each.result() for each in asked)


def refuse_holds_until(deadline: float, url: str, session: str, client_number: int) -> int:
    """Sends holds with one client until the deadline. Raises UnexpectedAnswer when one is not refused."""
    client, refused = crowd.Client(url), 0
    family = crowd.new_buyers(1)[0]
    with contextlib.closing(client.connection):
        while time.monotonic() < deadline and refused < MOST_REQUESTS:
            key = f"{family}-{refused}"
            answer = client.ask(crowd.hold_call(session, key, [SEATS[(client_number + refused) % len(SEATS)]], key=key))
            if answer.status != 409:
                raise crowd.UnexpectedAnswer(f"A sold seat must be refused: {answer}")
            refused += 1
    return refused


def count_calls_of_refused_holds(session: str, redis_url: str) -> Counter[str]:
    """Counts the calls to DynamoDB of SAMPLE refused holds with keys, by operation."""
    counted: Counter[str] = Counter()
    client = connection.new_dynamodb_client()
    sessions = DynamoSessions(client, f"{PREFIX}-sessions")
    rows: Rows = DynamoRows(client, f"{PREFIX}-rows")
    if redis_url:
        rows = RowsBehindCache(rows, sessions, make_seat_cache(redis_url), utc_now)
    reservations = DynamoReservations(client, f"{PREFIX}-reservations")
    count_live_hold = CountUserHoldInSessionOrRefuse(
        DynamoHoldsCountedUntilExpiry(client, f"{PREFIX}-live-holds"), reservations, limit=2
    )
    ids = RandomOrDerivedIds(LOCAL_SECRET.encode())
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
    client, table = connection.new_dynamodb_client(), f"{PREFIX}-rows"
    item = client.get_item(TableName=table, Key={"id": {"S": row_id(session, "A")}}, ConsistentRead=True)["Item"]
    answer = client.put_item(TableName=table, Item=item, ReturnConsumedCapacity="TOTAL")
    client.close()
    return answer["ConsumedCapacity"]["CapacityUnits"]


def make_seat_cache(redis_url: str) -> SeatCache:
    connection = RedisConnection(redis_url, Breaker("redis", POLICIES["redis"]))
    return SeatCache(connection, PREFIX, derive_seat_cache_signing_key(LOCAL_SECRET))
