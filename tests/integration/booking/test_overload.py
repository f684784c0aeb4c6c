"""An overloaded database: every request is answered 503 with Retry-After, in the contract's form, and never 500."""

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from chalice.app import Chalice

from chalicelib.wiring.shared.process import database
from infra.local.lambda_proxy import Event, ReceivedRequest, Resource, event
from tests.conftest import other_settings
from tests.http_api import SCREENING, Api, signed_in
from tests.injected import CONFLICT, Answer, HttpStatus, cancelled, error, hooked

READS = ("GetItem", "BatchGetItem", "Query")
WRITES = ("PutItem", "UpdateItem", "TransactWriteItems")
TABLE = "cinema-test-rows"

OVERLOADED = {
    "a partition that is too busy": error("ProvisionedThroughputExceededException"),
    "a table that is too busy": error("ThrottlingException"),
    "an account that asks too much": error("RequestLimitExceeded"),
    "a fault of the service": error("InternalServerError"),
}
"""As the page "Error handling with DynamoDB" of its developer guide has them."""

KEYS_LEFT_OUT = HttpStatus(200), {"Responses": {}, "UnprocessedKeys": {TABLE: {"Keys": [{"id": {"S": "x#A"}}]}}}


@dataclass(frozen=True)
class Context:
    aws_request_id: str = "req-1"


@dataclass(frozen=True)
class Client:
    """The client of the database, whose hooks answer in its place."""

    client: Any


@contextmanager
def overloaded(operations: tuple[str, ...], answer: Answer) -> Iterator[None]:
    """Answers in the database's place."""
    with ExitStack() as stack:
        for operation in operations:
            name = f"before-call.dynamodb.{operation}"
            stack.enter_context(hooked(Client(database()), name, lambda **_: answer))
        yield


@pytest.fixture
def session_id(server: str, signing_in: dict[str, str]) -> Iterator[str]:
    """With nothing in this process's memory, and with the identity provider of the tests' requests, if there is one."""
    with other_settings(**signing_in):
        yield Api(server).schedule()


def asked(method: str, path: str, route: str, body: object = None, **parameters: str) -> Event:
    text = json.dumps(body) if body else ""
    headers = [("Content-Type", "application/json"), ("Accept", "*/*"), *signed_in(text).items()]
    return event(ReceivedRequest(method, path, headers, text.encode()), Resource(route, parameters))


def requests_about(session_id: str) -> dict[str, Event]:
    held = {"sessionId": session_id, "userId": f"user-{uuid.uuid4()}", "seatNumbers": ["A1"]}
    unknown = f"res-{'A' * 33}"
    return {
        "programme": asked("GET", "/api/sessions", "/api/sessions"),
        "screening": asked("GET", f"/api/sessions/{session_id}", "/api/sessions/{session_id}", session_id=session_id),
        "seats": asked(
            "GET", f"/api/sessions/{session_id}/seats", "/api/sessions/{session_id}/seats", session_id=session_id
        ),
        "schedule": asked("POST", "/api/sessions", "/api/sessions", SCREENING),
        "hold": asked("POST", "/api/reservations", "/api/reservations", held),
        "hold in two rows": asked(
            "POST", "/api/reservations", "/api/reservations", {**held, "seatNumbers": ["A10", "B1"]}
        ),
        "reservation": asked(
            "GET",
            f"/api/reservations/{unknown}",
            "/api/reservations/{reservation_id}",
            reservation_id=unknown,
        ),
        "purchases": asked("GET", "/api/users/user-1/purchases", "/api/users/{user_id}/purchases", user_id="user-1"),
    }


def assert_unavailable(answer: dict[str, Any]) -> None:
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    assert answer["statusCode"] == 503, answer
    assert int(headers["retry-after"]) >= 1
    assert json.loads(answer["body"])["error"] == "TEMPORARILY_UNAVAILABLE"


@pytest.mark.parametrize("kind", OVERLOADED)
@pytest.mark.parametrize("name", requests_about("any"))
def test_whatever_is_asked_of_an_overloaded_database_is_to_be_asked_again(
    app: Chalice, session_id: str, kind: str, name: str
) -> None:
    with overloaded((*READS, *WRITES), OVERLOADED[kind]):
        assert_unavailable(app(requests_about(session_id)[name], Context()))


def test_seats_whose_rows_are_left_out_again_and_again_are_to_be_asked_for_again(app: Chalice, session_id: str) -> None:
    with overloaded(("BatchGetItem",), KEYS_LEFT_OUT):
        assert_unavailable(app(requests_about(session_id)["seats"], Context()))


@pytest.mark.parametrize(
    ("name", "operation", "answer"),
    [
        ("schedule", "PutItem", error("TransactionConflictException")),
        ("schedule", "TransactWriteItems", cancelled(CONFLICT, CONFLICT)),
        ("hold", "UpdateItem", error("TransactionConflictException")),
        ("hold in two rows", "TransactWriteItems", cancelled(CONFLICT, CONFLICT)),
        ("hold in two rows", "TransactWriteItems", error("TransactionInProgressException")),
    ],
)
def test_a_conflict_that_does_not_end_is_to_be_asked_again(
    app: Chalice, session_id: str, name: str, operation: str, answer: Answer
) -> None:
    with overloaded((operation,), answer):
        assert_unavailable(app(requests_about(session_id)[name], Context()))
