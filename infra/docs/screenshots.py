"""Takes the pictures of the pages in docs/img from the real application: `python -m infra.docs.screenshots`."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from chalicelib.infrastructure.clock import utc_now
from infra.cloud import deploy
from infra.cloud.deploying.stacks import DeploymentError
from infra.command import as_command
from infra.local import emulator, seed
from infra.local.pump import Pump, PumpError
from infra.local.redis_server import run_redis
from infra.local.tools import browser
from infra.processes import ROOT, CannotRunError, say
from infra.races import instances
from tests.http_api import Api

if TYPE_CHECKING:
    from playwright.sync_api import Page

PICTURES = ROOT / "docs" / "img"
STAGE = "local"
CINEMA = "America/Sao_Paulo"
HALL: dict[str, Any] = {
    "movieTitle": "Central do Brasil",
    "startTime": "2027-02-20T22:30:00Z",
    "roomNumber": "3",
    "totalSeats": 120,
    "seatsPerRow": 12,
    "ticketPrice": 28.00,
}
DOORS_ARE_OPEN = timedelta(minutes=40)
"""The time until the screening at the gate begins."""
DESKTOP: dict[str, Any] = {"viewport": {"width": 1200, "height": 924}, "color_scheme": "light", "locale": "en-GB"}
PHONE = {"viewport": {"width": 390, "height": 884}, "color_scheme": "dark", "locale": "pt-BR", "has_touch": True}
AT_THE_DOOR = {**PHONE, "color_scheme": "light", "locale": "en-GB"}
SEATS = {"seats-desktop.png": DESKTOP, "seats-phone.png": PHONE}
SOLD, HELD = 48, 12
BUYERS, BUY = 260, 0.7
"""The number of buyers in the on-sale that the board shows, and the share of holds that are paid for."""
BOARD_HEIGHT = 1300
DRAIN_SECONDS = 600


@contextmanager
def _run_api() -> Iterator[Api]:
    """Runs one instance of the API, with an emulator and a Redis."""
    with tempfile.TemporaryDirectory() as scratch:
        run_dir = Path(scratch)
        with emulator.run_emulator(run_dir=run_dir) as aws, run_redis(run_dir=run_dir) as redis:
            os.environ.update(emulator.CREDENTIALS, STAGE=STAGE, AWS_ENDPOINT_URL=aws.endpoint, HOLD_SECONDS="30")
            os.environ.update(REDIS_URL=redis, RATE_LIMITS="off", TIME_ZONE=CINEMA)
            deploy.deploy_data(STAGE)
            say(emulator.describe_machine(aws.endpoint, redis))
            with instances.run_instances(1, os.environ, run_dir=run_dir) as [url]:
                yield Api(url)


def _fill_half_a_hall(api: Api) -> str:
    """Schedules a screening, sells about half of its seats and holds some, the same ones each time. Gives its id."""
    session_id = api.schedule(**HALL)
    pairs = [f"{row}{place}" for row in "ABCDEFGHIJ" for place in range(1, 13, 2)]
    random.Random(7).shuffle(pairs)
    for number, first in enumerate(pairs[: (SOLD + HELD) // 2]):
        row, place = first[0], int(first[1:])
        held = api.hold(session_id, first, f"{row}{place + 1}", user=f"user-{number}")
        if number < SOLD // 2:
            api.confirm(held.body["reservationId"])
    return session_id


def _hold_on_page(page: Page, url: str, session_id: str, count: int) -> None:
    """Opens the screening's page. Holds `count` free seats that lie together."""
    page.goto(f"{url}/#/screenings/{session_id}")
    page.wait_for_selector(".screening[data-known=true]")
    for seat in _find_free_neighbours(page, count):
        page.click(f"[role=gridcell][data-seat={seat}]")
    page.click("[data-key=hold]")
    page.wait_for_selector(".panel[data-phase=held]")
    page.mouse.move(0, 0)


def _find_free_neighbours(page: Page, count: int) -> list[str]:
    """Finds `count` free seats that lie together in the middle. Raises CannotRunError when there are none."""
    seats = page.locator("[role=gridcell]").evaluate_all("seats => seats.map(s => [s.dataset.seat, s.dataset.look])")
    names, looks = [name for name, _ in seats], [look for _, look in seats]
    middle = [start for start in range(len(seats)) if start % 12 == 4 and start >= 48]
    start = next((start for start in middle if looks[start : start + count] == ["free"] * count), None)
    if start is None:
        raise CannotRunError(
            f"No {count} free seats lie together in the middle of the hall: choose other seats to sell."
        )
    return names[start : start + count]


def _handle_events() -> None:
    """Handles every event that there is."""
    from app import app  # reads the environment

    Pump(app, f"cinema-{STAGE}").drain(DRAIN_SECONDS)


def _buy_tickets(page: Page, api: Api) -> str:
    """Buys two seats of a screening that begins soon, and waits for their tickets. Gives the code of the first."""
    session_id = api.schedule(**{**HALL, "startTime": (utc_now() + DOORS_ARE_OPEN).isoformat()})
    _hold_on_page(page, api.base_url, session_id, 2)
    page.click("[data-key=pay]")
    page.wait_for_selector(".seat-tickets")
    _handle_events()
    page.wait_for_selector(".seat-ticket .ticket-code")
    return page.locator(".ticket-code").first.inner_text()


def _admit(page: Page, url: str, code: str) -> None:
    """Opens the gate's page, chooses a gate and its room, and lets the holder of a ticket in."""
    page.goto(f"{url}/gate")
    page.fill("#gate-name", "north")
    page.get_by_label(HALL["roomNumber"], exact=True).check()
    page.click("[data-key=start]")
    page.get_by_text("List of").wait_for()
    page.fill("#typed", code)
    page.click("[data-key=admit]")
    page.wait_for_selector(".verdict[data-verdict=admitted]")


def _play_on_sale(api: Api) -> None:
    """Lets BUYERS hold and pay, and handles every event.

    Two messages that nobody can read go to the emails' queue, so that the board has dead letters to show.
    """
    seed.add_programme(api.base_url)
    sessions = [session["sessionId"] for session in api.get("/api/sessions?limit=8").body["sessions"]]
    chance = random.Random(7)
    for number in range(BUYERS):
        seat = f"{chance.choice('ABCDEF')}{chance.randint(1, 10)}"
        held = api.hold(chance.choice(sessions), seat, user=f"buyer-{number}")
        if held.status == 201 and chance.random() < BUY:
            api.confirm(held.body["reservationId"], f"tx-{number}-b")
    sqs = boto3.client("sqs")
    queue = sqs.get_queue_url(QueueName=f"cinema-{STAGE}-email")["QueueUrl"]
    for _ in range(2):
        sqs.send_message(QueueUrl=queue, MessageBody='{"version": 9}')
    _handle_events()


def _open_board(page: Page, url: str) -> None:
    """Opens the operators' board and waits for its figures."""
    page.goto(f"{url}/operations")
    page.wait_for_selector(".tile")
    page.wait_for_selector(".plot svg")


def take_pictures(into: Path) -> list[Path]:
    """Takes all pictures and writes them into the folder. Raises CannotRunError, with the remedy, if there is no
    browser."""
    with browser.run_browser() as chromium, _run_api() as api:

        def open_page(device: dict[str, Any]) -> Page:
            return chromium.new_context(timezone_id=CINEMA, reduced_motion="reduce", **device).new_page()

        seats = [_take_seats(open_page(device), api, into / name) for name, device in SEATS.items()]
        tickets = _take_tickets(open_page(PHONE), open_page(AT_THE_DOOR), api, into)
        _play_on_sale(api)
        return [*seats, *tickets, _take_board(open_page(DESKTOP), api, into / "operations.png")]


def _take_seats(page: Page, api: Api, path: Path) -> Path:
    """Takes the picture of a hall half sold. It is a new one each time: on a slow machine its holds would lapse."""
    _hold_on_page(page, api.base_url, _fill_half_a_hall(api), 3 if path.name == "seats-desktop.png" else 2)
    page.evaluate("scrollTo(0, matchMedia('(width < 60rem)').matches ? 1e6 : 0)")
    page.screenshot(path=path)
    return path


def _take_tickets(buyer: Page, gate: Page, api: Api, into: Path) -> list[Path]:
    """Takes the pictures of a buyer's tickets, and of the gate that lets the first of them in."""
    code = _buy_tickets(buyer, api)
    buyer.locator(".ticket").evaluate("ticket => scrollTo(0, ticket.getBoundingClientRect().top + scrollY - 8)")
    buyer.screenshot(path=into / "tickets-phone.png")
    _admit(gate, api.base_url, code)
    gate.screenshot(path=into / "gate-phone.png")
    return [into / "tickets-phone.png", into / "gate-phone.png"]


def _take_board(page: Page, api: Api, path: Path) -> Path:
    """Takes the upper part of the operators' board."""
    _open_board(page, api.base_url)
    page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": 1200, "height": BOARD_HEIGHT})
    return path


def main(make: Callable[[Path], list[Path]] = take_pictures, into: Path = PICTURES) -> int:
    """Replaces all pictures by new ones, or none if one can't be taken. Raises CannotRunError."""
    from playwright.sync_api import Error as BrowserError

    with tempfile.TemporaryDirectory() as scratch:
        try:
            made = make(Path(scratch))
        except (BrowserError, PumpError, TimeoutError) as error:
            raise CannotRunError(
                f"The pictures are as they were: {error}. Run it again when this machine has less to do."
            ) from error
        into.mkdir(parents=True, exist_ok=True)
        for path in made:
            say(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
            shutil.move(path, into / path.name)
    return 0


if __name__ == "__main__":
    as_command(main, CannotRunError, DeploymentError, seed.SeedError)
