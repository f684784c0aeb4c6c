"""Spans of calls of others: the payment gateway, and subscribers of webhooks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from opentelemetry.trace import SpanKind, Tracer


@dataclass(frozen=True)
class TracedAdapter:
    """An adapter with a span for each call of its methods. The span has no argument and no address."""

    adapter: Any
    peer: str
    """Who is called, in words."""
    tracer: Tracer

    def __getattr__(self, name: str) -> Any:
        """Gives the adapter's own attribute; a method with a span around it."""
        found = getattr(self.adapter, name)
        return self._with_span(name, found) if callable(found) else found

    def _with_span(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            attributes = {"service.peer.name": self.peer, "code.function.name": name}
            with self.tracer.start_as_current_span(f"{self.peer} {name}", kind=SpanKind.CLIENT, attributes=attributes):
                return method(*args, **kwargs)

        return call
