"""Spans of questions to Redis."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry.trace import SpanKind, Tracer

from chalicelib.infrastructure.redis.answers import Shape
from chalicelib.infrastructure.redis.connection import RedisConnection

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")


@dataclass(frozen=True)
class TracedRedis(RedisConnection):
    """The connection to Redis, with a span for each question. RedisUnavailable marks the span as an error."""

    tracer: Tracer

    def ask(self, key: str, question: Callable[["Redis"], Any], shape: Shape[T]) -> T:
        asker = question.__qualname__.partition(".<locals>")[0]
        attributes = {"db.system.name": "redis", "code.function.name": f"{question.__module__}.{asker}"}
        with self.tracer.start_as_current_span(f"redis {asker}", kind=SpanKind.CLIENT, attributes=attributes):
            return super().ask(key, question, shape)
