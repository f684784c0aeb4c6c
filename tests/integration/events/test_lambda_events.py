"""Events as API Gateway and its emulators send them, through `app(event, context)`: who is meant is found by each."""

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from chalice.app import Chalice

from infra.local.lambda_proxy import Asked, Event, Resource, event
from tests.http_api import SCREENING, Api

PURCHASES = "/api/users/{user_id}/purchases"


@dataclass(frozen=True)
class Context:
    aws_request_id: str = "req-1"


def from_aws(path: str) -> Event:
    """As recorded on AWS: nothing in a path is decoded, and there is no `version`."""
    segment = urlsplit(path).path.split("/")[3]
    sent = event(Asked("GET", path, [("Accept", "*/*")]), Resource(PURCHASES, {"user_id": segment}))
    return sent | {"requestContext": sent["requestContext"] | {"path": f"/prod{sent['path']}", "stage": "prod"}}


def from_ministack(path: str) -> Event:
    """As ministack 1.5.33 makes it: all of the path is decoded, names of headers are in lower case."""
    decoded = unquote(urlsplit(path).path)
    sent = from_aws(path)
    return sent | {
        "version": "1.0",
        "path": decoded,
        "pathParameters": {"user_id": decoded.split("/")[3]},
        "headers": {"accept": "*/*"},
        "multiValueHeaders": {"accept": ["*/*"]},
        "requestContext": sent["requestContext"] | {"path": f"/dev{decoded}", "stage": "dev"},
    }


def bought_by(app: Chalice, sent: Event) -> Any:
    answer = app(sent, Context())
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])


@pytest.mark.parametrize("user", ["qa@example.com", "qa%40example.com", "José da Silva 7%", "a+b c", "100%25", "%"])
@pytest.mark.parametrize("sender", [from_aws, from_ministack])
def test_purchases_are_those_of_the_user_who_is_meant(
    app: Chalice, server: str, user: str, sender: Callable[[str], Event]
) -> None:
    api, user = Api(server), f"{uuid.uuid4()}{user}"
    session_id = api.schedule()
    sale = api.confirm(api.hold(session_id, "A1", user=user).body["reservationId"]).body["saleId"]
    path = PURCHASES.format(user_id=quote(user, safe=""))

    by_event, by_http = bought_by(app, sender(path)), api.get(path).body

    assert by_event == by_http
    assert by_event["userId"] == user
    assert [purchase["saleId"] for purchase in by_event["purchases"]] == [sale]


def test_an_address_may_be_written_with_or_without_escapes(app: Chalice, server: str) -> None:
    user = f"{uuid.uuid4()}@example.com"
    plain, escaped = (PURCHASES.format(user_id=quote(user, safe=safe)) for safe in ("@", ""))

    assert plain != escaped
    assert bought_by(app, from_aws(plain)) == bought_by(app, from_aws(escaped)) == {"userId": user, "purchases": []}
    assert Api(server).get(plain).body == Api(server).get(escaped).body


def test_an_escaped_letter_of_a_name_is_that_letter(app: Chalice, server: str) -> None:
    """Else a new quota was to be had by writing one's name in another way."""
    sent = [from_aws(PURCHASES.format(user_id=user)) for user in ("ana", "%61na", "a%6Ea")]

    assert {bought_by(app, each)["userId"] for each in sent} == {"ana"}


def test_a_body_in_base64_is_the_body(app: Chalice, server: str) -> None:
    """As it comes once a REST API's binary media types include `*/*`."""
    headers = [("Content-Type", "application/json")]
    sent = event(Asked("POST", "/api/sessions", headers, json.dumps(SCREENING).encode()), Resource("/api/sessions"))
    encoded = {"body": base64.b64encode(sent["body"].encode()).decode(), "isBase64Encoded": True}

    answer = app(sent | encoded, Context())

    assert answer["statusCode"] == 201, answer
    assert json.loads(answer["body"])["movieTitle"] == SCREENING["movieTitle"]
