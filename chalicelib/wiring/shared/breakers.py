"""Circuit breakers, and the metrics that count their changes."""

from chalicelib.infrastructure.breakers import POLICIES, Breaker, OnChange
from chalicelib.infrastructure.metrics import Metrics

from .process import once, settings


@once
def metrics() -> Metrics:
    return Metrics(settings().stage)


def new_breaker(name: str, *listeners: OnChange) -> Breaker:
    """Makes a circuit breaker for a dependency in POLICIES. Its state changes go to the metrics and the listeners."""
    return Breaker(name, POLICIES[name], (metrics().write_breaker_change, *listeners))
