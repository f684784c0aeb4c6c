"""A screening starts at a local time of its cinema: that is the time that everybody is told, wherever they are."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.stubs import by_a_clock
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
    by_a_clock(reader.page, datetime(2096, 2, 14, 20, tzinfo=UTC))  # at the cinema it is the 15th already

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


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_browser_whose_clock_is_wrong_shows_what_is_on_by_the_servers(
    visitor: Visitors, api: Api, hours: int
) -> None:
    now = datetime.now(UTC)
    begun, coming = (api.schedule(startTime=(now + timedelta(minutes=minutes)).isoformat()) for minutes in (-150, 150))
    reader = visitor()
    reader.page.clock.install(time=now + timedelta(hours=hours))

    reader.opens()

    expect(reader.page.locator(f"[data-key=card-{coming}]")).to_be_visible()
    expect(reader.page.locator(f"[data-key=card-{begun}]")).to_have_count(0)


def test_a_programme_that_lies_open_over_night_has_another_today(visitor: Visitors, tokyo: Api) -> None:
    tokyo.schedule(startTime=AFTER_MIDNIGHT, movieTitle="Over night")
    reader = visitor(tokyo.base_url, timezone_id=CINEMA)
    reader.page.clock.install()
    by_a_clock(reader.page, datetime(2096, 2, 15, 14, 59, tzinfo=UTC))
    reader.opens()
    day = reader.page.locator(".day").filter(has_text="Over night").locator("h2")
    expect(day).to_contain_text("Tomorrow")
    reader.page.unroute_all()
    by_a_clock(reader.page, datetime(2096, 2, 15, 15, 1, tzinfo=UTC))

    reader.page.clock.run_for(31_000)

    expect(day).to_contain_text("Today")


@pytest.mark.parametrize(
    "languages", ["['en-US@posix']", "['de', 'en_US']", "undefined", "[]", "['*', null, 7, '']"], ids=str
)
def test_whatever_a_browser_says_of_its_languages_the_page_speaks(visitor: Visitors, api: Api, languages: str) -> None:
    session_id = api.schedule()
    reader = visitor()
    reader.page.add_init_script(
        f"Object.defineProperty(navigator, 'languages', {{ get: () => {languages} }});"
        f"Object.defineProperty(navigator, 'language', {{ get: () => ({languages} ?? [])[0] }});"
    )

    reader.opens_screening(session_id).chooses("A1")

    expect(reader.button("hold")).to_have_text("Hold this seat")
    expect(reader.page.locator(".when time")).to_contain_text("Feb")


@pytest.mark.parametrize(
    "kept", ["[]", "7", '"x"', '{"holds": 7, "language": 3, "theme": {}}', '{"holds": [{"key": 1}]}']
)
def test_whatever_lies_in_the_browsers_store_the_page_opens(visitor: Visitors, api: Api, kept: str) -> None:
    session_id = api.schedule()
    reader = visitor()
    reader.page.add_init_script(f"localStorage.getItem('seen') ?? localStorage.setItem('cinema-tickets', `{kept}`)")

    reader.opens_screening(session_id).holds("A1")


def test_an_afternoon_is_written_as_the_language_writes_it(visitor: Visitors, tokyo: Api) -> None:
    session_id = tokyo.schedule(startTime="2096-02-15T06:00:00Z")  # three in the afternoon there

    for locale, words in (("en-US", "3:00 PM"), ("en-GB", "15:00"), ("pt-BR", "15:00")):
        reader = visitor(tokyo.base_url, locale=locale, timezone_id=CINEMA).opens_screening(session_id)
        expect(reader.page.locator(".when time")).to_have_text(re.compile(rf"(^|\s){words}$"))
