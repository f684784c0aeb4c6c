"""Plays a mix with Locust, as k6.js does with k6: the plan is the file PLAN, the result goes to the file RESULT.

Runs in .venv-load, so it imports nothing of ours. Arrivals come at the plan's rate for as long as its seconds: each
user begins one a second. Thresholds are k6's only.
"""

import itertools
import json
import os
import random
import re
import statistics
import string
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import gevent
from locust import HttpUser, LoadTestShape, constant_throughput, events, task

PLAN = json.loads(Path(os.environ["PLAN"]).read_text())
MIX, SESSIONS, URLS, BUYERS = PLAN["mix"], PLAN["sessions"], PLAN["urls"], PLAN["buyers"]
STAGES = PLAN["scenario"]["stages"]
RATE = STAGES[-1]["target"]
SECONDS = [int(stage["duration"].removesuffix("s")) for stage in STAGES]
PATIENCE = 5

turns, visitors = itertools.count(), itertools.count()
outcomes: Counter[str] = Counter()
times: dict[str, list[float]] = defaultdict(list)
began = time.monotonic()


class Ramp(LoadTestShape):  # type: ignore[misc] # Locust is installed elsewhere, and has no types here
    """A load shape with as many users as arrivals a second."""

    def tick(self) -> tuple[int, float] | None:
        if self.get_run_time() > sum(SECONDS):
            return None
        return RATE, RATE / max(SECONDS[0], 1)


def row_name(index: int) -> str:
    return ("" if index < 26 else row_name(index // 26 - 1)) + string.ascii_uppercase[index % 26]


def own_seats(turn: int) -> tuple[str, list[str]]:
    """Gives a screening and seats of it that no other buyer of this run asks for first."""
    blocks_per_row = MIX["seatsPerRow"] // MIX["seatsAtOnce"]
    blocks = MIX["seats"] // MIX["seatsPerRow"] * blocks_per_row
    row, place = divmod(turn % blocks, blocks_per_row)
    first = place * MIX["seatsAtOnce"] + 1
    seats = [f"{row_name(row)}{first + number}" for number in range(MIX["seatsAtOnce"])]
    return SESSIONS[turn // blocks % len(SESSIONS)], seats


def blind_seats() -> list[str]:
    length = random.randint(1, MIX["seatsAtOnce"])
    row = row_name(random.randrange(MIX["seats"] // MIX["seatsPerRow"]))
    first = random.randint(1, MIX["seatsPerRow"] - length + 1)
    return [f"{row}{first + number}" for number in range(length)]


def free_seats(seat_map: Any) -> list[str]:
    """Gives a free seat and its free neighbours; none where all are taken."""
    free = [seat["number"] for seat in seat_map["seats"] if seat["status"] == "available"]
    if not free:
        return []
    start = random.randrange(len(free))
    row = re.sub(r"\d+$", "", free[start])
    wanted = free[start : start + random.randint(1, MIX["seatsAtOnce"])]
    return [seat for seat in wanted if re.sub(r"\d+$", "", seat) == row]


class Visitor(HttpUser):  # type: ignore[misc] # as above
    """A Locust user that plays one arrival after the other, each as another buyer."""

    host = URLS[0]
    wait_time = constant_throughput(1)

    def on_start(self) -> None:
        self.client.base_url = URLS[next(visitors) % len(URLS)]

    @task  # type: ignore[untyped-decorator] # as above
    def arrive(self) -> None:
        turn = next(turns)
        buyer = BUYERS[turn % len(BUYERS)] if BUYERS else {"id": f"{PLAN['family']}-{turn}", "token": ""}
        if MIX["buys"]:
            self.buy(buyer, turn)
        else:
            session = random.choice(SESSIONS)
            paths = ("/api/sessions", f"/api/sessions/{session}", f"/api/sessions/{session}/seats")
            self.ask(buyer, "look", "GET", random.choice(paths))

    def ask(self, buyer: Any, step: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Asks once, and counts how it ended."""
        headers |= {"Authorization": f"Bearer {buyer['token']}"} if buyer["token"] else {}
        started = time.perf_counter()
        with self.client.request(
            method, path, json=body, headers=headers, name=step, catch_response=True, timeout=10
        ) as answer:
            times[step].append((time.perf_counter() - started) * 1000)
            answer.success()
        outcomes[outcome_of(answer.status_code)] += 1
        return answer

    def buy(self, buyer: Any, turn: int) -> None:
        for attempt in range(MIX["attempts"]):
            session, seats = own_seats(turn) if MIX["sharesOut"] else self.choose(buyer)
            if not seats:
                return
            key = {"Idempotency-Key": f"{PLAN['family']}-{turn}-{attempt}"}
            body = {"sessionId": session, "userId": buyer["id"], "seatNumbers": seats}
            held = self.ask(buyer, "hold", "POST", "/api/reservations", body, **key)
            if held.status_code == 201:
                outcomes["held"] += 1
                self.decide(buyer, held.json()["reservationId"])
            if held.status_code != 409:
                return

    def choose(self, buyer: Any) -> tuple[str, list[str]]:
        session = random.choice(SESSIONS)
        if random.random() >= MIX["looks"]:
            return session, blind_seats()
        seen = self.ask(buyer, "look", "GET", f"/api/sessions/{session}/seats")
        return session, free_seats(seen.json()) if seen.status_code == 200 else []

    def decide(self, buyer: Any, reservation: str) -> None:
        """Pays; or gives the seats back; or walks away, and they lapse."""
        if random.random() < MIX["pays"]:
            self.pay(buyer, reservation)
        elif random.random() < 0.5:
            self.ask(buyer, "give_back", "DELETE", f"/api/reservations/{reservation}")

    def pay(self, buyer: Any, reservation: str) -> None:
        path, transaction = f"/api/reservations/{reservation}", f"tx-{reservation}"
        if PLAN["paysByGateway"]:
            transaction = self.ask(buyer, "start_payment", "POST", f"{path}/payment").json()["paymentId"]
        body = {"paymentMethod": "credit_card", "transactionId": transaction}
        for _ in range(PATIENCE):
            paid = self.ask(buyer, "pay", "POST", f"{path}/confirm", body)
            if paid.status_code == 200:
                outcomes["sold"] += 1
                self.ask(buyer, "purchases", "GET", f"/api/users/{buyer['id']}/purchases")
            if paid.status_code != 402:
                return
            gevent.sleep(float(paid.headers.get("Retry-After", 1)))


def outcome_of(status: int) -> str:
    """Names the outcome of a status; 0 stands for no answer."""
    if 200 <= status < 300:
        return "accepted"
    return {402: "refused", 409: "refused", 410: "refused", 429: "limited"}.get(status, "failed")


def _told(measured: list[float]) -> dict[str, float]:
    at = statistics.quantiles(measured, n=100, method="inclusive") if len(measured) > 1 else measured * 99
    return {"count": len(measured), "p50": at[49], "p95": at[94], "p99": at[98], "max": max(measured)}


@events.quitting.add_listener  # type: ignore[untyped-decorator] # as above
def write_result(**_: Any) -> None:
    names = ("accepted", "held", "sold", "refused", "limited", "failed")
    result = {
        "seconds": time.monotonic() - began,
        "outcomes": {name: outcomes[name] for name in names},
        "steps": {step: _told(measured) for step, measured in times.items()},
    }
    Path(os.environ["RESULT"]).write_text(json.dumps(result))
