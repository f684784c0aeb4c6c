"""Schedules a programme through the real API, 4 films in 4 rooms for 3 days: `python -m infra.local.seed [URL]`.

Screenings that exist already are left alone, so a second run adds nothing. Where access control is on, TOKEN is an
operator's token.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

DAYS = 3
TIMEOUT_SECONDS = 30
PAGE = 100


@dataclass(frozen=True, slots=True)
class Slot:
    """A film's room and hour on each coming day."""

    title: str
    room: str
    seats: int
    seats_per_row: int
    price: float
    starts: time


SLOTS = (
    Slot("Oppenheimer", "R1", 120, 12, 32.00, time(19, 0)),
    Slot("Ainda Estou Aqui", "R2", 96, 12, 28.00, time(20, 30)),
    Slot("Central do Brasil", "R3", 80, 10, 24.50, time(18, 15)),
    Slot("O Menino e o Mundo", "R4", 60, 10, 19.90, time(15, 0)),
)


class SeedError(Exception):
    """The API refused a screening of the programme. The message has the API's answer."""


@dataclass(frozen=True, slots=True)
class Programme:
    """The screenings of the coming days, and how many of them were added."""

    added: int
    first_session_id: str
    """The earliest screening's id."""
    screenings: int

    def __str__(self) -> str:
        if not self.added:
            return f"all {self.screenings} screenings were on already, nothing added"
        films, rooms = len({slot.title for slot in SLOTS}), len({slot.room for slot in SLOTS})
        return f"{self.added} of {self.screenings} screenings added ({films} films, {rooms} rooms)"


def add_programme(base_url: str, now: datetime | None = None, token: str = "") -> Programme:
    """Schedules the missing screenings of the coming days. `token` is an operator's, if access control is on.

    Raises SeedError.
    """
    now = now or datetime.now(UTC)
    wanted = sorted((_screening(slot, day) for day in _coming_days(now) for slot in SLOTS), key=_start_of)
    present = {_identity_of(session): session["sessionId"] for session in _read_programme(base_url, now)}
    missing = [screening for screening in wanted if _identity_of(screening) not in present]
    for screening in missing:
        present[_identity_of(screening)] = _call_api(f"{base_url}/api/sessions", screening, token)["sessionId"]
    return Programme(len(missing), present[_identity_of(wanted[0])], len(wanted))


def _coming_days(now: datetime) -> list[datetime]:
    return [now + timedelta(days=day) for day in range(1, DAYS + 1)]


def _screening(slot: Slot, day: datetime) -> dict[str, Any]:
    """Makes the request that schedules this slot's screening of one day."""
    return {
        "movieTitle": slot.title,
        "startTime": datetime.combine(day, slot.starts, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "roomNumber": slot.room,
        "totalSeats": slot.seats,
        "seatsPerRow": slot.seats_per_row,
        "ticketPrice": slot.price,
    }


def _start_of(screening: dict[str, Any]) -> str:
    return str(screening["startTime"])


def _identity_of(session: dict[str, Any]) -> tuple[str, datetime, str]:
    """Gives film, start and room, which identify a screening."""
    return session["movieTitle"], datetime.fromisoformat(session["startTime"]), session["roomNumber"]


def _read_programme(base_url: str, since: datetime) -> Iterator[dict[str, Any]]:
    """Reads all screenings from a moment on, page by page."""
    query = {"limit": str(PAGE), "from": since.strftime("%Y-%m-%dT%H:%M:%SZ")}
    while True:
        page = _call_api(f"{base_url}/api/sessions?{urllib.parse.urlencode(query)}")
        yield from page["sessions"]
        if not page.get("nextCursor"):
            return
        query["cursor"] = page["nextCursor"]


def _call_api(url: str, body: dict[str, Any] | None = None, token: str = "") -> dict[str, Any]:
    """Posts the body as JSON, or gets without one; gives the answer. Raises SeedError."""
    data = json.dumps(body).encode() if body else None
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - the caller's URL
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 - the same
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        with error:
            raise SeedError(f"{url} answered {error.code}: {error.read().decode(errors='replace')}") from error
    except OSError as error:
        raise SeedError(f"{url} can not be reached: {error}. Is the API running?") from error


def main(arguments: Sequence[str]) -> None:
    if len(arguments) > 1:
        sys.exit("usage: python -m infra.local.seed [URL]")
    base_url = arguments[0].rstrip("/") if arguments else "http://127.0.0.1:8000"
    try:
        print(f"Programme: {add_programme(base_url, token=os.environ.get('TOKEN', ''))}")
    except SeedError as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main(sys.argv[1:])
