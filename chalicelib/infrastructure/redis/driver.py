"""Imports redis-py, on first use: it is half as heavy as boto3.

redis-py imports OpenTelemetry's metrics wherever that is installed, used or not, and is then three times as heavy.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

OPENTELEMETRY = "opentelemetry"


def load_driver() -> ModuleType:
    """Imports redis-py and gives its module.

    Keeps redis-py from importing OpenTelemetry, unless OpenTelemetry is loaded already.
    """
    with _without_opentelemetry(sys.modules):
        import redis.backoff
        import redis.maint_notifications
        import redis.retry
    return redis


@contextmanager
def _without_opentelemetry(modules: dict[str, Any]) -> Iterator[None]:
    """Makes imports of OpenTelemetry fail within the block, unless it is loaded already."""
    if OPENTELEMETRY in modules:
        yield
        return
    modules[OPENTELEMETRY] = None  # Python's own sign for "not to be found"
    try:
        yield
    finally:
        del modules[OPENTELEMETRY]
