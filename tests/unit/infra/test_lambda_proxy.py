"""The event that our local server makes is the one that AWS sends."""

import base64
import json
from typing import Any

import pytest

from infra.local.lambda_proxy import Asked, Event, Resource, event

FROM_AWS = json.loads(
    """
{
  "resource": "/{proxy+}",
  "path": "/test-path",
  "httpMethod": "POST",
  "headers": {"Content-Type": "application/json;charset=utf-8", "Host": "x.execute-api.us-east-1.amazonaws.com"},
  "multiValueHeaders": {
    "Content-Type": ["application/json;charset=utf-8"], "Host": ["x.execute-api.us-east-1.amazonaws.com"]
  },
  "queryStringParameters": {"category": "books", "price": "30"},
  "multiValueQueryStringParameters": {"category": ["electronics", "books"], "price": ["10", "20", "30"]},
  "pathParameters": {"proxy": "test-path"},
  "stageVariables": null,
  "requestContext": {
    "accountId": "111111111111", "apiId": "x", "domainName": "x.execute-api.us-east-1.amazonaws.com",
    "domainPrefix": "x", "extendedRequestId": "…", "httpMethod": "POST",
    "identity": {
      "accessKey": null, "accountId": null, "caller": null, "cognitoAuthenticationProvider": null,
      "cognitoAuthenticationType": null, "cognitoIdentityId": null, "principalOrgId": null,
      "cognitoIdentityPoolId": null, "sourceIp": "203.0.113.7", "user": null, "userAgent": null, "userArn": null
    },
    "path": "/test/test-path", "protocol": "HTTP/1.1", "requestId": "…",
    "requestTime": "10/Jul/2024:12:28:36 +0000", "requestTimeEpoch": 1720614516000, "resourceId": "r",
    "resourcePath": "/{proxy+}", "stage": "test"
  },
  "body": "{}",
  "isBase64Encoded": false
}
"""
)
"""Recorded on AWS by others in July 2024 (headers of CloudFront and ids left out)."""

WORD = Resource("/words/{word}", {"word": "a"})


def made(asked: Asked, resource: Resource = WORD, *binary_types: str) -> Event:
    return event(asked, resource, binary_types)


def names(value: Any) -> Any:
    return {name: names(each) for name, each in value.items()} if isinstance(value, dict) else None


def test_it_has_the_fields_of_aws_and_their_values() -> None:
    asked = Asked(
        "POST",
        "/test-path?category=electronics&category=books&price=10&price=20&price=30",
        tuple(FROM_AWS["headers"].items()),
        b"{}",
        "203.0.113.7",
    )

    ours = made(asked, Resource("/{proxy}", {"proxy": "test-path"}))

    assert names(ours) == names(FROM_AWS)
    same = FROM_AWS.keys() - {"resource", "requestContext"}
    assert {name: ours[name] for name in same} == {name: FROM_AWS[name] for name in same}
    context = ours["requestContext"]
    assert context["identity"] == FROM_AWS["requestContext"]["identity"]
    assert context["domainName"] == FROM_AWS["requestContext"]["domainName"]


def test_a_path_stays_as_it_was_sent_and_a_query_is_decoded() -> None:
    sent = "user/test%2Balias@gmail.com/plus/test+alias@gmail.com"
    ours = made(
        Asked("GET", f"/{sent}?email=test%2Balias@gmail.com&plus=test+alias"), Resource("/{all}", {"all": sent})
    )

    assert ours["path"] == ours["requestContext"]["path"] == f"/{sent}"
    assert ours["pathParameters"] == {"all": sent}
    assert ours["queryStringParameters"] == {"email": "test+alias@gmail.com", "plus": "test alias"}


def test_what_is_not_there_is_null() -> None:
    ours = made(Asked("GET", "/"), Resource("/"))

    absent = ("body", "pathParameters", "queryStringParameters", "multiValueQueryStringParameters", "stageVariables")
    assert [ours[name] for name in absent] == [None] * len(absent)


def test_parameters_of_routes_that_were_tried_in_vain_are_not_among_them() -> None:
    assert made(Asked("GET", "/words/a"), Resource("/words/{word}", {"word": "a", "other": "b"}))["pathParameters"] == {
        "word": "a"
    }


@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
def test_a_body_of_a_binary_type_is_in_base64_and_any_other_is_text(name: str) -> None:
    binary = made(Asked("POST", "/", [(name, "Image/PNG; x=y")], b"\x89PNG"), WORD, "image/png")
    text = made(Asked("POST", "/", [(name, "application/json")], b'"\xc3\xa9\xff"'), WORD, "image/png")

    assert (base64.b64decode(binary["body"]), binary["isBase64Encoded"]) == (b"\x89PNG", True)
    assert (text["body"], text["isBase64Encoded"]) == ('"é\ufffd"', False)
