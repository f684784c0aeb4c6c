"""From a purchase to its tickets: waited for, shown, printed, given away, void; and the file for calendars."""

import re
from pathlib import Path
from typing import Any

import icalendar
from playwright.sync_api import Page, expect

from infra.local.pump import Pump
from infra.ops.__main__ import main
from tests.browser.conftest import Visitors
from tests.browser.stubs import always, changing
from tests.browser.visitor import PHONE, Visitor
from tests.conftest import STAGE
from tests.http_api import Api

TICKETS = re.compile(r"/api/reservations/res-[\w-]+/tickets$")
CODE = re.compile(r"[2-9B-Z]{4}-[2-9B-Z]{4}")
MOST_TRIES = 15
PAUSE_MS = 2000


def bought(buyer: Visitor, api: Api, *seats: str, **screening: Any) -> Visitor:
    buyer.opens_screening(api.schedule(movieTitle="Brazil", **screening)).holds(*(seats or ("A1",))).presses("pay")
    expect(buyer.page.locator(".ticket")).to_be_visible()
    return buyer


def with_tickets(buyer: Visitor, api: Api, pump: Pump, *seats: str) -> Visitor:
    bought(buyer, api, *seats)
    pump.drain()
    expect(buyer.page.locator(".seat-ticket")).to_have_count(len(seats or ("A1",)))
    return buyer


def code_of(page: Page, seat: str) -> str:
    return page.locator(f".seat-ticket[data-seat={seat}] .ticket-code").inner_text()


def test_tickets_are_waited_for_and_appear_by_themselves(visitor: Visitors, api: Api, pump: Pump) -> None:
    buyer = bought(visitor(), api, "A1", "A2")
    expect(buyer.page.locator(".seat-tickets")).to_contain_text("are being signed")
    buyer.hears("Your tickets are being signed")

    pump.drain()

    tickets = buyer.page.locator(".seat-ticket")
    expect(tickets).to_have_count(2)
    expect(tickets.nth(0)).to_contain_text("Seat A1")
    expect(tickets.nth(1)).to_contain_text("Seat A2")
    for seat in ("A1", "A2"):
        assert CODE.fullmatch(code_of(buyer.page, seat))
    assert code_of(buyer.page, "A1") != code_of(buyer.page, "A2")
    image = buyer.page.get_by_role("img", name="QR code of the ticket for seat A1")
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    buyer.hears("Your tickets are here")


def test_the_list_of_purchases_leads_to_the_same_tickets(visitor: Visitors, api: Api, pump: Pump) -> None:
    buyer = with_tickets(visitor(), api, pump)
    code = code_of(buyer.page, "A1")
    buyer.page.get_by_role("link", name="My tickets", exact=True).click()

    buyer.page.locator(".card-ticket").click()

    expect(buyer.page.locator(".ticket-code")).to_have_text(code)


def test_at_the_door_the_codes_fill_the_screen(visitor: Visitors, api: Api, pump: Pump) -> None:
    buyer = with_tickets(visitor(**PHONE), api, pump, "A1", "A2")
    buyer.presses("show")

    door = buyer.page.locator(".door")
    expect(door.locator(".qr")).to_have_count(2)
    expect(door.locator(".door-code")).to_have_text([code_of(buyer.page, seat) for seat in ("A1", "A2")])
    box = door.locator(".qr").first.bounding_box()
    assert box
    assert box["width"] >= PHONE["viewport"]["width"] * 0.7


def test_who_gives_a_ticket_away_gets_another_and_the_old_one_is_void(visitor: Visitors, api: Api, pump: Pump) -> None:
    buyer = with_tickets(visitor(), api, pump, "A1", "A2")
    old, other = code_of(buyer.page, "A1"), code_of(buyer.page, "A2")

    buyer.presses("give-A1")
    expect(buyer.page.get_by_text("is void at once")).to_be_visible()
    buyer.presses("give-A1")
    expect(buyer.page.locator("[data-seat=A1]")).to_contain_text("This ticket is void")
    expect(buyer.page.locator("[data-seat=A1] .qr")).to_have_count(0)
    assert code_of(buyer.page, "A2") == other
    pump.drain()

    expect(buyer.page.locator("[data-seat=A1] .qr")).to_be_visible()
    expect(buyer.page.locator("[data-seat=A1]")).to_contain_text("those before it for this seat are void")
    new = code_of(buyer.page, "A1")
    assert (new != old, code_of(buyer.page, "A2")) == (True, other)
    assert (
        api.post("/api/tickets/admit", {"gateId": "n", "roomNumber": "A1", "code": old}).body["error"] == "TICKET_VOID"
    )


def test_who_does_not_mean_it_keeps_the_ticket(visitor: Visitors, api: Api, pump: Pump) -> None:
    buyer = with_tickets(visitor(), api, pump)
    code = code_of(buyer.page, "A1")

    buyer.presses("give-A1").presses("keep-A1")

    expect(buyer.button("give-A1")).to_have_text("Give away …")
    assert code_of(buyer.page, "A1") == code
    assert not buyer.sent("POST", "/transfer")


def test_a_ticket_that_was_used_is_not_given_away(visitor: Visitors, api: Api, pump: Pump) -> None:
    buyer = with_tickets(visitor(), api, pump)
    used = {"error": "ALREADY_ADMITTED", "message": "In.", "admittedAt": "2034-02-15T19:00:00Z", "gateId": "n"}
    buyer.page.route("**/transfer", always(409, used))
    code = code_of(buyer.page, "A1")

    buyer.presses("give-A1").presses("give-A1")

    buyer.hears("Somebody has come in with this ticket already")
    expect(buyer.page.locator("[data-seat=A1] .ticket-code")).to_have_text(code)


def test_a_ticket_that_was_used_says_so(visitor: Visitors, api: Api, pump: Pump) -> None:
    buyer = with_tickets(visitor(), api, pump)
    (answered,) = [each.response() for each in buyer.sent("GET", "/tickets") if TICKETS.search(each.url)][-1:]
    assert answered
    used = [{**one, "admittedAt": "2034-02-15T19:00:00Z"} for one in answered.json()["tickets"]]
    buyer.page.route(TICKETS, changing(tickets=used))

    buyer.page.reload()

    expect(buyer.page.locator(".seat-ticket")).to_contain_text("Used on")
    expect(buyer.button("give-A1")).to_have_count(0)


def test_tickets_of_a_cancelled_screening_are_shown_as_void(
    visitor: Visitors, api: Api, pump: Pump, tmp_path: Path
) -> None:
    session_id = api.schedule(movieTitle="Brazil")
    buyer = visitor().opens_screening(session_id).holds("A1").presses("pay")
    expect(buyer.page.locator(".ticket")).to_be_visible()
    pump.drain()
    expect(buyer.page.locator(".seat-ticket")).to_be_visible()
    before = calendar_of(buyer, tmp_path / "before.ics")
    assert main(["cancel", session_id, "--yes", "--stage", STAGE]) == 0
    pump.drain()

    buyer.page.reload()

    expect(buyer.page.locator(".ticket-void")).to_be_visible()
    expect(buyer.page.locator(".seat-ticket")).to_have_count(0)
    after = calendar_of(buyer, tmp_path / "after.ics")
    assert (before["UID"], before["STATUS"], before["SEQUENCE"]) == (after["UID"], "CONFIRMED", 0)
    assert (after["STATUS"], after["SEQUENCE"]) == ("CANCELLED", 1)


def calendar_of(buyer: Visitor, path: Path) -> Any:
    with buyer.page.expect_download() as downloaded:
        buyer.presses("calendar")
    assert downloaded.value.suggested_filename.endswith(".ics")
    downloaded.value.save_as(path)
    (event,) = icalendar.Calendar.from_ical(path.read_bytes()).walk("VEVENT")
    return event


def test_tickets_that_were_refunded_meanwhile_are_void(visitor: Visitors, api: Api) -> None:
    buyer = visitor()
    buyer.page.route(TICKETS, always(410, {"error": "TICKET_VOID", "message": "Void.", "reason": "refunded"}))
    bought(buyer, api)

    expect(buyer.page.locator(".seat-tickets")).to_contain_text("These tickets are void")


def test_tickets_that_take_long_are_not_asked_for_for_ever(visitor: Visitors, api: Api) -> None:
    buyer = visitor()
    buyer.page.clock.install()
    bought(buyer, api)
    expect(buyer.page.locator(".seat-tickets")).to_contain_text("are being signed")

    for _ in range(MOST_TRIES - 1):
        with buyer.page.expect_response(TICKETS):
            buyer.page.clock.run_for(PAUSE_MS)

    expect(buyer.page.locator(".seat-tickets")).to_contain_text("take longer than usual")
    with buyer.page.expect_response(TICKETS):
        buyer.presses("tickets-again")


def test_on_paper_each_ticket_says_what_it_is_for_and_nothing_is_to_be_pressed(
    visitor: Visitors, api: Api, pump: Pump
) -> None:
    buyer = with_tickets(visitor(color_scheme="dark"), api, pump, "A1", "A2")

    buyer.page.emulate_media(media="print")

    for ticket in buyer.page.locator(".seat-ticket").all():
        expect(ticket.locator(".printed-only")).to_be_visible()
        expect(ticket.locator(".printed-only")).to_contain_text("Brazil")
        expect(ticket.locator(".printed-only")).to_contain_text("Room A1")
        expect(ticket.locator(".qr")).to_be_visible()
    for button in buyer.page.get_by_role("button").all():
        expect(button).to_be_hidden()
    assert (
        buyer.page.locator(".ticket").evaluate("paper => getComputedStyle(paper).backgroundColor")
        == "rgb(255, 253, 251)"
    )
