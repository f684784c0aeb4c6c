"""Health and readiness on the wire: the JSON of /health and /ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from .bodies import Answer, Moment, moment

if TYPE_CHECKING:
    from chalicelib.application.queries import Readiness
    from chalicelib.domain.board import DependencyState

ReadyStatus = Annotated[str, Meta(extra_json_schema={"enum": ["ready", "unavailable"]})]
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
    status: ReadyStatus
    checked_at: Moment
    dependencies: list[DependencyBody]


def readiness(found: Readiness) -> ReadinessBody:
    ready = all(state.up for state in found.states if state.required)
    states = [dependency(state) for state in found.states]
    return ReadinessBody(
        status="ready" if ready else "unavailable", checked_at=moment(found.checked_at), dependencies=states
    )


def dependency(state: DependencyState) -> DependencyBody:
    word = "up" if state.up else "down"
    breaker, trips = (state.breaker, state.trips) if state.breaker else (None, None)
    return DependencyBody(
        name=state.name,
        state=word,
        required=state.required,
        latency_ms=state.latency_ms,
        reason=state.reason or None,
        breaker=breaker,
        trips=trips,
    )
