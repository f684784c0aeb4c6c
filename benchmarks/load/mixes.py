"""The mixes of buyers, and how many of them come: one table for k6, for Locust and for the comparison.

A mix says what one arrival does; a profile how many arrive. k6.js and locustfile.py play what `plan.py` writes of both.
"""

from dataclasses import dataclass
from typing import Any

PRE_ALLOCATED_SHARE = 2
"""Virtual users at the start, for each arrival a second: enough where a whole arrival takes two seconds."""


@dataclass(frozen=True, slots=True)
class Mix:
    """The behaviour of one arrival."""

    about: str
    buys: bool
    """False for one that only looks."""
    requests: float
    """Requests of an arrival, while there are seats. Rates are said in requests; k6 counts arrivals."""
    screenings: int = 0
    """Of 0, there are as many as the arrivals need: nobody is refused."""
    seats: int = 2000
    seats_per_row: int = 20
    seats_at_once: int = 3
    """The largest number of seats of one hold. They lie side by side."""
    looks: float = 0.0
    """The share of buyers who look at the seat map first. The others ask for the seats that all want."""
    pays: float = 1.0
    """The share of holders who pay. Of the rest, half give the seats back, and half let them lapse."""
    attempts: int = 1
    """How often a refused buyer asks, each time for other seats."""


MIXES = {
    "on-sale": Mix(
        about="all want seats of one screening at once; it sells out",
        buys=True,
        requests=3.0,
        screenings=1,
        seats=1000,
        looks=0.5,
        pays=0.8,
        attempts=3,
    ),
    "browse": Mix(about="programme, screening and seat map; nobody buys", buys=False, requests=1.0, screenings=8),
    "checkout": Mix(
        about="hold, pay, look at the purchases; there are seats for all", buys=True, requests=3.0, seats_at_once=2
    ),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """The amount of load, and its thresholds."""

    about: str
    requests_per_second: int
    ramp_seconds: int
    """The time until the full rate is reached."""
    seconds: int
    """The time at the full rate."""
    most_requests_per_second: int
    """What RATE may ask for."""
    hold_p95_ms: int
    look_p95_ms: int
    failed_share: float
    """The greatest share of requests with an unexpected answer, or none."""

    def arrivals_per_second(self, mix: Mix) -> int:
        return max(1, round(self.requests_per_second / mix.requests))

    def arrivals(self, mix: Mix) -> int:
        """Counts all arrivals. Those of the ramp come at half the rate on average."""
        return round(self.arrivals_per_second(mix) * (self.ramp_seconds / 2 + self.seconds)) + 1

    def scenario(self, mix: Mix) -> dict[str, Any]:
        """Makes k6's scenario: arrivals come at their rate, however slow the answers are."""
        rate = self.arrivals_per_second(mix)
        return {
            "executor": "ramping-arrival-rate",
            "exec": "buy" if mix.buys else "browse",
            "startRate": 1,
            "timeUnit": "1s",
            "preAllocatedVUs": PRE_ALLOCATED_SHARE * rate,
            "maxVUs": 4 * PRE_ALLOCATED_SHARE * rate,
            "stages": [
                {"duration": f"{self.ramp_seconds}s", "target": rate},
                {"duration": f"{self.seconds}s", "target": rate},
            ],
            "gracefulStop": "30s",
        }

    def thresholds(self, mix: Mix) -> dict[str, list[str]]:
        """Makes k6's thresholds. A crossed one fails the run."""
        common = {"failed_share": [f"rate<={self.failed_share}"], "look_ms": [f"p(95)<{self.look_p95_ms}"]}
        return {**common, "hold_ms": [f"p(95)<{self.hold_p95_ms}"]} if mix.buys else common


PROFILES = {
    "laptop": Profile(
        about="what two processors, the emulator and k6 manage together",
        requests_per_second=60,
        ramp_seconds=3,
        seconds=20,
        most_requests_per_second=400,
        hold_p95_ms=2000,
        look_p95_ms=2000,
        failed_share=0.0,
    ),
    "aws": Profile(
        about="10,000 requests a second for a deployment, from a machine or several near it",
        requests_per_second=10_000,
        ramp_seconds=120,
        seconds=300,
        most_requests_per_second=20_000,
        hold_p95_ms=300,
        look_p95_ms=200,
        failed_share=0.0001,
    ),
}
