"""Redis dies, freezes, slows down, fills up, forgets or lies in the middle of the race for the last seats.

Whatever it does, the rounds must come out as they do without it: both seats sold, each once, everybody else refused,
no other answer. And nobody may wait for it for longer than the circuit breaker allows.
"""

import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from chalicelib.infrastructure.breakers import POLICIES
from chalicelib.infrastructure.redis.connection import TIMEOUT_SECONDS
from infra.races import instances, last_seats
from infra.races.crowd import Crowd
from tests.concurrency.conftest import ReadFinalState
from tests.effort import effort, mostly_thorough
from tests.http_api import Api
from tests.redis_machine import NO_SERVER, OwnRedis, RedisWire, is_real, own_redis, wire_to

ROUNDS = effort(1, 4)
INSTANCES = 3
DEADLINE_SECONDS = 30

REQUESTS = effort(20, 60)


@dataclass
class Stage:
    """Three instances whose Redis is their own, on a wire of their own."""

    machine: OwnRedis
    wire: RedisWire
    urls: list[str]
    crowd: Crowd
    run_dir: Path

    def count_failures(self, instance: int) -> int:
        """Counts in the instance's log how often a request has waited for Redis in vain: each opens the breaker."""
        log = self.run_dir / f"api-{urlsplit(self.urls[instance]).port}.log"
        return log.read_text().count('"BreakerOpen": 1')

    def wait_for_recovery(self) -> None:
        """Asks each instance until its breaker closes."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        for url in self.urls:
            api = Api(url)
            session_id = api.schedule()
            while read_breaker(api) != "closed":
                assert time.monotonic() < deadline, "the breaker stays open"
                api.seats(session_id)


def read_breaker(api: Api) -> str:
    """Gives the state of the breaker of Redis, as /ready shows it."""
    states = {each["name"]: each for each in api.ready().body["dependencies"]}
    return str(states["redis"]["breaker"])


@pytest.fixture(scope="module")
def stage(data_stack: str, run_dir: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        machine = stack.enter_context(own_redis(run_dir))
        wire = stack.enter_context(wire_to(machine.url))
        environment = {**os.environ, "REDIS_URL": wire.url}
        urls = stack.enter_context(instances.run_instances(INSTANCES, environment, run_dir=run_dir))
        yield Stage(machine, wire, urls, stack.enter_context(Crowd(urls, 12)), run_dir)


# What may happen to it.


@contextmanager
def killed(stage: Stage) -> Iterator[None]:
    stage.machine.kill()
    yield
    stage.machine.start()


@contextmanager
def frozen(stage: Stage) -> Iterator[None]:
    stage.machine.freeze()
    try:
        yield
    finally:
        stage.machine.thaw()


@contextmanager
def slower_than_anybody_waits(stage: Stage) -> Iterator[None]:
    stage.wire.delay_seconds = 4 * TIMEOUT_SECONDS
    yield
    stage.wire.delay_seconds = 0


@contextmanager
def just_fast_enough(stage: Stage) -> Iterator[None]:
    stage.wire.delay_seconds = TIMEOUT_SECONDS / 2
    yield
    stage.wire.delay_seconds = 0


@contextmanager
def full(stage: Stage) -> Iterator[None]:
    before = str(stage.machine.client.config_get("maxmemory")["maxmemory"])
    stage.machine.client.config_set("maxmemory", 1)
    yield
    stage.machine.client.config_set("maxmemory", before)


@contextmanager
def restarted_empty(stage: Stage) -> Iterator[None]:
    stage.machine.kill()
    stage.machine.start()
    yield


@contextmanager
def full_of_lies(stage: Stage) -> Iterator[None]:
    over = threading.Event()
    liar = threading.Thread(target=lie_until, args=(over, stage.machine.client))
    liar.start()
    try:
        yield
    finally:
        over.set()
        liar.join()


def lie_until(over: threading.Event, client: "redis.Redis") -> None:
    """Writes lies into the cache: garbage, other types, forged and swapped entries, old ones again; deletes others."""
    chance, seen = random.Random(7), dict[bytes, bytes]()
    while not over.is_set():
        for key in list(client.scan_iter(count=1000)):
            with suppress(redis.ResponseError):
                seen.setdefault(key, bytes(client.get(key) or b""))  # type: ignore[arg-type] # it gives bytes
                lie_about(key, seen, client, chance)
            room = key.rpartition(b":")[0]
            if b":seat:" in key:
                for seat in last_seats.LEFT:
                    lie_about(room + b":" + seat.encode(), seen, client, chance)


def lie_about(key: bytes, seen: dict[bytes, bytes], client: "redis.Redis", chance: random.Random) -> None:
    far = 99_999_999_999_999
    lies: list[bytes | str | None] = [
        chance.randbytes(40),
        f"res-evil|h|{far}|f|{'A' * 12}",
        f"res-evil|s|{far}|sale-evil|{'A' * 12}",
        str(far),
        chance.choice(list(seen.values()) or [b""]),
        seen.get(key, b""),
        None,
    ]
    client.delete(key)
    lie = chance.choice(lies)
    if lie is None:
        with suppress(redis.ResponseError):  # somebody has written the truth there meanwhile
            client.rpush(key, "x")
    else:
        client.set(key, lie)


Trouble = Callable[[Stage], Any]
TROUBLES: list[Trouble] = [
    killed,
    frozen,
    slower_than_anybody_waits,
    just_fast_enough,
    full,
    restarted_empty,
    full_of_lies,
]


def skip_if_impossible(trouble: Trouble) -> None:
    if trouble is full and not is_real():
        pytest.skip(NO_SERVER)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_no_booking_fails_and_no_seat_is_sold_twice(
    stage: Stage, read_final_state: ReadFinalState, trouble: Trouble
) -> None:
    skip_if_impossible(trouble)
    played = [last_seats.play_round(stage.crowd)]
    with ThreadPoolExecutor(1) as race:
        under_way = race.submit(last_seats.play_round, stage.crowd)
        time.sleep(random.uniform(0, 0.05))  # somewhere in the middle of that round
        with trouble(stage):
            played += [under_way.result(), *(last_seats.play_round(stage.crowd) for _ in range(ROUNDS))]
            under_way = race.submit(last_seats.play_round, stage.crowd)
        played.append(under_way.result())

    final_state = read_final_state({each.session for each in played})
    assert last_seats.find_broken_rules(played, final_state) == []
    stage.wait_for_recovery()


@pytest.mark.parametrize("trouble", mostly_thorough(TROUBLES, 3), ids=lambda trouble: trouble.__name__)
def test_nobody_waits_for_it_in_vain_but_the_breakers_probes(stage: Stage, trouble: Trouble) -> None:
    """One client asks one instance. A request that waits does so for 50 ms at most: see test_redis_connection.py."""
    skip_if_impossible(trouble)
    stage.wait_for_recovery()
    before = stage.count_failures(0)

    with trouble(stage):
        started = time.monotonic()
        hold_seats(Api(stage.urls[0]), REQUESTS)
        lasted = time.monotonic() - started
        failures = stage.count_failures(0) - before

    if trouble in (killed, frozen, slower_than_anybody_waits):
        assert 1 <= failures <= 1 + probes_within(lasted)
    else:  # whatever a busy machine makes of it
        assert failures <= 1 + lasted / POLICIES["redis"].pause_seconds
    stage.wait_for_recovery()


def test_a_frozen_redis_opens_the_breaker_and_ready_says_so(stage: Stage) -> None:
    stage.wait_for_recovery()
    api = Api(stage.urls[1])
    with frozen(stage):
        hold_seats(api, 5)
        assert read_breaker(api) in ("open", "half-open")
    stage.wait_for_recovery()


def probes_within(seconds: float) -> int:
    """Counts the probes that an open breaker lets through within so many seconds."""
    patience, probes, pause = POLICIES["redis"], 0, POLICIES["redis"].pause_seconds
    while seconds > pause:
        seconds, probes = seconds - pause, probes + 1
        pause = min(2 * pause, patience.longest_pause_seconds)
    return probes


def hold_seats(api: Api, count: int) -> None:
    """Holds so many free seats one after the other; each hold must succeed."""
    session_id = api.schedule(totalSeats=count)
    for seat in api.seats(session_id):
        answer = api.hold(session_id, seat, user=f"user-{uuid.uuid4()}", Idempotency_Key=uuid.uuid4().hex)
        assert answer.status == 201, answer.text
