"""Signing in on the page, with the local identity provider: the hold on the way, every device, renewal, the board."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from infra.local.identity_provider import Person, Provider, run_provider
from infra.local.pump import Pump
from tests.access import Cinema
from tests.browser.visitor import Visitor
from tests.conftest import ApiServers
from tests.http_api import SCREENING
from tests.tokens import OPERATOR, Forger

SOON_SECONDS = 30
"""A token that ends so soon is renewed with the next request."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with run_provider(Provider(algorithm="EdDSA")) as provider:
        yield provider


@pytest.fixture(scope="module")
def cinema(api_servers: ApiServers, provider: Provider) -> Cinema:
    settings = {"AUTH": "on", "AUTH_ISSUER": provider.issuer, "AUTH_CLIENT_ID": provider.client_id}
    server = api_servers(1, AUTH_SIGN_IN_URL=provider.issuer, **settings)[0]
    return Cinema(server, Forger(provider)).with_screening()


@dataclass
class Guest(Visitor):
    def signs_in(self, name: str = "ana", role: str = "buyer") -> "Guest":
        """Fills in the provider's page, which the page has led to."""
        self.page.get_by_label("Who are you?").fill(name)
        self.page.locator(f"button[value={role}]").click()
        self.page.wait_for_url(f"{self.base_url}/**")
        return self

    def is_signed_in(self) -> None:
        expect(self.page.locator("#account")).to_have_text("Sign out")

    @property
    def account(self) -> str:
        return str(self.page.locator("#account").text_content())


@pytest.fixture
def short_tokens(provider: Provider) -> Iterator[None]:
    usual, provider.access_seconds = provider.access_seconds, SOON_SECONDS
    yield
    provider.access_seconds = usual


Guests = Callable[[], Guest]


@pytest.fixture
def guest(browser: Browser, cinema: Cinema) -> Iterator[Guests]:
    guests: list[Guest] = []

    def make() -> Guest:
        made = Guest.with_own_profile(browser, cinema.base_url)
        made.provider = cinema.forger.provider.issuer
        guests.append(made)
        return made

    yield make
    for each in guests:
        each.page.unroute_all(behavior="ignoreErrors")
        each.page.context.close()
    assert [fault for each in guests for fault in each.faults] == []


def free_seats(cinema: Cinema, count: int) -> list[str]:
    seats = cinema.ask("GET", f"/api/sessions/{cinema.session_id}/seats").body["seats"]
    return [seat["number"] for seat in seats if seat["status"] == "available"][:count]


def test_a_hold_survives_the_way_to_the_sign_in_and_back(guest: Guests, cinema: Cinema) -> None:
    (seat,) = free_seats(cinema, 1)
    buyer = guest().opens_screening(cinema.session_id)
    buyer.chooses(seat).presses("hold")

    buyer.signs_in("ana")

    buyer.sees_held(seat)
    assert "code=" not in buyer.page.url
    buyer.presses("pay")
    expect(buyer.page.locator(".ticket")).to_contain_text(seat)
    owner = Person("buyer", "ana").subject
    mine = cinema.as_user(Person("buyer", "ana"), "GET", "/api/users/me/purchases").body
    assert (mine["userId"], mine["purchases"][0]["seats"]) == (owner, [seat])


def test_what_is_public_is_asked_for_without_a_name_so_that_a_cache_may_answer(guest: Guests, cinema: Cinema) -> None:
    (seat,) = free_seats(cinema, 1)
    buyer = guest().opens_screening(cinema.session_id)
    buyer.chooses(seat).presses("hold")
    buyer.signs_in("dora").sees_held(seat)
    buyer.opens("#/tickets")
    buyer.page.wait_for_load_state("networkidle")

    asked = [request for request in buyer.requests if "/api/" in request.url and request.method == "GET"]
    named = {request.url for request in asked if "authorization" in request.headers}
    assert {url for url in named if "/api/sessions" in url} == set()
    assert any("/seats" in request.url for request in asked)
    assert any("/purchases" in url for url in named)


def test_tickets_are_the_same_on_every_device_on_which_one_signs_in(guest: Guests, cinema: Cinema) -> None:
    (seat,) = free_seats(cinema, 1)
    phone, laptop, stranger = guest(), guest(), guest()
    phone.opens_screening(cinema.session_id).chooses(seat).presses("hold")
    phone.signs_in("bea").sees_held(seat)
    phone.presses("pay")
    expect(phone.page.locator(".ticket")).to_contain_text(seat)

    laptop.opens("#/tickets").presses("sign-in")
    laptop.signs_in("bea")
    expect(laptop.page.locator(".card-ticket")).to_contain_text(seat)
    stranger.opens("#/tickets").presses("sign-in")
    stranger.signs_in("eve")
    expect(stranger.page.locator(".empty h1")).to_be_visible()
    expect(stranger.page.locator(".card-ticket")).to_have_count(0)


def bought(buyer: Guest, cinema: Cinema, name: str, pump: Pump) -> str:
    """Buys a free seat as somebody who signs in for it, and waits for its ticket. Gives the seat."""
    (seat,) = free_seats(cinema, 1)
    buyer.opens_screening(cinema.session_id).chooses(seat).presses("hold")
    buyer.signs_in(name).sees_held(seat)
    buyer.presses("pay")
    expect(buyer.page.locator(".ticket")).to_contain_text(seat)
    pump.drain()
    expect(buyer.page.locator(".seat-ticket .qr")).to_be_visible()
    return seat


def on_another_device(guest: Guests, name: str) -> Guest:
    other = guest().opens("#/tickets").presses("sign-in").signs_in(name)
    other.page.locator(".card-ticket").first.click()
    return other


def test_what_the_second_device_gives_away_is_void_on_the_first(guest: Guests, cinema: Cinema, pump: Pump) -> None:
    phone = guest()
    seat = bought(phone, cinema, "gil", pump)
    code = phone.page.locator(".ticket-code").inner_text()
    laptop = on_another_device(guest, "gil")
    expect(laptop.page.locator(".ticket-code")).to_have_text(code)

    laptop.presses(f"give-{seat}").presses(f"give-{seat}")
    expect(laptop.page.locator(".seat-ticket")).to_contain_text("This ticket is void")
    pump.drain()
    expect(laptop.page.locator(".seat-ticket .qr")).to_be_visible()
    new = laptop.page.locator(".ticket-code").inner_text()
    phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as who takes it out of the pocket

    expect(phone.page.locator(".ticket-code")).to_have_text(new)
    assert new != code
    phone.hears("Your tickets have changed")


def test_tickets_and_calendars_are_the_buyers_only(guest: Guests, cinema: Cinema, pump: Pump, tmp_path: Path) -> None:
    phone, stranger = guest(), guest()
    bought(phone, cinema, "hal", pump)
    with phone.page.expect_download() as saved:
        phone.presses("calendar")
    saved.value.save_as(tmp_path / "saved.ics")
    assert "STATUS:CONFIRMED" in (tmp_path / "saved.ics").read_text()

    stranger.opens(f"#{urlsplit(phone.page.url).fragment}").presses("sign-in").signs_in("eve")

    expect(stranger.page.locator(".empty h1")).to_have_text("This ticket is not among yours")
    assert not stranger.sent("GET", "/api/reservations/")
    asked = {urlsplit(each.url).path for each in phone.sent("GET", "/api/reservations/")}
    assert {path.rpartition("/")[2] for path in asked} == {"tickets", "calendar"}
    for path in asked:
        assert cinema.as_user(Person("buyer", "eve"), "GET", path).status == 404


def test_a_reload_forgets_the_tokens_and_the_hold_goes_on_after_signing_in_again(guest: Guests, cinema: Cinema) -> None:
    (seat,) = free_seats(cinema, 1)
    buyer = guest().opens_screening(cinema.session_id)
    buyer.chooses(seat).presses("hold")
    buyer.signs_in("carla").sees_held(seat)
    buyer.page.evaluate("sessionStorage.removeItem('cinema-signed-in-at')")  # as if it had been a while ago
    assert buyer.page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})").find("eyJ") == -1

    buyer.page.reload()
    buyer.signs_in("carla")

    buyer.sees_held(seat)


def test_a_token_is_renewed_before_it_ends_and_each_refresh_token_serves_once(
    guest: Guests, short_tokens: None
) -> None:
    buyer = guest().opens("#/tickets").presses("sign-in").signs_in("dora")
    expect(buyer.page.locator(".empty h1")).to_be_visible()

    for _ in range(2):
        buyer.page.get_by_role("link", name="Programme", exact=True).first.click()
        with buyer.page.expect_response(lambda answer: "/purchases" in answer.url) as answered:
            buyer.page.get_by_role("link", name="My tickets", exact=True).click()
        assert answered.value.status == 200

    bodies = [each.post_data or "" for each in buyer.requests if each.url.endswith("/oauth2/token")]
    renewals = [body for body in bodies if "grant_type=refresh_token" in body]
    assert len(renewals) >= 2
    assert len(set(renewals)) == len(renewals)
    buyer.is_signed_in()


def test_signing_out_forgets_who_it_was(guest: Guests) -> None:
    buyer = guest().opens("#/tickets").presses("sign-in")
    buyer.signs_in("finn")
    expect(buyer.page.locator("#account")).to_have_text("Sign out")

    buyer.page.locator("#account").click()

    expect(buyer.page.locator("#account")).to_have_text("Sign in")
    buyer.opens("#/tickets")
    expect(buyer.button("sign-in")).to_be_visible()


def test_the_board_is_for_operators(guest: Guests, cinema: Cinema) -> None:
    operator, buyer = guest(), guest()
    for visitor, role in ((operator, "operator"), (buyer, "buyer")):
        visitor.opens("operations").presses("sign-in")
        visitor.signs_in("olga", role)

    expect(operator.page.locator(".tile-row")).to_be_visible()
    expect(buyer.page.locator(".empty")).to_contain_text("not as an operator")
    assert cinema.as_user(OPERATOR, "GET", "/api/operations").status == 200


def test_the_gates_page_is_for_gates(guest: Guests, cinema: Cinema) -> None:
    gate, buyer = guest(), guest()
    room = cinema.ask("GET", f"/api/sessions/{cinema.session_id}").body["roomNumber"]
    chosen = {"gate": {"name": "north", "rooms": [room]}}
    tonight = {**SCREENING, "startTime": (datetime.now(UTC) + timedelta(minutes=30)).isoformat()}
    assert cinema.as_user(OPERATOR, "POST", "/api/sessions", tonight).status == 201
    for visitor, role in ((gate, "gate"), (buyer, "buyer")):
        visitor.page.add_init_script(f"localStorage['cinema-tickets'] = '{json.dumps(chosen)}'")
        visitor.opens("gate")
        expect(visitor.page.locator("#status")).to_contain_text("Sign in as a gate")
        assert visitor.asked_for("/tickets?limit=100") == 0, "it asks for nothing that it would not be given"
        visitor.presses("sign-in")
        visitor.signs_in("gustavo", role)

    expect(gate.page.locator("#status")).to_contain_text("List of")
    gate.page.locator("#typed").fill("ZZZZ-ZZZZ")
    gate.presses("admit")
    expect(gate.page.locator(".verdict")).to_have_attribute("data-verdict", "unknown")
    expect(buyer.page.locator("#status")).to_contain_text("not as a gate")


def test_an_answer_that_was_not_asked_for_signs_nobody_in(guest: Guests, cinema: Cinema) -> None:
    """A link with a code of somebody else's would sign the buyer in as that person."""
    buyer = guest().opens("?code=of-somebody&state=not-ours#/tickets")

    expect(buyer.button("sign-in")).to_be_visible()
    assert not buyer.sent("POST", "/oauth2/token")
    assert "code=" not in buyer.page.url


def test_the_way_to_the_sign_in_has_no_barriers(guest: Guests) -> None:
    visitor = guest().opens("#/tickets")
    expect(visitor.button("sign-in")).to_be_visible()

    assert visitor.barriers() == []
