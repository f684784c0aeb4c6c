"""The operator's board in a browser: the numbers that the API says, dead letters given back, and no barrier."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import boto3
import pytest
from playwright.sync_api import Locator, Route, expect

from chalicelib.api.http.errors import ERROR_ROWS_BY_CODE
from chalicelib.api.http.static import WEB
from chalicelib.domain.board import WINDOW
from infra.local.pump import Pump
from tests.browser.conftest import Visitors
from tests.browser.visitor import DESKTOP, PHONE, Visitor
from tests.conftest import ApiServers
from tests.effort import mostly_thorough
from tests.http_api import Api

Park = Callable[[int], None]

EVERY_MS = 5_000
"""How often the page asks."""
A_WHILE_MS = 12_000


@pytest.fixture(scope="module")
def server(api_servers: ApiServers) -> str:
    """It sells what has begun as long as the board shows it."""
    return api_servers(1, SALES_END_MINUTES=str(WINDOW // timedelta(minutes=1)))[0]


@pytest.fixture
def session_id(api: Api) -> str:
    """The oldest screening that is still shown, and not for long: so it is on the first page, whatever else is on."""
    starts_at = datetime.now(UTC) - WINDOW + timedelta(minutes=2)
    return api.schedule(startTime=starts_at.isoformat(), totalSeats=40, ticketPrice=25)


@pytest.fixture
def park(api: Api, data_stack: str) -> Iterator[Park]:
    """Dead letters of the audit log's queue; at the end none is left."""
    sqs = boto3.client("sqs")
    urls = [sqs.get_queue_url(QueueName=f"{data_stack}-{name}")["QueueUrl"] for name in ("audit-dlq", "audit")]
    reason = {"reason": {"DataType": "String", "StringValue": "unknown version 9"}}

    def park(count: int) -> None:
        for _ in range(count):
            sqs.send_message(QueueUrl=urls[0], MessageBody=json.dumps({"version": 9}), MessageAttributes=reason)  # type: ignore[arg-type]
        forget_board(api)

    yield park
    for url in urls:
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
            for message in found:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def forget_board(api: Api) -> None:
    """The next one shows what has just been done. A redrive sees to that, even of a queue that nobody knows."""
    assert api.post("/api/operations/queues/nobodys/redrive", {}).status == 404


def at_the_board(reader: Visitor) -> Visitor:
    reader.opens("operations")
    expect(reader.page.locator(".tile").first).to_be_visible()
    return reader


def with_a_clock_to_move(reader: Visitor) -> Visitor:
    reader.page.clock.install()
    return reader


def queue_row(reader: Visitor, name: str) -> str:
    return f"tr:has(.queue-name:text-is('{name}'))"


def screening_row(reader: Visitor, session_id: str) -> Locator:
    return reader.page.locator(f"tr:has([data-key='screening-{session_id}'])")


def crowd(api: Api, session_id: str) -> None:
    api.confirm(api.hold(session_id, "A1", "A2").body["reservationId"])
    api.hold(session_id, "A3")
    api.hold(session_id, "A3", user="late")
    forget_board(api)


def test_a_screening_shows_what_was_sold_and_leads_to_its_seats(
    visitor: Visitors, api: Api, session_id: str, pump: Pump
) -> None:
    crowd(api, session_id)
    pump.drain()
    forget_board(api)

    operator = at_the_board(visitor())

    row = screening_row(operator, session_id)
    expect(row).to_contain_text("5% · 2 of 40")
    for name, value in (("Held", "1"), ("Revenue", "50.00"), ("Holds", "2"), ("Conversion", "50%")):
        expect(row.locator(f"[data-name='{name}']")).to_contain_text(value)
    operator.page.locator(f"[data-key='screening-{session_id}']").click()
    expect(operator.page.locator(".screening[data-known=true]")).to_be_visible()


def test_each_chart_has_its_numbers_as_a_table_which_stays_open_when_they_change(
    visitor: Visitors, api: Api, session_id: str, pump: Pump
) -> None:
    crowd(api, session_id)
    pump.drain()
    forget_board(api)
    operator = at_the_board(with_a_clock_to_move(visitor()))
    chart = operator.page.locator("figure", has=operator.page.get_by_role("heading", name="Holds, sales and expiries"))

    expect(chart.get_by_role("img", name="Holds, sales and expiries")).to_be_visible()
    expect(screening_row(operator, session_id).locator("[data-name='Holds']")).to_contain_text("2")
    chart.get_by_text("As a table").click()
    expect(chart.get_by_role("columnheader")).to_have_text(["From", "Holds", "Sales", "Expired holds"])
    assert int(chart.locator("tbody tr").last.locator("td").first.inner_text()) >= 2

    api.hold(session_id, "A4", user="one more")
    pump.drain()
    forget_board(api)
    operator.page.clock.run_for(EVERY_MS)

    expect(screening_row(operator, session_id).locator("[data-name='Holds']")).to_contain_text("3")
    expect(chart.get_by_role("table")).to_be_visible()


def test_refusals_are_shown_by_reason(visitor: Visitors, api: Api, session_id: str) -> None:
    crowd(api, session_id)

    operator = at_the_board(visitor())

    expect(operator.page.locator(".reasons")).to_contain_text("Seats were taken")


def test_dead_letters_are_looked_at_and_given_back_once_that_is_confirmed(visitor: Visitors, park: Park) -> None:
    park(2)
    operator = at_the_board(visitor())
    row = operator.page.locator(queue_row(operator, "audit"))
    expect(row.locator(".dead")).to_have_text("2")

    operator.button("look-audit").click()
    expect(operator.page.get_by_role("dialog")).to_contain_text("unknown version 9")
    operator.button("close").click()
    operator.button("redrive-audit").click()
    expect(operator.page.get_by_role("dialog", name="Give 2 dead letters back to audit?")).to_be_visible()
    operator.button("close").click()
    assert operator.sent("POST", "redrive") == []
    operator.button("redrive-audit").click()
    operator.button("confirm").click()

    operator.hears("2 messages given back to audit, 0 left.")
    expect(row.locator(".dead")).to_have_count(0)
    expect(row.locator("[data-name=Waiting]")).to_have_text("2")
    assert len(operator.sent("POST", "redrive")) == 1


def test_a_dialog_gives_the_focus_back_to_the_button_that_opened_it(visitor: Visitors, park: Park) -> None:
    park(1)
    operator = at_the_board(visitor())
    operator.button("redrive-audit").focus()

    operator.page.keyboard.press("Enter")
    expect(operator.page.get_by_role("dialog")).to_be_visible()
    operator.page.keyboard.press("Escape")

    expect(operator.page.get_by_role("dialog")).to_have_count(0)
    expect(operator.button("redrive-audit")).to_be_focused()


def test_new_numbers_disturb_neither_the_focus_nor_the_place(visitor: Visitors, session_id: str, park: Park) -> None:
    park(1)
    operator = at_the_board(with_a_clock_to_move(visitor(**PHONE)))
    link = operator.page.locator(f"[data-key='screening-{session_id}']")
    link.focus()
    place = operator.page.evaluate("scrollY")

    park(1)
    operator.page.clock.run_for(EVERY_MS)
    expect(operator.page.locator(queue_row(operator, "audit")).locator(".dead")).to_have_text("2")

    expect(link).to_be_focused()
    assert operator.page.evaluate("scrollY") == place > 0


def test_paused_it_asks_no_more(visitor: Visitors) -> None:
    operator = at_the_board(with_a_clock_to_move(visitor()))
    operator.page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    operator.page.wait_for_load_state("networkidle")
    at_first = len(operator.sent("GET", "/api/operations"))
    with operator.page.expect_response("**/api/operations"):
        operator.page.clock.run_for(A_WHILE_MS)
    going = len(operator.sent("GET", "/api/operations"))
    operator.button("pause").click()

    operator.page.clock.run_for(A_WHILE_MS)

    assert len(operator.sent("GET", "/api/operations")) == going > at_first
    expect(operator.page.locator(".head .notice")).to_contain_text("Paused")


def test_when_nobody_answers_the_last_numbers_stay_and_say_how_old_they_are(visitor: Visitors) -> None:
    operator = at_the_board(with_a_clock_to_move(visitor()))

    operator.page.context.set_offline(True)
    operator.page.clock.run_for(EVERY_MS)

    expect(operator.page.locator(".notice").first).to_contain_text("No answer. These are the numbers of")
    expect(operator.page.locator(".tile").first).to_be_visible()
    operator.page.context.set_offline(False)
    operator.page.clock.run_for(EVERY_MS)
    expect(operator.page.locator(".head .notice")).to_have_count(0)


def test_a_redrive_that_is_refused_says_why(visitor: Visitors, park: Park) -> None:
    park(1)
    operator = at_the_board(visitor())

    def refuse(route: Route) -> None:
        body = {"error": "QUEUE_OUT_OF_REACH", "message": "This deployment has no right to its dead letters."}
        route.fulfill(status=403, json=body)

    operator.page.route("**/redrive", refuse)
    operator.button("redrive-audit").click()
    operator.button("confirm").click()

    operator.hears("This deployment has no right to its dead letters.")


def test_without_redis_it_says_that_nobody_counts_refusals(visitor: Visitors, api_servers: ApiServers) -> None:
    operator = at_the_board(visitor(api_servers(1, REDIS_URL="")[0]))

    expect(operator.page.locator(".charts")).to_contain_text("Refusals are counted in Redis")


def test_what_could_not_be_read_is_said_in_its_place(visitor: Visitors) -> None:
    operator = visitor()

    def without(route: Route) -> None:
        told = route.fetch().json()
        route.fulfill(json={name: told[name] for name in ("asOf", "dependencies")})

    operator.page.route("**/api/operations", without)
    at_the_board(operator)

    expect(operator.page.get_by_text("This could not be read just now.")).to_have_count(4)
    operator.page.unroute_all(behavior="wait")


def test_it_works_below_the_path_of_a_stage(visitor: Visitors, api: Api, park: Park) -> None:
    """As behind API Gateway, which takes the stage away before it asks us."""
    park(1)
    operator = visitor()
    stage = f"{api.base_url}/_aws/execute-api/abc/local"

    def without_stage(route: Route) -> None:
        assert route.request.url.startswith(f"{stage}/"), "a link leaves the stage"
        route.fulfill(response=route.fetch(url=api.base_url + route.request.url.removeprefix(stage)))

    operator.page.route("**/*", without_stage)
    operator.page.goto(f"{stage}/operations")
    operator.button("redrive-audit").click()
    operator.button("confirm").click()

    operator.hears("1 message given back to audit, 0 left.")
    operator.page.unroute_all(behavior="wait")


SIZES = {
    "desk, light": {**DESKTOP, "color_scheme": "light"},
    "desk, dark": {**DESKTOP, "color_scheme": "dark"},
    "phone, light": {**PHONE, "color_scheme": "light"},
    "phone, dark, in Portuguese": {**PHONE, "color_scheme": "dark", "locale": "pt-BR"},
}


@pytest.mark.parametrize("size", mostly_thorough(SIZES, 4))
def test_axe_finds_no_barrier_and_nothing_hangs_over_the_edge(
    visitor: Visitors, api: Api, session_id: str, park: Park, size: str
) -> None:
    crowd(api, session_id)
    park(1)
    operator = at_the_board(visitor(**SIZES[size]))
    operator.page.locator("summary").first.click()

    assert operator.barriers() == []
    for button in ("look-audit", "redrive-audit"):
        operator.button(button).click()
        expect(operator.page.locator("dialog .loading")).to_have_count(0)
        assert operator.barriers() == []
        operator.button("close").click()
    assert operator.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_both_languages_have_the_same_words(visitor: Visitors) -> None:
    words = at_the_board(visitor()).page.evaluate(
        """async () => {
          const names = (words, path = '') => Object.entries(words).flatMap(([name, word]) =>
            typeof word === 'object' ? names(word, path + name + '.') : [path + name]);
          const { WORDS } = await import('./assets/board/words.js');
          return Object.values(WORDS).map((words) => names(words).sort());
        }"""
    )

    assert words[0] == words[1]
    assert len(words[0]) > 80


def test_every_refusal_that_is_counted_has_its_words(visitor: Visitors) -> None:
    words = at_the_board(visitor()).page.evaluate(
        "async () => Object.keys((await import('./assets/board/words.js')).WORDS.en.reasons)"
    )

    assert set(words) == {code for code, row in ERROR_ROWS_BY_CODE.items() if row.counts_as_refusal and row.example}


def test_the_language_and_the_colours_are_those_of_the_page_for_buyers(visitor: Visitors) -> None:
    operator = visitor().opens()
    operator.page.get_by_role("button", name="Português").click()

    at_the_board(operator)

    expect(operator.page.get_by_role("heading", level=1)).to_have_text("Operação")


def test_every_file_of_the_board_is_asked_for(visitor: Visitors) -> None:
    operator = at_the_board(visitor())

    loaded = {each.url.partition("?")[0].rpartition("/")[2] for each in operator.sent("GET", "/assets/board/")}
    assert loaded == {file.name for file in (WEB / "board").iterdir()} - {"index.html"}


def test_times_are_the_cinemas_and_their_zone_is_named_to_who_is_elsewhere(
    visitor: Visitors, api_servers: ApiServers
) -> None:
    tokyo = Api(api_servers(1, TIME_ZONE="Asia/Tokyo")[0])
    starts_at = datetime.now(UTC) - WINDOW + timedelta(minutes=3)
    session_id = tokyo.schedule(startTime=starts_at.isoformat())
    local = starts_at.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%H:%M")
    row = f"tr:has([data-key='screening-{session_id}'])"

    for zone, named in (("America/Sao_Paulo", True), ("Asia/Tokyo", False)):
        operator = at_the_board(visitor(tokyo.base_url, timezone_id=zone))
        expect(operator.page.locator(row)).to_contain_text(local)
        expect(operator.page.get_by_text(re.compile("Times are the cinema's: Japan .*Time"))).to_have_count(int(named))


@pytest.mark.parametrize("size", mostly_thorough(SIZES, 4))
def test_a_long_title_and_one_from_right_to_left_fit(visitor: Visitors, api: Api, size: str) -> None:
    starts_at = (datetime.now(UTC) - WINDOW + timedelta(minutes=1)).isoformat()
    long = api.schedule(movieTitle="W" * 200, roomNumber="قاعة", startTime=starts_at)

    operator = at_the_board(visitor(**SIZES[size]))

    expect(operator.page.locator(f"[data-key='screening-{long}'] bdi")).to_have_text("W" * 200)
    expect(operator.page.locator(f"tr:has([data-key='screening-{long}']) .hint bdi")).to_have_text("قاعة")
    assert operator.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
