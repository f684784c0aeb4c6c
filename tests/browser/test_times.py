"""A screening starts at a local time of its cinema: that is the time that everybody is told, wherever they are."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.conftest import ApiServers
from tests.http_api import Api

CINEMA = "Asia/Tokyo"
EVENING = "2096-02-15T10:00:00Z"
"""19:00 in Tokyo, 07:00 in São Paulo."""
AFTER_MIDNIGHT = "2096-02-15T16:00:00Z"
"""01:00 of the 16th in Tokyo, 13:00 of the 15th in São Paulo."""


@pytest.fixture(scope="module")
def tokyo(api_servers: ApiServers) -> Api:
    return Api(api_servers(1, TIME_ZONE=CINEMA)[0])


def test_who_lives_by_the_cinemas_clocks_reads_no_zone(visitor: Visitors, tokyo: Api) -> None:
    session_id = tokyo.schedule(startTime=AFTER_MIDNIGHT)

    reader = visitor(tokyo.base_url, timezone_id=CINEMA).opens_screening(session_id)

    expect(reader.page.locator(".when time")).to_have_text("Thu 16 Feb, 01:00")


def test_who_lives_elsewhere_reads_the_cinemas_time_with_its_zone(visitor: Visitors, tokyo: Api) -> None:
    session_id = tokyo.schedule(startTime=AFTER_MIDNIGHT)
    buyer = visitor(tokyo.base_url, timezone_id="America/Sao_Paulo").opens_screening(session_id)

    expect(buyer.page.locator(".when time")).to_have_text("Thu 16 Feb, 01:00 GMT+9")
    expect(buyer.page.locator(".when time")).to_have_attribute("datetime", AFTER_MIDNIGHT)
    buyer.holds("A1").presses("pay")

    expect(buyer.page.locator(".ticket dd").first).to_have_text("Thu 16 Feb, 01:00 GMT+9")
    expect(buyer.page.locator(".ticket-foot")).to_contain_text("GMT+9")


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en-GB", r"Times are the cinema's: Japan .*Time\."),
        ("pt-BR", r"Os horários são os do cinema: Horário .*Japão\."),
    ],
)
def test_the_programme_has_the_cinemas_days_and_names_its_zone_once(
    visitor: Visitors, tokyo: Api, locale: str, words: str
) -> None:
    for number, start in enumerate((EVENING, AFTER_MIDNIGHT)):
        tokyo.schedule(startTime=start, movieTitle=f"{locale} {number}")
    reader = visitor(tokyo.base_url, locale=locale, timezone_id="America/Sao_Paulo")
    reader.page.clock.set_fixed_time("2096-02-14T20:00:00Z")  # at the cinema it is the 15th already

    reader.opens()

    days = reader.page.locator(".day")
    expect(reader.page.locator(".zone")).to_have_text(re.compile(words))
    for number, (day, time) in enumerate(((("Today", "Hoje"), "19:00"), (("Tomorrow", "Amanhã"), "01:00"))):
        card = days.filter(has_text=day[locale == "pt-BR"]).locator(".card", has_text=f"{locale} {number}")
        expect(card.locator("time").first).to_have_text(time)


def test_at_home_the_programme_names_no_zone(visitor: Visitors, tokyo: Api) -> None:
    tokyo.schedule(startTime=EVENING)

    reader = visitor(tokyo.base_url, timezone_id=CINEMA).opens()

    expect(reader.page.locator(".card").first).to_be_visible()
    expect(reader.page.locator(".zone")).to_have_count(0)


def test_a_cinema_without_a_zone_of_its_own_tells_utc(visitor: Visitors, api: Api) -> None:
    api.schedule(startTime=EVENING)

    reader = visitor(timezone_id=CINEMA).opens()

    expect(reader.page.locator(".zone")).to_have_text("Times are the cinema's: UTC.")


def test_another_name_for_the_same_time_is_not_named(visitor: Visitors, tokyo: Api) -> None:
    session_id = tokyo.schedule(startTime=EVENING)

    reader = visitor(tokyo.base_url, timezone_id="Asia/Seoul").opens_screening(session_id)

    expect(reader.page.locator(".when time")).to_have_text("Wed 15 Feb, 19:00")


def test_a_zone_that_the_browser_has_never_heard_of_is_shown_as_utc(visitor: Visitors, tokyo: Api) -> None:
    session_id = tokyo.schedule(startTime=EVENING)
    reader = visitor(tokyo.base_url, timezone_id=CINEMA)
    reader.page.add_init_script(
        "new MutationObserver((_, here) => { const { dataset } = document.documentElement;"
        " if (dataset.timeZone) { dataset.timeZone = 'Moon/Tranquility'; here.disconnect(); } })"
        ".observe(document, { childList: true, subtree: true, attributes: true })"
    )

    reader.opens_screening(session_id)

    expect(reader.page.locator(".when time")).to_have_text("Wed 15 Feb, 10:00 UTC")
