"""WebSocket messages and disconnects as API Gateway sends them, through the packaged handlers."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from . import events
from .clients import PackagedApi
from .endpoint import Call, Endpoint, Forward, Reply
from .runtime import Functions


@dataclass
class Connections:
    """The connections of the WebSocket API: takes posts; answers 410 for those that are gone.

    Document: "Use @connections commands in your backend service" in the API Gateway Developer Guide.
    """

    gone: set[str] = field(default_factory=set)
    posted: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, call: Call, forward: Forward) -> Reply:
        if "/@connections/" not in call.path:
            return forward(call)
        connection_id = call.path.rpartition("/")[2]
        if connection_id in self.gone:
            headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", "GoneException"))
            return Reply(410, headers, b'{"message":"410 Gone"}')
        self.posted.append((connection_id, json.loads(call.body)))
        return Reply(200, (), b"")


@pytest.fixture
def connections(endpoint: Endpoint) -> Iterator[Connections]:
    taking = Connections()
    with endpoint.behaving(taking):
        yield taking


@pytest.fixture
def viewer() -> str:
    """Ids of connections are text with `=` at the end."""
    return f"{uuid.uuid4().hex[:14]}="


def subscribe(functions: Functions, viewer: str, session_id: str) -> None:
    asked = json.dumps({"action": "subscribe", "sessionId": session_id})
    functions["websocket_message"](events.socket_message(viewer, asked))


def read_row(data_stack: str, row_id: str) -> Any:
    table = f"{data_stack}-rows"
    return boto3.client("dynamodb").get_item(TableName=table, Key={"id": {"S": row_id}}, ConsistentRead=True)["Item"]


def show_row(functions: Functions, data_stack: str, session_id: str) -> None:
    """Hands the present row to the function that shows changes."""
    key, item = {"id": {"S": f"{session_id}#A"}}, read_row(data_stack, f"{session_id}#A")
    change = events.stream_record(f"{data_stack}-rows", key, before=item, after=item)
    functions["on_row_changed_show"](events.stream_batch(change))


def quoted(viewer: str) -> str:
    return viewer.replace("=", "%3D")


def test_a_viewer_subscribes_is_told_of_changes_and_of_none_after_leaving(
    functions: Functions, packaged_api: PackagedApi, data_stack: str, connections: Connections, viewer: str
) -> None:
    session_id = packaged_api.schedule()
    subscribe(functions, viewer, session_id)
    assert connections.posted == [(quoted(viewer), {"type": "subscribed", "sessionId": session_id})]

    packaged_api.hold(session_id, "A1")
    show_row(functions, data_stack, session_id)
    told = connections.posted[1][1]
    assert [seat["number"] for row in told["rows"] for seat in row["seats"]] == ["A1"]

    functions["websocket_disconnect"](events.socket_closed(viewer))
    show_row(functions, data_stack, session_id)
    assert len(connections.posted) == 2


def test_a_viewer_whose_connection_is_gone_is_forgotten(
    functions: Functions, packaged_api: PackagedApi, data_stack: str, connections: Connections, viewer: str
) -> None:
    """AWS sends a disconnect at its best effort: a post that answers 410 tells the same."""
    session_id = packaged_api.schedule()
    subscribe(functions, viewer, session_id)
    packaged_api.hold(session_id, "A1")

    connections.gone.add(quoted(viewer))
    show_row(functions, data_stack, session_id)
    connections.gone.clear()
    show_row(functions, data_stack, session_id)

    assert [told["type"] for _, told in connections.posted] == ["subscribed"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "MALFORMED_JSON"),
        ("no JSON", "MALFORMED_JSON"),
        ('{"action": "chat"}', "VALIDATION_ERROR"),
        ('{"action": "subscribe", "sessionId": "none"}', "SESSION_NOT_FOUND"),
    ],
)
def test_a_message_that_means_nothing_is_refused_over_the_socket(
    functions: Functions, connections: Connections, viewer: str, body: str, error: str
) -> None:
    functions["websocket_message"](events.socket_message(viewer, body))

    ((told_to, refusal),) = connections.posted
    assert (told_to, refusal["error"]) == (quoted(viewer), error)


def test_sockets_are_opened_without_a_function(functions: Functions) -> None:
    """There is no $connect route: AWS opens every connection, and a viewer is known by its first message."""
    routes = [one for one in functions.template["Resources"].values() if one["Type"] == "AWS::ApiGatewayV2::Route"]

    assert sorted(route["Properties"]["RouteKey"] for route in routes) == ["$default", "$disconnect"]
