"""Browsers in front of the real page and the real API: one browser for all tests, a context for each visitor."""

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser

from tests.browser.visitor import Visitor
from tests.conftest import ApiServers
from tests.http_api import Api

SHORT_HOLD_SECONDS = 4


class Visitors(Protocol):
    def __call__(self, base_url: str = "", **context: Any) -> Visitor:
        """Opens a visitor with a browser profile of its own, at this API (default: the tests' own)."""


@pytest.fixture
def visitor(browser: Browser, server: str) -> Iterator[Visitors]:
    """Makes visitors; at the end each of their pages must have been free of errors and of requests to other hosts."""
    visitors: list[Visitor] = []

    def make(base_url: str = "", **context: Any) -> Visitor:
        visitors.append(Visitor.with_own_profile(browser, base_url or server, **context))
        return visitors[-1]

    yield make
    for each in visitors:
        each.page.unroute_all(behavior="ignoreErrors")  # a poll may be in one of the test's routes at this moment
        each.page.context.close()
    assert [fault for each in visitors for fault in each.faults] == []


@pytest.fixture
def api(server: str) -> Api:
    """A client of the API, for events outside the browsers."""
    return Api(server)


@pytest.fixture(scope="session")
def short_holds(api_servers: ApiServers) -> Api:
    """An API whose holds last SHORT_HOLD_SECONDS."""
    return Api(api_servers(1, HOLD_SECONDS=str(SHORT_HOLD_SECONDS))[0])
