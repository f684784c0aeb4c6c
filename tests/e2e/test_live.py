"""Seat maps that change before one's eyes, through API Gateway's WebSockets and the deployed handlers."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import boto3
import pytest
from websockets.sync.client import ClientConnection, connect

from infra.cloud.deploy import AppDeployment

PATIENCE_SECONDS = 20
"""A message takes some milliseconds; the rest is for cold starts on a busy machine."""

Api = Callable[..., Any]


@contextmanager
def connect_viewer(deployed: AppDeployment) -> Iterator[ClientConnection]:
    """Opens a WebSocket."""
    with connect(deployed.live_url, proxy=None) as socket:
        yield socket


def receive_message(socket: ClientConnection) -> Any:
    """Waits for the next message."""
    return json.loads(socket.recv(timeout=PATIENCE_SECONDS))


def subscribe(socket: ClientConnection, session_id: str) -> Any:
    """Subscribes to the screening and gives the answer."""
    socket.send(json.dumps({"action": "subscribe", "sessionId": session_id}))
    return receive_message(socket)


def count_viewers(session_id: str) -> int:
    """Counts the stored viewers of the screening."""
    return int(
        boto3.client("dynamodb").query(
            TableName="cinema-dev-viewers",
            KeyConditionExpression="session_id = :session",
            ExpressionAttributeValues={":session": {"S": session_id}},
        )["Count"]
    )


@pytest.fixture
def session_id(api: Api) -> str:
    screening = {"movieTitle": "Oppenheimer", "startTime": "2030-02-15T19:00:00Z", "roomNumber": "A1"}
    return str(api("POST", "/api/sessions", {**screening, "totalSeats": 16, "ticketPrice": 25.00}).body["sessionId"])


def hold(api: Api, session_id: str, *seats: str) -> Any:
    """Holds seats for a new user and gives the reservation."""
    body = {"sessionId": session_id, "userId": f"user-{uuid4()}", "seatNumbers": seats}
    answer = api("POST", "/api/reservations", body)
    assert answer.status == 201, answer.body
    return answer.body


def test_the_api_says_where_to_connect(api: Api, deployed: AppDeployment) -> None:
    assert api("GET", "/api/live").body == {"url": deployed.live_url}


def test_everybody_who_looks_at_a_screening_sees_each_change_of_it(
    api: Api, deployed: AppDeployment, session_id: str
) -> None:
    with connect_viewer(deployed) as one, connect_viewer(deployed) as another:
        for socket in (one, another):
            assert subscribe(socket, session_id) == {"type": "subscribed", "sessionId": session_id}
        held = hold(api, session_id, "A1", "A2")

        for socket in (one, another):
            message = receive_message(socket)
            assert (message["type"], message["sessionId"]) == ("rows", session_id)
            (row,) = message["rows"]
            assert (row["row"], row["version"]) == ("A", 1)
            assert [(s["number"], s["status"], s["expiresAt"]) for s in row["seats"]] == [
                (seat, "reserved", held["expiresAt"]) for seat in ("A1", "A2")
            ]

        api("DELETE", f"/api/reservations/{held['reservationId']}")
        (row,) = receive_message(one)["rows"]
        assert (row["version"], row["seats"]) == (2, [])


def test_a_viewer_sees_only_the_screening_that_was_asked_for_last(
    api: Api, deployed: AppDeployment, session_id: str
) -> None:
    screening = {"movieTitle": "Barbie", "startTime": "2030-02-15T19:00:00Z", "roomNumber": "A1"}
    other = api("POST", "/api/sessions", {**screening, "totalSeats": 16, "ticketPrice": 25.00}).body["sessionId"]
    with connect_viewer(deployed) as socket:
        subscribe(socket, other)
        subscribe(socket, session_id)
        hold(api, other, "A1")
        hold(api, session_id, "B1")

        assert receive_message(socket)["sessionId"] == session_id


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ('{"action": "subscribe", "sessionId": "550e8400-e29b-41d4-a716-446655440000"}', "SESSION_NOT_FOUND"),
        ('{"action": "subscribe"}', "VALIDATION_ERROR"),
        ('{"action": "sing", "sessionId": "x"}', "VALIDATION_ERROR"),
        ("hello", "MALFORMED_JSON"),
        ("[]", "VALIDATION_ERROR"),
    ],
)
def test_what_can_not_be_subscribed_to_is_refused_in_the_contracts_form(
    deployed: AppDeployment, message: str, error: str
) -> None:
    with connect_viewer(deployed) as socket:
        socket.send(message)
        answer = receive_message(socket)

    assert answer["error"] == error
    assert answer["message"]


def test_a_viewer_who_leaves_is_forgotten(deployed: AppDeployment, session_id: str) -> None:
    with connect_viewer(deployed) as socket:
        subscribe(socket, session_id)
        assert count_viewers(session_id) == 1

    deadline = time.monotonic() + PATIENCE_SECONDS
    while count_viewers(session_id):
        assert time.monotonic() < deadline, "still there"
        time.sleep(0.1)


def test_a_connection_that_is_gone_without_a_word_is_forgotten_when_it_is_next_told(
    api: Api, deployed: AppDeployment, session_id: str
) -> None:
    item = {"session_id": {"S": session_id}, "viewer_id": {"S": "gone"}, "ttl": {"N": str(int(time.time()) + 3600)}}
    boto3.client("dynamodb").put_item(TableName="cinema-dev-viewers", Item=item)
    with connect_viewer(deployed) as socket:
        subscribe(socket, session_id)
        hold(api, session_id, "A1")
        receive_message(socket)

        deadline = time.monotonic() + PATIENCE_SECONDS
        while count_viewers(session_id) > 1:
            assert time.monotonic() < deadline, "still there"
            time.sleep(0.1)
