"""The events that AWS hands to functions, with our ids in them; each builder names the documents that it follows.

Recorded means: written down from a real account by others, in public (LocalStack's snapshots of its tests against AWS,
the sample events of Powertools for AWS Lambda). Only the facts are carried over: which fields there are, and what they
look like.
"""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

Event = dict[str, Any]

ACCOUNT = "123456789012"
REGION = "us-east-1"
API_ID, SOCKETS_ID = "a1b2c3d4e5", "f6g7h8i9j0"
STAGE = "prod"
SOURCE_IP = "203.0.113.7"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"

# Requests: AWS hands over the path percent-encoded, and the query decoded.
#
# Documents: "Input format of a Lambda function for proxy integration" in the API Gateway Developer Guide; recorded in
# LocalStack's tests/aws/services/apigateway/test_apigateway_lambda.snapshot.json (`deploymentId` since July 2024).


def rest_request(
    method: str,
    address: str,
    resource: str,
    body: str | bytes | None = None,
    *,
    path_parameters: Mapping[str, str] | None = None,
    headers: Sequence[tuple[str, str]] = (),
    **place: str,
) -> Event:
    """Makes the event of a REST API with Lambda proxy integration (payload format 1.0). Bytes are in base64.

    `address` is the path and query as the client wrote them. `place` is a custom `domain`, with a `base_path` or none.
    """
    parts = urlsplit(address)
    host, seen, full_path = _where(parts.path, **place)
    return {
        "resource": resource,
        "path": seen,
        "httpMethod": method,
        **_sent([*_headers_of_cloudfront(host), *headers], parts.query),
        "pathParameters": dict(path_parameters) if path_parameters else None,
        "requestContext": _request_context(host, method, resource, full_path),
        **_body(body),
    }


def _where(path: str, domain: str = "", base_path: str = "") -> tuple[str, str, str]:
    """Gives the host, the event's path and the context's. By a custom domain both have the mapping's base path, and
    none the stage."""
    if not domain:
        return f"{API_ID}.execute-api.{REGION}.amazonaws.com", path, f"/{STAGE}{path}"
    seen = f"/{base_path}{path}" if base_path else path
    return domain, seen, seen


def _sent(headers: Sequence[tuple[str, str]], query: str) -> Event:
    """Gives headers and query, each with all values, and with the last of each name."""
    values, asked = _values(headers), parse_qs(query, keep_blank_values=True)
    return {
        "headers": {name: each[-1] for name, each in values.items()},
        "multiValueHeaders": values,
        "queryStringParameters": {name: each[-1] for name, each in asked.items()} or None,
        "multiValueQueryStringParameters": asked or None,
    }


NO_VARIABLES = {"stageVariables": None}


def _body(body: str | bytes | None) -> Event:
    binary = isinstance(body, bytes)
    return {
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": binary,
        **NO_VARIABLES,
    }


def _headers_of_cloudfront(host: str) -> list[tuple[str, str]]:
    """Gives the headers of an edge-optimised API. AWS keeps the case in which a client wrote a name."""
    return [
        ("Accept", "*/*"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("CloudFront-Forwarded-Proto", "https"),
        ("CloudFront-Is-Desktop-Viewer", "true"),
        ("CloudFront-Is-Mobile-Viewer", "false"),
        ("CloudFront-Is-SmartTV-Viewer", "false"),
        ("CloudFront-Is-Tablet-Viewer", "false"),
        ("CloudFront-Viewer-ASN", "64496"),
        ("CloudFront-Viewer-Country", "BR"),
        ("Host", host),
        ("User-Agent", BROWSER),
        ("Via", "2.0 0123456789abcdef0123456789abcdef.cloudfront.net (CloudFront)"),
        ("X-Amz-Cf-Id", "wlNhEAA1ZSuSoKp9cXwXWTe1TRvYxKZUX2rCM3qyGV3v_4t_LQ5Wyg=="),
        ("X-Amzn-Trace-Id", "Root=1-6731ebfc-08e1e656421db73c5d2eef31"),
        ("X-Forwarded-For", f"{SOURCE_IP}, 198.51.100.20"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ]


def _values(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _request_context(host: str, method: str, resource: str, path: str) -> Event:
    now = time.time()
    return {
        "resourceId": "abc123",
        "resourcePath": resource,
        "httpMethod": method,
        "path": path,
        "protocol": "HTTP/1.1",
        "identity": _identity(),
        "accountId": ACCOUNT,
        "apiId": API_ID,
        "deploymentId": "d1e2f3",
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "extendedRequestId": "BFHPhFe3IAMF95g=",
        "requestId": str(uuid.uuid4()),
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "stage": STAGE,
    }


def _identity() -> Event:
    """Gives the identity of a caller without an AWS signature. Without an authorizer there is no `authorizer`."""
    absent = (
        "accessKey accountId caller cognitoAuthenticationProvider cognitoAuthenticationType cognitoIdentityId "
        "cognitoIdentityPoolId principalOrgId user userArn"
    )
    return {**dict.fromkeys(absent.split()), "sourceIp": SOURCE_IP, "userAgent": BROWSER}


# WebSockets


def socket_message(connection_id: str, body: str) -> Event:
    """Makes the event of a WebSocket message: it has no headers and no query.

    Documents: "Set up a WebSocket API integration request" and "API Gateway WebSocket API mapping template reference"
    in the API Gateway Developer Guide; recorded in Powertools' tests/events/apiGatewayWebSocketApiMessage.json.
    """
    context = {**_socket_context(connection_id, "$default", "MESSAGE"), "messageId": "BFaVtfGSIAMCKug="}
    return {"requestContext": context, "body": body, "isBase64Encoded": False}


def socket_closed(
    connection_id: str, status: int = 1005, reason: str = "Client-side close frame status not set"
) -> Event:
    """Makes the event of a closed WebSocket. AWS sends it at its best effort, and empty headers with it.

    Documents: "Manage connected users and client apps: $connect and $disconnect routes" in the API Gateway Developer
    Guide; recorded in Powertools' tests/events/apiGatewayWebSocketApiDisconnect.json.
    """
    context = _socket_context(connection_id, "$disconnect", "DISCONNECT")
    headers = _values([("Host", context["domainName"]), ("x-api-key", ""), ("X-Forwarded-For", ""), ("x-restapi", "")])
    return {
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "requestContext": {**context, "disconnectStatusCode": status, "disconnectReason": reason},
        "isBase64Encoded": False,
    }


def _socket_context(connection_id: str, route: str, kind: str) -> Event:
    now = int(time.time() * 1000)
    return {
        "routeKey": route,
        "eventType": kind,
        "extendedRequestId": "BFaVtH2HoAMFZEQ=",
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
        "messageDirection": "IN",
        "stage": STAGE,
        "connectedAt": now - 60_000,
        "requestTimeEpoch": now,
        "identity": {"sourceIp": SOURCE_IP, "userAgent": BROWSER},
        "requestId": "BFaVtH2HoAMFZEQ=",
        "domainName": f"{SOCKETS_ID}.execute-api.{REGION}.amazonaws.com",
        "connectionId": connection_id,
        "apiId": SOCKETS_ID,
    }


# Queues


def queue_batch(queue: str, *bodies: str, receives: int = 1, **attributes: Mapping[str, str]) -> Event:
    """Makes the event of a batch from a standard queue: no MessageGroupId, no SequenceNumber; all numbers are text.

    Documents: "Using Lambda with Amazon SQS" in the Lambda Developer Guide; recorded in LocalStack's
    tests/aws/services/lambda_/event_source_mapping/test_lambda_integration_sqs.snapshot.json.
    """
    return {"Records": [_message(queue, body, receives, attributes) for body in bodies]}


def _message(queue: str, body: str, receives: int, attributes: Mapping[str, Mapping[str, str]]) -> Event:
    sent = int(time.time() * 1000)
    message: Event = {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": f"AQEB{base64.b64encode(uuid.uuid4().bytes * 8).decode()}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "AWSTraceHeader": "Root=1-6731ebfc-08e1e656421db73c5d2eef31",
            "SentTimestamp": str(sent),
            "SenderId": "AROAEXAMPLE:cinema-prod-app-OnRowChanged",
            "ApproximateFirstReceiveTimestamp": str(sent + 12),
        },
        "messageAttributes": {
            name: {"stringListValues": [], "binaryListValues": [], **value} for name, value in attributes.items()
        },
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }
    if attributes:
        message["md5OfMessageAttributes"] = "e4849a650dbb07b06723f9cf0ebe1f68"
    return message


# Streams
#
# Documents: "Using Lambda with DynamoDB" in the Lambda Developer Guide; "Record", "StreamRecord" and "Identity" in the
# DynamoDB API Reference; "DynamoDB Streams and Time to Live" in the DynamoDB Developer Guide; recorded in LocalStack's
# tests/aws/services/lambda_/event_source_mapping/test_lambda_integration_dynamodbstreams.snapshot.json. Lambda writes
# the moment as a number: `1480642020` or, in newer recordings, `1.73132373E9`.

BY_TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
"""The identity on the record of an item that TTL has deleted."""

FIRST_NUMBER = 4421584500000000017450439091
"""Sequence numbers have 21 to 40 digits: "StreamRecord" in the DynamoDB API Reference."""


def stream_batch(*records: Event) -> Event:
    return {"Records": list(records)}


def stream_record(
    table: str,
    key: Event,
    *,
    before: Event | None = None,
    after: Event | None = None,
    place: int = 0,
    at: float | None = None,
    user_identity: Event | None = None,
) -> Event:
    """Makes a record of a table's stream of new and old images. `at` is a Unix time: whole seconds, or with a fraction.

    An INSERT has no OldImage, a REMOVE no NewImage, and only a deletion by TTL has a userIdentity.
    """
    name = "REMOVE" if after is None else "INSERT" if before is None else "MODIFY"
    images = {kind: image for kind, image in (("NewImage", after), ("OldImage", before)) if image is not None}
    change = {
        "ApproximateCreationDateTime": time.time() // 1 if at is None else at,
        "Keys": key,
        **images,
        **_measures(place, [key, before, after]),
    }
    by = {"userIdentity": user_identity} if user_identity else {}
    return {**_record_of(table, name, place), "dynamodb": change, **by}


def _measures(place: int, written: Sequence[Event | None]) -> Event:
    size = len(json.dumps(written))
    return {"SequenceNumber": str(FIRST_NUMBER + place), "SizeBytes": size, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def _record_of(table: str, name: str, place: int) -> Event:
    """Gives the fields of a record other than its change."""
    return {
        "eventID": hashlib.md5(str(FIRST_NUMBER + place).encode(), usedforsecurity=False).hexdigest(),
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/2026-11-27T01:37:20.123",
    }


def given_up(batch: Event, *, condition: str = "RetryAttemptsExhausted", now: datetime | None = None) -> Event:
    """Makes the object that Lambda writes to S3 for a batch of a stream that it has given up.

    Only in S3 it has the `payload`: the whole event, as text.

    Documents: "Capturing discarded batches for a DynamoDB stream" and "Retain discarded batch records with Amazon S3
    destinations" in the Lambda Developer Guide; recorded (for SQS) in LocalStack's
    test_lambda_integration_dynamodbstreams.snapshot.json.
    """
    moment = (now or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:cinema-prod-app-OnRowChanged",
            "condition": condition,
            "approximateInvokeCount": 2,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": moment,
        "DDBStreamBatchInfo": _batch_info(batch["Records"]),
        "payload": json.dumps(batch),
    }


def _batch_info(records: Sequence[Event]) -> Event:
    changes = [records[place]["dynamodb"] for place in (0, -1)]
    first, last = (datetime.fromtimestamp(one["ApproximateCreationDateTime"], UTC) for one in changes)
    return {
        "shardId": "shardId-00000001731324924553-a1b2c3d4",
        "startSequenceNumber": changes[0]["SequenceNumber"],
        "endSequenceNumber": changes[1]["SequenceNumber"],
        "approximateArrivalOfFirstRecord": f"{first:%Y-%m-%dT%H:%M:%SZ}",
        "approximateArrivalOfLastRecord": f"{last:%Y-%m-%dT%H:%M:%SZ}",
        "batchSize": len(records),
        "streamArn": records[0]["eventSourceARN"],
    }


# Schedules


def scheduled(rule: str) -> Event:
    """Makes the event of an EventBridge rule with a schedule.

    Document: "Creating a rule that runs on a schedule in Amazon EventBridge" in the EventBridge User Guide.
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}"],
        "detail": {},
    }
