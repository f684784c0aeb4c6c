"""Counts the cost of a request in the old design: statements, Redis commands and bytes of the write-ahead log."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from benchmarks.classic.machine import Classic, run_service
from infra.races import crowd

SAMPLE = 10
SERVICE = "costs"
"""What the instance that is counted calls itself to PostgreSQL."""
ROUND_TRIPS = ("set", "eval", "xadd")
"""The commands that the service sends to its Redises. Those within its script are none."""


@dataclass(frozen=True, slots=True)
class Cost:
    what: str
    statements: float
    """Round trips to PostgreSQL, BEGIN and COMMIT included."""
    redis_commands: float
    """Round trips to the locks and to the broker."""
    wal_bytes: float
    """What PostgreSQL writes, and a standby is sent."""


def count_costs(system: Classic) -> list[Cost]:
    """Counts each path over SAMPLE requests, at an instance of its own that sweeps nothing meanwhile."""
    faults = {
        "DATABASE_URL": f"{system.postgres.url}?application_name={SERVICE}",
        "SWEEP_SECONDS": "3600",
    }
    with run_service(system.environment, system.scratch, **faults) as (url, _), _statements_logged(system):
        return _count_paths(system, crowd.Client(url))


@contextmanager
def _statements_logged(system: Classic) -> Iterator[None]:
    """Has PostgreSQL log each statement while the block runs."""
    try:
        for each in ("log_statement = 'all'", "log_line_prefix = '%a '"):
            system.postgres.query(f"ALTER SYSTEM SET {each}")
        _reload_postgres(system)
        yield
    finally:
        system.postgres.query("ALTER SYSTEM RESET log_statement")
        _reload_postgres(system)


def _reload_postgres(system: Classic) -> None:
    system.postgres.query("SELECT pg_reload_conf()")
    time.sleep(0.5)  # the processes of open connections read it when their next statement comes


def _count_paths(system: Classic, client: crowd.Client) -> list[Cost]:
    session = str(client.ask(crowd.schedule_call(2000, 20)).body["sessionId"])
    users = iter(crowd.new_buyers(1000))
    rows = iter(f"{first}{second}" for first in ("", *"ABC") for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    held = list[str]()

    def hold(seats: int) -> Callable[[], crowd.Call]:
        def make() -> crowd.Call:
            row, user = next(rows), next(users)
            return crowd.hold_call(session, user, [f"{row}{n + 1}" for n in range(seats)], key=f"key-{user}")

        return make

    costs = [_count(system, client, f"hold of {seats}", hold(seats), held) for seats in (1, 3, 8)]
    costs.append(_count(system, client, "refused hold", lambda: crowd.hold_call(session, next(users), ["A1"])))
    paying = iter(held)
    costs.append(_count(system, client, "confirmation", lambda: crowd.confirm_call(i := next(paying), f"tx-{i}")))
    costs.append(_count(system, client, "seat map", lambda: crowd.seat_map_call(session)))
    return costs


def _count(
    system: Classic, client: crowd.Client, path: str, make: Callable[[], crowd.Call], held: list[str] | None = None
) -> Cost:
    """Counts SAMPLE requests of one kind. Appends the ids of their reservations to `held`."""
    before = _read_totals(system)
    answers = [client.ask(make()) for _ in range(SAMPLE)]
    spent = [now - then for now, then in zip(_read_totals(system), before, strict=True)]
    if held is not None:
        held.extend(str(answer.body["reservationId"]) for answer in answers)
    return Cost(path, *(each / SAMPLE for each in spent))


def _read_totals(system: Classic) -> Sequence[int]:
    """Gives all statements of the service, all commands to both Redises, and the position in the write-ahead log."""
    log = (system.scratch / "postgres.log").read_text(errors="replace").splitlines()
    logged = (f"{SERVICE} LOG:  statement:", f"{SERVICE} LOG:  execute")
    ((position,),) = system.postgres.query("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
    return sum(line.startswith(logged) for line in log), _count_redis_commands(system), int(position)


def _count_redis_commands(system: Classic) -> int:
    count = 0
    for url in (system.environment["LOCKS_URL"], system.environment["BROKER_URL"]):
        with redis.Redis.from_url(url) as client:
            known: Any = client.info("commandstats")
        count += sum(known.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ROUND_TRIPS)
    return count
