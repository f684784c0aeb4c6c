"""OpenTelemetry traces, where the setting TRACES is on. Where it is off, nothing of OpenTelemetry is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from chalicelib.settings import SettingInvalid

from .process import settings, settings_with_secrets, stage_name

if TYPE_CHECKING:
    from chalicelib.domain.events import OutgoingMessage
    from chalicelib.infrastructure.redis.connection import RedisConnection
    from chalicelib.infrastructure.tracing.handling import Spans

T = TypeVar("T")
Record = Mapping[str, Any]

CARRY_CONTEXT = ("rows", "reservations", "payments")
"""The tables whose streams are relayed: their items carry the trace on to the consumers."""


def trace_app(app: Any) -> None:
    """Has the application make spans, around all middleware that is registered later. Nothing where TRACES is off.

    Raises SettingInvalid.
    """
    if settings().traces:
        spans().register(app)


def traced(handle: Callable[[Record], T]) -> Callable[[Record], T]:
    """Gives a handler of records with a span for each. The handler itself where TRACES is off."""
    return spans().around(handle) if settings().traces else handle


def traced_relay(relay: Callable[[Record], Sequence[OutgoingMessage]]) -> Callable[[Record], Sequence[OutgoingMessage]]:
    """Gives a relay of records with a span for each, which its messages carry on. `relay` where TRACES is off."""
    return spans().around_relay(relay) if settings().traces else relay


def traced_redis(connection: RedisConnection) -> RedisConnection:
    """Gives the connection with a span for each question. The connection itself where TRACES is off."""
    if not settings().traces:
        return connection
    from chalicelib.infrastructure.tracing.redis import TracedRedis

    return TracedRedis(connection.url, connection.breaker, spans().tracer)


def traced_calls(adapter: T, peer: str) -> T:
    """Gives the adapter with a span for each call of it. The adapter itself where TRACES is off."""
    if not settings().traces:
        return adapter
    from chalicelib.infrastructure.tracing.calls import TracedPort

    traced_adapter: Any = TracedPort(adapter, peer, spans().tracer)
    return cast("T", traced_adapter)


@cache
def spans() -> Spans:
    """Starts tracing in this process, once. Raises SettingInvalid."""
    try:
        from chalicelib.infrastructure.tracing import aws, handling, provider
    except ImportError as error:
        raise SettingInvalid(
            f"TRACES is on, but OpenTelemetry is not installed ({error}): install requirements-traces.txt."
        ) from error
    made = provider.new_provider(settings_with_secrets())
    aws.trace_calls(made, [stage_name(table) for table in CARRY_CONTEXT])
    return handling.Spans(made)
