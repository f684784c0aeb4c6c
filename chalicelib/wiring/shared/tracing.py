"""OpenTelemetry traces, if the setting TRACES is on. If it is off, no module of OpenTelemetry is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from chalicelib.settings import SettingInvalid

from .process import resource_name, settings, settings_with_secrets

if TYPE_CHECKING:
    from chalicelib.domain.events import OutgoingMessage
    from chalicelib.infrastructure.redis.connection import RedisConnection
    from chalicelib.infrastructure.tracing.handling import TracingMiddleware

T = TypeVar("T")
Record = Mapping[str, Any]

CARRY_CONTEXT = ("rows", "reservations", "payments")
"""The tables whose streams are relayed. Their items hold the trace context, so that consumers continue the trace."""


def trace_app(app: Any) -> None:
    """Registers a middleware that makes a span for each request or invocation. Does nothing if TRACES is off.

    Call this before registering the middlewares whose time the span should include. Raises SettingInvalid if
    OpenTelemetry is not installed.
    """
    if settings().traces:
        start_tracing_once().register_middleware(app)


def traced_if_on(handle: Callable[[Record], T]) -> Callable[[Record], T]:
    """Wraps a handler, so that handling a record makes a span. Gives `handle` unchanged if TRACES is off."""
    return start_tracing_once().wrap_handler(handle) if settings().traces else handle


def traced_relay_if_on(
    relay: Callable[[Record], Sequence[OutgoingMessage]],
) -> Callable[[Record], Sequence[OutgoingMessage]]:
    """Wraps a relay, so that relaying a record makes a span, whose context the messages carry.

    Gives `relay` unchanged if TRACES is off.
    """
    return start_tracing_once().wrap_relay(relay) if settings().traces else relay


def traced_redis_if_on(connection: RedisConnection) -> RedisConnection:
    """Makes a connection like the given one, on which each call to Redis makes a span.

    Gives `connection` unchanged if TRACES is off.
    """
    if not settings().traces:
        return connection
    from chalicelib.infrastructure.tracing.redis import TracedRedis

    return TracedRedis(connection.url, connection.breaker, start_tracing_once().tracer)


def traced_calls_if_on(adapter: T, peer: str) -> T:
    """Wraps an adapter, so that each call makes a span, with `peer` as the name of the called service.

    Gives `adapter` unchanged if TRACES is off.
    """
    if not settings().traces:
        return adapter
    from chalicelib.infrastructure.tracing.calls import TracedAdapter

    traced_adapter: Any = TracedAdapter(adapter, peer, start_tracing_once().tracer)
    return cast("T", traced_adapter)


@cache
def start_tracing_once() -> TracingMiddleware:
    """Gives the maker of spans. The first call starts tracing. Raises SettingInvalid if OpenTelemetry is not
    installed."""
    try:
        from chalicelib.infrastructure.tracing import aws, handling, provider
    except ImportError as error:
        raise SettingInvalid(
            f"TRACES is on, but OpenTelemetry is not installed ({error}): install requirements-traces.txt."
        ) from error
    made = provider.new_provider(settings_with_secrets())
    aws.trace_aws_calls(made, [resource_name(table) for table in CARRY_CONTEXT])
    return handling.TracingMiddleware(made)
