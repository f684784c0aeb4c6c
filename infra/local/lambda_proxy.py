"""Makes the events of a REST API (Lambda proxy integration) as API Gateway does, for the local server and the tests.

Paths and path parameters stay percent-encoded; the query is decoded. A repeated header or query parameter is in the
multi-value map with all its values, and in the plain one with the last. Header names keep their case. A body of a
binary media type is in base64, any other is text. The path has no stage in front, as behind a custom domain.
"""

import base64
import re
import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

Event = dict[str, Any]

NOBODY = dict.fromkeys(
    (
        "accessKey",
        "accountId",
        "caller",
        "cognitoAuthenticationProvider",
        "cognitoAuthenticationType",
        "cognitoIdentityId",
        "cognitoIdentityPoolId",
        "principalOrgId",
        "user",
        "userArn",
    )
)
"""The identity in the event of a caller without an AWS signature."""

_PARAMETER = re.compile(r"{(\w+)}")
_NOT_FOR_A_PATH = re.compile(r"[^\x21-\x7e]")


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it was received. Header names may repeat. `target` is decoded as Latin-1, as http.server does."""

    method: str
    target: str
    headers: Iterable[tuple[str, str]] = ()
    body: bytes | None = None
    source_ip: str = "127.0.0.1"

    @property
    def address(self) -> str:
        """Gives the target, after percent-encoding the characters that a URL must not have."""
        return _NOT_FOR_A_PATH.sub(lambda found: f"%{ord(found[0]):02X}", self.target)


@dataclass(frozen=True)
class Resource:
    """A declared route, and the values that a request has for its parameters."""

    route: str
    captured: Mapping[str, str] = field(default_factory=dict)


def event(asked: ReceivedRequest, resource: Resource, binary_types: Collection[str] = ()) -> Event:
    """Makes the event. Raises ValueError for a malformed address."""
    parts = urlsplit(asked.address)
    headers = _all_values(asked.headers)
    query = parse_qs(parts.query, keep_blank_values=True)
    captured = {name: resource.captured[name] for name in _PARAMETER.findall(resource.route)}
    return {
        "resource": resource.route,
        "path": parts.path,
        "httpMethod": asked.method,
        "headers": _last_values(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last_values(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": captured or None,
        "stageVariables": None,
        "requestContext": _context(asked, resource, parts.path),
        **_body(asked.body, _header(headers, "content-type"), binary_types),
    }


def _context(asked: ReceivedRequest, resource: Resource, path: str) -> Event:
    headers, now = _all_values(asked.headers), time.time()
    return {
        "accountId": "000000000000",
        "apiId": "local",
        "deploymentId": "local",
        "domainName": _header(headers, "host").partition(":")[0],
        "domainPrefix": "local",
        "extendedRequestId": str(uuid.uuid4()),
        "httpMethod": asked.method,
        "identity": {**NOBODY, "sourceIp": asked.source_ip, "userAgent": _header(headers, "user-agent") or None},
        "path": path,
        "protocol": "HTTP/1.1",
        "requestId": str(uuid.uuid4()),
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": "local",
        "resourcePath": resource.route,
        "stage": "local",
    }


def _body(body: bytes | None, content_type: str, binary_types: Collection[str]) -> Event:
    """Gives the event's body. Text that is no UTF-8 gets replacement characters, as in API Gateway."""
    if not body:
        return {"body": None, "isBase64Encoded": False}
    if content_type.partition(";")[0].strip().lower() in binary_types:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return {"body": body.decode(errors="replace"), "isBase64Encoded": False}


def _all_values(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _last_values(values: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: each[-1] for name, each in values.items()}


def _header(headers: Mapping[str, list[str]], wanted: str) -> str:
    return next((values[-1] for name, values in headers.items() if name.lower() == wanted), "")
