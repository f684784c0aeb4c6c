"""Spans of calls of AWS, and the trace context in what these calls write: items with a stream, messages of queues."""

import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span

from .carrying import TRACEPARENT, current_traceparent_or_empty

log = logging.getLogger(__name__)

Request = dict[str, Any]

SET = re.compile(r"(?<![#:\w])SET\s+")


def trace_aws_calls(provider: TracerProvider, relayed_tables: Collection[str]) -> None:
    """Traces all of this process's calls to AWS.

    What is written to queues, and to the tables named in `relayed_tables`, carries the trace context.
    """
    instrumentor: Any = BotocoreInstrumentor
    # Lambda's package has no metadata of botocore, in which its version would be looked up.
    instrumentor().instrument(
        tracer_provider=provider, request_hook=ItemAndMessageTraceContextWriter(relayed_tables), skip_dep_check=True
    )


@dataclass(frozen=True)
class ItemAndMessageTraceContextWriter:
    """A request hook that adds the current trace context to each item or message that is written.

    Changes only the dict that the client made for this call, never the caller's arguments.
    """

    relayed_tables: Collection[str]
    """The full names of the tables whose streams are relayed."""

    def __call__(self, _span: Span, service: str, operation: str, request: Request) -> None:
        """Adds the trace context to a request before it is sent.

        Never raises, so that no write fails because of a trace.
        """
        write = WRITES.get((service, operation))
        traceparent = current_traceparent_or_empty() if write else ""
        try:
            if write and traceparent:
                request.update(write(request, traceparent, self.relayed_tables))
        except Exception:  # no trace is worth a booking
            log.warning("the trace context could not be written into %s", operation, exc_info=True)


def _with_put(request: Mapping[str, Any], traceparent: str, tables: Collection[str]) -> Request:
    if request["TableName"] not in tables:
        return {}
    return {"Item": {**request["Item"], TRACEPARENT: {"S": traceparent}}}


def _with_update(request: Mapping[str, Any], traceparent: str, tables: Collection[str]) -> Request:
    if request["TableName"] not in tables:
        return {}
    assignment, expression = f"SET {TRACEPARENT} = :{TRACEPARENT}", request["UpdateExpression"]
    has_set = SET.search(expression)
    return {
        "UpdateExpression": SET.sub(f"{assignment}, ", expression, count=1)
        if has_set
        else f"{assignment} {expression}",
        "ExpressionAttributeValues": {
            **request.get("ExpressionAttributeValues", {}),
            f":{TRACEPARENT}": {"S": traceparent},
        },
    }


def _with_transaction(request: Mapping[str, Any], traceparent: str, tables: Collection[str]) -> Request:
    kinds = {"Put": _with_put, "Update": _with_update}
    writes = [
        {kind: {**write, **kinds[kind](write, traceparent, tables)} if kind in kinds else write}
        for one in request["TransactItems"]
        for kind, write in one.items()
    ]
    return {"TransactItems": writes}


def _with_message(request: Mapping[str, Any], traceparent: str, _: Collection[str]) -> Request:
    return {"MessageAttributes": _with_attribute(request, traceparent)}


def _with_messages(request: Mapping[str, Any], traceparent: str, _: Collection[str]) -> Request:
    entries = [{**entry, "MessageAttributes": _with_attribute(entry, traceparent)} for entry in request["Entries"]]
    return {"Entries": entries}


def _with_attribute(message: Mapping[str, Any], traceparent: str) -> Request:
    """Gives the message's attributes with the trace context. If the message already has a context, that one is kept."""
    return {TRACEPARENT: {"DataType": "String", "StringValue": traceparent}, **message.get("MessageAttributes", {})}


WRITES: Mapping[tuple[str, str], Callable[[Mapping[str, Any], str, Collection[str]], Request]] = {
    ("dynamodb", "PutItem"): _with_put,
    ("dynamodb", "UpdateItem"): _with_update,
    ("dynamodb", "TransactWriteItems"): _with_transaction,
    ("sqs", "SendMessage"): _with_message,
    ("sqs", "SendMessageBatch"): _with_messages,
}
"""How the context is written into each kind of request, by service and operation as botocore names them."""
