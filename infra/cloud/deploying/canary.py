"""The canary purchase at the end of a deployment: one seat of a screening made for it, bought through the deployed API.

    screening for nothing ─► health ─► programme ─► seat map ─► hold without a token is refused ─► cancel the screening
                                                                  └─► hold ─► confirm ─► seat map ─┘

The screening is free of charge, so nobody's money moves: no payment gateway is asked, no invoice made. It is scheduled
and cancelled with the deployer's own rights, as operators do. The rest takes the way of every purchase: API Gateway,
the API's function and its role, the tables. Where access control is on, it needs a buyer's token (buyers.py): without
one nothing is bought.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import boto3
import urllib3
from urllib3.exceptions import HTTPError

from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.sessions import Session
from chalicelib.domain.times import to_iso
from chalicelib.infrastructure.clock import utc_now
from infra.ops.cancel import Cancellation
from infra.processes import say

from .buyers import CANARY_TOKEN, Buyers, SignInFailed
from .stacks import DeploymentError, app_stack, data_stack, deployed_parameters, outputs_of

CANARY = "CANARY"
HOLDS = "/api/reservations"
TITLE, ROOM, SEAT, SEATS = "Test of a deployment", "Canary", "A1", 4
STARTS_IN = timedelta(minutes=5)
"""The time from now until the canary's screening starts. After its start it is no longer in the programme."""
ANSWERS_WITHIN_SECONDS = 60.0
"""The longest time that a new deployment may take to answer, with API Gateway's setup and a cold start."""
SOLD_WITHIN_SECONDS = 15.0
"""The longest time for which the seat map may show the seat's earlier state."""
REQUEST_SECONDS = 30.0

BOUGHT = f"Canary: seat {SEAT} of a screening free of charge was held, bought, and seen as sold."
NOT_BOUGHT = (
    "Canary: health, programme and seat map are as they should be, and a hold without a token is refused. The purchase"
    f" was left out, since no user pool of AWS signs in here: {CANARY_TOKEN}=… (a buyer's access token) has it made."
)


class CanaryError(DeploymentError):
    """The canary purchase failed. The message says at which step, and what to do."""


def is_canary_on(environment: Mapping[str, str]) -> bool:
    """Tells whether the canary purchase is on, by CANARY. Raises DeploymentError for a value other than on and off."""
    choice = environment.get(CANARY) or "on"
    if choice not in ("on", "off"):
        raise DeploymentError(f"{CANARY} must be on or off, not {choice!r}.")
    return choice == "on"


def buy_and_undo(stage: str, url: str, patience: float = ANSWERS_WITHIN_SECONDS) -> None:
    """Buys one seat through the API at `url`, cancels its screening, and prints the result. Raises CanaryError.

    `patience` is the time in seconds in which a new API must give its first answer.
    """
    screenings, buyers = Cancellation.in_tables(boto3.client("dynamodb"), f"cinema-{stage}-"), _buyers(stage)
    try:
        session = screenings.sessions.get_or_add_with_rows(_screening(stage))
        try:
            with urllib3.PoolManager(retries=False, timeout=REQUEST_SECONDS) as http:
                was_bought = Purchase(Api(http, url), session, patience).make(buyers)
        finally:
            screenings.cancel(session.id)
    except StepFailed as failure:
        raise CanaryError(_advice_text(stage, str(failure))) from failure
    except SignInFailed as failure:
        raise CanaryError(_advice_text(stage, f"the sign-in of {failure}")) from failure
    except BackendUnavailable as refusal:
        raise CanaryError(_advice_text(stage, f"{refusal.operation}, which DynamoDB did not answer.")) from refusal
    say(BOUGHT if was_bought else NOT_BOUGHT)
    say(f"Its screening is cancelled: {session.id}. It leaves the programme at {to_iso(session.starts_at)}.")


def _buyers(stage: str) -> Buyers:
    parameters, outputs = deployed_parameters(app_stack(stage)) or {}, outputs_of(data_stack(stage))
    return Buyers(stage, os.environ, parameters, outputs, lambda: boto3.client("cognito-idp"))


def _advice_text(stage: str, failure: str) -> str:
    return (
        f"Stage {stage} is deployed, but the canary purchase failed at {failure}\n"
        f"Look at `python -m infra.ops doctor --stage {stage}` and at the API's log. To go back, check out the commit"
        " that worked and deploy it; settings stay. CANARY=off leaves this test out."
    )


def _screening(stage: str) -> Session:
    now = utc_now()
    return Session(
        id=str(uuid4()),
        movie_title=TITLE,
        starts_at=_start(now, deployed_parameters(app_stack(stage)) or {}),
        room=ROOM,
        total_seats=SEATS,
        seats_per_row=SEATS,
        ticket_price=Decimal(0),
        created_at=now,
    )


def _start(now: datetime, parameters: Mapping[str, str]) -> datetime:
    """Chooses a start that is soon, but after the end of sales, which SALES_END_MINUTES may put before it."""
    ends = int(parameters.get("SalesEndMinutes") or 0)
    return now.replace(microsecond=0) + STARTS_IN + timedelta(minutes=max(0, -ends))


class StepFailed(Exception):
    """A step failed. The message names the step, what was expected and what came."""


@dataclass(frozen=True)
class Api:
    """The deployed API, asked by a buyer."""

    http: urllib3.PoolManager
    url: str

    def ask(
        self, step: str, method: str, path: str, wanted: HTTPStatus, body: object = None, *, token: str | None = None
    ) -> Any:
        """Sends a request and gives the body of its answer. Raises StepFailed for another status than `wanted`."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = self.http.request(method, f"{self.url}{path}", json=body, headers=headers)
        except HTTPError as error:
            raise StepFailed(f"{step}: {method} {path} was not answered: {error}") from error
        text = answer.data.decode(errors="replace")
        if answer.status != wanted:
            raise StepFailed(f"{step}: {method} {path} was answered {answer.status}, not {wanted.value}: {text[:500]}")
        try:
            return answer.json()
        except ValueError as error:
            raise StepFailed(f"{step}: {method} {path} was answered no JSON: {text[:500]}") from error


@dataclass(frozen=True)
class Purchase:
    """A purchase of one seat."""

    api: Api
    session: Session
    patience: float = ANSWERS_WITHIN_SECONDS

    def make(self, buyers: Buyers) -> bool:
        """Makes the purchase. False if it needs a token and has none. Raises StepFailed, SignInFailed."""
        self._look_without_token()
        if not buyers.must_sign_in:
            self._buy({"userId": f"canary-{uuid4()}"}, None)
            return True
        self.api.ask("a hold without a token", "POST", HOLDS, HTTPStatus.UNAUTHORIZED, self._hold({}))
        with buyers.token() as token:
            if token is not None:
                self._buy({}, token)
        return token is not None

    def _look_without_token(self) -> None:
        """Makes the requests that need no token: health, programme and seat map."""
        self._wait_until("the health", lambda: bool(self._get_json("the health", "/health")), self.patience)
        self._wait_until("the programme", self._is_in_programme, self.patience)
        self._wait_until("the seat map", lambda: self._read_seat_state("the seat map") == "available", self.patience)

    def _buy(self, buyer: Mapping[str, str], token: str | None) -> None:
        held = self.api.ask("the hold", "POST", HOLDS, HTTPStatus.CREATED, self._hold(buyer), token=token)
        confirmation = f"{HOLDS}/{held['reservationId']}/confirm"
        self.api.ask("the confirmation", "POST", confirmation, HTTPStatus.OK, {}, token=token)
        step = "the seat map after the sale"
        self._wait_until(step, lambda: self._read_seat_state(step) == "sold", SOLD_WITHIN_SECONDS)

    def _hold(self, buyer: Mapping[str, str]) -> dict[str, object]:
        return {"sessionId": self.session.id, "seatNumbers": [SEAT], **buyer}

    def _get_json(self, step: str, path: str) -> Any:
        return self.api.ask(step, "GET", path, HTTPStatus.OK)

    def _is_in_programme(self) -> bool:
        path = f"/api/sessions?limit=100&from={quote(to_iso(self.session.starts_at))}"
        return self.session.id in [one["sessionId"] for one in self._get_json("the programme", path)["sessions"]]

    def _read_seat_state(self, step: str) -> str:
        seats = self._get_json(step, f"/api/sessions/{self.session.id}/seats")["seats"]
        (state,) = (seat["status"] for seat in seats if seat["number"] == SEAT)
        return str(state)

    def _wait_until(self, step: str, holds: Callable[[], bool], seconds: float) -> None:
        """Polls until `holds` is true. Raises the last StepFailed after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            failure = StepFailed(f"{step}: it did not become what it should be in {seconds:.0f} s")
            try:
                if holds():
                    return
            except StepFailed as this:
                failure = this
            if time.monotonic() > deadline:
                raise failure
            time.sleep(1)
