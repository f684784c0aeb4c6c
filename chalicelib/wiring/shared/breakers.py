"""Circuit breakers, and the metrics of their state changes."""

from chalicelib.infrastructure.breakers import POLICIES, Breaker, OnChange
from chalicelib.infrastructure.metrics import Metrics

from .process import once_per_settings, settings


@once_per_settings
def metrics() -> Metrics:
    return Metrics(settings().stage)


def new_breaker(policy_name: str, *listeners: OnChange) -> Breaker:
    """Makes a circuit breaker with the policy `policy_name` of POLICIES. Reports its state changes to metrics and
    listeners."""
    return Breaker(policy_name, POLICIES[policy_name], (metrics().write_breaker_change, *listeners))
