"""Health and readiness on the wire: names and shapes, and nothing else knows them."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from chalicelib.domain.ports import DependencyState

from .wire import Answer

Readiness = Annotated[str, Meta(extra_json_schema={"enum": ["ready", "unavailable"]})]
DependencyStatus = Annotated[str, Meta(extra_json_schema={"enum": ["up", "down"]})]


class HealthBody(Answer):
    status: Annotated[str, Meta(extra_json_schema={"const": "ok"})]


class DependencyBody(Answer):
    name: str
    state: DependencyStatus
    required: bool
    latency_ms: float
    reason: str | None = None
    breaker: str | None = None
    trips: int | None = None


class ReadinessBody(Answer):
    status: Readiness
    dependencies: list[DependencyBody]


def readiness(states: Sequence[DependencyState]) -> ReadinessBody:
    ready = all(state.up for state in states if state.required)
    return ReadinessBody("ready" if ready else "unavailable", [dependency(state) for state in states])


def dependency(state: DependencyState) -> DependencyBody:
    word = "up" if state.up else "down"
    breaker, trips = (state.breaker, state.trips) if state.breaker else (None, None)
    return DependencyBody(state.name, word, state.required, state.latency_ms, state.reason or None, breaker, trips)
