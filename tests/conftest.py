"""Fixtures of running services: an emulator with the data stack, a Redis, API servers, a pump; started on first use.

AWS_ENDPOINT_URL names an emulator that runs already; otherwise an embedded one is started on a free port. A test that
needs what this machine can't run is skipped with the reason.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from chalice.app import Chalice
from xdist.scheduler import LoadFileScheduling

from chalicelib import settings as configuration
from chalicelib import wiring
from infra import processes
from infra.local import emulator as machine
from infra.local import payment_gateway, redis_server
from infra.local.identity_provider import run_provider
from infra.local.localstack import wants_localstack
from infra.local.pump import QUIET_ROUNDS, Pump
from infra.races import instances
from tests.effort import PROVING
from tests.http_api import PROVIDERS, Api

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from infra.cloud.package import Package

STAGE = "test"
SETTINGS = {
    "STAGE": STAGE,
    "TABLE_PREFIX": f"cinema-{STAGE}",
    "HOLD_SECONDS": "30",
    "MAX_SEATS_PER_HOLD": "8",
    "MAX_LIVE_HOLDS": "2",
    "RATE_LIMITS": "off",
}
"""Tests hammer as no user does: only the tests of the rate limits have any."""

SLOW_SECONDS = 1.0
"""How long the simulated payment gateway keeps back an answer that comes too late."""


EMBEDDED = not os.environ.get("AWS_ENDPOINT_URL") and not wants_localstack()
"""Each session starts a ministack of its own, whose streams have a record as soon as its write is answered."""


BROWSER_PATIENCE_MS = 20_000
"""The machine may have other things to do; a test that passes waits for none of it."""


TOGETHER = {"tests/e2e/": "e2e", "tests/aws/": "package", "tests/integration/machine/test_package.py": "package"}
"""Where tests lie that one worker runs, and the name of what they share."""


class ApiServers(Protocol):
    def __call__(self, count: int, **settings: str) -> list[str]:
        """Base URLs of `count` API processes with these settings on top of the tests' own."""


def pytest_configure(config: pytest.Config) -> None:
    if not EMBEDDED and (config.getoption("numprocesses", None) or 0) > 1:
        raise pytest.UsageError("Workers need an emulator each, and one is given: leave out -n.")


_ANY_TEXT = "it is about ids and addresses as anybody may write them: who is signed in has those of the token"
_SENT_AS_THEY_ARE = "its tool sends the requests of the documents as they are, and they have no token"
_ADDRESSES_ALONE = "it counts quotas of addresses alone: who is signed in has one of their own as well"

WITHOUT_SIGN_IN = {
    "test_a_bad_address_is_named_in_the_readers_language": _ANY_TEXT,
    "test_a_user_id_may_be_any_text": _ANY_TEXT,
    "test_what_is_seen_is_taken_as_it_is": _ANY_TEXT,
    "test_a_client_for_python_is_made_without_a_warning_and_buys_seats": _SENT_AS_THEY_ARE,
    "test_newman_runs_the_collection_and_every_answer_is_as_expected": _SENT_AS_THEY_ARE,
    "test_what_is_no_hold_counts_as_one_request": _ADDRESSES_ALONE,
    "test_a_quota_of_users_counts_for_nobody_as_long_as_nobody_can_sign_in": _ADDRESSES_ALONE,
    "test_holds_in_somebody_elses_name_do_not_count_for_whose_name_it_is": _ADDRESSES_ALONE,
    "test_a_hold_weighs_as_much_as_it_has_seats": _ADDRESSES_ALONE,
    "test_on_ones_own_machine_nobody_is_limited_unless_configured": _ADDRESSES_ALONE,
}
"""Tests of what is so only where nobody signs in, and why. They are left out with AUTH=on."""


def leaves_out_thorough_tests(config: pytest.Config) -> bool:
    """Tells whether thorough tests are left out: unless they are asked for, by `-m`, by name or by PROVE=1."""
    return not (PROVING or config.option.markexpr or any("::" in each for each in config.args))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if leaves_out_thorough_tests(config):
        terminalreporter.write_line("Left out: thorough tests; `make test-thorough` runs them.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if leaves_out_thorough_tests(config):
        config.hook.pytest_deselected(items=[item for item in items if _is_thorough(item)])
        items[:] = [item for item in items if not _is_thorough(item)]
    if os.environ.get("AUTH") == "on":
        for item in items:
            if reason := WITHOUT_SIGN_IN.get(item.name.partition("[")[0]):
                item.add_marker(pytest.mark.skip(reason=reason))


def _is_thorough(item: pytest.Item) -> bool:
    return item.get_closest_marker("thorough") is not None


class OneWorkerPerFile(LoadFileScheduling):  # type: ignore[misc] # xdist's schedulers have no types
    """With `-n`. What is deployed for tests/e2e, and the package of production, are made once, by one worker each."""

    def _split_scope(self, nodeid: str) -> str:
        together = (scope for folder, scope in TOGETHER.items() if nodeid.startswith(folder))
        return next(together, None) or str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWorkerPerFile:
    return OneWorkerPerFile(config, log)


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for logs and pid files of the processes that this session starts."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session")
def simulated_gateway() -> Iterator[payment_gateway.Gateway]:
    """Runs the simulated payment gateway in this process. Processes started later find it in PAYMENTS_URL."""
    honest = payment_gateway.Gateway(SLOW_SECONDS)
    with pytest.MonkeyPatch.context() as environment, payment_gateway.run_gateway(gateway=honest) as served:
        url, simulated = served
        environment.setenv("PAYMENTS_URL", url)
        yield simulated


@pytest.fixture(scope="session")
def emulator(run_dir: Path, simulated_gateway: payment_gateway.Gateway) -> Iterator[str]:
    """The endpoint URL of an AWS emulator; boto3 of this process and its children talk to it from now on."""
    with ExitStack() as stack:
        try:
            endpoint = stack.enter_context(machine.run_emulator(run_dir=run_dir)).endpoint
        except processes.CannotRunError as reason:
            pytest.skip(str(reason))
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in {**machine.CREDENTIALS, **SETTINGS, "AWS_ENDPOINT_URL": endpoint}.items():
            environment.setenv(name, value)
        yield endpoint


@pytest.fixture(scope="session")
def data_stack(emulator: str) -> str:
    """The tables and queues, deployed as in production; gives their name prefix."""
    from infra.cloud import deploy

    deploy.deploy_data(STAGE)
    return SETTINGS["TABLE_PREFIX"]


@pytest.fixture(scope="session")
def prod_package(tmp_path_factory: pytest.TempPathFactory) -> "Package":
    """The package of production: its template, and the archive that all functions share."""
    from infra.cloud.package import package

    return package("prod", tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def redis_url(run_dir: Path) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            url = stack.enter_context(redis_server.run_redis(run_dir=run_dir))
        except processes.CannotRunError as reason:
            pytest.skip(str(reason))
        yield url


@pytest.fixture(scope="session")
def redis_cluster_url(run_dir: Path) -> Iterator[str]:
    """The URL of a cluster of three nodes, with TLS, which all tests share unharmed."""
    from tests.redis_cluster import own_cluster

    with own_cluster(run_dir) as cluster:
        yield cluster.url


@pytest.fixture(scope="session")
def app(redis_url: str, simulated_gateway: payment_gateway.Gateway) -> Chalice:
    """Loads app.py with the tests' settings, which it reads once.

    It connects to nothing. Whatever settings a test without it has read before are replaced.
    """
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**SETTINGS, "REDIS_URL": redis_url}.items():
            environment.setenv(name, value)
        wiring.replace_settings_and_drop_objects(configuration.load())
        from app import app

        return app


@contextmanager
def other_settings(**changes: str) -> Iterator[None]:
    """Changes the settings of this process until the block's end, then restores those that `app` was loaded with."""
    before = wiring.settings()
    try:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in changes.items():
                environment.setenv(name, value)
            wiring.replace_settings_and_drop_objects(configuration.load())
            yield
    finally:
        wiring.replace_settings_and_drop_objects(before)


def build_anew() -> None:
    """Forgets all that was built, and builds it again with the same settings."""
    wiring.replace_settings_and_drop_objects(wiring.settings())


@dataclass
class RunningServers:
    """One group of API processes per set of settings, which grows when more are asked for."""

    run_dir: Path
    environment: Mapping[str, str]
    groups: dict[frozenset[tuple[str, str]], list[str]] = field(default_factory=dict)
    started: list[ExitStack] = field(default_factory=list)

    def __call__(self, count: int, **settings: str) -> list[str]:
        group = self.groups.setdefault(frozenset(settings.items()), [])
        if missing := max(count - len(group), 0):
            self.started.append(ExitStack())
            more = instances.run_instances(missing, {**self.environment, **settings}, run_dir=self.run_dir)
            group += self.started[-1].enter_context(more)
        return group[:count]

    def stop(self) -> None:
        """All at once: each takes half a second to end."""
        with ThreadPoolExecutor(max(len(self.started), 1)) as threads:
            list(threads.map(ExitStack.close, self.started))


@pytest.fixture(scope="session")
def signing_in() -> Iterator[dict[str, str]]:
    """With AUTH=on: runs an identity provider, by which each request of an `Api` is signed in. Gives its settings."""
    if os.environ.get("AUTH") != "on":
        yield {}
        return
    with run_provider() as provider:
        PROVIDERS.append(provider)
        yield {"AUTH_ISSUER": provider.issuer, "AUTH_CLIENT_ID": provider.client_id}
        PROVIDERS.remove(provider)


@pytest.fixture(scope="session")
def api_servers(data_stack: str, redis_url: str, run_dir: Path, signing_in: dict[str, str]) -> Iterator[ApiServers]:
    """Starts API processes; they live until the end of the session and are shared by tests with the same settings."""
    servers = RunningServers(run_dir, {**os.environ, "REDIS_URL": redis_url, **signing_in})
    try:
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="session")
def server(api_servers: ApiServers) -> str:
    """The base URL of one API process with the default settings."""
    return api_servers(1)[0]


@pytest.fixture(scope="session")
def quick(api_servers: ApiServers) -> Api:
    """An API process whose holds last one second."""
    return Api(api_servers(1, HOLD_SECONDS="1")[0])


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """One Chromium for all tests: Playwright allows no second one in a process."""
    from playwright.sync_api import expect

    from infra.local.tools import browser as chromium

    expect.set_options(timeout=BROWSER_PATIENCE_MS)
    with ExitStack() as stack:
        try:
            running = stack.enter_context(chromium.run_browser())
        except processes.CannotRunError as reason:
            pytest.skip(str(reason))
        yield running


@pytest.fixture(scope="session")
def every_event_handler(app: Chalice, data_stack: str) -> Pump:
    """The handlers run in this process."""
    return Pump(app, data_stack, quiet_rounds=2 if EMBEDDED else QUIET_ROUNDS)


@pytest.fixture
def pump(every_event_handler: Pump) -> Pump:
    """Feeds the event handlers with all later writes and messages: `pump.drain()` returns when nothing is left."""
    every_event_handler.skip()
    return every_event_handler
