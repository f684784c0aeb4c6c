"""The hall is drawn for its size: everything at a glance, then closer, by whatever the reader has at hand."""

import os
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.visitor import DESKTOP, PHONE, Visitor
from tests.effort import mostly_thorough
from tests.http_api import Api

LARGEST: dict[str, Any] = {"totalSeats": 2000, "seatsPerRow": 50}
ON_ITS_SIDE: dict[str, Any] = {**PHONE, "viewport": {"width": 720, "height": 360}}
WINDOWS = {"desk": DESKTOP, "phone": PHONE, "phone on its side": ON_ITS_SIDE}
FINGER_PX = 22
SLOW_PHONE = 4
"""By how much the processor is slowed down: as developers' tools do it for a phone of the middle class."""
FRAME_MS = 100
BUSY = 1.25
"""Processes that wait for each core, beyond which no time says anything about the page."""

VIEW = "document.querySelector('.hall-view')"


def size_of(reader: Visitor, seat: str) -> float:
    box = reader.seat(seat).bounding_box()
    assert box
    return box["width"]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    "hall", mostly_thorough([LARGEST, {"totalSeats": 16}, {"totalSeats": 400, "seatsPerRow": 10}], 3), ids=str
)
def test_all_of_a_hall_is_seen_at_a_glance(visitor: Visitors, api: Api, window: str, hall: dict[str, int]) -> None:
    reader = visitor(**WINDOWS[window]).opens_screening(api.schedule(**hall))

    assert reader.page.evaluate(f"(v => [v.scrollWidth - v.clientWidth, v.scrollHeight - v.clientHeight])({VIEW})") == [
        0,
        0,
    ]
    view = reader.page.locator(".hall-view").bounding_box()
    first, last = (reader.page.locator("[role=gridcell]").nth(number).bounding_box() for number in (0, -1))
    assert view
    assert first
    assert last
    assert view["height"] <= reader.page.viewport_size["height"]  # type: ignore[index]
    assert first["x"] >= view["x"]
    assert last["y"] + last["height"] <= view["y"] + view["height"]
    assert reader.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_widest_hall_takes_all_of_a_desk_and_its_overview_shows_where_one_is(visitor: Visitors, api: Api) -> None:
    reader = visitor(**DESKTOP).opens_screening(api.schedule(**LARGEST))
    stage, seats = (reader.page.locator(each).bounding_box() for each in (".stage", ".seats"))
    assert stage
    assert seats
    assert seats["width"] > 0.8 * stage["width"]
    expect(reader.page.locator(".overview")).to_be_hidden()

    whole = size_of(reader, "A1")
    reader.presses("zoom-in").presses("zoom-in")

    assert size_of(reader, "A1") > 2 * whole
    expect(reader.page.locator(".overview")).to_be_visible()
    at = reader.page.evaluate(f"{VIEW}.scrollLeft")
    reader.page.locator(".overview canvas").click(position={"x": 2, "y": 2})
    assert reader.page.evaluate(f"{VIEW}.scrollLeft") < at
    reader.presses("zoom-whole")
    assert size_of(reader, "A1") == pytest.approx(whole, abs=0.1)


def test_the_row_letters_stay_at_the_edge_and_nothing_shows_beside_them(visitor: Visitors, api: Api) -> None:
    reader = visitor(**PHONE).opens_screening(api.schedule(**LARGEST))
    for _ in range(4):
        reader.presses("zoom-in")

    covers = reader.page.evaluate(
        f"""() => {{
          const view = {VIEW}.getBoundingClientRect();
          const covering = (x) => document.elementFromPoint(view.x + x, view.y + 60).closest('.row-names');
          return [2, 8, 14].map((x) => covering(x) !== null);
        }}"""
    )
    assert covers == [True, True, True]


def test_a_wheel_comes_closer_where_it_points_and_lets_the_page_scroll_at_the_end(visitor: Visitors, api: Api) -> None:
    reader = visitor(**DESKTOP).opens_screening(api.schedule(**LARGEST))
    box = reader.seat("J25").bounding_box()
    assert box
    reader.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    for _ in range(3):
        reader.page.mouse.wheel(0, -120)
        reader.page.wait_for_function(f"() => {VIEW}.scrollWidth > {VIEW}.clientWidth")

    closer = reader.seat("J25").bounding_box()
    assert closer
    assert closer["width"] > 1.5 * box["width"]
    assert abs(closer["x"] + closer["width"] / 2 - box["x"] - box["width"] / 2) < closer["width"]
    reader.presses("zoom-whole")
    reader.page.mouse.move(box["x"], box["y"])
    reader.page.mouse.wheel(0, 120)
    reader.page.wait_for_function("() => scrollY > 0")


def test_two_fingers_come_closer(visitor: Visitors, api: Api) -> None:
    reader = visitor(**PHONE).opens_screening(api.schedule(**LARGEST))
    before = size_of(reader, "A1")
    box = reader.page.locator(".hall-view").bounding_box()
    assert box
    x, y = box["x"] + 150, box["y"] + 100
    touch = reader.page.context.new_cdp_session(reader.page)

    def fingers(kind: str, apart: int) -> None:
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}] if kind != "touchEnd" else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 20)
    for apart in (40, 60, 80):
        fingers("touchMove", apart)
    fingers("touchEnd", 0)

    reader.page.wait_for_function(f"() => {VIEW}.scrollWidth > {VIEW}.clientWidth")
    assert size_of(reader, "A1") > 3 * before


def test_a_finger_that_can_not_tell_two_seats_apart_comes_closer_and_chooses_then(visitor: Visitors, api: Api) -> None:
    reader = visitor(**PHONE).opens_screening(api.schedule(**LARGEST))
    expect(reader.page.locator(".hall-hint")).to_be_visible()

    reader.seat("J25").tap(force=True)

    reader.sees("J25", "free")
    assert size_of(reader, "J25") >= FINGER_PX
    expect(reader.seat("J25")).to_be_in_viewport()
    expect(reader.page.locator(".overview")).to_be_visible()
    reader.seat("J25").tap()
    reader.sees("J25", "chosen")


def test_the_keyboard_comes_closer_and_who_has_the_focus_is_seen_with_the_ring_around_it(
    visitor: Visitors, api: Api
) -> None:
    reader = visitor(**DESKTOP).opens_screening(api.schedule(**LARGEST))
    reader.seat("A1").focus()
    before = size_of(reader, "A1")

    for key in ("+", "+", "+", "Control+End", "Home"):
        reader.page.keyboard.press(key)

    expect(reader.seat("AN1")).to_be_focused()
    assert size_of(reader, "AN1") > 2 * before
    inside = reader.page.evaluate(
        f"""() => {{
          const ring = 5;
          const [seat, view] = [document.activeElement, {VIEW}].map((each) => each.getBoundingClientRect());
          const names = document.querySelector('.row-names').getBoundingClientRect();
          return seat.left - ring >= names.right && seat.bottom + ring <= view.bottom;
        }}"""
    )
    assert inside
    reader.page.keyboard.press("0")
    assert size_of(reader, "A1") == pytest.approx(before, abs=0.1)


def test_on_a_phone_on_its_side_hall_and_panel_stand_beside_each_other(visitor: Visitors, api: Api) -> None:
    reader = visitor(**ON_ITS_SIDE).opens_screening(api.schedule(totalSeats=120, seatsPerRow=12)).chooses("A1")
    stage, panel = (reader.page.locator(each).bounding_box() for each in (".stage", ".panel"))

    assert stage
    assert panel
    assert stage["x"] + stage["width"] <= panel["x"]
    expect(reader.seat("A1")).to_be_in_viewport()
    expect(reader.button("hold")).to_be_in_viewport()


def test_two_thousand_seats_stay_below_a_tenth_of_a_second_a_frame_on_a_slow_phone(visitor: Visitors, api: Api) -> None:
    """Each step sixteen times, of which the quickest counts: the machine may have other things to do."""
    reader = visitor(**PHONE).opens_screening(api.schedule(**LARGEST))
    reader.page.context.new_cdp_session(reader.page).send("Emulation.setCPUThrottlingRate", {"rate": SLOW_PHONE})
    frame = """() => new Promise((done) => requestAnimationFrame(() => {
      const began = performance.now();
      STEP;
      requestAnimationFrame(() => { const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => done(performance.now() - began); port2.postMessage(0); });
    }))"""
    steps = {
        "come closer": "document.querySelector('[data-key=zoom-in]').click()",
        "move": f"{VIEW}.scrollBy(40, 40)",
        "choose": "document.querySelector('[data-seat=T' + (1 + (window.turn = (window.turn ?? 0) + 1)) + ']').click()",
        "see all": "document.querySelector('[data-key=zoom-whole]').click()",
    }
    taken: dict[str, list[float]] = {step: [] for step in steps}
    for _ in range(16):
        for step, script in steps.items():
            taken[step].append(reader.page.evaluate(frame.replace("STEP", script)))

    slow = {step: min(times) for step, times in taken.items() if min(times) >= FRAME_MS}
    if slow and (load := os.getloadavg()[0]) > BUSY * (os.cpu_count() or 1):
        pytest.skip(f"the machine is too busy (load {load:.1f}) to time frames: {slow}")
    assert slow == {}
