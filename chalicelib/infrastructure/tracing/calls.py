"""Spans of calls of others: the payment gateway, and subscribers of webhooks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from opentelemetry.trace import SpanKind, Tracer


@dataclass(frozen=True)
class TracedAdapter:
    """A wrapper of an adapter, with a span for each call of a method. The spans contain no arguments."""

    adapter: Any
    peer: str
    """The name of the called service, for the spans."""
    tracer: Tracer

    def __getattr__(self, name: str) -> Any:
        """Gives the adapter's attribute. Wraps a method so that each call has a span."""
        found = getattr(self.adapter, name)
        return self._with_span(name, found) if callable(found) else found

    def _with_span(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            attributes = {"service.peer.name": self.peer, "code.function.name": name}
            with self.tracer.start_as_current_span(f"{self.peer} {name}", kind=SpanKind.CLIENT, attributes=attributes):
                return method(*args, **kwargs)

        return call
