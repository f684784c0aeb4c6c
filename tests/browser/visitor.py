"""Somebody in front of the page: what they do, what they see, and what must never be seen."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 720}, "has_touch": True, "is_mobile": True}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
HERE: dict[str, Any] = {"locale": "en-GB", "timezone_id": "America/Sao_Paulo", "reduced_motion": "reduce"}

REFUSED_BY_THE_API = "Failed to load resource"
"""The browser's own line for each answer of 400 and more, and for each request without one."""


@dataclass
class Visitor:
    page: Page
    base_url: str
    faults: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    provider: str = ""
    """The address of the identity provider, to which the page may go."""

    @classmethod
    def with_own_profile(cls, browser: Browser, base_url: str, **context: Any) -> Self:
        page = browser.new_context(**{**HERE, **DESKTOP, **context}).new_page()
        return cls(page, base_url)._watched()

    def in_another_tab(self) -> Visitor:
        """The same person, with the same profile."""
        return Visitor(self.page.context.new_page(), self.base_url, self.faults)._watched()

    def _watched(self) -> Self:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.context.on("request", self._asked)
        return self

    def _said(self, message: ConsoleMessage) -> None:
        """Violations of the Content-Security-Policy are said here, too."""
        if message.type in ("error", "warning") and not message.text.startswith(REFUSED_BY_THE_API):
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        self.requests.append(request)
        allowed = (f"{self.base_url}/", "data:", *([f"{self.provider}/"] if self.provider else []))
        if not request.url.startswith(allowed):
            self.faults.append(f"request to elsewhere: {request.url}")

    def asked_for(self, path: str) -> int:
        """Counts the requests to the path."""
        return sum(request.url.endswith(path) for request in self.requests)

    # Where they go

    def opens(self, path: str = "") -> Self:
        self.page.goto(f"{self.base_url}/{path}")
        return self

    def opens_screening(self, session_id: str) -> Self:
        self.opens(f"#/screenings/{session_id}")
        expect(self.page.locator(".screening[data-known=true]")).to_be_visible()
        return self

    # What they do

    def chooses(self, *seats: str) -> Self:
        for seat in seats:
            self.seat(seat).click()
        return self

    def holds(self, *seats: str) -> Self:
        """Asks for the seats, and waits until the server has held them."""
        self.chooses(*seats).presses("hold")
        expect(self.panel).to_have_attribute("data-phase", "held")
        return self

    def presses(self, key: str) -> Self:
        self.button(key).click()
        return self

    # What they see

    @property
    def panel(self) -> Locator:
        return self.page.locator(".panel")

    @property
    def notice(self) -> Locator:
        return self.page.locator(".notice")

    @property
    def digits(self) -> Locator:
        return self.page.get_by_role("timer")

    def button(self, key: str) -> Locator:
        return self.page.locator(f"[data-key={key}]")

    def seat(self, seat: str) -> Locator:
        return self.page.locator(f"[role=gridcell][data-seat={seat}]")

    def sees(self, seat: str, look: str) -> None:
        """free, chosen, asking, mine, bought, held or sold."""
        expect(self.seat(seat)).to_have_attribute("data-look", look)

    def sees_held(self, *seats: str) -> None:
        expect(self.panel).to_have_attribute("data-phase", "held")
        for seat in seats:
            self.sees(seat, "mine")

    def hears(self, text: str | re.Pattern[str]) -> None:
        """Waits for a text in one of the two regions that screen readers read out."""
        expect(self.page.locator("[role=status], [role=alert]").filter(has_text=text)).to_have_count(1)

    def sent(self, method: str, path: str) -> list[Request]:
        return [each for each in self.requests if each.method == method and path in each.url]

    def barriers(self) -> list[str]:
        """Lists axe's findings by WCAG 2.2 AA and by good practice, of any weight."""
        findings = Axe().run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
        return [f"{each['impact']} {each['id']}: {each['nodes'][0]['html']}" for each in findings]
