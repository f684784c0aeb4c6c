"""The client that finds undocumented answers does find them."""

import json
from typing import Any

import pytest
from chalice.app import Chalice

from chalicelib.api.openapi.document import document, to_indented_json
from tests.documented import Document
from tests.http_api import Answer

HELD = {
    "reservationId": "res-1",
    "status": "pending",
    "expiresAt": "2024-02-10T14:30:30Z",
    "seats": ["A1"],
    "totalAmount": 25.00,
}
TAKEN = {"error": "SEAT_ALREADY_RESERVED", "message": "These seats are already taken.", "conflictingSeats": ["A1"]}


@pytest.fixture(scope="module")
def known(app: Chalice) -> Document:
    return Document(json.loads(to_indented_json(document(app))))


def answer(status: int, body: Any, content_type: str = "application/json") -> Answer:
    return Answer(status, {"content-type": content_type}, json.dumps(body))


@pytest.mark.parametrize(("status", "body"), [(201, HELD), (409, TAKEN)])
def test_an_answer_as_documented_has_no_fault(known: Document, status: int, body: Any) -> None:
    assert not known.faults("POST", "/api/reservations", answer(status, body))


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        pytest.param(200, HELD, "application/json", id="another status"),
        pytest.param(201, HELD, "text/plain", id="another type"),
        pytest.param(201, {**HELD, "price": 25.00}, "application/json", id="a new field"),
        pytest.param(201, {k: v for k, v in HELD.items() if k != "seats"}, "application/json", id="a missing field"),
        pytest.param(201, {**HELD, "status": "held"}, "application/json", id="a new value"),
        pytest.param(201, {**HELD, "totalAmount": "25.00"}, "application/json", id="money as text"),
        pytest.param(201, {**HELD, "expiresAt": "soon"}, "application/json", id="a time that is none"),
        pytest.param(409, {**TAKEN, "error": "TAKEN"}, "application/json", id="another code"),
        pytest.param(409, {**TAKEN, "seats": ["A1"]}, "application/json", id="a new fact"),
        pytest.param(418, TAKEN, "application/json", id="a new refusal"),
    ],
)
def test_what_is_not_documented_is_found(known: Document, status: int, body: Any, content_type: str) -> None:
    assert known.faults("POST", "/api/reservations", answer(status, body, content_type))


def test_a_route_that_is_not_documented_is_found(known: Document) -> None:
    assert known.faults("GET", "/api/new", answer(200, {}))
    assert not known.faults("GET", "/api/nothing", answer(404, {}))
