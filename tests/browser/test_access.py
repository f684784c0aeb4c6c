"""Everybody can use it: by keyboard, by ear, on a phone, in either language, in the light and in the dark."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.stubs import always, changing
from tests.browser.visitor import DESKTOP, PHONE, Visitor
from tests.effort import effort, mostly_thorough, thorough
from tests.http_api import Api

SMALLEST_TARGET = 24
"""CSS pixels from one target's centre to the next: WCAG 2.2, 2.5.8."""


def programme(reader: Visitor, api: Api) -> None:
    api.schedule(startTime="2096-02-15T19:00:00Z")
    reader.opens()
    expect(reader.page.locator(".card").first).to_be_visible()


def no_tickets(reader: Visitor, api: Api) -> None:
    reader.opens("#/tickets")
    expect(reader.page.locator(".empty")).to_be_visible()


def choosing(reader: Visitor, api: Api) -> None:
    session_id = api.schedule(totalSeats=120, seatsPerRow=12)
    api.confirm(api.hold(session_id, "C1", "C2").body["reservationId"])
    api.hold(session_id, "C3", user="someone else")
    reader.opens_screening(session_id).chooses("A1", "A2").sees("C3", "held")
    reader.button("by-email").click()


def held(reader: Visitor, api: Api) -> None:
    reader.opens_screening(api.schedule()).holds("A1")


def refused(reader: Visitor, api: Api) -> None:
    session_id = api.schedule()
    reader.opens_screening(session_id).chooses("A1")
    api.hold(session_id, "A1", user="someone else")
    expect(reader.notice).to_be_visible()


def offline(reader: Visitor, api: Api) -> None:
    reader.opens_screening(api.schedule()).chooses("A1")
    reader.page.context.set_offline(True)
    reader.presses("hold")
    expect(reader.page.locator("#offline")).to_be_visible()


def ticket(reader: Visitor, api: Api) -> None:
    held(reader, api)
    reader.presses("pay")
    expect(reader.page.locator(".ticket")).to_be_visible()


def tickets(reader: Visitor, api: Api) -> None:
    ticket(reader, api)
    reader.opens("#/tickets")
    expect(reader.page.locator(".card-ticket")).to_be_visible()


def invoice(reader: Visitor, api: Api) -> None:
    ticket(reader, api)
    reader.opens(f"#{urlsplit(reader.page.url).fragment}/invoice")
    reader.hears(re.compile("being made|sendo emitida"))


def at_the_door(reader: Visitor, api: Api) -> None:
    ticket(reader, api)
    reader.button("show").click()
    expect(reader.page.locator(".door")).to_be_visible()


def cancelled_ticket(reader: Visitor, api: Api) -> None:
    ticket(reader, api)
    reader.page.route(re.compile(r"/api/sessions/[\w-]+$"), changing(status="cancelled"))
    reader.page.reload()
    expect(reader.page.locator(".ticket-void")).to_be_visible()


def cancelled_hall(reader: Visitor, api: Api) -> None:
    reader.page.route(re.compile(r"/api/sessions/[\w-]+$"), changing(status="cancelled"))
    reader.opens(f"#/screenings/{api.schedule()}")
    expect(reader.panel.get_by_role("link")).to_be_visible()


def waiting_for_the_payment(reader: Visitor, api: Api) -> None:
    held(reader, api)
    reader.page.route("**/confirm", always(402, {"error": "PAYMENT_NOT_RECEIVED"}, Retry_After="15"))
    reader.presses("pay")
    expect(reader.button("dont-wait")).to_be_visible()


def a_large_hall(reader: Visitor, api: Api) -> None:
    reader.opens_screening(api.schedule(totalSeats=600, seatsPerRow=40))
    reader.presses("zoom-in")
    expect(reader.page.locator(".overview")).to_be_visible()
    reader.seat("A1").click(force=True)


def names_from_outside(reader: Visitor, api: Api) -> None:
    """Of the longest, in another direction, and with nothing at which it could be broken."""
    session_id = api.schedule(movieTitle=f"سينما {'W' * 190}", roomNumber="قاعة", ticketPrice=0)
    reader.opens_screening(session_id).holds("A1")


def a_dead_api(reader: Visitor, api: Api) -> None:
    reader.page.route("**/api/sessions?*", always(418, {"error": "INTERNAL_ERROR"}))
    reader.opens()
    expect(reader.page.locator(".empty")).to_be_visible()


STATES = [
    *(programme, no_tickets, choosing, held, refused, offline, ticket, tickets, invoice),
    *(
        at_the_door,
        cancelled_ticket,
        cancelled_hall,
        waiting_for_the_payment,
        a_large_hall,
        names_from_outside,
        a_dead_api,
    ),
]


@pytest.mark.parametrize("state", mostly_thorough(STATES, 4), ids=lambda state: state.__name__)
def test_axe_finds_no_barrier_at_a_desk(visitor: Visitors, api: Api, state: Callable[[Visitor, Api], None]) -> None:
    reader = visitor(color_scheme="light", **DESKTOP)

    state(reader, api)

    assert reader.barriers() == []


@pytest.mark.parametrize("state", mostly_thorough(STATES, 4), ids=lambda state: state.__name__)
def test_axe_finds_no_barrier_on_a_phone_in_the_dark_and_nothing_hangs_over_its_edge(
    visitor: Visitors, api: Api, state: Callable[[Visitor, Api], None]
) -> None:
    reader = visitor(color_scheme="dark", locale="pt-BR", **PHONE)

    state(reader, api)

    assert reader.barriers() == []
    assert reader.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_ticket_is_bought_with_the_keyboard_alone(visitor: Visitors, api: Api) -> None:
    buyer = visitor().opens_screening(api.schedule(totalSeats=40, seatsPerRow=10))
    keys = buyer.page.keyboard

    _tab_to(buyer, "[data-seat=A1]")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "Enter", "End", "Space"):
        keys.press(key)
    buyer.sees("C2", "chosen")
    buyer.sees("C10", "chosen")
    _tab_to(buyer, "[data-key=hold]")
    keys.press("Enter")
    buyer.sees_held("C2", "C10")
    expect(buyer.page.locator("#panel-title")).to_be_focused()
    _tab_to(buyer, "[data-key=pay]")
    keys.press("Enter")

    expect(buyer.page.locator(".ticket")).to_contain_text("C2 and C10")
    expect(buyer.page.get_by_role("heading", level=1)).to_be_focused()


def test_the_grid_has_one_place_in_the_tab_order_and_its_corners_one_key(visitor: Visitors, api: Api) -> None:
    reader = visitor().opens_screening(api.schedule(totalSeats=37, seatsPerRow=10))
    _tab_to(reader, "[data-seat=A1]")

    expect(reader.page.locator("[role=gridcell][tabindex='0']")).to_have_count(1)
    for key, seat in (
        ("ArrowLeft", "A1"),
        ("ArrowUp", "A1"),
        ("End", "A10"),
        ("Control+End", "D7"),  # the last row is shorter
        ("ArrowDown", "D7"),
        ("Control+Home", "A1"),
        ("PageDown", "D1"),
    ):
        reader.page.keyboard.press(key)
        expect(reader.seat(seat)).to_be_focused()


def test_a_focused_seat_is_not_hidden_behind_the_panel_of_a_phone(visitor: Visitors, api: Api) -> None:
    reader = visitor(**PHONE).opens_screening(api.schedule(totalSeats=400, seatsPerRow=10)).chooses("A1")
    reader.seat("A1").focus()

    for _ in range(39):
        reader.page.keyboard.press("ArrowDown")
        focused = reader.page.evaluate("document.activeElement.getBoundingClientRect().bottom")
        panel = reader.page.evaluate("document.querySelector('.panel').getBoundingClientRect().top")
        assert focused <= panel


def test_a_screen_reader_is_told_what_each_seat_is(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    api.confirm(api.hold(session_id, "B2").body["reservationId"])
    api.hold(session_id, "B3", user="someone else")
    reader = visitor().opens_screening(session_id).chooses("A1")

    grid = reader.page.get_by_role("grid", name="Seats of room A1")
    for row, seat, state in (
        ("A", 1, "chosen by you"),
        ("A", 2, "free"),
        ("B", 2, "sold"),
        ("B", 3, "held by someone else"),
    ):
        expect(grid.get_by_role("gridcell", name=f"Row {row}, seat {seat}, {state}", exact=True)).to_have_count(1)
    expect(reader.seat("A1")).to_have_attribute("aria-selected", "true")
    expect(reader.seat("B2")).to_have_attribute("aria-disabled", "true")
    reader.hears("A1 chosen. 1 in all.")
    reader.presses("hold")
    reader.hears("A1 held for you for")


def test_the_states_of_a_seat_differ_in_more_than_colour(visitor: Visitors, api: Api) -> None:
    reader = visitor().opens_screening(api.schedule())
    shape = (
        "s => { const c = getComputedStyle(s); return c.backgroundImage.slice(0, 200) + c.borderStyle + c.fontWeight }"
    )

    shapes = [each.evaluate(shape) for each in reader.page.locator(".legend .seat").all()]

    assert len(set(shapes)) == len(shapes) == 5


def test_targets_are_far_enough_apart_for_a_thumb(visitor: Visitors, api: Api) -> None:
    reader = visitor(**PHONE).opens_screening(api.schedule(totalSeats=120, seatsPerRow=12))
    middle = (
        "s => { const { x, y, width, height } = s.getBoundingClientRect(); return [x + width / 2, y + height / 2] }"
    )

    here, right, below = (reader.seat(seat).evaluate(middle) for seat in ("B2", "B3", "C2"))

    assert right[0] - here[0] >= SMALLEST_TARGET
    assert below[1] - here[1] >= SMALLEST_TARGET
    assert reader.page.evaluate("(s => s.scrollWidth <= s.clientWidth)(document.querySelector('.hall-view'))")


def test_portuguese_is_spoken_to_who_prefers_it_and_asked_of_the_server(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule(ticketPrice=25)
    reader = visitor(locale="pt-BR").opens_screening(session_id).chooses("A1")

    expect(reader.page.locator("html")).to_have_attribute("lang", "pt-BR")
    expect(reader.button("hold")).to_have_text("Reservar este assento")
    expect(reader.panel).to_contain_text("R$ 25,00")
    assert reader.sent("GET", "/api/sessions")[0].headers["accept-language"] == "pt-BR"


def test_the_language_changes_in_place_and_is_remembered(visitor: Visitors, api: Api) -> None:
    reader = visitor().opens_screening(api.schedule()).holds("A1")

    reader.page.get_by_role("button", name="Português").click()

    expect(reader.button("release")).to_have_text("Devolver os assentos")
    expect(reader.seat("A1")).to_have_attribute("aria-label", "Fileira A, assento 1, reservado para você")
    reader.page.reload()
    expect(reader.button("release")).to_have_text("Devolver os assentos")


def test_both_languages_have_the_same_words(visitor: Visitors) -> None:
    words = (
        visitor()
        .opens()
        .page.evaluate(
            """async () => {
          const names = (words, path = '') => Object.entries(words).flatMap(([name, word]) =>
            typeof word === 'object' ? names(word, path + name + '.') : [path + name]);
          const { WORDS } = await import('./assets/seats/words.js');
          return Object.values(WORDS).map((words) => names(words).sort());
        }"""
        )
    )

    assert words[0] == words[1]
    assert len(words[0]) > 80


def test_the_colours_can_be_chosen_and_are_remembered(visitor: Visitors) -> None:
    reader = visitor(color_scheme="light").opens()
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    light = reader.page.evaluate(paper)

    for name in ("Colours: as on this device", "Colours: light"):
        reader.page.get_by_role("button", name=name).click()

    assert reader.page.evaluate(paper) != light
    reader.page.reload()
    expect(reader.page.get_by_role("button", name="Colours: dark")).to_be_visible()
    assert reader.page.evaluate(paper) != light


def _tab_to(reader: Visitor, selector: str) -> None:
    for _ in range(40):
        if reader.page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        reader.page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not in the tab order")


@thorough
def test_axe_finds_nothing_serious_in_the_documents_of_the_api(visitor: Visitors) -> None:
    """The page is followed from the light into the dark: opening its operations costs as much as axe does."""
    reader = visitor(color_scheme="light", **DESKTOP).opens("docs")
    operations = reader.page.locator(".opblock-summary-control")
    expect(operations.first).to_be_visible()
    for number in range(0, operations.count(), effort(12, 5)):
        operations.nth(number).click()
    expect(reader.page.locator(".responses-table").nth(2)).to_be_visible()

    assert serious_barriers(reader) == []

    reader.page.emulate_media(color_scheme="dark")
    expect(reader.page.locator("html")).to_have_class(re.compile("dark-mode"))
    reader.page.evaluate("Promise.allSettled(document.getAnimations().map((animation) => animation.finished))")
    assert serious_barriers(reader) == []


def serious_barriers(reader: Visitor) -> list[str]:
    return [barrier for barrier in reader.barriers() if barrier.startswith(("serious", "critical"))]


def test_names_from_outside_stand_in_isolates(visitor: Visitors, api: Api) -> None:
    """Else "Room قاعة · 60 seats" is shown as "Room 60 · قاعة seats"."""
    title, room = f"سينما {time.time_ns()}", "قاعة"
    start = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    session_id = api.schedule(movieTitle=title, roomNumber=room, startTime=start, totalSeats=60)
    reader = visitor().opens()
    card = reader.page.locator(f"[data-key=card-{session_id}]")

    expect(card.locator("bdi")).to_have_text([title, room])
    expect(card.locator(".facts")).to_have_text(f"Room {room} · 60 seats")
    reader.opens_screening(session_id)
    expect(reader.page.locator("h1 bdi")).to_have_text(title)
    expect(reader.page.locator(".when bdi")).to_have_text(room)
    reader.holds("A1").opens("#/tickets")
    expect(reader.page.locator("#waiting-hold bdi")).to_have_text(title)
    assert not re.search("[\u2066-\u2069]", reader.page.locator("body").inner_text())


def test_in_forced_colours_no_number_stands_on_a_mark(visitor: Visitors, api: Api) -> None:
    session_id = api.schedule()
    api.confirm(api.hold(session_id, "A2").body["reservationId"])
    api.hold(session_id, "A3", user="someone else")
    reader = visitor(forced_colors="active").opens_screening(session_id).chooses("A1")
    size = "seat => getComputedStyle(seat).fontSize"

    shown = {seat: reader.seat(seat).evaluate(size) != "0px" for seat in ("A1", "A2", "A3", "A4")}

    assert shown == {"A1": True, "A2": False, "A3": False, "A4": True}
    assert reader.barriers() == []


def test_no_hover_stays_behind_where_nothing_hovers(visitor: Visitors, api: Api) -> None:
    """A finger leaves the last place that it has touched hovered."""
    reader = visitor(**PHONE).opens_screening(api.schedule())
    border = "seat => getComputedStyle(seat).borderColor"
    before = reader.seat("A1").evaluate(border)

    reader.seat("A1").hover()

    assert reader.seat("A1").evaluate(border) == before


def test_a_ticket_has_a_code_that_can_be_read_out_and_is_shown_before_it_is_printed(
    visitor: Visitors, api: Api
) -> None:
    reader = visitor(**PHONE)
    ticket(reader, api)
    code = reader.page.locator(".ticket .code dd").inner_text()

    assert re.fullmatch(r"[2-9B-Z]{4}-[2-9B-Z]{4}", code)
    show, print_ = (reader.button(key).bounding_box() for key in ("show", "print"))
    assert show
    assert print_
    assert (show["y"], show["x"]) < (print_["y"], print_["x"])
    reader.presses("show")
    expect(reader.page.locator(".door-code")).to_have_text(code)
    reader.presses("close-door")
    expect(reader.page.locator(".door")).to_be_hidden()
