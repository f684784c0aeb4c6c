"""The plan of one run: whom the buyers ask, for what, how fast. k6.js and locustfile.py read it as JSON."""

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from benchmarks.load.mixes import Mix
from infra.races import crowd

SCREENING = {"movieTitle": "Oppenheimer", "startTime": "2034-02-15T19:00:00Z", "roomNumber": "A1", "ticketPrice": 25.0}

ANSWER_SECONDS = 30.0
"""The longest wait for a screening: a function may have to start."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The access tokens of the buyers, where access control is on. Without tokens each request has a new buyer."""

    operator: str = ""
    buyers: Sequence[Mapping[str, str]] = ()
    """Each has `id`, which is the token's subject, and `token`."""

    @classmethod
    def read(cls, path: Path) -> "Tokens":
        """Reads a file of the form {"operator": "…", "buyers": [{"id": "…", "token": "…"}]}."""
        known = json.loads(path.read_text())
        return cls(known["operator"], known["buyers"])


NOBODY = Tokens()


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a load generator needs to know."""

    name: str
    mix: Mix
    scenario: Mapping[str, Any]
    """The executor's part, in k6's words. Locust reads its rate and its seconds."""
    thresholds: Mapping[str, Sequence[str]]
    urls: Sequence[str]
    sessions: Sequence[str]
    tokens: Tokens = NOBODY
    pays_by_gateway: bool = False
    """True where a client's word for a payment does not count: see PAYMENTS_CONFIRMED_BY."""
    family: str = field(default_factory=lambda: f"load-{uuid.uuid4().hex[:8]}")
    """The beginning of all user ids and idempotency keys of this run."""

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.as_json()))

    def as_json(self) -> dict[str, Any]:
        mix = self.mix
        return {
            "name": self.name,
            "mix": {
                "buys": mix.buys,
                "sharesOut": mix.buys and not mix.screenings,
                "seats": mix.seats,
                "seatsPerRow": mix.seats_per_row,
                "seatsAtOnce": mix.seats_at_once,
                "looks": mix.looks,
                "pays": mix.pays,
                "attempts": mix.attempts,
            },
            "scenario": self.scenario,
            "thresholds": self.thresholds,
            "urls": self.urls,
            "sessions": self.sessions,
            "buyers": self.tokens.buyers,
            "paysByGateway": self.pays_by_gateway,
            "family": self.family,
        }


def screenings_needed(mix: Mix, arrivals: int) -> int:
    """Counts the screenings: those of the mix, or as many as have seats for all arrivals."""
    if mix.screenings or not mix.buys:
        return mix.screenings
    holds_of_a_screening = (mix.seats // mix.seats_per_row) * (mix.seats_per_row // mix.seats_at_once)
    return math.ceil(arrivals / holds_of_a_screening)


def schedule_screenings(url: str, mix: Mix, arrivals: int, operator_token: str = "") -> list[str]:
    """Schedules the screenings of a run and gives their ids. Raises UnexpectedAnswer; HTTPError without an answer."""
    body = {**SCREENING, "totalSeats": mix.seats, "seatsPerRow": mix.seats_per_row}
    headers = {"Authorization": f"Bearer {operator_token}"} if operator_token else {}
    ids = list[str]()
    with urllib3.PoolManager(timeout=ANSWER_SECONDS) as http:
        for _ in range(screenings_needed(mix, arrivals)):
            answer = http.request("POST", f"{url}/api/sessions", json=body, headers=headers, retries=False)
            if answer.status != 201:
                raise crowd.UnexpectedAnswer(f"{answer.status} {answer.data.decode(errors='replace')[:500]}")
            ids.append(str(answer.json()["sessionId"]))
    return ids
