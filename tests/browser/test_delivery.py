"""How the page reaches the browser: below any path, cached, under a strict policy; and how fast it is there."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route, expect

from chalicelib.api.http.static import WEB
from tests.browser.conftest import Visitors
from tests.browser.visitor import PHONE
from tests.http_api import Api

SEATS_OF_THE_LARGEST_HALL = 2000


def test_it_works_below_the_path_of_a_stage(visitor: Visitors, api: Api) -> None:
    """As behind API Gateway, which takes the stage away before it asks us."""
    session_id = api.schedule()
    buyer = visitor()
    stage = f"{api.base_url}/_aws/execute-api/abc/local"

    def without_stage(route: Route) -> None:
        assert route.request.url.startswith(f"{stage}/"), "a link leaves the stage"
        route.fulfill(response=route.fetch(url=api.base_url + route.request.url.removeprefix(stage)))

    buyer.page.route("**/*", without_stage)
    buyer.page.goto(f"{stage}/#/screenings/{session_id}")
    buyer.holds("A1").presses("pay")

    expect(buyer.page.locator(".ticket")).to_be_visible()


def test_the_policy_lets_nothing_in_from_elsewhere_and_nothing_inline(api: Api) -> None:
    policy = api.get("/").headers["content-security-policy"]
    directives = dict(each.strip().split(" ", 1) for each in policy.split(";"))

    assert directives["default-src"] == directives["base-uri"] == directives["frame-ancestors"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
    assert "unsafe" not in policy


@pytest.mark.parametrize("directive", ["style-src", "script-src"])
def test_a_violation_of_the_policy_would_be_seen(visitor: Visitors, directive: str) -> None:
    """The control of what every other test here asserts at its end."""
    intruder = visitor().opens()
    inline = {
        "style-src": "document.body.setAttribute('style', 'color: red')",
        "script-src": "document.body.append(Object.assign(document.createElement('script'), { textContent: '1' }))",
    }

    with intruder.page.expect_console_message():
        intruder.page.evaluate(inline[directive])

    assert any("Content Security Policy" in fault for fault in intruder.faults)
    intruder.faults.clear()


def test_files_are_kept_for_good_under_their_version_and_asked_about_without(visitor: Visitors, api: Api) -> None:
    html = api.get("/")
    [stylesheet] = re.findall(r'href="(assets/shared/page\.css\?v=\w+)"', html.text)

    assert html.headers["cache-control"] == "no-cache"
    assert "immutable" in api.get(f"/{stylesheet}").headers["cache-control"]
    assert api.get("/", If_None_Match=html.headers["etag"]).status == 304
    module = api.get("/assets/seats/api.js")
    assert module.headers["cache-control"] == "no-cache"
    assert api.get("/assets/seats/api.js", If_None_Match=module.headers["etag"]).status == 304


def test_every_file_of_the_page_is_asked_for_and_none_that_is_not_there(visitor: Visitors, api: Api) -> None:
    reader = visitor()
    statuses: set[int] = set()
    reader.page.on("response", lambda response: statuses.add(response.status))

    reader.opens_screening(api.schedule())

    loaded = {urlsplit(each.url).path.rpartition("/assets/")[2] for each in reader.requests if "/assets/" in each.url}
    files = {f"{part}/{file.name}" for part in ("seats", "shared") for file in (WEB / part).iterdir()}
    assert loaded == files - {"seats/index.html"}
    assert statuses == {200}


def test_a_tap_redraws_one_seat_of_two_thousand(visitor: Visitors, api: Api) -> None:
    """What makes it fluid on a phone; how fluid, `docs/architecture.md` says."""
    session_id = api.schedule(totalSeats=SEATS_OF_THE_LARGEST_HALL, seatsPerRow=50)
    reader = visitor(**PHONE)
    reader.opens_screening(session_id)
    expect(reader.page.locator("[role=gridcell]")).to_have_count(SEATS_OF_THE_LARGEST_HALL)

    redrawn_by_a_tap_on = """seat => new Promise((redrawn) => {
      const seats = new Set();
      const note = ({ target }) => seats.add(target.closest("[role=gridcell]")?.dataset.seat ?? target.nodeName);
      const everything = { subtree: true, childList: true, attributes: true };
      const grid = document.querySelector("[role=grid]");
      new MutationObserver((changes) => changes.forEach(note)).observe(grid, everything);
      document.querySelector(`[role=gridcell][data-seat=${seat}]`).click();
      requestAnimationFrame(() => setTimeout(() => redrawn([...seats])));
    })"""
    reader.page.evaluate(redrawn_by_a_tap_on, "T20")
    assert set(reader.page.evaluate(redrawn_by_a_tap_on, "T21")) <= {"T20", "T21"}
