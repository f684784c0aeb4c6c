"""The faults, injected into both designs, and what each loses: counted from the tables, timed from outside.

Redis lost      its process is killed under load, and comes back empty
locked          an instance dies once it has the seats, before anybody remembers them; killed, or frozen
committed       an instance dies once a sale is committed, before anything is published
"""

import contextlib
import http.client
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.classic.sides import Side
from infra.processes import Child
from infra.races import crowd

CLIENTS, TICK_SECONDS = 4, 0.1
BEFORE_SECONDS, LOST_SECONDS, AFTER_SECONDS = 1.0, 4.0, 3.0
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.1
DEATHS = 5
DEATH_SECONDS = 20.0
"""The longest wait for an instance to get to the place where it dies."""


class AskedHold(NamedTuple):
    """A hold that a probe asked for: the moment, and the answer."""

    at: float
    status: int
    """0 for no answer."""
    milliseconds: float


@dataclass(frozen=True, slots=True)
class RedisLost:
    holds: int
    """Holds that were asked for while Redis was away."""
    failed: int
    """Those of them that neither got a seat nor were told who has it."""
    usable_after_seconds: float
    """From its end to the next seat that was held."""
    usable_after_return_seconds: float
    """From its return to the next seat that was held."""
    slowest_ms: float
    oversold: int
    faults: Sequence[str]


@dataclass(frozen=True, slots=True)
class InstanceDead:
    how: str
    same_buyer_seconds: float
    """Until the same buyer's same request, sent again, has the seat."""
    another_buyer_seconds: float
    """Until another buyer can hold such a seat."""
    oversold: int


@dataclass(frozen=True, slots=True)
class NotPublished:
    sales: int
    sold_in_tables: int
    events: int

    @property
    def lost_events(self) -> int:
        return self.sold_in_tables - self.events


# Redis


def lose_redis(side: Side) -> RedisLost:
    """Kills the design's Redis for LOST_SECONDS while CLIENTS ask for the same seats."""
    client = crowd.Client(side.urls[0])
    session = str(client.ask(crowd.schedule_call(2000, 20)).body["sessionId"])
    asked, lost, back = _ask_without_redis(side, session)
    counted = side.count([session], 0)
    away = [each for each in asked if lost <= each.at < back]
    return RedisLost(
        holds=len(away),
        failed=sum(each.status not in (201, 409) for each in away),
        usable_after_seconds=_seconds_to_success(asked, lost),
        usable_after_return_seconds=_seconds_to_success(asked, back),
        slowest_ms=max(each.milliseconds for each in away),
        oversold=counted.oversold,
        faults=counted.faults,
    )


class Outage(NamedTuple):
    """The holds that probes asked for around an outage of Redis, and its bounds: readings of the monotonic clock."""

    asked: list[AskedHold]
    killed_at: float
    back_at: float


def _ask_without_redis(side: Side, session: str) -> Outage:
    """Has probes ask for holds before, during and after an outage of Redis."""
    started = time.monotonic()
    end = started + BEFORE_SECONDS + LOST_SECONDS + AFTER_SECONDS
    with ThreadPoolExecutor(CLIENTS) as threads, contextlib.ExitStack() as stack:
        urls = [side.urls[number % len(side.urls)] for number in range(CLIENTS)]
        probes = [threads.submit(_probe, url, session, number, started, end) for number, url in enumerate(urls)]
        _sleep_until(started + BEFORE_SECONDS)
        side.redis.process.kill()
        side.redis.process.wait()
        lost = time.monotonic()
        _sleep_until(lost + LOST_SECONDS)
        stack.enter_context(side.run_redis())
        back = time.monotonic()
        return Outage([each for probe in probes for each in probe.result()], lost, back)


def _probe(url: str, session: str, probe_number: int, started: float, end: float) -> list[AskedHold]:
    """Asks for the seat of each tick, the same for all probes, and pays for it."""
    asked, tick = list[AskedHold](), 0
    while (now := time.monotonic()) < end:
        seat = f"{chr(65 + tick // 20 % 26)}{tick % 20 + 1}"
        user = f"probe-{session[:8]}-{probe_number}-{tick}"
        status, body, milliseconds = ask(url, crowd.hold_call(session, user, [seat]))
        asked.append(AskedHold(now, status, milliseconds))
        if status == 201:
            ask(url, crowd.confirm_call(str(body["reservationId"]), f"tx-{user}"))
        tick = max(tick + 1, int((time.monotonic() - started) / TICK_SECONDS))
        _sleep_until(started + tick * TICK_SECONDS)
    return asked


def _seconds_to_success(asked: Sequence[AskedHold], since: float) -> float:
    """Measures the seconds from `since` to the answer of the next hold that got a seat."""
    answered = [each.at + each.milliseconds / 1000 for each in asked if each.status == 201 and each.at >= since]
    return min(answered, default=float("inf")) - since


# An instance


def lose_instance(side: Side, how: str) -> InstanceDead:
    """Kills (or freezes, by `how`) two instances that hold a seat each, and measures when the seats are held again."""
    client = crowd.Client(side.urls[0])
    session = str(client.ask(crowd.schedule_call(20)).body["sessionId"])
    with ThreadPoolExecutor(2) as threads:
        same = threads.submit(_seconds_until_held, side, session, "A1", how, same_buyer=True)
        other = threads.submit(_seconds_until_held, side, session, "B1", how, same_buyer=False)
        seconds = same.result(), other.result()
    return InstanceDead(how, *seconds, oversold=side.count([session], 0).oversold)


def _seconds_until_held(side: Side, session: str, seat: str, how: str, *, same_buyer: bool) -> float:
    """Measures the seconds from an instance's death until its seat is held again; infinity after PATIENCE_SECONDS."""
    users = crowd.new_buyers(2)
    first = crowd.hold_call(session, users[0], [seat], key=f"key-{users[0]}")
    again = first if same_buyer else crowd.hold_call(session, users[1], [seat], key=f"key-{users[1]}")
    with run_until_death(side, "locked", how) as (url, child):
        send_deadly(url, child, first)
        died = time.monotonic()
        while time.monotonic() < died + PATIENCE_SECONDS:
            if ask(side.urls[0], again).status == 201:
                return time.monotonic() - died
            time.sleep(POLL_SECONDS)
    return float("inf")


@contextlib.contextmanager
def run_until_death(side: Side, place: str, how: str) -> Iterator[tuple[str, Child]]:
    """Runs an instance that dies at the place, and gives its URL and process. Kills a frozen one at the end."""
    with side.run_dying(place, how) as (url, child):
        try:
            yield url, child
        finally:
            child.process.kill()


def send_deadly(url: str, child: Child, call: crowd.Call) -> None:
    """Sends the request that kills the instance, and waits for its death. Raises UnexpectedAnswer after DEATH_SECONDS.

    The wait matters on a slow machine: a request that is given up early would count as a fault without any effect.
    """
    threading.Thread(target=ask, args=(url, call), daemon=True).start()
    deadline = time.monotonic() + DEATH_SECONDS
    while os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > deadline:
            raise crowd.UnexpectedAnswer(f"{url} should have died of {call.method} {call.path} and lives.")
        time.sleep(0.01)


# Publishing


def lose_publishers(side: Side) -> NotPublished:
    """Lets DEATHS instances die between commit and publish. Each buyer sends the same confirmation again."""
    client = crowd.Client(side.urls[0])
    session = str(client.ask(crowd.schedule_call(20)).body["sessionId"])
    paid = [_pay_at_dying_instance(side, session, f"A{number + 1}") for number in range(DEATHS)]
    sold = side.count([session], 0).sold
    return NotPublished(DEATHS, sold, side.count_paid_events(session, paid))


def _pay_at_dying_instance(side: Side, session: str, seat: str) -> str:
    """Holds a seat, pays at an instance that dies meanwhile, and pays again at another. Gives the reservation's id."""
    (user,) = crowd.new_buyers(1)
    _, held, _ = ask(side.urls[0], crowd.hold_call(session, user, [seat]))
    confirm = crowd.confirm_call(str(held["reservationId"]), f"tx-{user}")
    with run_until_death(side, "committed", "kill") as (url, child):
        send_deadly(url, child, confirm)
    status, body, _ = ask(side.urls[0], confirm)
    if status != 200:
        raise crowd.UnexpectedAnswer(
            f"{side.name}: a confirmation that is sent again should be answered: {status} {body}"
        )
    return str(held["reservationId"])


# Asking


class Reply(NamedTuple):
    status: int
    """0 for no answer."""
    body: dict[str, object]
    milliseconds: float


def ask(url: str, call: crowd.Call) -> Reply:
    """Sends one request on a new connection and gives the reply."""
    started = time.perf_counter()
    try:
        client = crowd.Client(url)
        with contextlib.closing(client.connection):
            answer = client.ask(call)
    except (OSError, http.client.HTTPException):
        return Reply(0, {}, (time.perf_counter() - started) * 1000)
    return Reply(answer.status, answer.body, answer.milliseconds)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
