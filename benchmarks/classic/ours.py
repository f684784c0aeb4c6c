"""Our own design, running on this machine for the comparison: emulator, Redis, instances of the API."""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.classic.machine import run_redis_at
from infra.cloud import deploy
from infra.local import emulator
from infra.processes import HOST, Child, free_port, run_child, wait_for_http
from infra.races.instances import run_instances

STAGE, PREFIX = "compare", "cinema-compare"


@dataclass(frozen=True, slots=True)
class Ours:
    urls: Sequence[str]
    environment: Mapping[str, str]
    scratch: Path
    redis_port: int
    redis: Child


@contextmanager
def run_ours(instances: int, scratch: Path) -> Iterator[Ours]:
    """Runs the services and instances. The environment of this process then names them, too."""
    with ExitStack() as stack:
        aws = stack.enter_context(emulator.run_ministack(free_port(), run_dir=scratch))
        redis_port = free_port()
        redis = stack.enter_context(run_redis_at("ours-redis", redis_port, scratch))
        settings = {
            **emulator.CREDENTIALS,
            "AWS_ENDPOINT_URL": aws.endpoint,
            "STAGE": "test",
            "TABLE_PREFIX": PREFIX,
            "RATE_LIMITS": "*=off per address",
            "ID_SECRET": secrets.token_hex(),
            "REDIS_URL": f"redis://{HOST}:{redis_port}/0",
            "LOG_LEVEL": "ERROR",
        }
        os.environ.update(settings)
        deploy.deploy_data(STAGE)
        urls = stack.enter_context(run_instances(instances, os.environ, run_dir=scratch))
        yield Ours(list(urls), dict(os.environ), scratch, redis_port, redis)


@contextmanager
def run_dying_instance(environment: Mapping[str, str], scratch: Path, at: str, by: str) -> Iterator[tuple[str, Child]]:
    """Runs an instance that dies at the place `at` (dying.py), killed or stopped. Gives its URL and process."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.classic.dying", "--port", str(port)]
    with run_child(f"dying-{port}", [*command, "--at", at, "--by", by], environment, run_dir=scratch) as child:
        wait_for_http(f"http://{HOST}:{port}/health", child, "A dying instance")
        yield f"http://{HOST}:{port}", child
