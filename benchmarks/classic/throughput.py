"""The same buyers before both designs, in turn: as many as they take, then at a rate that both can keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.classic.sides import Side
from benchmarks.frame.run import Run
from benchmarks.load.generators import generate_load
from benchmarks.load.mixes import MIXES, Mix
from benchmarks.load.plan import Plan, schedule_screenings

BUSY_BUYERS, SECONDS = 12, 5
"""Buyers of a busy round, each of whom begins again at once; and the length of each part of a round."""
STEADY_REQUESTS = 24
"""Requests a second of a steady round."""
MOST_ARRIVALS = 2000
"""Of a round: for so many a checkout has seats."""
COMPARED = {**MIXES, "on-sale": replace(MIXES["on-sale"], seats=200)}
"""The mixes. The on-sale's screening is small enough to sell out in a round, so that most are refused, as in life."""
STEP = {"on-sale": "hold", "browse": "look", "checkout": "hold"}
"""The step whose times are shown, for each mix."""


@dataclass(frozen=True, slots=True)
class Round:
    """The result of one mix of requests, played on one design."""

    side: str
    mix: str
    pace: str
    """busy or steady"""
    requests_per_second: float
    outcomes: Mapping[str, int]
    steps: Mapping[str, Mapping[str, float]]
    sold: int
    oversold: int
    faults: Sequence[str]


def scenario(mix: Mix, pace: str) -> dict[str, Any]:
    """Makes k6's scenario of a round."""
    common = {"exec": "buy" if mix.buys else "browse", "gracefulStop": "15s"}
    if pace == "busy":
        return {**common, "executor": "constant-vus", "vus": BUSY_BUYERS, "duration": f"{SECONDS}s"}
    rate = {"rate": round(STEADY_REQUESTS / mix.requests), "timeUnit": "1s", "duration": f"{SECONDS}s"}
    return {**common, **rate, "executor": "constant-arrival-rate", "preAllocatedVUs": 40, "maxVUs": 80}


def play_round(side: Side, mix_name: str, pace: str, scratch: Path) -> Round:
    """Plays a mix on new screenings of the design and counts its tables. Raises CannotRunError, UnexpectedAnswer."""
    mix = COMPARED[mix_name]
    sessions = schedule_screenings(side.urls[0], mix, MOST_ARRIVALS)
    plan = Plan(f"{mix_name}-{pace}", mix, scenario(mix, pace), {}, side.urls, sessions)
    measured = generate_load("k6", plan, SECONDS, scratch)
    counted = side.count(sessions, measured.outcomes["sold"])
    return Round(
        side=side.name,
        mix=mix_name,
        pace=pace,
        requests_per_second=measured.requests_per_second,
        outcomes=measured.outcomes,
        steps=measured.steps,
        sold=counted.sold,
        oversold=counted.oversold,
        faults=counted.faults,
    )


def play_rounds(run: Run, sides: Sequence[Side], rounds: int, seconds_for_the_rest: float) -> list[Round]:
    """Plays all mixes before each design in turn, the other one first each time, while there is time."""
    played = list[Round]()
    for number in range(rounds):
        for pace in ("busy", "steady"):
            for mix in COMPARED:
                if run.seconds_left() < seconds_for_the_rest and number:
                    run.leave_out(f"round {number + 1} of {rounds} from {mix}, {pace} on: no time")
                    return played
                pair = sides if number % 2 else tuple(reversed(sides))
                made = [play_round(side, mix, pace, run.scratch) for side in pair]
                played += made
                told = ", ".join(f"{each.side} {each.requests_per_second:.0f}/s" for each in made)
                run.say(f"round {number + 1}, {mix}, {pace}: {told}")
    return played
