"""From the programme to the ticket, and everything that can come between."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import SHORT_HOLD_SECONDS, Visitors
from tests.browser.visitor import Visitor
from tests.effort import mostly_thorough
from tests.http_api import Api


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def answering(status: int, body: dict[str, Any], retry_after: int) -> Any:
    """A handler that answers so once, and lets everything after that through."""
    left = [status]

    def handle(route: Route) -> None:
        if left and route.request.method != "GET":
            route.fulfill(status=left.pop(), json=body, headers={"Retry-After": str(retry_after)})
        else:
            route.fallback()

    return handle


def losing_the_answer() -> Any:
    """A handler that lets the first request take effect and loses what was answered."""
    left = ["the first"]

    def handle(route: Route) -> None:
        if left and route.request.method != "GET":
            left.pop()
            route.fetch()
            route.abort()
        else:
            route.fallback()

    return handle


def test_from_the_programme_to_the_ticket(visitor: Visitors, api: Api) -> None:
    title = f"Premiere {time.time_ns()}"
    session_id = api.schedule(movieTitle=title, startTime=tomorrow(), ticketPrice=25)
    buyer = visitor().opens()

    buyer.page.get_by_role("link", name=title).click()
    buyer.holds("A3", "A4")
    expect(buyer.panel).to_contain_text("R$50.00")
    buyer.presses("pay")

    expect(buyer.page.locator(".ticket")).to_contain_text(title)
    expect(buyer.page.locator(".ticket")).to_contain_text("A3 and A4")
    assert api.seats(session_id)["A3"] == api.seats(session_id)["A4"] == "sold"
    buyer.page.get_by_role("link", name="My tickets", exact=True).click()
    expect(buyer.page.locator(".card-ticket")).to_contain_text(title)
    buyer.opens_screening(session_id).sees("A3", "bought")


def test_of_two_who_want_the_last_seat_one_gets_it_and_the_other_is_told(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule(totalSeats=1)
    rivals = [visitor().opens_screening(session_id).chooses("A1") for _ in range(2)]

    for rival in rivals:
        rival.button("hold").evaluate("button => { setTimeout(() => button.click()) }")  # returns before the answer

    for rival in rivals:
        expect(rival.page.locator(".panel[data-phase=held], .notice-bad")).to_have_count(1)
    winners = [rival for rival in rivals if rival.panel.get_attribute("data-phase") == "held"]
    losers = [rival for rival in rivals if rival not in winners]
    assert (len(winners), len(losers)) == (1, 1)
    expect(losers[0].notice).to_contain_text("A1")
    losers[0].sees("A1", "held")
    winners[0].presses("pay")
    losers[0].sees("A1", "sold")


def test_a_refusal_names_the_seat_and_leaves_the_others_chosen(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).chooses("A1", "A2", "A3")
    buyer.page.route("**/seats?*", lambda route: route.abort())  # the map stays as old as a slow network leaves it
    buyer.page.route("**/seats", lambda route: route.abort())
    api.hold(session_id, "A2", user="someone else")

    buyer.presses("hold")

    expect(buyer.notice).to_contain_text("A2 was taken a moment before you")
    buyer.hears("A2 was taken a moment before you")
    buyer.sees("A1", "chosen")
    buyer.sees("A2", "held")
    assert api.seats(session_id)["A1"] == "available"
    buyer.presses("hold")
    buyer.sees_held("A1", "A3")


def test_a_chosen_seat_that_somebody_takes_is_given_up_and_said(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).chooses("A1", "A2")

    api.hold(session_id, "A2", user="someone else")

    buyer.sees("A2", "held")
    buyer.sees("A1", "chosen")
    buyer.hears("A2 has just been taken by someone else.")


def test_who_polls_shares_the_map_with_others_but_for_what_they_just_did(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    shared, fresh = f"/{session_id}/seats?maxAge=1", f"/{session_id}/seats"
    buyer = visitor().opens_screening(session_id)
    poll_until(buyer, lambda: buyer.asked_for(shared) >= 2)
    assert buyer.asked_for(fresh) == 0

    buyer.holds("A1")
    poll_until(buyer, lambda: buyer.asked_for(fresh) >= 1)

    before = buyer.asked_for(shared)
    poll_until(buyer, lambda: buyer.asked_for(shared) > before)


def poll_until(buyer: Visitor, happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, [request.url for request in buyer.requests]
        buyer.page.wait_for_timeout(50)


def test_the_time_left_is_never_more_than_the_server_grants(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor()
    buyer.page.clock.install(time=datetime.now(UTC) - timedelta(minutes=7))  # a computer whose clock is slow
    buyer.opens_screening(session_id).holds("A1")
    with_reservation = "JSON.parse(localStorage['cinema-tickets']).holds[0].expiresAt"
    expires_at = datetime.fromisoformat(buyer.page.evaluate(with_reservation)).timestamp()

    shown = re.fullmatch(r"0:(\d\d)", buyer.digits.inner_text())

    granted = expires_at - time.time()
    assert shown
    assert granted - 5 < int(shown[1]) <= granted + 0.5  # half a second between looking at both


def test_a_hold_that_runs_out_is_said_and_can_be_had_again(visitor: Visitors, short_holds: Api) -> None:
    session_id = short_holds.schedule()
    buyer = visitor(short_holds.base_url).opens_screening(session_id).holds("A1", "A2")

    expect(buyer.digits).to_have_text(re.compile(r"0:0[0-2]"))
    expect(buyer.notice).to_contain_text("Your time ran out")
    buyer.hears("Your time ran out")
    buyer.sees("A1", "free")
    buyer.presses("hold-again")

    buyer.sees_held("A1", "A2")


def test_a_reload_keeps_the_hold(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).holds("A1", "A2")

    buyer.page.reload()

    buyer.sees_held("A1", "A2")
    expect(buyer.digits).to_have_text(re.compile(r"0:[12]\d"))
    buyer.presses("pay")
    expect(buyer.page.locator(".ticket")).to_contain_text("A1 and A2")


def test_another_tab_shows_the_hold_and_learns_that_it_was_given_back(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).holds("A1")
    second = buyer.in_another_tab().opens_screening(session_id)
    second.sees_held("A1")

    buyer.presses("release")

    second.sees("A1", "free")
    expect(second.panel).to_have_attribute("data-phase", "choosing")


def test_a_hold_is_not_forgotten_on_other_pages(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule(movieTitle="Waiting")
    buyer = visitor().opens_screening(session_id).holds("A1")

    buyer.page.get_by_role("link", name="My tickets", exact=True).click()

    expect(buyer.page.locator("#waiting-hold")).to_contain_text(re.compile(r"Seats for Waiting .* 0:[12]\d left"))
    buyer.page.get_by_role("link", name="Go there").click()
    buyer.sees_held("A1")


def test_seats_given_back_are_free_at_once(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).holds("A1")

    buyer.presses("release")

    buyer.sees("A1", "free")
    assert api.seats(session_id)["A1"] == "available"


@pytest.mark.parametrize("reloading", [False, True], ids=["staying", "reloading"])
def test_a_lost_answer_to_a_hold_is_asked_for_again_with_the_same_key(
    visitor: Visitors, api: Api, reloading: bool
) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id)
    buyer.page.route("**/api/reservations", losing_the_answer())

    with buyer.page.expect_event("requestfailed"):
        buyer.chooses("A1").presses("hold")
    if reloading:
        buyer.page.reload()

    buyer.sees_held("A1")
    keys = {each.headers["idempotency-key"] for each in buyer.sent("POST", "/api/reservations")}
    assert len(buyer.sent("POST", "/api/reservations")) == 2
    assert len(keys) == 1


def test_a_lost_answer_to_a_payment_is_asked_for_again_and_pays_once(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).holds("A1")
    buyer.page.route("**/confirm", losing_the_answer())

    buyer.presses("pay")

    expect(buyer.page.locator(".ticket")).to_contain_text("A1")
    payments = buyer.sent("POST", "/confirm")
    assert len(payments) == 2
    assert len({each.post_data for each in payments}) == 1


def test_a_payment_that_comes_too_late_is_no_ticket_and_says_so(visitor: Visitors, short_holds: Api) -> None:
    session_id = short_holds.schedule()
    buyer = visitor(short_holds.base_url).opens_screening(session_id).holds("A1")
    deadline = time.monotonic() + SHORT_HOLD_SECONDS

    def late(route: Route) -> None:
        while time.monotonic() < deadline:
            buyer.page.wait_for_timeout(100)
        route.continue_()

    buyer.page.route("**/confirm", late)
    buyer.presses("pay")

    expect(buyer.notice).to_contain_text("The payment came too late")
    expect(buyer.page.locator(".ticket")).to_have_count(0)


def test_offline_is_said_and_the_hold_is_made_when_the_connection_is_back(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).chooses("A1")

    buyer.page.context.set_offline(True)
    expect(buyer.page.locator("#offline")).to_be_visible()
    expect(buyer.page.get_by_text("The map may be out of date.")).to_be_visible()
    buyer.presses("hold")
    expect(buyer.notice).to_contain_text("No connection.")
    buyer.sees("A1", "asking")
    api.hold(session_id, "A5", user="someone else")
    buyer.page.context.set_offline(False)

    buyer.sees_held("A1")
    buyer.sees("A5", "held")
    expect(buyer.page.locator("#offline")).to_be_hidden()
    expect(buyer.page.get_by_text("The map may be out of date.")).to_have_count(0)


@pytest.mark.parametrize(
    ("status", "code", "why"),
    mostly_thorough(
        [
            (429, "RATE_LIMITED", "That was a lot at once"),
            (503, "TEMPORARILY_UNAVAILABLE", "The cinema is very busy"),
            (500, "INTERNAL_ERROR", "The cinema is very busy"),
        ],
        3,
    ),
)
def test_what_may_pass_is_asked_again_after_the_pause_that_was_asked_for(
    visitor: Visitors, api: Api, status: int, code: str, why: str
) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).chooses("A1")
    buyer.page.route("**/api/reservations", answering(status, {"error": code}, retry_after=2))

    buyer.presses("hold")

    expect(buyer.notice).to_contain_text(why)
    buyer.sees_held("A1")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, {"error": "TOO_MANY_SEATS", "limit": 4}, "One order holds 4 seats at most."),
        (400, {"error": "VALIDATION_ERROR", "field": "$.email"}, "This email address does not look right."),
        (409, {"error": "TOO_MANY_HOLDS"}, "You hold seats of this screening already."),
        (410, {"error": "SESSION_CANCELLED"}, "This screening has been cancelled."),
        (422, {"error": "IDEMPOTENCY_KEY_REUSED"}, "nothing is held"),
        (429, {"error": "RATE_LIMITED"}, "That was a lot at once from this connection. Try again in 60 seconds."),
        (418, {"error": "NEW_CODE", "message": "Said by the server."}, "Said by the server."),
    ],
    ids=lambda value: value["error"] if isinstance(value, dict) else "",
)
def test_every_refusal_is_told_in_friendly_words(
    visitor: Visitors, api: Api, status: int, body: dict[str, Any], words: str
) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).chooses("A1")
    buyer.page.route("**/api/reservations", answering(status, body, retry_after=60))

    buyer.presses("hold")

    expect(buyer.notice).to_contain_text(words)
    assert api.seats(session_id)["A1"] == "available"


def test_when_nobody_answers_the_page_does_not_know_and_asks_again_on_demand(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor()
    buyer.page.clock.install()
    buyer.opens_screening(session_id).chooses("A1")
    buyer.page.route("**/api/reservations", lambda route: route.abort())

    buyer.presses("hold")
    for _ in range(40):
        buyer.page.clock.run_for(1000)
    expect(buyer.notice).to_contain_text("we don't know yet whether it worked")
    buyer.page.unroute("**/api/reservations")
    buyer.presses("again")

    buyer.sees_held("A1")


def test_an_email_address_goes_with_the_hold_and_a_mistyped_one_stays(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).chooses("A1")
    buyer.button("by-email").click()

    buyer.button("email").fill("not an address")
    buyer.presses("hold")
    assert buyer.sent("POST", "/api/reservations") == []
    buyer.button("email").fill("ana@example.com")
    buyer.presses("hold")

    buyer.sees_held("A1")
    [request] = buyer.sent("POST", "/api/reservations")
    assert json.loads(request.post_data or "")["email"] == "ana@example.com"


def test_who_is_typing_is_not_disturbed_by_a_new_map(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).chooses("A1", "A2")
    buyer.button("by-email").click()
    buyer.button("email").press_sequentially("ana@")

    api.hold(session_id, "A2", user="someone else")
    buyer.sees("A2", "held")
    buyer.page.keyboard.type("example.com")

    expect(buyer.button("email")).to_have_value("ana@example.com")


def test_a_sold_out_screening_says_so(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule(totalSeats=1)
    api.confirm(api.hold(session_id, "A1").body["reservationId"])

    buyer = visitor().opens_screening(session_id)

    expect(buyer.page.get_by_text("Sold out")).to_be_visible()
    buyer.seat("A1").click(force=True)  # Playwright would wait for it to be enabled
    buyer.hears("A1 is sold.")
    expect(buyer.button("hold")).to_have_count(0)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("#/screenings/nothing", "This screening does not exist"),
        ("#/tickets/sale-unknown", "This ticket is not among yours"),
        ("#/tickets", "No tickets yet"),
        ("#/somewhere", "There is nothing here"),
    ],
)
def test_what_is_not_there_is_said_with_a_way_on(visitor: Visitors, path: str, words: str) -> None:
    lost = visitor().opens(path)

    expect(lost.page.locator("main")).to_contain_text(words)
    expect(lost.page.locator("main").get_by_role("link")).to_have_count(1)


def test_an_empty_programme_says_so(visitor: Visitors) -> None:
    early = visitor()
    early.page.route("**/api/sessions?*", lambda route: route.fulfill(json={"sessions": []}))

    early.opens()

    expect(early.page.get_by_role("heading", name="Nothing is on")).to_be_visible()


def test_a_long_programme_is_shown_page_by_page(visitor: Visitors, api: Api) -> None:
    session = api.get(f"/api/sessions/{api.schedule(startTime=tomorrow())}").body
    first = [{**session, "sessionId": f"s{number}"} for number in range(60)]

    def pages(route: Route) -> None:
        second_page = "cursor=next" in route.request.url
        route.fulfill(json={"sessions": [session]} if second_page else {"sessions": first, "nextCursor": "next"})

    reader = visitor()
    reader.page.route("**/api/sessions?*", pages)
    reader.opens()
    expect(reader.page.locator(".card")).to_have_count(60)

    reader.presses("more")

    expect(reader.page.locator(".card")).to_have_count(61)
    expect(reader.button("more")).to_have_count(0)
