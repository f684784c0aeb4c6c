"""Buyers, each a thread that makes one operation after the other and writes down what it was told."""

import http.client
import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.histories.record import NO_ANSWER, History, Operation
from tests.histories.wires import REPEATED

SEATS, SEATS_PER_ROW = 12, 6
OPERATIONS_OF_A_SCREENING = 160
SCREENINGS_AT_ONCE = 2
TRIES = 4
ANSWER_SECONDS, CROWDED_SECONDS = 12.0, 0.3
NOT_YET_SECONDS = 0.7
"""The pause before a payment that the gateway has not yet told of is confirmed again."""
NAMES = [f"{row}{number}" for row in "AB" for number in range(1, SEATS_PER_ROW + 1)]

OPENS = {"movieTitle": "Oppenheimer", "startTime": "2034-02-15T19:00:00Z", "roomNumber": "A1"}


@dataclass
class Box:
    """What is on now: the screenings that buyers choose from. Old ones make way for new ones."""

    programme: list[str] = field(default_factory=list)
    all: list[str] = field(default_factory=list)
    is_crowded: bool = False
    """True: buyers wait until the relays have caught up."""
    left: dict[str, int] = field(default_factory=dict)
    charged: list[str] = field(default_factory=list)
    """Transactions of all buyers, some of which others try to use."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def needs_screening(self) -> bool:
        with self.lock:
            return len(self.programme) < SCREENINGS_AT_ONCE

    def open(self, session_id: str) -> None:
        with self.lock:
            self.programme.append(session_id)
            self.all.append(session_id)
            self.left[session_id] = OPERATIONS_OF_A_SCREENING

    def use(self, session_id: str) -> None:
        """Counts an operation on the screening; after the last it makes way."""
        with self.lock:
            self.left[session_id] -= 1
            if self.left[session_id] <= 0 and session_id in self.programme:
                self.programme.remove(session_id)


@dataclass
class Buyer:
    """One client. It goes to another instance when one gives no answer."""

    name: str
    instances: Sequence[str]
    chance: random.Random
    box: Box
    history: History
    hold_seconds: float
    stop: threading.Event
    pause_seconds: float = 0.0
    at: int = 0
    made: int = 0
    connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        self.at = self.chance.randrange(len(self.instances))
        while not self.stop.is_set():
            if self.box.is_crowded:
                self.stop.wait(CROWDED_SECONDS)
            elif self.box.needs_screening():
                self._schedule()
            elif programme := list(self.box.programme):
                self._buy(self.chance.choice(programme))
        if self.connection:
            self.connection.close()

    # What buyers do.

    def _schedule(self) -> None:
        body = OPENS | {"totalSeats": SEATS, "seatsPerRow": SEATS_PER_ROW, "ticketPrice": 25.00}
        answer = self._until_known("schedule", "POST", "/api/sessions", body, {}, key=self._new("screening"))
        if answer and answer.status == 201:
            self.box.open(answer.answer["sessionId"])

    def _buy(self, session: str) -> None:
        chance = self.chance.random()
        if chance < 0.12:
            self._ask("seats", "GET", f"/api/sessions/{session}/seats", None, {"session": session})
            return self.box.use(session)
        user, key = self._new("user"), self._new("key")
        seats = self._choose()
        request = {"session": session, "user": user, "key": key, "seats": seats}
        body = {"sessionId": session, "userId": user, "seatNumbers": seats}
        held = self._until_known("hold", "POST", "/api/reservations", body, request, key=key)
        if self.chance.random() < 0.1:
            held = self._ask("hold", "POST", "/api/reservations", body, request, key=key) or held
        if held and held.status == 201:
            self._have(held, user)
        return None

    def _have(self, held: Operation, user: str) -> None:
        """Goes on with a hold."""
        chance, reservation = self.chance.random(), str(held.answer["reservationId"])
        about = {"session": held.request["session"], "reservation": reservation, "user": user}
        if chance < 0.18:
            self._cancel(about)
        elif chance < 0.30:
            pass  # walks away
        else:
            if chance < 0.40:
                self.stop.wait(self.hold_seconds * self.chance.uniform(0.6, 1.3))
            self._pay_and_confirm(about, vanishes=chance > 0.93, steals=0.88 < chance <= 0.93)
        if self.chance.random() < 0.1:
            self._cancel(about)
        if self.chance.random() < 0.4:
            self._ask("reservation", "GET", f"/api/reservations/{reservation}", None, about)

    def _pay_and_confirm(self, about: dict[str, Any], *, vanishes: bool, steals: bool) -> None:
        path = f"/api/reservations/{about['reservation']}"
        paid = self._until_known("pay", "POST", f"{path}/payment", {}, about)
        if vanishes or not paid or paid.status != 201:
            return
        transaction = str(paid.answer["paymentId"])
        with self.box.lock:
            others = [one for one in self.box.charged[-20:] if one != transaction]
            self.box.charged.append(transaction)
        if steals and others:
            transaction = self.chance.choice(others)
        body = {"paymentMethod": "credit_card", "transactionId": transaction}
        asked, deadline = about | {"transaction": transaction}, time.monotonic() + self.hold_seconds
        while True:
            answer = self._until_known("confirm", "POST", f"{path}/confirm", body, asked)
            if not answer or answer.status != 402 or time.monotonic() > deadline:
                break
            self.stop.wait(NOT_YET_SECONDS)
        if answer and answer.status == 200 and self.chance.random() < 0.5:
            self._ask("purchases", "GET", f"/api/users/{about['user']}/purchases", None, about)

    def _cancel(self, about: dict[str, Any]) -> None:
        self._until_known("cancel", "DELETE", f"/api/reservations/{about['reservation']}", None, about)

    def _choose(self) -> list[str]:
        """Chooses one to three seats, side by side or in both rows."""
        if self.chance.random() < 0.15:
            return sorted(self.chance.sample(NAMES, self.chance.choice((2, 3))))
        first, row = self.chance.randrange(SEATS_PER_ROW - 2), self.chance.choice((0, SEATS_PER_ROW))
        return NAMES[row + first : row + first + self.chance.choice((1, 1, 2, 3))]

    def _new(self, what: str) -> str:
        self.made += 1
        return f"{what}-{self.name}-{self.made}"

    # How they ask.

    def _until_known(
        self, kind: str, method: str, path: str, body: Any, request: dict[str, Any], key: str = ""
    ) -> Operation | None:
        """Asks, and again after a lost answer, at another instance. Gives the last operation."""
        answer: Operation | None = None
        for attempt in range(TRIES):
            answer = self._ask(kind, method, path, body, request, key)
            if not answer.is_unknown or self.stop.is_set():
                break
            self.stop.wait(0.1 * 2**attempt * self.chance.random())
        return answer

    def _ask(self, kind: str, method: str, path: str, body: Any, request: dict[str, Any], key: str = "") -> Operation:
        """Makes one operation and writes it down."""
        if self.pause_seconds:
            self.stop.wait(self.pause_seconds * self.chance.uniform(0.5, 1.5))
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        start = time.time()
        status, answer, repeated = self._send(method, path, body, headers)
        operation = Operation(kind, start, time.time(), request, status, answer, repeated)
        self.history.add(operation)
        if session := request.get("session"):
            self.box.use(session)
        return operation

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any], bool]:
        text = None if body is None else json.dumps(body)
        try:
            if self.connection is None:
                address = urlsplit(self.instances[self.at]).netloc
                self.connection = http.client.HTTPConnection(address, timeout=ANSWER_SECONDS)
            self.connection.request(method, path, text, headers)
            found = self.connection.getresponse()
            content = json.loads(found.read() or b"{}")
            return found.status, content, found.headers.get(REPEATED) is not None
        except (OSError, http.client.HTTPException, ValueError):
            if self.connection:
                self.connection.close()
            self.connection, self.at = None, (self.at + 1) % len(self.instances)
            return NO_ANSWER, {}, False
