"""`make load` has seats for all who come, refuses to load strangers, and finds an oversell in the tables."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from benchmarks.load import __main__ as command
from benchmarks.load import generators
from benchmarks.load.mixes import MIXES, PROFILES, Mix, Profile
from benchmarks.load.plan import Plan, Tokens, schedule_screenings, screenings_needed
from benchmarks.load.result import OUTCOMES, STEPS, Result, printed
from benchmarks.load.system import refuse_other_hosts
from benchmarks.load.tables import Audit
from infra.local.serving import serve
from infra.processes import CannotRunError
from infra.races.crowd import UnexpectedAnswer
from infra.races.final_state import FOREVER_MS, Booking, Entry, FinalState, Seat

A1 = Seat("screening", "A1")
LAPTOP = PROFILES["laptop"]
SCRIPTS = {name: (Path(generators.__file__).parent / name).read_text() for name in ("k6.js", "locustfile.py")}


def sale(reservation: str, created_ms: int = 1) -> Booking:
    return Booking(
        reservation, "screening", "user", (A1,), "confirmed", f"sale-{reservation}", created_ms, created_ms + 1000
    )


def state(*bookings: Booking, owner: str = "res-1") -> FinalState:
    return FinalState({A1: Entry(owner, f"sale-{owner}", FOREVER_MS)}, list(bookings), read_at_ms=5000)


def plan(mix: str = "on-sale") -> Plan:
    return Plan(mix, MIXES[mix], LAPTOP.scenario(MIXES[mix]), LAPTOP.thresholds(MIXES[mix]), ["http://api"], ["one"])


# The tables


def test_tables_in_which_each_seat_has_one_sale_are_right() -> None:
    found = Audit.of(state(sale("res-1")), told_sold=1)

    assert (found.sold, found.seats_sold, found.oversold, found.faults) == (1, 1, [], [])


def test_a_planted_second_sale_of_a_seat_is_found() -> None:
    found = Audit.of(state(sale("res-1"), sale("res-2", created_ms=2)), told_sold=2)

    assert found.oversold == ["screening A1"]
    assert "A1 is booked twice" in found.faults


def test_a_sale_that_a_buyer_was_told_of_and_no_table_has_is_found() -> None:
    assert Audit.of(state(sale("res-1")), told_sold=2).faults == ["buyers were told of 2 sales, and the tables have 1"]


def test_a_sale_whose_answer_was_lost_is_none_of_the_faults() -> None:
    assert Audit.of(state(sale("res-1")), told_sold=0).faults == []


def test_a_sale_of_which_the_row_knows_nothing_is_found() -> None:
    assert Audit.of(state(sale("res-2")), told_sold=1).faults


# The plan


@pytest.mark.parametrize("profile", PROFILES.values())
def test_a_checkout_has_seats_for_every_arrival(profile: Profile) -> None:
    mix, arrivals = MIXES["checkout"], profile.arrivals(MIXES["checkout"])

    assert screenings_needed(mix, arrivals) * mix.seats >= arrivals * mix.seats_at_once


def test_an_on_sale_is_of_one_screening_that_sells_out() -> None:
    mix = MIXES["on-sale"]

    assert screenings_needed(mix, 10**6) == 1
    assert PROFILES["aws"].arrivals(mix) > mix.seats


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_rows_are_full_and_a_hold_fits_into_one(mix: Mix) -> None:
    assert mix.seats % mix.seats_per_row == 0
    assert 1 <= mix.seats_at_once <= min(mix.seats_per_row, 8)


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_arrivals_come_at_a_rate_that_does_not_wait_for_answers(mix: Mix) -> None:
    scenario = PROFILES["aws"].scenario(mix)

    assert scenario["executor"] == "ramping-arrival-rate"
    assert scenario["stages"][-1]["target"] * mix.requests == pytest.approx(10_000, abs=mix.requests)
    assert set(PROFILES["aws"].thresholds(mix)) >= {"failed_share", "look_ms"}


def test_the_script_reads_from_the_plan_what_the_plan_has() -> None:
    made = plan().as_json()
    read = {
        name: re.findall(rf"(?:plan\.|PLAN\[\"){name}\b", SCRIPTS["k6.js"] + SCRIPTS["locustfile.py"]) for name in made
    }

    assert [
        name for name, places in read.items() if not places and name not in ("mix", "sessions", "urls", "buyers")
    ] == []
    assert set(re.findall(r"\bmix\.(\w+)", SCRIPTS["k6.js"])) <= set(made["mix"])
    assert set(re.findall(r"MIX\[\"(\w+)\"\]", SCRIPTS["locustfile.py"])) <= set(made["mix"])


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_both_scripts_count_the_same_outcomes_and_steps(script: str) -> None:
    assert all(f'"{name}"' in script for name in (*OUTCOMES, *STEPS))


class Api(BaseHTTPRequestHandler):
    """Schedules whatever an operator asks for; anybody else is refused."""

    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(self.path)
        is_operator = self.headers["Authorization"] == "Bearer operator's"
        body = b'{"sessionId": "one"}' if is_operator else b'{"error": "FORBIDDEN"}'
        self.send_response(201 if is_operator else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


def test_screenings_are_scheduled_below_the_targets_path_and_by_an_operator() -> None:
    with serve(HTTPServer(("127.0.0.1", 0), Api)) as url:
        assert schedule_screenings(f"{url}/stage", MIXES["on-sale"], 10, "operator's") == ["one"]
        with pytest.raises(UnexpectedAnswer, match=r"403 .*FORBIDDEN"):
            schedule_screenings(f"{url}/stage", MIXES["on-sale"], 10)

    assert Api.asked == ["/stage/api/sessions"] * 2


def test_tokens_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    file.write_text(json.dumps({"operator": "o", "buyers": [{"id": "b", "token": "t"}]}))

    assert replace(plan(), tokens=Tokens.read(file)).as_json()["buyers"] == [{"id": "b", "token": "t"}]


# The command


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost/api", "http://[::1]:8000"])
def test_this_machine_may_be_loaded(url: str) -> None:
    refuse_other_hosts(url, agreed=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://example.com\\@127.0.0.1",
        "ftp://127.0.0.1",
        "example.com",
        "",
    ],
)
def test_another_machine_is_loaded_only_by_whoever_agreed(url: str) -> None:
    with pytest.raises(CannotRunError, match="YES=1"):
        refuse_other_hosts(url, agreed=False)

    refuse_other_hosts(url, agreed=True)


@pytest.mark.parametrize("given", [{"RATE": "401"}, {"SECONDS": "601"}])
def test_a_laptops_load_is_bounded(given: dict[str, str]) -> None:
    with pytest.raises(CannotRunError, match="at most"):
        command.chosen_profile(command.parse([], given))


def test_options_come_from_make() -> None:
    options = command.parse([], {"MIX": "browse", "RATE": "10", "YES": "1"})

    assert (options.mix, command.chosen_profile(options).requests_per_second, options.yes) == ("browse", 10, "1")


def exit_status(crossed: Sequence[str], audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    measured = Result(1.0, dict.fromkeys(OUTCOMES, 1), {}, crossed=crossed)
    return command.show(command.parse([], {}), measured, audit)


def test_a_crossed_threshold_or_a_fault_in_the_tables_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Audit.of(state(sale("res-1")), told_sold=1)
    wrong = Audit.of(state(sale("res-1"), sale("res-2", created_ms=2)), told_sold=2)

    assert exit_status([], right, tmp_path, monkeypatch) == 0
    assert exit_status(["hold_ms p(95)<2000"], right, tmp_path, monkeypatch) == 1
    assert exit_status([], wrong, tmp_path, monkeypatch) == 1
    assert json.loads((tmp_path / "on-sale-k6.json").read_text())["tables"]["oversold"] == ["screening A1"]


def test_the_table_tells_outcomes_apart() -> None:
    outcomes = {"accepted": 50, "held": 20, "sold": 10, "refused": 7, "limited": 2, "failed": 1}
    steps = {"hold": {"count": 27, "p50": 1.0, "p95": 2.0, "p99": 3.0, "max": 4.0}}
    lines = printed(Result(2.0, outcomes, steps)).splitlines()

    assert "30/s" in next(line for line in lines if line.lstrip().startswith("all"))
    assert {line.split()[0]: int(line.split()[1]) for line in lines[-6:]} == outcomes
