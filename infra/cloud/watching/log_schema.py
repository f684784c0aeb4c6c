"""The fields of our structured log lines, and where each stands. They make docs/logs.md; a test reads the code."""

from typing import NamedTuple

FUNCTIONS, METRICS, REQUESTS = "functions", "metrics", "requests"
"""The kinds of lines: of the functions, of metrics among these, and of API Gateway for each request."""

LOG_GROUPS = {
    FUNCTIONS: "/aws/lambda/{function}",
    METRICS: "/aws/lambda/{function}",
    REQUESTS: "/cinema/{stage}/requests",
}


class Field(NamedTuple):
    name: str
    kind: str
    meaning: str


FIELDS = (
    Field("level", FUNCTIONS, "`INFO`: an outcome, also a refusal. `WARNING` and `ERROR`: something to look at"),
    Field("message", FUNCTIONS, "the outcome in words that never change, or the view's name for a request"),
    Field("timestamp", FUNCTIONS, "when, in UTC"),
    Field("service", FUNCTIONS, "`cinema-tickets`"),
    Field("location", FUNCTIONS, "the function in the code and its line, where that is known"),
    Field("xray_trace_id", FUNCTIONS, "the trace that Lambda gave the invocation"),
    Field("request_id", FUNCTIONS, "Lambda's id of the request; the client has it as `X-Request-Id`"),
    Field("status", FUNCTIONS, "the answer's status"),
    Field("ms", FUNCTIONS, "how long the view took, in milliseconds"),
    Field("path", FUNCTIONS, "the parameters in the path, by name: ids of things, never a person's"),
    Field("view", FUNCTIONS, "the WebSocket message that failed"),
    Field("exception", FUNCTIONS, "an exception with its lines of code"),
    Field("exception_name", FUNCTIONS, "its type"),
    Field("stack_trace", FUNCTIONS, "the same as JSON: `type`, `value`, `module`, `frames`"),
    Field("record_id", FUNCTIONS, "of a queue the message's id, of a stream the record's sequence number"),
    Field("reason", FUNCTIONS, "why a message was given up"),
    Field("operation", FUNCTIONS, "the call of DynamoDB that was given up"),
    Field("cause", FUNCTIONS, "the driver's error"),
    Field("fault", FUNCTIONS, "why a token was refused"),
    Field("detail", FUNCTIONS, "more of that, without the token"),
    Field("refusal", FUNCTIONS, "the refusal with its facts, of a payment that bought nothing"),
    Field("dependency", FUNCTIONS, "whose circuit breaker: `ses`, `payments`"),
    Field("state", FUNCTIONS, "how that breaker stands now"),
    Field("event_id", FUNCTIONS, "the event that an email tells of"),
    Field("mail_id", FUNCTIONS, "SES's id of the email"),
    Field("to", FUNCTIONS, "the domain of the reader's address"),
    Field("says", FUNCTIONS, "what the sweep over payments found"),
    Field("ids", FUNCTIONS, "whom that is about: `transaction`, `reservation`"),
    Field("looked_at", FUNCTIONS, "how many payments the sweep compared"),
    Field("mended", FUNCTIONS, "how many of them it settled"),
    Field("findings", FUNCTIONS, "how many are left to be looked at"),
    Field("_aws", METRICS, "the description of the line's metrics, for CloudWatch"),
    Field("Stage", METRICS, "the stage"),
    Field("Dependency", METRICS, "whose circuit breaker"),
    Field("BreakerOpen", METRICS, "1: it opened, or its probe failed. 0: it closed"),
    Field("trips", METRICS, "how often it has opened in a row"),
    Field("MoneyToLookAt", METRICS, "how many payments and sales don't agree, or wait for too long"),
    Field("requestId", REQUESTS, "API Gateway's id of the request"),
    Field(
        "functionRequestId", REQUESTS, "Lambda's id of it: `request_id` of the function's line; `-` if none was asked"
    ),
    Field("time", REQUESTS, "when it came, in milliseconds since 1970"),
    Field("method", REQUESTS, "the method"),
    Field("route", REQUESTS, "the route, with the names of its parameters and not their values"),
    Field("status", REQUESTS, "the status that the client got"),
    Field("error", REQUESTS, "which of API Gateway's own answers it was, or `-`"),
    Field("milliseconds", REQUESTS, "how long API Gateway took"),
    Field("functionMilliseconds", REQUESTS, "how long it waited for the function"),
    Field("bytes", REQUESTS, "the answer's length"),
)


def fields_of(*kinds: str) -> frozenset[str]:
    """Names the fields of lines of those kinds."""
    return frozenset(field.name for field in FIELDS if field.kind in kinds)
