"""Circuit breakers, and who hears of them: the metrics, and the board that other processes read."""

from chalicelib.infrastructure.breakers import POLICIES, Breaker, OnChange
from chalicelib.infrastructure.metrics import Metrics

from .process import once, settings


@once
def metrics() -> Metrics:
    return Metrics(settings().stage)


def new_breaker(name: str, *listeners: OnChange) -> Breaker:
    """Makes a breaker of this process for that dependency, one of POLICIES. The metrics listen, too."""
    return Breaker(name, POLICIES[name], (metrics().write_breaker_change, *listeners))
