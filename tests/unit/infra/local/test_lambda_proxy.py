"""The event that our local server makes is the one that AWS sends."""

import base64
from typing import Any

import pytest

from infra.local.lambda_proxy import Event, ReceivedRequest, Resource, event
from tests.aws.events import SOURCE_IP, rest_request

HEADERS = [("Content-Type", "application/json;charset=utf-8"), ("X-Twice", "1"), ("X-Twice", "2")]
ADDRESS = "/test-path?category=electronics&category=books&price=10&price=20&price=30"
FROM_AWS = rest_request("POST", ADDRESS, "/{proxy+}", "{}", path_parameters={"proxy": "test-path"}, headers=HEADERS)

WORD = Resource("/words/{word}", {"word": "a"})


def made(asked: ReceivedRequest, resource: Resource = WORD, *binary_types: str) -> Event:
    return event(asked, resource, binary_types)


def names(value: Any) -> Any:
    return {name: names(each) for name, each in value.items()} if isinstance(value, dict) else None


def test_it_has_the_fields_of_aws_and_their_values() -> None:
    sent = [(name, value) for name, values in FROM_AWS["multiValueHeaders"].items() for value in values]

    ours = made(ReceivedRequest("POST", ADDRESS, sent, b"{}", SOURCE_IP), Resource("/{proxy}", {"proxy": "test-path"}))

    assert names(ours) == names(FROM_AWS)
    same = FROM_AWS.keys() - {"resource", "requestContext"}
    assert {name: ours[name] for name in same} == {name: FROM_AWS[name] for name in same}
    context = ours["requestContext"]
    assert context["identity"] == FROM_AWS["requestContext"]["identity"]
    assert context["domainName"] == FROM_AWS["requestContext"]["domainName"]


def test_a_path_stays_as_it_was_sent_and_a_query_is_decoded() -> None:
    sent = "user/test%2Balias@gmail.com/plus/test+alias@gmail.com"
    ours = made(
        ReceivedRequest("GET", f"/{sent}?email=test%2Balias@gmail.com&plus=test+alias"),
        Resource("/{all}", {"all": sent}),
    )

    assert ours["path"] == ours["requestContext"]["path"] == f"/{sent}"
    assert ours["pathParameters"] == {"all": sent}
    assert ours["queryStringParameters"] == {"email": "test+alias@gmail.com", "plus": "test alias"}


def test_what_is_not_there_is_null() -> None:
    ours = made(ReceivedRequest("GET", "/"), Resource("/"))

    absent = ("body", "pathParameters", "queryStringParameters", "multiValueQueryStringParameters", "stageVariables")
    assert [ours[name] for name in absent] == [None] * len(absent)


def test_parameters_of_routes_that_were_tried_in_vain_are_not_among_them() -> None:
    assert made(ReceivedRequest("GET", "/words/a"), Resource("/words/{word}", {"word": "a", "other": "b"}))[
        "pathParameters"
    ] == {"word": "a"}


@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
def test_a_body_of_a_binary_type_is_in_base64_and_any_other_is_text(name: str) -> None:
    binary = made(ReceivedRequest("POST", "/", [(name, "Image/PNG; x=y")], b"\x89PNG"), WORD, "image/png")
    text = made(ReceivedRequest("POST", "/", [(name, "application/json")], b'"\xc3\xa9\xff"'), WORD, "image/png")

    assert (base64.b64decode(binary["body"]), binary["isBase64Encoded"]) == (b"\x89PNG", True)
    assert (text["body"], text["isBase64Encoded"]) == ('"é\ufffd"', False)
