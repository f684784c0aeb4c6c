"""Puts crowds in front of three API instances: with all guards, or with one left out as the control."""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from infra.races import final_state, instances
from infra.races.crowd import Crowd
from infra.races.final_state import FinalState

if TYPE_CHECKING:
    from tests.conftest import ApiServers

INSTANCES = 3
CLIENTS = 36

ReadFinalState = Callable[[Collection[str]], FinalState]


class Crowds(Protocol):
    def __call__(self, without: str = "", clients: int = CLIENTS, **settings: str) -> Crowd:
        """Gives a crowd before instances with these settings, without the named guard (infra/races/unguarded.py)."""


@pytest.fixture(scope="module")
def crowds(api_servers: "ApiServers", run_dir: Path) -> Iterator[Crowds]:
    """Runs the instances. Those without a guard end with the module; those with all are shared with other tests."""
    with ExitStack() as stack:

        def open_doors(without: str = "", clients: int = CLIENTS, **settings: str) -> Crowd:
            if without:
                environment = {**os.environ, **settings, "REDIS_URL": ""}  # no gate may do what the guard should
                started = instances.run_instances(INSTANCES, environment, run_dir=run_dir, without=without)
                urls = stack.enter_context(started)
            else:
                urls = api_servers(INSTANCES, **settings)
            return stack.enter_context(Crowd(urls, clients))

        yield open_doors


@pytest.fixture(scope="module", params=["with the gate", "without Redis"])
def crowd(crowds: Crowds, request: pytest.FixtureRequest) -> Crowd:
    """Gives a crowd with the gate, then one without: the rows alone must refuse as well."""
    return crowds() if request.param == "with the gate" else crowds(REDIS_URL="")


@pytest.fixture(scope="session")
def read_final_state(data_stack: str) -> ReadFinalState:
    """Gives a function that reads the final state of sessions from DynamoDB."""
    return lambda sessions: final_state.read_final_state(data_stack, sessions)
