"""How the page reaches the browser: below any path, cached, under a strict policy; and how fast it is there."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route, expect

from chalicelib.api.static import WEB
from tests.browser.conftest import Visitors
from tests.browser.visitor import PHONE
from tests.http_api import Api

SEATS_OF_THE_LARGEST_HALL = 2000
SLOWER_THAN_THIS_MACHINE = 4
"""As a phone of the middle range is to a laptop."""
FRAMES_MS = 100
"""What feels immediate."""


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
    [stylesheet] = re.findall(r'href="(assets/seats/page\.css\?v=\w+)"', html.text)

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

    loaded = {urlsplit(each.url).path.rpartition("/")[2] for each in reader.requests if "/assets/" in each.url}
    assert loaded == {file.name for file in (WEB / "seats").iterdir()} - {"index.html"}
    assert statuses == {200}


def test_two_thousand_seats_stay_fluid_on_a_phone(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule(totalSeats=SEATS_OF_THE_LARGEST_HALL, seatsPerRow=50)
    reader = visitor(**PHONE)
    processor = reader.page.context.new_cdp_session(reader.page)
    processor.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER_THAN_THIS_MACHINE})
    reader.opens_screening(session_id)
    expect(reader.page.locator("[role=gridcell]")).to_have_count(SEATS_OF_THE_LARGEST_HALL)

    until_painted = """seat => new Promise((painted) => {
      const started = performance.now();
      document.querySelector(`[role=gridcell][data-seat=${seat}]`).click();
      requestAnimationFrame(() => setTimeout(() => painted(performance.now() - started)));
    })"""
    times = [reader.page.evaluate(until_painted, f"T{place}") for place in range(20, 27)]

    assert min(times) < FRAMES_MS  # the others tell what else this machine has to do
