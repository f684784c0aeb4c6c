"""AWS's errors as they go over the wire, in each protocol that we speak, and behaviours of an endpoint that give them.

    DynamoDB    JSON 1.0, `__type` with the service's namespace, `x-amz-crc32` of the body
    SQS         JSON 1.0, `__type`, and the older name of the error in `x-amzn-query-error`
    SES, v1     XML with a namespace, as all query services
    S3          XML without a namespace

Documents: "Error handling with DynamoDB" and "Common errors" in the Amazon DynamoDB Developer Guide and API Reference;
"Common Errors" in the API References of SQS and SES; "Error responses" in the Amazon S3 API Reference; "Troubleshooting
Signature Version 4 errors" in the IAM User Guide. The forms were compared with what botocore's parsers read.
"""

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from .endpoint import Behaviour, Call, Forward, Reply

REQUEST_ID = "4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG"
UUID = "e6f0a2c4-4ba1-5b5c-9d3e-6a4f7c1f0b17"
S3_ID = "4442587FB7D0A2F9"

# DynamoDB


def dynamodb_answer(body: Any, status: int = 200) -> Reply:
    """Answers as DynamoDB, which signs each body with a CRC32."""
    text = json.dumps(body).encode()
    headers = (
        ("Content-Type", "application/x-amz-json-1.0"),
        ("x-amzn-RequestId", REQUEST_ID),
        ("x-amz-crc32", str(zlib.crc32(text))),
    )
    return Reply(status, headers, text)


def dynamodb_error(code: str, message: str, status: int = 400, **facts: Any) -> Reply:
    """Refuses as DynamoDB. Errors of every service's front (signatures, rights) come in another namespace."""
    service = OF_EVERY_SERVICE.get(code, "com.amazonaws.dynamodb.v20120810")
    said = {"Message" if code in IN_CAPITALS else "message": message}
    return dynamodb_answer({"__type": f"{service}#{code}", **said, **facts}, status)


OF_EVERY_SERVICE = {
    "AccessDeniedException": "com.amazon.coral.service",
    "ExpiredTokenException": "com.amazon.coral.service",
    "InvalidSignatureException": "com.amazon.coral.service",
    "ServiceUnavailable": "com.amazon.coral.availability",
    "ThrottlingException": "com.amazon.coral.availability",
}
"""The namespaces of errors that come from AWS's front, not from DynamoDB."""

IN_CAPITALS = ("AccessDeniedException", "TransactionCanceledException")
"""The errors whose text is under `Message`."""


def transaction_cancelled(*reasons: dict[str, Any]) -> Reply:
    """Cancels a transaction, with a reason for each of its writes."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    said = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return dynamodb_error("TransactionCanceledException", said, CancellationReasons=list(reasons))


FINE = {"Code": "None"}
CONFLICT = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
THROTTLED_WRITE = {
    "Code": "ThrottlingError",
    "Message": "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your "
    "table or index so please try again shortly.",
}
OVER_PROVISIONED = {
    "Code": "ProvisionedThroughputExceeded",
    "Message": "The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
    "provisioning level with the UpdateTable API.",
}

PROVISIONED_THROUGHPUT = dynamodb_error(
    "ProvisionedThroughputExceededException",
    "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning "
    "level with the UpdateTable API.",
)
THROTTLED_TABLE = dynamodb_error(
    "ThrottlingException",
    "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or "
    "index so please try again shortly. If exceptions persist, check if you have a hot key.",
)
REQUEST_LIMIT = dynamodb_error(
    "RequestLimitExceeded",
    "Throughput exceeds the current throughput limit for your account. Please contact AWS Support to request an "
    "increase.",
)
TRANSACTION_IN_PROGRESS = dynamodb_error(
    "TransactionInProgressException", "The transaction with the given request token is already in progress."
)
TRANSACTION_CONFLICT = dynamodb_error("TransactionConflictException", "Transaction is ongoing for the item")
COLLECTION_TOO_LARGE = dynamodb_error(
    "ItemCollectionSizeLimitExceededException", "Collection size exceeded: 10737418240 bytes."
)
NO_TABLE = dynamodb_error("ResourceNotFoundException", "Requested resource not found")
NO_RIGHT = dynamodb_error(
    "AccessDeniedException",
    "User: arn:aws:sts::123456789012:assumed-role/cinema-prod-app/fn is not authorized to perform: dynamodb:UpdateItem "
    "on resource: arn:aws:dynamodb:us-east-1:123456789012:table/cinema-prod-rows because no identity-based policy "
    "allows the dynamodb:UpdateItem action",
)
TOKEN_EXPIRED = dynamodb_error("ExpiredTokenException", "The security token included in the request is expired")
CLOCK_SKEW = dynamodb_error(
    "InvalidSignatureException",
    "Signature expired: 20261127T013720Z is now earlier than 20261127T013725Z (20261127T014225Z - 5 min.)",
)
BROKEN = dynamodb_error("InternalServerError", "Internal server error", 500)
AWAY = dynamodb_error("ServiceUnavailable", "The service is temporarily unavailable", 503)

# SQS


def sqs_error(code: str, message: str, status: int = 400, *, older: str = "", fault: str = "Sender") -> Reply:
    """Refuses as SQS: JSON, and the error's name of the older protocol, which botocore prefers."""
    body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message}).encode()
    headers = (
        ("Content-Type", "application/x-amz-json-1.0"),
        ("x-amzn-RequestId", UUID),
        ("x-amzn-query-error", f"{older or code};{fault}"),
    )
    return Reply(status, headers, body)


NO_QUEUE = sqs_error(
    "QueueDoesNotExist", "The specified queue does not exist.", older="AWS.SimpleQueueService.NonExistentQueue"
)
TOO_MANY_IN_FLIGHT = sqs_error("OverLimit", "Too many messages in flight.", 403)
SQS_THROTTLED = sqs_error("RequestThrottled", "Request is throttled.", 403, older="RequestThrottled")
SQS_NO_RIGHT = sqs_error("AccessDeniedException", "User is not authorized to perform: sqs:sendmessage", 403)
SQS_BROKEN = sqs_error("InternalFailure", "We encountered an internal error. Please try again.", 500, fault="Receiver")
QUEUE_DELETED_RECENTLY = sqs_error(
    "QueueDeletedRecently",
    "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
    older="AWS.SimpleQueueService.QueueDeletedRecently",
)

# SES and S3


def ses_error(code: str, message: str, status: int = 400, fault: str = "Sender") -> Reply:
    """Refuses as SES v1, a query service."""
    text = (
        '<ErrorResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/">\n'
        f"  <Error>\n    <Type>{fault}</Type>\n    <Code>{code}</Code>\n    <Message>{escape(message)}</Message>\n"
        f"  </Error>\n  <RequestId>{UUID}</RequestId>\n</ErrorResponse>\n"
    )
    return Reply(status, (("Content-Type", "text/xml"), ("x-amzn-RequestId", UUID)), text.encode())


SANDBOX = ses_error(
    "MessageRejected",
    "Email address is not verified. The following identities failed the check in region US-EAST-1: ana@example.com",
)
SES_TOO_FAST = ses_error("Throttling", "Maximum sending rate exceeded.")
SES_QUOTA_USED = ses_error("Throttling", "Daily message quota exceeded.")
SES_PAUSED = ses_error(
    "AccountSendingPausedException", "Sending paused for this account. For more information, please check the inbox."
)
SES_NO_RIGHT = ses_error("AccessDenied", "User is not authorized to perform `ses:SendRawEmail' on resource", 403)
SES_BROKEN = ses_error("InternalFailure", "An internal error occurred.", 500, "Receiver")


def s3_error(code: str, message: str, status: int) -> Reply:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{S3_ID}</RequestId><HostId>Uuag1LuByRx9e6j5Onimru9pO4ZVKnJ2Qz7/C1NPcfTWAtRPfTaOFg==</HostId></Error>"
    )
    return Reply(status, (("Content-Type", "application/xml"), ("x-amz-request-id", S3_ID)), text.encode())


SLOW_DOWN = s3_error("SlowDown", "Please reduce your request rate.", 503)
S3_AWAY = s3_error("ServiceUnavailable", "Service is unable to handle request.", 503)
S3_CLOCK_SKEW = s3_error(
    "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", 403
)
S3_NO_RIGHT = s3_error("AccessDenied", "Access Denied", 403)
WRITTEN_ALREADY = s3_error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)

# Behaviours


def always(call: Call) -> bool:
    return True


@dataclass
class Fails:
    """Answers calls of one operation with an error, `times` times; without a number, as long as it stands."""

    service: str
    operation: str
    reply: Reply
    times: int | None = None
    when: Callable[[Call], bool] = always
    takes_effect: bool = False
    """True when the emulator gets the call all the same: the answer alone is an error."""
    met: int = 0

    def __call__(self, call: Call, forward: Forward) -> Reply:
        if (call.service, call.operation) != (self.service, self.operation) or not self.when(call):
            return forward(call)
        if self.times is not None and self.met >= self.times:
            return forward(call)
        self.met += 1
        if self.takes_effect:
            forward(call)
        return self.reply


def on_table(name: str) -> Callable[[Call], bool]:
    """Chooses the calls that name a table of the stage, by its name without the prefix."""
    return lambda call: f'-{name}"'.encode() in call.body


def leaves_unprocessed(most: int, times: int | None = None) -> Behaviour:
    """Makes BatchGetItem answer the first `most` keys only, and name the rest as DynamoDB does: in UnprocessedKeys."""
    met = 0

    def behaviour(call: Call, forward: Forward) -> Reply:
        nonlocal met
        if call.operation != "BatchGetItem" or (times is not None and met >= times):
            return forward(call)
        met += 1
        ((table, asked),) = call.json["RequestItems"].items()
        answered, rest = asked["Keys"][:most], asked["Keys"][most:]
        left: Any = {table: {**asked, "Keys": rest}} if rest else {}
        if not answered:
            return dynamodb_answer({"Responses": {table: []}, "UnprocessedKeys": left})
        kept = {**call.json, "RequestItems": {table: {**asked, "Keys": answered}}}
        reply = forward(Call(call.method, call.path, call.headers, json.dumps(kept).encode()))
        return dynamodb_answer({**json.loads(reply.body), "UnprocessedKeys": left})

    return behaviour


def refuses_entries(queue: str, ids: Sequence[int], code: str, *, sender_fault: bool) -> Behaviour:
    """Makes SendMessageBatch to a queue take all entries but those at these places, which come back in `Failed`."""

    def behaviour(call: Call, forward: Forward) -> Reply:
        if call.operation != "SendMessageBatch" or not call.json["QueueUrl"].endswith(f"-{queue}"):
            return forward(call)
        entries = call.json["Entries"]
        refused = [entries[at] for at in ids if at < len(entries)]
        taken = {**call.json, "Entries": [one for one in entries if one not in refused]}
        answered: Any = {"Successful": []}
        if taken["Entries"]:
            answered = json.loads(forward(Call("POST", call.path, call.headers, json.dumps(taken).encode())).body)
        failed = [{"Id": one["Id"], "Code": code, "SenderFault": sender_fault, "Message": code} for one in refused]
        body = json.dumps({**answered, "Failed": failed}).encode()
        return Reply(200, (("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-RequestId", UUID)), body)

    return behaviour
