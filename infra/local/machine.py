"""The services that the application needs on this machine, on loopback: AWS emulator, Redis, payment gateway."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.emulator import Emulator, require_answering, run_emulator, start_ministack
from infra.local.localstack import (
    FUNCTIONS_PAYMENTS_URL,
    FUNCTIONS_REDIS_URL,
    run_localstack,
    start_localstack,
    wants_localstack,
)
from infra.local.ports import PAYMENTS_PORT, REDIS_PORT
from infra.local.redis_server import run_redis_service
from infra.processes import HOST, RUN_DIR, Child, Service, find_url, free_port, record_url, run_child, wait_for_http


@dataclass(frozen=True, slots=True)
class Machine:
    """The addresses of the services, and the processes of the services that we started."""

    aws: Emulator
    redis_url: str
    functions_redis_url: str
    """The address of the same Redis for functions on the emulator."""
    payments_url: str
    functions_payments_url: str
    children: Mapping[str, Child] = field(default_factory=dict)
    """Our processes by name: `The emulator`, `Redis`, `The payment gateway`."""


@contextlib.contextmanager
def run_machine(aws_port: int, redis_port: int, *, keep: bool = False) -> Iterator[Machine]:
    """Runs the services that are not running yet, on these ports, and stops them when the block is left.

    With `keep`, the embedded emulator has its earlier data.
    """
    if wants_localstack():
        with run_localstack() as endpoint:
            yield _docker_machine(endpoint)
    else:
        with (
            run_redis_service(redis_port, RUN_DIR) as redis,
            _run_payment_gateway(RUN_DIR) as payments,
            run_emulator(aws_port, keep=keep) as emulator,
        ):
            started = {"The emulator": emulator.child, "Redis": redis.child, "The payment gateway": payments.child}
            children = {name: child for name, child in started.items() if child}
            yield Machine(emulator, redis.url, redis.url, payments.url, payments.url, children)


def find_or_start_machine() -> Machine:
    """Gives the emulator that runs already, or starts one that stays until `make stop`.

    Also gives the addresses of Redis and the payment gateway, if they run. Does not start them.
    """
    if wants_localstack():
        return _docker_machine(start_localstack())
    redis_url = os.environ.get("REDIS_URL") or find_url("redis", RUN_DIR) or ""
    payments_url = os.environ.get("PAYMENTS_URL") or find_url("payments", RUN_DIR) or ""
    given = os.environ.get("AWS_ENDPOINT_URL")
    running = require_answering(given) if given else find_url("emulator", RUN_DIR)
    emulator = Emulator(running or start_ministack(), kept=bool(running))
    return Machine(emulator, redis_url, redis_url, payments_url, payments_url)


def _docker_machine(endpoint: str) -> Machine:
    return Machine(
        Emulator(endpoint),
        f"redis://{HOST}:{REDIS_PORT}/0",
        FUNCTIONS_REDIS_URL,
        f"http://{HOST}:{PAYMENTS_PORT}",
        FUNCTIONS_PAYMENTS_URL,
    )


@contextlib.contextmanager
def _run_payment_gateway(run_dir: Path) -> Iterator[Service]:
    """Gives the payment gateway at PAYMENTS_URL, else the one that runs here, else starts a simulated one."""
    known = os.environ.get("PAYMENTS_URL") or find_url("payments", run_dir)
    if known:
        yield Service(known)
        return
    port = free_port(PAYMENTS_PORT)
    url = f"http://{HOST}:{port}"
    command = [sys.executable, "-m", "infra.local.payment_gateway", "--port", str(port)]
    with run_child("payments", command, os.environ, run_dir=run_dir) as started:
        wait_for_http(f"{url}/health", started, "The payment gateway")
        record_url("payments", url, run_dir)
        yield Service(url, started)
