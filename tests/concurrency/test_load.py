"""`make load` in small: buyers by k6 for some seconds, while proving by Locust too, then the tables. 40 s.

k6 is installed once. Locust asks the same plan of the same API, and its environment has 100 MB.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.load.generators import ENVIRONMENTS, generate_load
from benchmarks.load.mixes import MIXES, PROFILES
from benchmarks.load.plan import Plan, schedule_screenings
from benchmarks.load.result import Result
from benchmarks.load.tables import Audit, audit
from infra.processes import CannotRunError
from infra.races.instances import run_instances
from tests.conftest import ApiServers
from tests.effort import PROVING, effort, thorough

SHORT = replace(PROFILES["laptop"], requests_per_second=40, ramp_seconds=1, seconds=effort(2, 4))
STAMPEDE = replace(MIXES["on-sale"], seats=10, seats_per_row=10, looks=0.0, pays=1.0)
"""Nobody looks, all want the same ten seats."""


WITH_LOCUST = pytest.param("locust", marks=pytest.mark.skipif(not PROVING, reason="Locust's turn is `make prove`"))


@pytest.fixture(scope="module", params=["k6", WITH_LOCUST])
def tool(request: pytest.FixtureRequest) -> str:
    return installed(request.param)


@pytest.fixture(scope="module")
def k6() -> str:
    return installed("k6")


def installed(tool: str) -> str:
    """Gives the tool's name once it is there."""
    try:
        ENVIRONMENTS[tool].install()
    except CannotRunError as reason:
        pytest.skip(str(reason))
    return tool


@pytest.fixture(scope="module")
def unguarded(data_stack: str, run_dir: Path) -> Iterator[Sequence[str]]:
    environment = {**os.environ, "REDIS_URL": ""}
    with run_instances(2, environment, run_dir=run_dir, without="both-conditions") as urls:
        yield urls


def load(urls: Sequence[str], name: str, prefix: str, scratch: Path, tool: str) -> tuple[Result, Audit]:
    mix = STAMPEDE if name == "stampede" else MIXES[name]
    sessions = schedule_screenings(urls[0], mix, SHORT.arrivals(mix))
    plan = Plan(name, mix, SHORT.scenario(mix), SHORT.thresholds(mix), urls, sessions)
    measured = generate_load(tool, plan, SHORT.ramp_seconds + SHORT.seconds, scratch)
    return measured, audit(prefix, sessions, measured.outcomes["sold"])


def test_a_checkout_sells_what_it_holds_and_nothing_twice(
    api_servers: ApiServers, data_stack: str, tmp_path: Path, tool: str
) -> None:
    measured, found = load(api_servers(2), "checkout", data_stack, tmp_path, tool)

    assert measured.outcomes["sold"] > 0
    assert measured.outcomes["refused"] == measured.outcomes["failed"] == 0
    assert found.faults == []
    assert found.seats_sold == 2 * found.sold


@thorough
def test_visitors_only_look(api_servers: ApiServers, data_stack: str, tmp_path: Path, k6: str) -> None:
    measured, _ = load(api_servers(2), "browse", data_stack, tmp_path, k6)

    assert set(measured.steps) == {"look"}
    assert measured.outcomes["accepted"] == measured.requests > 0


def test_a_stampede_is_refused_and_oversells_nothing(
    api_servers: ApiServers, data_stack: str, tmp_path: Path, k6: str
) -> None:
    measured, found = load(api_servers(2), "stampede", data_stack, tmp_path, k6)

    assert measured.outcomes["refused"] > 0
    assert (found.oversold, found.faults) == ([], [])
    assert 0 < found.seats_sold <= STAMPEDE.seats


def test_without_the_conditions_the_tables_show_the_oversell(
    unguarded: Sequence[str], data_stack: str, tmp_path: Path, k6: str
) -> None:
    _, found = load(unguarded, "stampede", data_stack, tmp_path, k6)

    assert found.oversold, "the control proves nothing: it never oversold"
