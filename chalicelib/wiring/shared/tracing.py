"""OpenTelemetry traces, where the setting TRACES is on. Where it is off, nothing of OpenTelemetry is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from chalicelib.settings import SettingInvalid

from .process import resource_name, settings, settings_with_secrets

if TYPE_CHECKING:
    from chalicelib.domain.events import OutgoingMessage
    from chalicelib.infrastructure.redis.connection import RedisConnection
    from chalicelib.infrastructure.tracing.handling import Spans

T = TypeVar("T")
Record = Mapping[str, Any]

CARRY_CONTEXT = ("rows", "reservations", "payments")
"""The tables whose streams are relayed: their items carry the trace on to the consumers."""


def trace_app(app: Any) -> None:
    """Registers a middleware that makes a span for each request or invocation. Call this before other middlewares.

    Does nothing if TRACES is off. Raises SettingInvalid.
    """
    if settings().traces:
        spans().register_middleware(app)


def traced(handle: Callable[[Record], T]) -> Callable[[Record], T]:
    """Wraps a handler so that each record has a span. Gives `handle` itself if TRACES is off."""
    return spans().wrap_handler(handle) if settings().traces else handle


def traced_relay(relay: Callable[[Record], Sequence[OutgoingMessage]]) -> Callable[[Record], Sequence[OutgoingMessage]]:
    """Wraps a relay so that each record has a span; its messages carry the context. `relay` itself if TRACES is off."""
    return spans().wrap_relay(relay) if settings().traces else relay


def traced_redis(connection: RedisConnection) -> RedisConnection:
    """Wraps the connection so that each call to Redis has a span. Gives `connection` itself if TRACES is off."""
    if not settings().traces:
        return connection
    from chalicelib.infrastructure.tracing.redis import TracedRedis

    return TracedRedis(connection.url, connection.breaker, spans().tracer)


def traced_calls(adapter: T, peer: str) -> T:
    """Wraps the adapter so that each call has a span, with `peer` as its target. `adapter` itself if TRACES is off."""
    if not settings().traces:
        return adapter
    from chalicelib.infrastructure.tracing.calls import TracedAdapter

    traced_adapter: Any = TracedAdapter(adapter, peer, spans().tracer)
    return cast("T", traced_adapter)


@cache
def spans() -> Spans:
    """Starts tracing at the first call, and gives the maker of spans. Raises SettingInvalid without OpenTelemetry."""
    try:
        from chalicelib.infrastructure.tracing import aws, handling, provider
    except ImportError as error:
        raise SettingInvalid(
            f"TRACES is on, but OpenTelemetry is not installed ({error}): install requirements-traces.txt."
        ) from error
    made = provider.new_provider(settings_with_secrets())
    aws.trace_aws_calls(made, [resource_name(table) for table in CARRY_CONTEXT])
    return handling.Spans(made)
