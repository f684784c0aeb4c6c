"""LocalStack, its Redis and its payment gateway in Docker, for EMULATOR=localstack: localstack-compose.yml."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

from infra.local.ports import AWS_PORT, PAYMENTS_PORT, REDIS_PORT
from infra.processes import HOST, ROOT, CannotRunError, say

COMPOSE_FILE = ROOT / "localstack-compose.yml"
FUNCTIONS_REDIS_URL = f"redis://redis:{REDIS_PORT}/0"
"""The address of localstack-compose.yml's Redis, for functions in LocalStack's containers."""
FUNCTIONS_PAYMENTS_URL = f"http://payments:{PAYMENTS_PORT}"


def wants_localstack() -> bool:
    """Tells whether to start LocalStack in Docker: EMULATOR asks for it, and AWS_ENDPOINT_URL is not set.

    Raises CannotRunError for an unknown EMULATOR.
    """
    if os.environ.get("AWS_ENDPOINT_URL"):
        return False
    choice = os.environ.get("EMULATOR") or "ministack"
    if choice not in ("ministack", "localstack"):
        raise CannotRunError(f"EMULATOR is {choice!r}: it must be ministack (the default) or localstack.")
    return choice == "localstack"


@contextlib.contextmanager
def run_localstack() -> Iterator[str]:
    """Starts LocalStack, gives its URL and stops it at the end."""
    endpoint = start_localstack()
    try:
        yield endpoint
    finally:
        stop_localstack()


def start_localstack() -> str:
    """Starts LocalStack and gives its URL. Raises CannotRunError where Docker can't do it."""
    command = _compose_command()
    say("Starting LocalStack in Docker (the first time it downloads about 1 GB) …")
    try:
        subprocess.run([*command, "up", "-d", "--wait"], check=True)
    except subprocess.CalledProcessError as error:
        raise CannotRunError(
            "Docker could not start localstack-compose.yml (see above). Is the Docker engine running? Without it use "
            "the embedded emulator: leave EMULATOR unset."
        ) from error
    return f"http://{HOST}:{AWS_PORT}"


def stop_localstack() -> None:
    subprocess.run([*_compose_command(), "down"], check=False)


def _compose_command() -> list[str]:
    """Gives `docker compose` with its options. Raises CannotRunError where it is not installed."""
    if not shutil.which("docker"):
        raise CannotRunError(
            "EMULATOR=localstack needs Docker, which is not installed: install it, or leave EMULATOR unset."
        )
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        raise CannotRunError("EMULATOR=localstack needs Docker's compose plugin: install it, or leave EMULATOR unset.")
    return ["docker", "compose", "-p", "cinema-tickets", "-f", str(COMPOSE_FILE)]
