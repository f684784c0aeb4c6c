"""Stub answers, put between a visitor and the real server."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from playwright.sync_api import Page, Route

Handler = Callable[[Route], None]


def always(status: int, body: dict[str, Any], method: str = "", **headers: str) -> Handler:
    """Gives one answer to each request, or to those by `method`; underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def handle(route: Route) -> None:
        if method in ("", route.request.method):
            route.fulfill(status=status, json=body, headers=named)
        else:
            route.fallback()

    return handle


def in_turn(*answers: tuple[int, dict[str, Any]], retry_after: int = 1) -> Handler:
    """Makes a handler that gives the answers one after the other, and then the server's own."""
    left = list(answers)

    def handle(route: Route) -> None:
        if not left:
            return route.fallback()
        status, body = left.pop(0)
        return route.fulfill(status=status, json=body, headers={"Retry-After": str(retry_after)})

    return handle


def changing(**changes: Any) -> Handler:
    """The server's own answer with these fields changed; None takes one away."""

    def handle(route: Route) -> None:
        response = route.fetch()
        body = {name: value for name, value in {**response.json(), **changes}.items() if value is not None}
        route.fulfill(response=response, json=body)

    return handle


def changing_each(field: str, **changes: Any) -> Handler:
    """The same for each item of a list."""

    def handle(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        body[field] = [
            {name: value for name, value in {**each, **changes}.items() if value is not None} for each in body[field]
        ]
        route.fulfill(response=response, json=body)

    return handle


def slowly(page: Page, milliseconds: int) -> Handler:
    def handle(route: Route) -> None:
        page.wait_for_timeout(milliseconds)
        route.fallback()

    return handle


def by_a_clock(page: Page, now: datetime) -> None:
    """The API's clock stands there; the visitor's own is as it is."""

    def handle(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, headers={**response.headers, "date": format_datetime(now, usegmt=True)})

    page.route("**/api/**", handle)


def in_the_future(days: int = 1) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def texts(page: Page) -> Sequence[str]:
    """All that the page shows and says."""
    shown: list[str] = [
        page.locator("body").inner_text(),
        *page.locator("[role=status], [role=alert]").all_inner_texts(),
    ]
    return shown
