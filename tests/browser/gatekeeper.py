"""Somebody at a gate, and the tickets that come to it."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import segno
from playwright.sync_api import Locator, expect

from chalicelib.infrastructure.clock import utc_now
from infra.local.pump import Pump
from tests.browser.visitor import PHONE, Visitor
from tests.http_api import Api
from tests.integration.conftest import drain_until

SOON = timedelta(minutes=30)

Ticket = dict[str, Any]


@dataclass(frozen=True)
class Screening:
    """A screening in a room of its own."""

    api: Api
    pump: Pump
    room: str
    id: str

    @classmethod
    def soon(cls, api: Api, pump: Pump, **changes: Any) -> "Screening":
        room = f"Room {uuid.uuid4().hex[:8]}"
        start = (utc_now() + SOON).isoformat()
        return cls(api, pump, room, api.schedule(**{"startTime": start, "roomNumber": room, **changes}))

    def sell(self, *seats: str) -> tuple[str, list[Ticket]]:
        """Sells seats in one purchase. Gives the reservation's id, and its signed tickets."""
        reservation_id = self.api.hold(self.id, *seats, user=f"user-{uuid.uuid4()}").body["reservationId"]
        assert self.api.confirm(reservation_id).status == 200
        return reservation_id, self.tickets_of(reservation_id)

    def tickets_of(self, reservation_id: str) -> list[Ticket]:
        path = f"/api/reservations/{reservation_id}/tickets"
        drain_until(self.pump, lambda: self.api.get(path).status == 200)
        tickets: list[Ticket] = self.api.get(path).body["tickets"]
        return tickets

    def transfer(self, reservation_id: str, ticket: Ticket) -> Ticket:
        """Transfers a ticket. Gives the one in its place."""
        new = self.api.post(f"/api/tickets/{ticket['code']}/transfer", {}).body["code"]
        return next(each for each in self.tickets_of(reservation_id) if each["code"] == new)

    def listed(self) -> list[Ticket]:
        tickets: list[Ticket] = self.api.get(f"/api/sessions/{self.id}/tickets?limit=100").body["tickets"]
        return tickets

    def admitted_by(self, ticket: Ticket) -> str | None:
        """Gives the gate that the cinema knows to have let this ticket in."""
        return next(each.get("gateId") for each in self.listed() if each["code"] == ticket["code"])


@dataclass
class Gatekeeper(Visitor):
    """A visitor at /gate, with a phone unless told otherwise."""

    def stands_at(self, name: str, *rooms: str) -> "Gatekeeper":
        """Chooses the gate and its rooms, and waits for its lists."""
        self.opens("gate")
        self.page.locator("#gate-name").fill(name)
        for room in rooms:
            self.page.get_by_label(room, exact=True).check()
        self.presses("start")
        return self.has_its_lists()

    def has_its_lists(self) -> "Gatekeeper":
        expect(self.status).to_contain_text("List of")
        return self

    def types(self, text: str) -> "Gatekeeper":
        """Types a code or a token, and waits for the verdict on it."""
        self.page.locator("#typed").fill(text)
        self.presses("admit")
        expect(self.page.locator("#typed")).to_have_value("")
        expect(self.page.locator(".verdict-place[aria-busy]")).to_have_count(0)
        return self

    def sees_verdict(self, kind: str, *words: str) -> None:
        expect(self.verdict).to_have_attribute("data-verdict", kind)
        for each in words:
            expect(self.verdict).to_contain_text(each)

    def loses_the_network(self) -> "Gatekeeper":
        self.page.context.set_offline(True)
        expect(self.status).to_contain_text("Without the cinema")
        return self

    def finds_the_network(self) -> "Gatekeeper":
        self.page.context.set_offline(False)
        expect(self.status).to_contain_text("In touch")
        return self

    def has_told_all(self) -> "Gatekeeper":
        expect(self.status).to_have_attribute("data-untold", "0")
        return self

    def asked_to_admit(self) -> list[dict[str, Any]]:
        """Gives the bodies of the page's requests to admit a ticket."""
        return [json.loads(each.post_data or "{}") for each in self.sent("POST", "/api/tickets/admit")]

    @property
    def status(self) -> Locator:
        return self.page.locator("#status")

    @property
    def verdict(self) -> Locator:
        return self.page.locator(".verdict")

    @property
    def conflict(self) -> Locator:
        return self.page.locator("[data-conflict]")


def forged(token: str) -> str:
    """Gives a token of the same form whose signature is wrong."""
    place = 100
    return token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]


def filmed(text: str, path: Path) -> Path:
    """Writes a film of a QR code, as Chromium takes it in the place of a camera: YUV4MPEG2, grey, some frames."""
    width, height, scale = 640, 480, 8
    dots = segno.make_qr(text, error="m").matrix_iter(border=4)
    rows = [b"".join((b"\x10" if dark else b"\xeb") * scale for dark in row) for row in dots]
    margin = b"\xeb" * ((width - len(rows[0])) // 2)
    lines = [margin + row + margin for row in rows for _ in range(scale)]
    blank = b"\xeb" * width
    above = (height - len(lines)) // 2
    luma = b"".join([*[blank] * above, *lines, *[blank] * (height - above - len(lines))])
    frame = b"FRAME\n" + luma + b"\x80" * (width * height // 2)
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 10)
    return path


def closed(keepers: Iterable[Gatekeeper]) -> list[str]:
    """Closes the browsers, and lists their errors."""
    faults = []
    for each in keepers:
        each.page.unroute_all(behavior="ignoreErrors")
        each.page.context.close()
        faults += each.faults
    return faults


AT_A_GATE: dict[str, Any] = dict(PHONE)
