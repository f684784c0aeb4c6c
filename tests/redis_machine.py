"""A Redis of a test's own, to kill, freeze, fill and restart; and a wire to it that counts and delays."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis

from infra import processes
from infra.local import ports, redis_server
from infra.processes import HOST

T = TypeVar("T")

NO_SERVER = "there is no redis-server here: fakeredis has no limit of memory, and so can't be full"


def is_real() -> bool:
    return redis_server.find_redis_program() is not None


@dataclass
class OwnRedis:
    run_dir: Path
    port: int = field(default_factory=processes.free_port)
    child: processes.Child | None = None
    frozen: bool = False

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @property
    def client(self) -> "redis.Redis":
        return redis.Redis(port=self.port, protocol=2, driver_info=None, socket_timeout=5)

    def start(self) -> None:
        """Starts Redis. Call it from the main thread: the kernel ends a child with the thread that made it."""
        command = redis_server.redis_command(self.port)
        self.child = processes.start_process(f"redis-{self.port}", command, os.environ, run_dir=self.run_dir)
        processes.wait_until(lambda: redis_server.is_redis_answering(self.url), self.child, "Redis")

    def kill(self) -> None:
        """Kills Redis at once, as a machine that fails."""
        if self.child:
            self.thaw()
            self.child.process.kill()
            self.child.process.wait()
            self.child = None

    def freeze(self) -> None:
        """Stops Redis: it still accepts connections, which is the kernel's work, but answers nothing."""
        if self.child:
            self.frozen = True
            os.kill(self.child.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self.child and self.frozen:
            self.frozen = False
            os.kill(self.child.process.pid, signal.SIGCONT)


def past_the_door(url: str, question: "Callable[[redis.Redis], T]") -> T:
    """Puts the question to Redis by a plain client, without breaker, bounds or short timeout. Gives the answer.

    Of the tests' Redis servers those behind TLS are clusters: for them it is the driver's own client for clusters.
    """
    if url.startswith("rediss:"):
        return question(_cluster_client(url))
    with redis.Redis.from_url(url, protocol=2, driver_info=None, socket_timeout=5) as client:
        return question(client)


@cache
def _cluster_client(url: str) -> Any:
    """Makes the driver's client for clusters. It takes a second, so that each cluster gets one."""
    return redis.RedisCluster.from_url(url, protocol=2, driver_info=None, socket_timeout=5)


@contextlib.contextmanager
def own_redis(run_dir: Path) -> Iterator[OwnRedis]:
    machine = OwnRedis(run_dir)
    machine.start()
    try:
        yield machine
    finally:
        machine.kill()


@dataclass
class RedisWire:
    """A wire between a process and Redis. It waits `delay_seconds` before each answer, and counts the round trips."""

    port: int
    delay_seconds: float = 0.0
    round_trips: int = 0

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @contextlib.contextmanager
    def counting(self) -> Iterator[list[int]]:
        """Counts the round trips made within. The list has that number afterwards."""
        before, counted = self.round_trips, [0]
        yield counted
        counted[0] = self.round_trips - before


@contextlib.contextmanager
def wire_to(url: str) -> Iterator[RedisWire]:
    address = urlsplit(url)
    target = address.hostname or HOST, address.port or ports.REDIS_PORT
    with socket.create_server((HOST, 0)) as server:
        wire = RedisWire(server.getsockname()[1])
        threading.Thread(target=_accept, args=(server, target, wire), daemon=True).start()
        yield wire
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, target: tuple[str, int], wire: RedisWire) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = server.accept()
            threading.Thread(target=_carry, args=(near, target, wire), daemon=True).start()


def _carry(near: socket.socket, target: tuple[str, int], wire: RedisWire) -> None:
    """Carries one question and its answer after the other, as our client sends them."""
    with contextlib.suppress(OSError), near, socket.create_connection(target) as far:
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answers, args=(far, near, wire), daemon=True).start()
        while asked := near.recv(65536):
            if not asked.startswith(b"*2\r\n$6\r\nSELECT"):
                wire.round_trips += 1
            far.sendall(asked)


def _answers(far: socket.socket, near: socket.socket, wire: RedisWire) -> None:
    with contextlib.suppress(OSError):
        while answer := far.recv(65536):
            if wire.delay_seconds:
                time.sleep(wire.delay_seconds)
            near.sendall(answer)
        near.shutdown(socket.SHUT_RDWR)
