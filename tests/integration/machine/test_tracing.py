"""TRACES=on: a purchase is one trace, from its request to the last consumer, through items, streams and queues.

The API and the pump are processes of their own: what OpenTelemetry patches stays patched.
"""

import secrets
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.cloud.functions import FUNCTIONS
from infra.cloud.package import package
from infra.local.tools.waterfall import Span, read_spans, spans_of
from infra.processes import run_child
from tests.conftest import ApiServers, RunningServers
from tests.effort import thorough
from tests.http_api import Api
from tests.integration.conftest import Tables

MOST_ROUNDS = 20
DEADLINE_SECONDS = 300
"""More than the time for which a message that fails once is hidden."""
QUICK_SECONDS = 3.0
"""Far less than a collector that hangs would take, and enough for a busy machine."""
CONSUMERS = {
    "on_event_to_audit",
    "on_event_to_analytics",
    "on_event_to_email",
    "on_sale_to_invoice",
    "on_event_to_notification",
    "on_event_to_cache",
}


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traces") / "traces.jsonl"


@pytest.fixture(scope="module")
def traced_api(api_servers: ApiServers, traces: Path) -> Iterator[Api]:
    """An API process and a pump, whose traces go into one file."""
    assert isinstance(api_servers, RunningServers)
    settings = {"TRACES": "on", "TRACES_FILE": str(traces)}
    (url,) = api_servers(1, **settings)
    pump = [sys.executable, "-m", "infra.local.pump", "--latest"]
    environment = {**api_servers.environment, **settings}
    with run_child("traced-pump", pump, environment, run_dir=api_servers.run_dir) as child:
        assert child.log
        deadline = time.monotonic() + DEADLINE_SECONDS
        while b"feeding" not in child.log.read_bytes():
            assert time.monotonic() < deadline, child.log.read_text()
            time.sleep(0.1)
        yield Api(url)


def a_traced_purchase(api: Api, trace_id: str) -> str:
    """Gives the reservation. Its user and its address must be in no span."""
    parent = f"00-{trace_id}-{secrets.token_hex(8)}-01"
    held = api.hold(api.schedule(), "A1", "B2", user="user-Jane", email="jane.doe@example.com", traceparent=parent)
    reservation_id = str(held.body["reservationId"])
    payment = {"paymentMethod": "credit_card", "transactionId": f"tx-of-{reservation_id}"}
    confirmed = api.post(f"/api/reservations/{reservation_id}/confirm", payment, traceparent=parent)
    assert (held.status, confirmed.status) == (201, 200)
    return reservation_id


def functions_in(spans: list[Span]) -> set[str]:
    return {str(span.attributes["faas.name"]) for span in spans if "faas.name" in span.attributes}


def mixed_notifications(spans: list[Span], trace_ids: set[str]) -> list[Span]:
    """Gives the traces' spans of records whose batch was of several traces: they stand under the relay's spans."""
    names = {span.id: span.name for span in spans}
    records = [span for span in spans if span.name == "process notification" and span.trace_id in trace_ids]
    return [span for span in records if names.get(span.parent_id or "", "").startswith("process ")]


def wait_for_functions(traces: Path, trace_id: str, wanted: set[str]) -> list[Span]:
    """Gives the spans of a trace, once each of the functions has one."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        spans = [span for span in read_spans(traces) if span.trace_id == trace_id]
        if not (missing := wanted - functions_in(spans)):
            return spans
        assert time.monotonic() < deadline, f"not in the trace: {missing}"
        time.sleep(0.2)


def test_one_trace_leads_from_the_hold_to_the_last_consumer(traced_api: Api, traces: Path, tables: Tables) -> None:
    trace_id = secrets.token_hex(16)
    reservation_id = a_traced_purchase(traced_api, trace_id)

    spans = wait_for_functions(
        traces, trace_id, CONSUMERS | {"api_handler", "on_row_changed", "on_reservation_changed"}
    )

    assert {span.trace_id for span in spans_of(read_spans(traces), reservation_id)} == {trace_id}
    assert functions_in(spans) <= {function.name for function in FUNCTIONS}
    by_id = {span.id: span for span in spans}
    without_parent = [span.name for span in spans if span.parent_id not in by_id]
    assert sorted(without_parent) == [
        "POST /api/reservations",
        "POST /api/reservations/{reservation_id}/confirm",
    ], "all else was caused by one of the two requests"
    assert trace_id in tables.reservation(reservation_id)["traceparent"]["S"]


def test_purchases_whose_events_are_handled_in_one_batch_each_have_all_consumers(traced_api: Api, traces: Path) -> None:
    """If the events of a batch are of several traces, only its records' spans are in theirs, not its invocation."""
    for _ in range(MOST_ROUNDS):
        trace_ids = {secrets.token_hex(16) for _ in range(3)}
        for trace_id in trace_ids:
            a_traced_purchase(traced_api, trace_id)
        for trace_id in trace_ids:
            wait_for_functions(traces, trace_id, CONSUMERS)
        if mixed_notifications(read_spans(traces), trace_ids):
            return
    raise AssertionError("no batch was of several traces: nothing was shown")


def test_calls_of_aws_and_redis_are_spans_within_their_request(traced_api: Api, traces: Path) -> None:
    trace_id = secrets.token_hex(16)
    a_traced_purchase(traced_api, trace_id)

    spans = wait_for_functions(traces, trace_id, {"api_handler", "on_event_to_email"})

    hold = next(span for span in spans if span.name == "POST /api/reservations")
    assert (hold.attributes["http.route"], hold.attributes["http.response.status_code"]) == ("/api/reservations", 201)
    calls = {span.name for span in spans if span.parent_id == hold.id}
    assert {"DynamoDB.TransactWriteItems", "DynamoDB.PutItem"} <= calls
    assert any(name.startswith("redis SeatCache.") for name in calls)


def test_no_span_says_who_buys(traced_api: Api, traces: Path) -> None:
    trace_id = secrets.token_hex(16)
    a_traced_purchase(traced_api, trace_id)
    wait_for_functions(traces, trace_id, {"on_event_to_email"})

    text = traces.read_text()

    assert "jane.doe" not in text
    assert "user-Jane" not in text


@thorough
def test_the_package_with_traces_starts_from_its_own_packages(tmp_path: Path) -> None:
    """As on Lambda: nothing but what ships is on the path, without the metadata that is stripped."""
    made = package("dev", tmp_path, traces=True)
    with zipfile.ZipFile(made.archive) as archive:
        archive.extractall(tmp_path / "task")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import app; print(app.wiring.shared.tracing.start_tracing_once())"
    )
    settings = {"STAGE": "dev", "TRACES": "on", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "ID_SECRET": "s"}

    done = subprocess.run(
        [sys.executable, "-S", "-c", script, str(tmp_path / "task")],
        cwd=tmp_path,
        env={"AWS_DEFAULT_REGION": "us-east-1", **settings},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout.partition("(")[0]) == (0, "TracingMiddleware"), done.stderr


# Off, and broken.


def test_without_traces_items_and_messages_are_what_they_were(server: str, tables: Tables, data_stack: str) -> None:
    api = Api(server)
    session_id = api.schedule()
    parent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    held = api.hold(session_id, "A1", "B2", traceparent=parent).body["reservationId"]

    assert "traceparent" not in tables.reservation(held)
    assert tables.row(session_id, "A").keys() == {"id", "seats", "event", "version"}


@contextmanager
def a_collector_that_hangs() -> Iterator[str]:
    """Takes every connection, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[socket.socket] = []
        stopped = threading.Event()

        def take() -> None:
            while not stopped.is_set():
                taken.append(listener.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopped.set()
            socket.create_connection(listener.getsockname()).close()  # the thread waits for one
            thread.join()
            for each in taken:
                each.close()


def test_a_collector_that_hangs_or_is_not_there_fails_and_delays_no_booking(api_servers: ApiServers) -> None:
    with a_collector_that_hangs() as hanging:
        for endpoint in (hanging, "http://127.0.0.1:9"):
            api = Api(api_servers(1, TRACES="on", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)[0])
            session_id = api.schedule()
            started = time.monotonic()
            held = [api.hold(session_id, f"A{place}", user=f"user-{place}").status for place in range(1, 9)]
            assert held == [201] * 8
            assert time.monotonic() - started < QUICK_SECONDS
