"""From a purchase to its invoice, which is there some seconds after the sale."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, Route, expect

from infra.local.pump import Pump
from tests.browser.conftest import Visitors
from tests.browser.visitor import Visitor
from tests.http_api import Api

INVOICE = "/api/reservations/res-"
MOST_TRIES = 15
PAUSE_MS = 2000
A_MINUTE_MS = 60_000
MUCH_LATER = {"Retry-After": "60"}


def bought(buyer: Visitor, api: Api) -> Visitor:
    buyer.opens_screening(api.schedule(movieTitle="Brazil")).holds("A1", "A2").presses("pay")
    expect(buyer.page.locator(".ticket")).to_be_visible()
    return buyer


def pdf_instead_of_the_way_to_it(route: Route) -> None:
    if route.request.is_navigation_request():
        route.fulfill(body="The PDF.", content_type="text/plain")
    else:
        route.continue_()


def invoice_tab(buyer: Visitor) -> Page:
    with buyer.page.context.expect_page() as opened:
        buyer.page.get_by_role("link", name="Invoice (PDF) for Brazil, A1 and A2").click()
    return opened.value


def requests_for_an_invoice(visitor: Visitor) -> list[Request]:
    """Lists the visitor's requests for an invoice, of all tabs. Leaves out those for signed tickets."""
    return [each for each in visitor.sent("GET", INVOICE) if urlsplit(each.url).path.endswith("/invoice")]


def test_an_invoice_that_is_still_being_made_says_so_and_opens_by_itself(
    visitor: Visitors, api: Api, pump: Pump
) -> None:
    """Where that leads to, a PDF in S3, is seen in tests/e2e: closing a tab with Chromium's viewer may never end."""
    buyer = bought(visitor(), api)
    buyer.page.context.route(re.compile(INVOICE), pdf_instead_of_the_way_to_it)
    tab = invoice_tab(buyer)
    expect(tab.get_by_role("heading", level=1)).to_have_text("Invoice (PDF)")
    expect(tab.locator("[role=status]")).to_contain_text("Your invoice is being made")

    pump.drain()

    expect(tab.locator("body")).to_have_text("The PDF.")
    assert re.search(rf"{INVOICE}[\w-]+/invoice$", tab.url)
    expect(buyer.page.locator(".ticket")).to_be_visible()


def test_each_purchase_in_the_list_leads_to_its_invoice(visitor: Visitors, api: Api) -> None:
    buyer = bought(visitor(), api)
    buyer.page.get_by_role("link", name="My tickets", exact=True).click()

    tab = invoice_tab(buyer)

    expect(tab.locator("[role=status]")).to_contain_text("Your invoice is being made")
    [asked, *_] = requests_for_an_invoice(buyer)
    assert re.fullmatch(r".*/api/reservations/res-[\w-]+/invoice", asked.url)


def test_an_invoice_that_takes_long_is_not_asked_for_for_ever(visitor: Visitors, api: Api) -> None:
    buyer = bought(visitor(), api)
    tab = buyer.in_another_tab()
    tab.page.clock.install()
    tab.opens(f"{buyer.page.url.removeprefix(f'{buyer.base_url}/')}/invoice")
    tab.hears("Your invoice is being made")

    for _ in range(MOST_TRIES - 1):
        with tab.page.expect_response("**/invoice"):  # its time-out, too, would come nearer with a clock that is moved
            tab.page.clock.run_for(PAUSE_MS)
    expect(tab.page.locator("main")).to_contain_text("takes longer than usual")
    tab.page.clock.run_for(A_MINUTE_MS)
    assert len(requests_for_an_invoice(tab)) == MOST_TRIES
    tab.presses("again")

    tab.hears("Your invoice is being made")


def test_when_the_invoice_can_not_be_asked_for_the_reason_is_told_and_a_way_on(visitor: Visitors, api: Api) -> None:
    buyer = bought(visitor(), api)
    refusal = {"error": "RATE_LIMITED", "message": "Too often."}
    buyer.page.context.route("**/invoice", lambda route: route.fulfill(status=429, json=refusal, headers=MUCH_LATER))

    tab = invoice_tab(buyer)
    expect(tab.get_by_text("That was a lot at once")).to_have_count(2)  # to be seen and to be heard
    buyer.page.context.unroute("**/invoice")
    tab.get_by_role("button", name="Try again").click()

    expect(tab.locator("[role=status]")).to_contain_text("Your invoice is being made")


def test_without_a_connection_no_tab_is_opened_and_it_is_said_why(visitor: Visitors, api: Api) -> None:
    buyer = bought(visitor(), api)
    buyer.page.context.set_offline(True)
    expect(buyer.page.locator("#offline")).to_be_visible()

    buyer.page.get_by_role("link", name="Invoice (PDF)").click()

    buyer.hears("You are offline")
    assert len(buyer.page.context.pages) == 1


def test_the_invoice_of_somebody_elses_sale_is_not_looked_for(visitor: Visitors) -> None:
    stranger = visitor().opens("#/tickets/sale-unknown/invoice")

    expect(stranger.page.locator("main")).to_contain_text("This ticket is not among yours.")
    assert stranger.sent("GET", INVOICE) == []
