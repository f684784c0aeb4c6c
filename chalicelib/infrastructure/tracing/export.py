"""Exports spans: by a thread of its own, in bounded time, without any words that an error had.

    span ends ──► the newest MOST_SPANS ──thread──► without messages ──► OTLP collector, or a file of JSON lines
                            ▲
    end of an invocation ───┘ waits FLUSH_MILLISECONDS at most, and not at all while an exporter does not answer

A trace is worth no booking: an exporter that fails, hangs or raises costs one invocation FLUSH_MILLISECONDS. Later
ones wait again only after an export has succeeded.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status

log = logging.getLogger(__name__)

MOST_SPANS = 4096
"""The largest number of spans that wait for their export. Beyond it the oldest are dropped."""
FLUSH_MILLISECONDS = 250
MOST_BYTES = 64 * 1024 * 1024
"""The size at which a file of traces is put aside, under its name with .1, and a new one is begun."""


class BackgroundProcessorOfSampledRequestSpans(SpanProcessor):
    """A span processor that exports ended spans in a daemon thread, if they are sampled and belong to a request or an
    invocation."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._waiting: deque[ReadableSpan] = deque(maxlen=MOST_SPANS)
        self._changed = threading.Condition()
        self._exporting = self._answers_late = self._stopped = False
        self._thread: threading.Thread | None = None

    def on_end(self, span: ReadableSpan) -> None:
        if not is_sampled_and_not_root_client_call(span):
            return
        with self._changed:
            self._waiting.append(span)
            if self._thread is None:
                self._thread = threading.Thread(target=self._export_until_stopped, name="traces", daemon=True)
                self._thread.start()

    def force_flush(self, timeout_millis: int = FLUSH_MILLISECONDS) -> bool:
        """Waits until the waiting spans are exported. Tells whether that was done in time. A failed export counts as
        done, because its spans are dropped. Never raises.

        If one wait was too long, the calls after it return without waiting. Once an export has succeeded, calls wait
        again.
        """
        with self._changed:
            self._changed.notify_all()
            done = self._changed.wait_for(self._is_idle, 0 if self._answers_late else timeout_millis / 1000)
            self._answers_late = self._answers_late or not done
            return done

    def shutdown(self) -> None:
        self.force_flush()
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _is_idle(self) -> bool:
        return not (self._waiting or self._exporting)

    def _export_until_stopped(self) -> None:
        while not self._stopped:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopped, 1.0)
                spans = [*self._waiting]
                self._waiting.clear()
                self._exporting = bool(spans)
            if spans:
                is_exported = self._export(spans)
                with self._changed:
                    self._exporting = False
                    self._answers_late = self._answers_late and not is_exported
                    self._changed.notify_all()

    def _export(self, spans: Sequence[ReadableSpan]) -> bool:
        """Exports the spans. Tells whether the export succeeded. Never raises: a failure only loses these spans."""
        try:
            return self._exporter.export([without_error_messages(span) for span in spans]) is SpanExportResult.SUCCESS
        except Exception:  # whatever an exporter raises, its thread goes on
            log.warning("%d spans could not be exported", len(spans), exc_info=True)
            return False


def is_sampled_and_not_root_client_call(span: ReadableSpan) -> bool:
    """Tells whether the span is to be exported. False for a span that is not sampled, and for a client's call without a
    parent span: the local pump, which stands for Lambda's pollers, asks queues and streams all the time."""
    is_sampled = bool(span.context and span.context.trace_flags.sampled)
    return is_sampled and not (span.parent is None and span.kind is SpanKind.CLIENT)


def without_error_messages(span: ReadableSpan) -> ReadableSpan:
    """Copies the span without the messages of its errors, because SES's messages may have email addresses."""
    events = [Event(event.name, _exception_type_only(event), event.timestamp) for event in span.events]
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=events,
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _exception_type_only(event: Event) -> dict[str, Any]:
    return {name: value for name, value in (event.attributes or {}).items() if name == "exception.type"}


@dataclass(frozen=True)
class RotatingFileExporter(SpanExporter):
    """An exporter that appends each span to a file, as one line of JSON. Several processes may write to the same
    file."""

    path: Path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        lines = "".join(f"{span.to_json(indent=None)}\n" for span in spans)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > MOST_BYTES:
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, lines.encode())
        finally:
            os.close(file)
        return SpanExportResult.SUCCESS
