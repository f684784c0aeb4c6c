"""Spans of the application: one for each request, for each invocation of an event handler, for each of its records.

POST /api/reservations                the caller's trace if it sent one, else a new one
on_row_changed                        the trace of its records if they have one in common, else one with links to theirs
  └─ process rows                     the trace of the write that made the record
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanKind, Tracer
from opentelemetry.trace.status import StatusCode

from chalicelib.domain.events import OutgoingMessage

from .carrying import (
    Record,
    common_trace_or_empty_context,
    context_in_headers,
    context_in_record,
    current_traceparent_or_empty,
    span_attributes,
    span_context_in,
    table_or_queue_name_without_prefix,
)
from .export import FLUSH_MILLISECONDS

T = TypeVar("T")

KINDS_OF_EVENTS = ("sqs", "dynamodb", "scheduled", "websocket")
"""The kinds of events that app.py handles, in the words of Chalice's middleware."""
API_HANDLER = "api_handler"


@dataclass(frozen=True)
class TracingMiddleware:
    """The spans of requests, invocations and records. They are flushed before an invocation ends."""

    provider: TracerProvider

    @property
    def tracer(self) -> Tracer:
        return self.provider.get_tracer("cinema-tickets")

    def register_middleware(self, app: Any) -> None:
        """Registers the tracing middleware in a Chalice application.

        Middleware that is registered later runs within the spans.
        """
        app.register_middleware(self.trace_request, "http")
        for kind in KINDS_OF_EVENTS:
            app.register_middleware(self.trace_invocation, kind)

    def trace_request(self, request: Any, get_response: Callable[[Any], Any]) -> Any:
        """Answers an HTTP request within a span. This is a Chalice middleware."""
        route = str(request.context.get("resourcePath", ""))
        attributes = {"http.request.method": request.method, "http.route": route, "faas.name": API_HANDLER}
        if reservation := (request.uri_params or {}).get("reservation_id"):
            attributes["cinema.reservation.id"] = reservation
        try:
            with self.tracer.start_as_current_span(
                f"{request.method} {route}", context_in_headers(request.headers), SpanKind.SERVER, attributes
            ) as span:
                response = get_response(request)
                span.set_attribute("http.response.status_code", response.status_code)
                if response.status_code >= 500:
                    span.set_status(StatusCode.ERROR)
                return response
        finally:
            self.provider.force_flush(FLUSH_MILLISECONDS)  # its own default is 30 s

    def trace_invocation(self, event: Any, get_response: Callable[[Any], Any]) -> Any:
        """Handles an event within a span. This is a Chalice middleware."""
        records = event.to_dict().get("Records", [])
        contexts = [context_in_record(record) for record in records]
        parent = common_trace_or_empty_context(contexts)
        links = [] if span_context_in(parent).is_valid else _links_to(contexts)
        name = str(getattr(event.context, "function_name", "")).rpartition("-")[2]
        attributes: dict[str, str | int] = {"faas.name": name, "messaging.batch.message_count": len(records)}
        try:
            with self.tracer.start_as_current_span(name, parent, SpanKind.CONSUMER, attributes, links):
                return get_response(event)
        finally:
            self.provider.force_flush(FLUSH_MILLISECONDS)  # its own default is 30 s

    def wrap_handler(self, handle: Callable[[Record], T]) -> Callable[[Record], T]:
        """Wraps a handler so that each record has a span, in the trace that the record carries.

        Call this within the invocation. The wrapped handler may run in other threads.
        """
        invocation = get_current()

        def handle_within_span(record: Record) -> T:
            context, links = _context_of_record(record, invocation)
            name, attributes = (
                f"process {table_or_queue_name_without_prefix(record)}",
                {**span_attributes(record), **_function_attributes(invocation)},
            )
            with self.tracer.start_as_current_span(name, context, SpanKind.CONSUMER, attributes, links):
                return handle(record)

        return handle_within_span

    def wrap_relay(
        self, relay: Callable[[Record], Sequence[OutgoingMessage]]
    ) -> Callable[[Record], Sequence[OutgoingMessage]]:
        """Wraps a relay so that each record has a span, and the messages carry the span's context."""
        return self.wrap_handler(lambda record: [_carrying_context(message) for message in relay(record)])


def _carrying_context(message: OutgoingMessage) -> OutgoingMessage:
    return replace(message, trace=current_traceparent_or_empty())


def _context_of_record(record: Record, invocation: Context) -> tuple[Context, list[Link]]:
    """Gives the parent context and the links of a record's span. If the record carries a context of another trace, that
    context is the parent, and the invocation is linked. Otherwise the invocation is the parent, without a link."""
    carried = context_in_record(record)
    if not span_context_in(carried).is_valid:
        return invocation, []
    if span_context_in(carried).trace_id == span_context_in(invocation).trace_id:
        return invocation, []
    return carried, _links_to([invocation])


def _links_to(contexts: Sequence[Context]) -> list[Link]:
    return [Link(context) for context in map(span_context_in, contexts) if context.is_valid]


def _function_attributes(invocation: Context) -> Mapping[str, str]:
    span: Any = trace.get_current_span(invocation)
    name = (getattr(span, "attributes", None) or {}).get("faas.name")
    return {"faas.name": str(name)} if name else {}
