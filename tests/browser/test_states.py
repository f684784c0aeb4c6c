"""Every state that the API can answer has words, in every view; and what goes wrong is never told in an exception's."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from chalicelib.api.http.errors import ERROR_ROWS_BY_CODE, ERRORS
from chalicelib.api.http.messages import error_body
from chalicelib.api.wire.languages import ENGLISH, PORTUGUESE
from tests.browser.conftest import Visitors
from tests.browser.stubs import always, changing, changing_each, in_the_future, in_turn
from tests.browser.visitor import PHONE, Visitor
from tests.effort import PROVING, mostly_thorough, thorough
from tests.http_api import Api

OF_OTHER_CLIENTS = {"QUEUE_NOT_FOUND", "QUEUE_OUT_OF_REACH", "SIGNATURE_INVALID", "WEBHOOK_DISABLED"}
"""Operators and webhooks' receivers are answered so, on routes that this page does not ask."""

CODES = sorted({row.code for row in ERRORS if row.examples} - OF_OTHER_CLIENTS)

FACTS: dict[str, Any] = {"limit": 4, "conflictingSeats": ["A1"], "unknownSeats": ["A1"], "retryAfterSeconds": 3}
PAYMENT = {"provider": "simulated", "paymentId": "pay-1", "amount": 25.00, "currency": "BRL"}
AN_EXCEPTIONS_WORDS = re.compile(r"Error:|undefined|null|destructure|is not a function|Failed to fetch|\[object|NaN")


def error_of(code: str, language: str = ENGLISH) -> dict[str, Any]:
    """Gives an error as the API answers it."""
    row = ERROR_ROWS_BY_CODE[code]
    assert row.example
    return {**error_body(row, row.example, language), **FACTS}


def bought(buyer: Visitor, api: Api, **session: Any) -> str:
    session_id = api.schedule(movieTitle="Brazil", startTime=in_the_future(), **session)
    buyer.opens_screening(session_id).holds("A1", "A2").presses("pay")
    expect(buyer.page.locator(".ticket")).to_be_visible()
    return session_id


# A code, in words.


def test_each_refusal_has_words_of_the_page_in_both_languages(visitor: Visitors) -> None:
    """The page's own words, or the API's in the page's language: the page asks for it."""
    refused = """async (errors) => {
      const words = await import('./assets/seats/words.js');
      const { speak } = await import('./assets/shared/language.js');
      return errors.flatMap(([spoken, facts]) => (speak(spoken), [true, false].map((reading) =>
        [facts.error, words.refused({ code: facts.error, facts, serverMessage: facts.message, reading })])));
    }"""
    errors = [(language, error_of(code, language)) for language in (ENGLISH, PORTUGUESE) for code in CODES]

    told = visitor().opens().page.evaluate(refused, errors)

    assert [code for code, words in told if AN_EXCEPTIONS_WORDS.search(words)] == []
    assert len({words for _, words in told}) > len(CODES)  # two languages


def refuse_requests(page: Page, path: str, code: str) -> None:
    """Has those to this path refused with the code, and nothing else; what is paid for is made up."""
    page.unroute_all()
    page.route(path, always(418, error_of(code), "POST"))
    if path != "**/payment":
        page.route("**/payment", always(201, PAYMENT))
    if path == "**/confirm":
        page.route("**/confirm", always(409, error_of(code)))


def walk_into_refusal(buyer: Visitor, path: str, session_id: str) -> None:
    """Presses what asks at this path, in a screening that is opened anew."""
    buyer.opens("#/tickets")
    expect(buyer.page.locator(".screening")).to_have_count(0)
    buyer.opens_screening(session_id).chooses("A1")
    buyer.presses("hold")
    if path != "**/api/reservations":
        buyer.presses("pay")


PATHS = ("**/api/reservations", "**/confirm", "**/payment")
WITH_A_STATE_OF_THEIR_OWN = {
    "**/confirm": {"PAYMENT_NOT_RECEIVED"},
    "**/payment": {"NOT_FOUND", "PAYMENTS_UNAVAILABLE"},
}


def codes_at(path: str) -> list[str]:
    """Gives the codes that requests to this path are refused with: each at one of PATHS, while proving each at all."""
    shared = CODES[PATHS.index(path) :: len(PATHS)]
    return CODES if PROVING else sorted({*shared, *WITH_A_STATE_OF_THEIR_OWN.get(path, ())})


@thorough
@pytest.mark.parametrize("path", PATHS, ids=["hold", "confirm", "pay"])
def test_whatever_a_request_is_refused_with_the_page_shows_its_words_and_can_go_on(
    visitor: Visitors, api: Api, path: str
) -> None:
    """One buyer walks through all of them; each screening is a new one."""
    buyer = visitor()
    for code in codes_at(path):
        refuse_requests(buyer.page, path, code)
        walk_into_refusal(buyer, path, api.schedule())

        if code == "PAYMENT_NOT_RECEIVED" and path == "**/confirm":
            expect(buyer.notice).to_contain_text("has not been told of your payment yet")
        elif path == "**/payment" and code in ("NOT_FOUND", "PAYMENTS_UNAVAILABLE"):
            expect(buyer.page.locator(".ticket")).to_be_visible()
            continue
        else:
            expect(buyer.notice).to_be_visible()
        shown = buyer.page.locator("main").inner_text()
        assert not AN_EXCEPTIONS_WORDS.search(shown), (code, shown)
        if code != "PAYMENT_NOT_RECEIVED":
            expect(buyer.panel).to_have_attribute("data-phase", re.compile("choosing|held"))


def test_what_is_no_answer_at_all_counts_as_none(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).chooses("A1")
    nonsense: list[Any] = [[], {"reservationId": 7}, "text", None]

    def answer(route: Route) -> None:
        if nonsense and route.request.method == "POST":
            route.fulfill(status=200, json=nonsense.pop())
        else:
            route.fallback()

    buyer.page.route("**/api/reservations", answer)
    buyer.presses("hold")

    buyer.sees_held("A1")


# A fault of the page itself.


def test_a_fault_of_the_page_is_said_without_its_text(visitor: Visitors, api: Api) -> None:
    reader = visitor().opens_screening(api.schedule())

    reader.page.evaluate("setTimeout(() => { throw new Error('Cannot destructure property seats') })")

    expect(reader.page.locator("#fault")).to_contain_text("Something in this page has failed.")
    assert "destructure" not in reader.page.locator("body").inner_text()
    reader.faults.clear()


def test_two_tabs_that_pay_for_the_same_hold_both_show_the_ticket(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    slow = visitor().opens_screening(session_id).holds("A1", "A2")
    quick = slow.in_another_tab().opens_screening(session_id)
    quick.sees_held("A1", "A2")
    waiting: list[Route] = []
    slow.page.route(
        "**/confirm", lambda route: waiting.append(route)
    )  # the first tab's payment takes as long as it takes

    slow.presses("pay")

    expect(quick.page.locator(".ticket")).to_contain_text("A1 and A2")  # went on with it by itself
    for route in waiting:
        route.continue_()  # into a sale that is made: the answer is the same ticket
    expect(slow.page.locator(".ticket")).to_contain_text("A1 and A2")


def test_a_tab_that_only_looks_on_shows_the_ticket_that_the_other_has_bought(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).holds("A1")
    other = buyer.in_another_tab().opens_screening(session_id)
    other.sees_held("A1")

    buyer.presses("pay")

    expect(buyer.page.locator(".ticket")).to_contain_text("A1")
    expect(other.page.locator(".ticket")).to_contain_text("A1")


# A press that does nothing says so.


def test_a_press_on_a_seat_that_is_not_to_be_had_says_so_for_all_to_see(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    api.confirm(api.hold(session_id, "A2").body["reservationId"])
    buyer = visitor(**PHONE).opens_screening(session_id)

    buyer.seat("A2").click(force=True)  # Playwright would wait for it to be enabled
    expect(buyer.page.locator(".said")).to_have_text("A2 is sold.")
    buyer.hears("A2 is sold.")
    buyer.holds("A1")
    buyer.seat("A3").click()

    expect(buyer.page.locator(".said")).to_contain_text("Pay for the seats you hold")
    expect(buyer.page.locator(".said")).to_be_in_viewport()


def test_a_ninth_seat_is_not_chosen_and_it_is_said_why(visitor: Visitors, api: Api) -> None:
    nine = [f"A{number}" for number in range(1, 10)]
    buyer = visitor().opens_screening(api.schedule()).chooses(*nine)

    expect(buyer.page.locator(".said")).to_have_text("One order holds 8 seats at most.")
    buyer.sees("A8", "chosen")
    buyer.sees("A9", "free")
    buyer.presses("hold")
    buyer.sees_held(*nine[:8])


def test_a_limit_that_the_server_has_told_is_kept(visitor: Visitors, api: Api) -> None:
    buyer = visitor().opens_screening(api.schedule()).chooses("A1", "A2", "A3")
    buyer.page.route("**/api/reservations", in_turn((400, {"error": "TOO_MANY_SEATS", "limit": 2})))
    buyer.presses("hold")

    expect(buyer.notice).to_contain_text("One order holds 2 seats at most.")
    expect(buyer.button("hold")).to_be_disabled()
    buyer.chooses("A3")
    expect(buyer.button("hold")).to_be_enabled()


def test_a_seat_that_is_lost_at_the_click_is_said_beside_those_that_are_held(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    buyer = visitor().opens_screening(session_id).chooses("A1", "A2")
    api.hold(session_id, "A2", user="someone else")
    expect(buyer.notice).to_contain_text("A2 has just been taken")

    buyer.presses("hold")

    buyer.sees_held("A1")
    expect(buyer.notice).to_contain_text("A2 has just been taken")


# Waiting.


@thorough
def test_too_many_requests_are_counted_down_and_can_be_left(visitor: Visitors, api: Api) -> None:
    buyer = visitor()
    buyer.page.clock.install()
    buyer.opens_screening(api.schedule()).chooses("A1", "A2")
    buyer.page.route("**/api/reservations", always(429, {"error": "RATE_LIMITED"}, "POST", Retry_After="19"))
    buyer.presses("hold")

    expect(buyer.notice).to_contain_text("That was a lot at once from this connection. We ask again in 19 seconds")
    buyer.page.clock.run_for(4000)
    expect(buyer.notice).to_contain_text(re.compile("We ask again in 1[45] seconds"))
    buyer.presses("dont-wait")

    buyer.sees("A1", "chosen")
    buyer.page.unroute_all()
    buyer.presses("hold")
    buyer.sees_held("A1", "A2")


def test_a_dead_api_while_the_programme_loads_is_not_told_as_if_something_had_been_asked_for(visitor: Visitors) -> None:
    reader = visitor()
    reader.page.clock.install()
    reader.page.route("**/api/sessions?*", lambda route: route.abort())
    reader.opens()

    expect(reader.page.locator("main")).to_contain_text("No answer yet. We ask again in")
    for _ in range(30):
        reader.page.clock.run_for(1000)
    expect(reader.page.locator("main")).to_contain_text("The cinema does not answer.")
    assert "whether it worked" not in reader.page.locator("main").inner_text()
    reader.page.unroute_all()
    reader.presses("again")
    expect(reader.page.locator("h1")).to_have_text(re.compile("What is on|Nothing is on"))


def test_more_of_a_list_that_can_not_be_had_says_so_where_it_was_asked_for(visitor: Visitors, api: Api) -> None:
    api.schedule(startTime=in_the_future())
    reader = visitor()
    reader.page.route("**/api/sessions?*", changing(nextCursor="next"))
    reader.opens()
    expect(reader.button("more")).to_be_visible()
    reader.page.route("**/api/sessions?*cursor*", always(400, {"error": "CURSOR_INVALID"}))

    reader.presses("more")

    expect(reader.page.locator("main")).to_contain_text("This list has changed.")
    expect(reader.page.locator(".card").first).to_be_visible()


# A cancelled screening, in every view.


def cancelled(page: Page, **purchase: Any) -> None:
    page.route(re.compile(r"/api/sessions/[\w-]+$"), changing(status="cancelled"))
    page.route(re.compile(r"/api/sessions\?"), changing_each("sessions", status="cancelled"))
    page.route("**/seats?*", always(410, {"error": "SESSION_CANCELLED"}))
    page.route("**/purchases?*", changing_each("purchases", **purchase))


@pytest.mark.parametrize(
    ("purchase", "money"),
    mostly_thorough(
        [
            ({"status": "refunded", "refundedAt": "2096-02-15T19:00:00Z"}, "Your R$50.00 was returned on"),
            ({}, "Your R$50.00 is on its way back to you."),
            ({"status": "refundRequested"}, "Your R$50.00 is on its way back to you."),
        ],
        3,
    ),
    ids=["returned", "cancelled", "on its way"],
)
def test_a_ticket_of_a_cancelled_screening_says_where_its_money_is(
    visitor: Visitors, api: Api, purchase: dict[str, str], money: str
) -> None:
    buyer = visitor()
    bought(buyer, api)
    cancelled(buyer.page, **purchase)
    buyer.page.reload()

    expect(buyer.page.get_by_role("heading", level=1)).to_have_text("This screening is cancelled")
    expect(buyer.page.locator("main")).to_contain_text(money)
    expect(buyer.button("show")).to_have_count(0)
    buyer.page.get_by_role("link", name="My tickets", exact=True).click()
    expect(buyer.page.locator(".card-ticket")).to_contain_text(
        "Cancelled: money returned" if purchase.get("refundedAt") else "Cancelled: money on its way back"
    )


def test_a_ticket_that_lies_open_says_it_by_itself(visitor: Visitors, api: Api) -> None:
    buyer = visitor()
    buyer.page.clock.install()
    bought(buyer, api)
    cancelled(buyer.page)

    buyer.page.clock.run_for(16_000)

    expect(buyer.page.get_by_role("heading", level=1)).to_have_text("This screening is cancelled")
    buyer.hears("This screening is cancelled")


def test_a_hall_of_a_cancelled_screening_says_so_and_has_a_way_on(visitor: Visitors, api: Api) -> None:
    reader = visitor()
    cancelled(reader.page)

    reader.opens(f"#/screenings/{api.schedule()}")

    expect(reader.panel).to_contain_text("This screening has been cancelled.")
    expect(reader.page.locator(".heading")).to_contain_text("Cancelled")
    expect(reader.page.locator(".hall")).to_be_hidden()
    expect(reader.panel.get_by_role("link")).to_have_count(1)
    assert "One moment" not in reader.page.locator("main").inner_text()


@pytest.mark.parametrize("holding", mostly_thorough([True, False], 2), ids=["holding", "choosing"])
def test_a_hall_that_lies_open_says_that_its_screening_was_cancelled(
    visitor: Visitors, api: Api, holding: bool
) -> None:
    reader = visitor().opens_screening(api.schedule()).chooses("A1")
    if holding:
        reader.presses("hold")
        reader.sees_held("A1")

    cancelled(reader.page)

    expect(reader.panel).to_contain_text("This screening has been cancelled.")
    expect(reader.page.locator(".hall")).to_be_hidden()
    expect(reader.button("pay")).to_have_count(0)


def test_the_programme_marks_what_is_cancelled_also_while_it_lies_open(visitor: Visitors, api: Api) -> None:
    api.schedule(startTime=in_the_future())
    reader = visitor()
    reader.page.clock.install()
    reader.opens()
    expect(reader.page.locator(".card").first).to_be_visible()
    cancelled(reader.page)

    reader.page.clock.run_for(31_000)

    expect(reader.page.locator(".card-cancelled").first).to_contain_text("Cancelled")


def test_a_screening_that_is_not_sold_any_more_says_so(visitor: Visitors, api: Api) -> None:
    buyer = visitor().opens_screening(api.schedule()).chooses("A1")
    buyer.page.route("**/api/reservations", always(410, {"error": "SALES_CLOSED"}, "POST"))

    buyer.presses("hold")

    expect(buyer.notice).to_contain_text("are not sold any more")
    expect(buyer.button("hold")).to_have_count(0)
    buyer.chooses("A2")
    expect(buyer.page.locator(".said")).to_contain_text("are not sold any more")


# Paying.


def test_a_payment_is_begun_at_the_gateway_and_confirmed_by_its_id(visitor: Visitors, api: Api) -> None:
    buyer = visitor().opens_screening(api.schedule()).holds("A1")
    buyer.page.route("**/payment", always(201, PAYMENT, "POST"))

    buyer.presses("pay")

    expect(buyer.page.locator(".ticket")).to_contain_text("A1")
    [confirmation] = buyer.sent("POST", "/confirm")
    assert confirmation.post_data_json == {"paymentMethod": "card", "transactionId": "pay-1"}


@pytest.mark.parametrize(("status", "code"), mostly_thorough([(503, "PAYMENTS_UNAVAILABLE"), (404, "NOT_FOUND")], 2))
def test_without_a_gateway_the_page_makes_a_payment_up_and_repeats_the_same(
    visitor: Visitors, api: Api, status: int, code: str
) -> None:
    buyer = visitor().opens_screening(api.schedule()).holds("A1")
    buyer.page.route("**/payment", always(status, {"error": code}))
    buyer.page.route("**/confirm", in_turn((503, {"error": "TEMPORARILY_UNAVAILABLE"})))

    buyer.presses("pay")

    expect(buyer.page.locator(".ticket")).to_contain_text("A1")
    assert len(buyer.sent("POST", "/payment")) == 1
    first, second = (each.post_data for each in buyer.sent("POST", "/confirm"))
    assert first == second


def test_of_a_payment_that_the_page_has_made_up_no_gateway_will_ever_tell(visitor: Visitors, api: Api) -> None:
    buyer = visitor().opens_screening(api.schedule()).holds("A1")
    buyer.page.route("**/payment", always(503, {"error": "PAYMENTS_UNAVAILABLE"}))
    buyer.page.route("**/confirm", always(402, {"error": "PAYMENT_NOT_RECEIVED"}))

    buyer.presses("pay")

    expect(buyer.notice).to_contain_text("can't take payments right now")
    buyer.sees_held("A1")
    buyer.page.unroute_all()
    buyer.presses("pay")
    expect(buyer.page.locator(".ticket")).to_contain_text("A1")


@thorough
@pytest.mark.parametrize("reloading", [False, True], ids=["staying", "reloading"])
def test_a_payment_that_the_cinema_has_not_heard_of_yet_is_asked_about_until_the_ticket_comes(
    visitor: Visitors, api: Api, reloading: bool
) -> None:
    buyer = visitor().opens_screening(api.schedule()).holds("A1")
    buyer.page.route("**/payment", always(201, PAYMENT | {"paymentId": f"pay-{reloading}"}, "POST"))
    unheard = (402, {"error": "PAYMENT_NOT_RECEIVED"})
    buyer.page.route("**/confirm", in_turn(*[unheard] * 3))

    buyer.presses("pay")
    expect(buyer.notice).to_contain_text("has not been told of your payment yet")
    expect(buyer.digits).to_have_text(re.compile(r"0:\d\d"))
    if reloading:
        buyer.page.reload()

    expect(buyer.page.locator(".ticket")).to_contain_text("A1")
    assert len({each.post_data for each in buyer.sent("POST", "/confirm")}) == 1


def test_a_payment_that_nobody_waits_for_stays_the_same_one(visitor: Visitors, api: Api) -> None:
    buyer = visitor().opens_screening(api.schedule()).holds("A1")
    buyer.page.route("**/payment", always(201, PAYMENT | {"paymentId": "pay-later"}, "POST"))
    buyer.page.route("**/confirm", always(402, {"error": "PAYMENT_NOT_RECEIVED"}, "POST", Retry_After="15"))
    buyer.presses("pay").presses("dont-wait")
    buyer.sees_held("A1")
    buyer.page.unroute("**/confirm")

    buyer.presses("pay")

    expect(buyer.page.locator(".ticket")).to_contain_text("A1")
    assert len({each.post_data for each in buyer.sent("POST", "/confirm")}) == 1


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (409, "PAYMENT_ALREADY_USED", "This payment has bought other seats already"),
        (409, "PAYMENT_RETURNED", "went back to you or is on its way"),
        (410, "SESSION_CANCELLED", "This screening has been cancelled."),
        (410, "RESERVATION_EXPIRED", "The payment came too late"),
    ],
)
def test_why_a_payment_bought_nothing_is_said(visitor: Visitors, api: Api, status: int, code: str, words: str) -> None:
    buyer = visitor().opens_screening(api.schedule()).holds("A1")
    buyer.page.route("**/confirm", always(status, {"error": code}))

    buyer.presses("pay")

    expect(buyer.notice).to_contain_text(words)
    expect(buyer.page.locator(".ticket")).to_have_count(0)


def test_cards_that_this_page_can_not_take_are_said_with_a_way_and_no_script_of_another_host(
    visitor: Visitors, api: Api
) -> None:
    buyer = visitor().opens_screening(api.schedule()).holds("A1")
    buyer.page.route("**/payment", always(201, PAYMENT | {"provider": "stripe", "clientSecret": "s", "publicKey": "k"}))

    buyer.presses("pay")

    expect(buyer.notice).to_contain_text("this page has no form for them yet")
    expect(buyer.notice.get_by_role("link")).to_have_attribute("href", "docs")
    buyer.sees_held("A1")
    assert buyer.sent("POST", "/confirm") == []


def sell_for_nothing(page: Page) -> list[Any]:
    """Answers confirmations with a sale that costs nothing, of which the history tells; gives their bodies."""
    sale = {"saleId": "sale-free", "status": "confirmed", "seats": ["A1", "A2"], "paidAt": in_the_future(0)}
    confirmations: list[Any] = []

    def confirm(route: Route) -> None:
        confirmations.append(route.request.post_data_json)
        route.fulfill(json=sale)

    page.route("**/confirm", confirm)
    free = {"movieTitle": "Free", "totalAmount": 0, "purchasedAt": sale["paidAt"], "sessionId": "none", **sale}
    page.route("**/purchases?*", always(200, {"purchases": [free]}))
    return confirmations


def test_what_is_free_of_charge_is_never_paid_for(visitor: Visitors, api: Api) -> None:
    buyer = visitor().opens_screening(api.schedule(ticketPrice=0, movieTitle="Free")).chooses("A1", "A2")
    confirmations = sell_for_nothing(buyer.page)

    expect(buyer.panel).to_contain_text("Free of charge")
    buyer.presses("hold")
    expect(buyer.button("pay")).to_have_text("Get 2 tickets free of charge")
    buyer.presses("pay")

    expect(buyer.page.locator(".ticket")).to_contain_text("Free of charge")
    assert confirmations == [{}]
    assert buyer.sent("POST", "/payment") == []
    expect(buyer.page.get_by_role("link", name=re.compile("Invoice"))).to_have_count(0)
    assert "0.00" not in buyer.page.locator("main").inner_text()
    buyer.page.get_by_role("link", name="My tickets", exact=True).click()
    expect(buyer.page.locator(".card-ticket")).to_contain_text("Free of charge")
    assert "0.00" not in buyer.page.locator("main").inner_text()
