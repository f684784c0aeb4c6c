"""Measures completed purchases a second through one API process, beside bare clients on the same engine, in turn."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import count, cycle
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from benchmarks.engine import buyers
from benchmarks.frame.pairs import Ratio, median_with_bounds
from benchmarks.frame.plots import Bars
from benchmarks.frame.run import Run
from benchmarks.frame.system import run_tables
from infra.local.redis_server import run_redis
from infra.races import crowd, instances

ROUNDS = 12
SECONDS = 2.0
ROWS, SEATS_PER_ROW = 200, 10
SCREENINGS = 4
"""Screenings of 2,000 seats for each path: enough for all rounds on a quick machine."""

API, WITH_REDIS, BARE, BOTO3 = "our API", "our API with Redis", "bare calls", "stock boto3"
THREE, SMALL_HALL = "our API, three instances", 100
REFUSED, BARE_REFUSED = "refused holds", "bare refused writes"
MAPS, BARE_MAPS = "seat maps", "bare reads of seat maps"


def measure(run: Run) -> None:
    with contextlib.ExitStack() as stack:
        run.say("deploying the tables")
        endpoint = stack.enter_context(run_tables(run.scratch, REDIS_URL="", LOG_LEVEL="INFO"))
        redis_url = stack.enter_context(run_redis(run_dir=run.scratch))
        (plain,) = stack.enter_context(instances.run_instances(1, os.environ, run_dir=run.scratch))
        redis = {**os.environ, "REDIS_URL": redis_url}
        (cached,) = stack.enter_context(instances.run_instances(1, redis, run_dir=run.scratch))
        three = stack.enter_context(instances.run_instances(3, os.environ, run_dir=run.scratch))
        paths = make_paths(run, endpoint, plain, cached, three)
        rates = buy_in_turn(run, paths)
    record(run, rates)


class Pace(NamedTuple):
    """How many purchases were completed in a second, and for a CPU second of all processes that take part."""

    by_clock: float
    by_cpu: float


NewBuyer = Callable[[], contextlib.AbstractContextManager[buyers.Buy]]


def make_paths(run: Run, endpoint: str, plain: str, cached: str, three: Sequence[str]) -> dict[str, NewBuyer]:
    """Schedules the screenings of each path, records a purchase, and writes out the bare calls of all others."""
    run.say(f"scheduling {5 * SCREENINGS + 1} screenings")
    with crowd.Crowd([plain], 1) as client:
        sessions = [client.create_session(ROWS * SEATS_PER_ROW) for _ in range(5 * SCREENINGS + 1)]
        small = client.create_session(SMALL_HALL)
    own = [[sessions.pop() for _ in range(SCREENINGS)] for _ in range(5)]
    by_wire, by_boto3 = written_out(run, sessions[0], own[3:])
    by_api, by_cached, by_three = ([(session, seat) for session in each for _, seat in seats()] for each in own[:3])
    instance = cycle(three)
    shared = boto3.client("dynamodb", config=Config(max_pool_connections=buyers.CLIENTS))
    return {
        API: lambda: buyers.api_buyer(plain, by_api),
        WITH_REDIS: lambda: buyers.api_buyer(cached, by_cached),
        THREE: lambda: buyers.api_buyer(next(instance), by_three),
        BARE: lambda: buyers.bare_buyer(endpoint, by_wire.__getitem__),
        BOTO3: lambda: buyers.boto3_buyer(shared, by_boto3),
        **paths_of_others(endpoint, plain, sessions[0], small),
    }


def paths_of_others(endpoint: str, api: str, session: str, small: str) -> dict[str, NewBuyer]:
    """Makes the paths of those who get no seat, because A1 of `session` is sold, and of those who only look."""
    from benchmarks.engine import recorded  # it reads the settings of this process

    refused, seat_map = recorded.record_refusal(session, "A1"), recorded.record_seat_map(small)
    return {
        REFUSED: lambda: buyers.refused_buyer(api, session, "A1"),
        BARE_REFUSED: lambda: buyers.bare_buyer(endpoint, lambda _: refused, status=400),
        MAPS: lambda: buyers.viewer(api, small),
        BARE_MAPS: lambda: buyers.bare_buyer(endpoint, lambda _: seat_map),
    }


def written_out(run: Run, session_id: str, for_each: Iterable[Sequence[str]]) -> list[list[Any]]:
    """Records a purchase in one screening, and writes out the calls of all purchases of the other screenings."""
    from benchmarks.engine import recorded  # it reads the settings of this process

    calls, its_own = recorded.record_purchase(session_id, "A1")
    run.keep("calls of a purchase", [call.operation for call in calls])
    run.say(f"writing out {len(calls)} calls for each purchase")
    numbers = count(1)
    return [
        [recorded.rewrite(calls, its_own, next(numbers), session, *each) for session in own for each in seats()]
        for own in for_each
    ]


def seats() -> list[tuple[str, str]]:
    """Gives all rows with seats of a screening, so that neighbours in time are in different rows."""
    from chalicelib.domain.sessions import row_letters

    letters = [row_letters(index) for index in range(ROWS)]
    return [(row, f"{row}{place}") for place in range(1, SEATS_PER_ROW + 1) for row in letters]


def buy_in_turn(run: Run, paths: dict[str, NewBuyer]) -> dict[str, list[Pace]]:
    """Gives the pace of each path in each round; the first round warms up and does not count."""
    rates: dict[str, list[Pace]] = {name: [] for name in paths}
    pids = [int(file.read_text()) for file in run.scratch.glob("*.pid")]
    numbers = {name: count() for name in paths}
    for turn in range(ROUNDS + 1):
        started = time.monotonic()
        for name, path in paths.items():
            before = cpu_seconds(pids)
            completed, seconds = buyers.buy_for(SECONDS if turn else 1.0, path, numbers[name])
            if turn:
                rates[name].append(Pace(completed / seconds, completed / (cpu_seconds(pids) - before)))
        if 3 < turn < ROUNDS and run.seconds_left() < time.monotonic() - started:
            run.leave_out(f"{ROUNDS - turn} of {ROUNDS} rounds: no time")
            break
    return rates


def cpu_seconds(pids: Iterable[int]) -> float:
    """Gives the CPU seconds of these processes and of this one, in which the buyers are."""
    ticks = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13] for pid in pids]
    return time.process_time() + sum(int(each) for both in ticks for each in both) / os.sysconf("SC_CLK_TCK")


def record(run: Run, rates: dict[str, list[Pace]]) -> None:
    """Records shares of completed purchases: by CPU, which tells more on a busy machine, and by the clock."""

    def share(one: str, of: str, column: int) -> Ratio:
        pairs = zip(rates[one], rates[of], strict=True)
        return median_with_bounds([a[column] / b[column] for a, b in pairs if b[column]])

    run.keep("paces", rates)
    for figure, one, of in (
        ("flows", API, BARE),
        ("flows with Redis", WITH_REDIS, BARE),
        ("flows beside boto3", API, BOTO3),
        ("flows, three instances", THREE, BARE),
        ("refused holds", REFUSED, BARE_REFUSED),
        ("seat maps", MAPS, BARE_MAPS),
    ):
        run.record(f"{figure}, by CPU", share(one, of, 1))
        run.record(f"{figure}, by the clock", share(one, of, 0))
    medians = {name: median_with_bounds([pace.by_cpu for pace in each]).value for name, each in rates.items()}
    run.plot("flows", Bars("Purchases for a CPU second of all processes", medians))
