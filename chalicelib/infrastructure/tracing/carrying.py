"""The trace context as W3C's `traceparent`: in HTTP headers, in items of the database, in messages of the queues."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Record = Mapping[str, Any]

TRACEPARENT = "traceparent"
"""The name of W3C's header. Items and messages carry the header's value in an attribute of the same name."""

_W3C = TraceContextTextMapPropagator()


def current_traceparent_or_empty() -> str:
    """Gives the traceparent of the current span. Empty if there is no span."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get(TRACEPARENT, "")


def context_in_headers(headers: Mapping[str, str]) -> Context:
    """Reads the trace context from HTTP headers. The context has no span if the header is missing or malformed."""
    return _context_from(headers.get(TRACEPARENT))


def context_in_record(record: Record) -> Context:
    """Reads the trace context from a stream record or an SQS message.

    The context has no span if the record has none.
    """
    return _context_from(_traceparent_in(record))


def span_context_in(context: Context) -> trace.SpanContext:
    return trace.get_current_span(context).get_span_context()


def common_trace_or_empty_context(contexts: Iterable[Context]) -> Context:
    """Gives the first context if all contexts belong to one trace. Else gives a context without a span."""
    all_ = list(contexts)
    if len({span_context_in(context).trace_id for context in all_}) == 1:
        return all_[0]
    return Context()


def _context_from(traceparent: object) -> Context:
    return _W3C.extract({TRACEPARENT: traceparent} if isinstance(traceparent, str) else {}, Context())


def _traceparent_in(record: Record) -> object:
    if "dynamodb" in record:
        return _image(record).get(TRACEPARENT, {}).get("S")
    return record.get("messageAttributes", {}).get(TRACEPARENT, {}).get("stringValue")


def _image(record: Record) -> Mapping[str, Any]:
    """Gives the item as it is after the write. If the item was deleted, gives it as it was before the write."""
    change = record["dynamodb"]
    image: Mapping[str, Any] = change.get("NewImage") or change.get("OldImage") or {}
    return image


# What a record is about: ids only, no person.


def span_attributes(record: Record) -> dict[str, str]:
    """Gives the attributes for a record's span: source, reservation id, type of event. They name no person."""
    facts = _facts_of_change(record) if "dynamodb" in record else _facts_of_message(record)
    return {name: value for name, value in facts.items() if isinstance(value, str) and value}


def table_or_queue_name_without_prefix(record: Record) -> str:
    """Gives the name of the record's table or queue, without a prefix such as `cinema-dev-`."""
    arn = str(record.get("eventSourceARN", ""))
    name = arn.split("/")[1] if ":table/" in arn else arn.rpartition(":")[2]
    return name.split("-", 2)[-1] if name.startswith("cinema-") else name


def _facts_of_change(record: Record) -> dict[str, Any]:
    image, event = _image(record), _image(record).get("event", {}).get("M", {})
    own_id = image.get("id") if table_or_queue_name_without_prefix(record) == "reservations" else None
    reservation = event.get("reservation") or image.get("reservation_id") or own_id or {}
    return {
        "aws.dynamodb.stream.table": table_or_queue_name_without_prefix(record),
        "aws.dynamodb.stream.event_name": record.get("eventName"),
        "cinema.reservation.id": reservation.get("S"),
        "cinema.event.type": event.get("type", {}).get("S"),
    }


def _facts_of_message(record: Record) -> dict[str, Any]:
    wire: Any = {}
    with suppress(ValueError, RecursionError):
        wire = json.loads(record.get("body", ""))
    wire = wire if isinstance(wire, dict) else {}
    charge = wire.get("charge") if isinstance(wire.get("charge"), dict) else {}
    return {
        "messaging.system": "aws_sqs",
        "messaging.operation.type": "process",
        "messaging.destination.name": table_or_queue_name_without_prefix(record),
        "messaging.message.id": record.get("messageId"),
        "cinema.reservation.id": wire.get("reservationId") or charge.get("reservationId"),
        "cinema.event.type": wire.get("type"),
    }
