"""Traces: what carries their context, what leaves the process, and how long anybody waits for that."""

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import INVALID_SPAN, SpanKind

from chalicelib.domain.events import OutgoingMessage
from chalicelib.domain.reservations import Hold
from chalicelib.infrastructure.sqs.queues import QueueUrls, SqsOutbox
from chalicelib.infrastructure.tracing.aws import ItemAndMessageTraceContextWriter
from chalicelib.infrastructure.tracing.calls import TracedAdapter
from chalicelib.infrastructure.tracing.carrying import current_traceparent_or_empty
from chalicelib.infrastructure.tracing.export import BackgroundProcessorOfSampledRequestSpans, RotatingFileExporter
from chalicelib.infrastructure.tracing.handling import TracingMiddleware
from chalicelib.infrastructure.tracing.provider import new_exporter
from chalicelib.settings import SettingInvalid, load
from chalicelib.wiring.shared import tracing as wiring
from infra.processes import ROOT

NOW = datetime(2026, 11, 27, tzinfo=UTC)
HERE, THERE = (f"00-{digit * 32}-{digit * 16}-01" for digit in "ab")
HOLD = Hold(session_id="s", reservation_id="res-1", seats=("A1",), expires_at=NOW, fingerprint="")
ROWS = "cinema-test-rows"


@dataclass(frozen=True)
class Recorded:
    """Spans that are kept in memory."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    provider: TracerProvider = field(default_factory=TracerProvider)

    def __post_init__(self) -> None:
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> TracingMiddleware:
        return TracingMiddleware(self.provider)

    def __getitem__(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]


def a_message(traceparent: str = "", **wire: Any) -> dict[str, Any]:
    carried = {"traceparent": {"stringValue": traceparent, "dataType": "String"}} if traceparent else {}
    return {
        "messageId": "m-1",
        "body": json.dumps({"version": 1, **wire}),
        "messageAttributes": carried,
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:cinema-test-email",
    }


def a_change(traceparent: str, image: str = "NewImage") -> dict[str, Any]:
    return {
        "eventName": "MODIFY",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/cinema-test-rows/stream/x",
        "dynamodb": {image: {"id": {"S": "s#A"}, "traceparent": {"S": traceparent}}},
    }


def invoke(spans: TracingMiddleware, records: Sequence[Any], handle: Callable[[Any], Any]) -> None:
    """Handles the records as app.py does, in one invocation of on_event_to_email."""
    context = SimpleNamespace(function_name="cinema-tickets-test-on_event_to_email")
    event = SimpleNamespace(context=context, to_dict=lambda: {"Records": records})

    def handle_all(_: Any) -> None:
        within = spans.wrap_handler(handle)
        for record in records:
            within(record)

    spans.trace_invocation(event, handle_all)


# The context goes along.


def test_a_record_is_handled_in_the_trace_that_it_carries() -> None:
    recorded, seen = Recorded(), list[str]()

    invoke(
        recorded.spans,
        [a_message(HERE, type="PaymentConfirmed", reservationId="res-1")],
        lambda _: seen.append(current_traceparent_or_empty()),
    )

    (invocation,), (record,) = recorded["on_event_to_email"], recorded["process email"]
    assert seen[0].startswith(HERE[:35])
    assert invocation.parent
    assert record.parent
    assert (format(invocation.parent.span_id, "x"), record.parent.span_id) == ("a" * 16, invocation.context.span_id)
    assert record.attributes
    assert record.attributes["cinema.reservation.id"] == "res-1"
    assert record.attributes["faas.name"] == "on_event_to_email"


def test_records_of_different_traces_each_stay_in_their_own_and_are_linked_to_the_invocation() -> None:
    recorded = Recorded()

    invoke(recorded.spans, [a_message(HERE), a_message(THERE), a_message()], lambda _: None)

    (invocation,), records = recorded["on_event_to_email"], recorded["process email"]
    assert [format(span.context.trace_id, "x")[0] for span in records[:2]] == ["a", "b"]
    assert records[2].context.trace_id == invocation.context.trace_id
    assert [format(link.context.trace_id, "x")[0] for link in invocation.links] == ["a", "b"]
    assert [link.context.span_id for span in records[:2] for link in span.links] == [invocation.context.span_id] * 2


@pytest.mark.parametrize("image", ["NewImage", "OldImage"])
def test_a_streams_record_carries_the_trace_of_its_write_and_its_messages_carry_it_on(image: str) -> None:
    recorded, relayed = Recorded(), list[OutgoingMessage]()
    relay = recorded.spans.wrap_relay(lambda _: [OutgoingMessage("expiry", HOLD)])

    relayed += relay(a_change(HERE, image))

    (span,) = recorded["process rows"]
    assert relayed[0].trace == f"{HERE[:36]}{span.context.span_id:016x}-01"


@pytest.mark.parametrize("traceparent", ["", "nonsense", f"00-{'0' * 32}-{'0' * 16}-01"])
def test_a_record_without_a_context_begins_no_new_trace_of_its_own(traceparent: str) -> None:
    recorded = Recorded()

    invoke(recorded.spans, [a_message(traceparent)], lambda _: None)

    (invocation,), (record,) = recorded["on_event_to_email"], recorded["process email"]
    assert (invocation.parent, record.context.trace_id) == (None, invocation.context.trace_id)


def test_a_request_goes_on_with_its_callers_trace() -> None:
    recorded = Recorded()
    request: Any = SimpleNamespace(
        method="DELETE",
        context={"resourcePath": "/api/reservations/{reservation_id}"},
        headers={"traceparent": HERE},
        uri_params={"reservation_id": "res-1"},
    )

    recorded.spans.trace_request(request, lambda _: SimpleNamespace(status_code=503))

    (span,) = recorded["DELETE /api/reservations/{reservation_id}"]
    assert span.parent
    assert format(span.parent.span_id, "x") == "a" * 16
    assert span.attributes
    assert span.attributes["http.response.status_code"] == 503
    assert not span.status.is_ok


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        (
            "PutItem",
            {"TableName": ROWS, "Item": {"id": {"S": "1"}}},
            {"Item": {"id": {"S": "1"}, "traceparent": {"S": "?"}}},
        ),
        (
            "UpdateItem",
            {
                "TableName": ROWS,
                "UpdateExpression": "SET a = :SET REMOVE b",
                "ExpressionAttributeValues": {":SET": {"N": "1"}},
            },
            {
                "UpdateExpression": "SET traceparent = :traceparent, a = :SET REMOVE b",
                "ExpressionAttributeValues": {":SET": {"N": "1"}, ":traceparent": {"S": "?"}},
            },
        ),
        (
            "UpdateItem",
            {"TableName": ROWS, "UpdateExpression": "REMOVE #SET"},
            {
                "UpdateExpression": "SET traceparent = :traceparent REMOVE #SET",
                "ExpressionAttributeValues": {":traceparent": {"S": "?"}},
            },
        ),
        ("PutItem", {"TableName": "cinema-test-events", "Item": {}}, {}),
        ("Query", {"TableName": ROWS}, {}),
    ],
)
def test_the_context_is_written_into_items_whose_stream_is_relayed(
    operation: str, request_: dict[str, Any], expected: dict[str, Any]
) -> None:
    written = writing("dynamodb", operation, request_)

    assert written == {**request_, **expected}


def test_the_context_is_written_into_every_write_of_a_transaction_and_checks_stay() -> None:
    check = {"ConditionCheck": {"TableName": ROWS}}
    put, other = ({"Put": {"TableName": table, "Item": {}}} for table in (ROWS, "cinema-test-ledger"))

    written = writing("dynamodb", "TransactWriteItems", {"TransactItems": [check, put, other]})

    assert written["TransactItems"] == [check, {"Put": {"TableName": ROWS, "Item": {"traceparent": {"S": "?"}}}}, other]
    assert put == {"Put": {"TableName": ROWS, "Item": {}}}, "what the caller gave is not changed"


def test_a_message_that_has_a_context_keeps_it() -> None:
    own = {"traceparent": {"DataType": "String", "StringValue": THERE}}

    written = writing("sqs", "SendMessageBatch", {"Entries": [{"Id": "0"}, {"Id": "1", "MessageAttributes": own}]})

    first, second = (entry["MessageAttributes"]["traceparent"]["StringValue"] for entry in written["Entries"])
    assert (first, second) == ("?", THERE)


def test_a_request_that_is_not_understood_is_sent_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    assert writing("dynamodb", "UpdateItem", {"TableName": ROWS}) == {"TableName": ROWS}
    assert "could not be written into UpdateItem" in caplog.text


def writing(service: str, operation: str, request: dict[str, Any]) -> Any:
    """Gives the request with the context in it, which is written as `?`."""
    sent = dict(request)
    with TracerProvider().get_tracer("test").start_as_current_span("test"):
        traceparent = current_traceparent_or_empty()
        ItemAndMessageTraceContextWriter([ROWS])(INVALID_SPAN, service, operation, sent)
    return json.loads(json.dumps(sent).replace(traceparent, "?"))


@dataclass
class FakeSqs:
    entries: list[Any] = field(default_factory=list)

    def send_message_batch(self, *, Entries: Any, **_: Any) -> Any:  # noqa: N803 - as SQS has it
        self.entries += Entries
        return {}


def test_a_message_has_an_attribute_only_where_it_carries_a_trace() -> None:
    sqs: Any = FakeSqs()
    outbox = SqsOutbox(sqs, "cinema-test", QueueUrls(sqs, {"cinema-test-expiry": "http://queue"}))

    outbox.send_and_list_unsent_positions(
        [OutgoingMessage("expiry", HOLD), OutgoingMessage("expiry", HOLD, trace=HERE)], NOW
    )

    plain, traced = sqs.entries
    assert plain.keys() == {"Id", "MessageBody", "DelaySeconds"}
    assert traced["MessageBody"] == plain["MessageBody"]
    assert traced["MessageAttributes"]["traceparent"]["StringValue"] == HERE


# What leaves.


def ended_span(provider: TracerProvider, error: Exception | None = None, **options: Any) -> None:
    try:
        with provider.get_tracer("test").start_as_current_span("call", **options):
            if error:
                raise error
    except type(error or Exception()):
        pass


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_errors_message_stays_here_and_its_type_is_told(tmp_path: Path) -> None:
    provider = provider_to(RotatingFileExporter(tmp_path / "deep" / "traces.jsonl"))

    ended_span(provider, ValueError("jane.doe@example.com is not verified"))

    assert provider.force_flush()
    (line,) = lines_of(tmp_path / "deep" / "traces.jsonl")
    assert "jane.doe" not in json.dumps(line)
    assert line["status"] == {"status_code": "ERROR"}
    assert line["events"][0]["attributes"] == {"exception.type": "ValueError"}


def test_a_call_outside_of_any_request_is_not_exported(tmp_path: Path) -> None:
    provider = provider_to(RotatingFileExporter(tmp_path / "traces.jsonl"))

    ended_span(provider, kind=SpanKind.CLIENT)
    ended_span(provider, kind=SpanKind.SERVER)

    assert provider.force_flush()
    assert [line["kind"] for line in lines_of(tmp_path / "traces.jsonl")] == ["SpanKind.SERVER"]


def test_a_call_of_another_service_is_a_span_without_its_arguments() -> None:
    recorded = Recorded()
    gateway: Any = TracedAdapter(
        SimpleNamespace(refund=lambda name: f"refund of {name}", url="x"), "payments", recorded.spans.tracer
    )

    assert (gateway.refund("tx-1"), gateway.url) == ("refund of tx-1", "x")

    (span,) = recorded["payments refund"]
    assert span.attributes == {"service.peer.name": "payments", "code.function.name": "refund"}


# How long anybody waits.


def provider_to(exporter: SpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(BackgroundProcessorOfSampledRequestSpans(exporter))
    return provider


@dataclass
class SlowExporter(SpanExporter):
    """Answers when it is let go; then exports."""

    let_go: threading.Event = field(default_factory=threading.Event)
    got: int = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.let_go.wait(30)
        self.got += len(spans)
        return SpanExportResult.SUCCESS


def seconds_to_flush(provider: TracerProvider) -> float:
    ended_span(provider)
    started = time.monotonic()
    provider.force_flush(200)
    return time.monotonic() - started


def test_an_exporter_that_hangs_is_waited_for_once_and_again_when_it_has_answered() -> None:
    slow = SlowExporter()
    provider = provider_to(slow)

    first, second = seconds_to_flush(provider), seconds_to_flush(provider)
    slow.let_go.set()
    deadline = time.monotonic() + 10
    while slow.got < 2 and time.monotonic() < deadline:
        time.sleep(0.01)

    assert 0.15 < first < 5
    assert second < 0.15
    assert slow.got == 2, "nothing was lost"
    ended_span(provider)
    assert provider.force_flush(5000)
    assert slow.got == 3


class BrokenExporter(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise RuntimeError("no")


def test_an_exporter_that_raises_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    provider = provider_to(BrokenExporter())
    with caplog.at_level(logging.WARNING):
        ended_span(provider)
        provider.force_flush(5000)

    assert "1 spans could not be exported" in caplog.text


# The setting.


def test_where_traces_are_off_handlers_and_adapters_are_what_they_were() -> None:
    def handle(_: Any) -> None: ...

    def relay(_: Any) -> list[OutgoingMessage]:
        return []

    connection: Any = object()
    app: Any = None
    wiring.trace_app(app)
    assert wiring.traced_if_on(handle) is handle
    assert wiring.traced_relay_if_on(relay) is relay
    assert wiring.traced_redis_if_on(connection) is connection
    assert wiring.traced_calls_if_on(connection, "peer") is connection


def test_a_deployed_stage_needs_a_collector_and_a_laptop_a_file() -> None:
    with pytest.raises(SettingInvalid, match="OTEL_EXPORTER_OTLP_ENDPOINT must be the URL of a collector"):
        new_exporter(load({"STAGE": "prod", "TRACES": "on", "ID_SECRET": "s"}))
    assert new_exporter(load({"TRACES": "on"})) == RotatingFileExporter(Path(".run/traces.jsonl"))


def run_python(script: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environment = {"STAGE": "test", "AWS_DEFAULT_REGION": "us-east-1", **settings}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


LOADED = "print(*[name for name in sys.modules if name.startswith('opentelemetry')])"


def test_where_traces_are_off_nothing_of_opentelemetry_is_imported_not_even_by_redis() -> None:
    load_all = "import sys, app; [getattr(app.wiring, door) for door in app.wiring.DOORS]"
    redis = "from chalicelib.infrastructure.redis.driver import load_driver; load_driver().Redis()"

    done = run_python(f"{load_all}; {redis}; {LOADED}")

    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


def test_where_traces_are_on_without_opentelemetry_it_is_said_at_once() -> None:
    done = run_python("import sys; sys.modules['opentelemetry'] = None; import app", TRACES="on")

    assert "SettingInvalid: TRACES is on, but OpenTelemetry is not installed" in done.stderr
    assert "install requirements-traces.txt" in done.stderr
