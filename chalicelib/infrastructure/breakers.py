"""Circuit breakers: a dependency that does not answer is left alone for a while, instead of being waited for.

    closed ──failures in a row──► open ──its pause is over──► half-open: one call is let through, the probe
       ▲                            ▲                            │ fails: the pause doubles       │ succeeds
       │                            └────────────────────────────┘                                │
       └──────────────────────────────────────────────────────────────────────────────────────────┘

Each process has its own, and decides by it alone: no shared state could be wrong or unreachable itself. Others may be
told what it does: the metrics (metrics.py) and, for GET /ready, breaker_board.py.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import TypeVar

T = TypeVar("T")


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class BreakerOpen(Exception):
    """The dependency was not asked: it has failed a moment ago."""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """`failures` in a row open the breaker, for `pause_seconds`, which each failed probe doubles up to the longest."""

    failures: int
    pause_seconds: float
    longest_pause_seconds: float


POLICIES: Mapping[str, BreakerPolicy] = {
    # One failure is enough, so that no request waits for a dead Redis twice; and the pause is short, so that a mere
    # hiccup is soon forgiven: without Redis the losers of an on-sale reach the database.
    "redis": BreakerPolicy(failures=1, pause_seconds=0.25, longest_pause_seconds=4),
    "payments": BreakerPolicy(failures=5, pause_seconds=5, longest_pause_seconds=60),
    "ses": BreakerPolicy(failures=5, pause_seconds=5, longest_pause_seconds=60),
    # For each of them. Who hangs takes one place of a function's ten for 5 of 35 seconds. No longer pause: a delivery
    # that is put off has used one of its five tries, which end within six minutes (queues.full_jitter).
    "webhooks": BreakerPolicy(failures=3, pause_seconds=30, longest_pause_seconds=30),
}
"""By dependency."""


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """`trips` is how often it has opened from closed."""

    state: State
    trips: int


@dataclass(frozen=True, slots=True)
class Change:
    """It closed; or opened, for `open_seconds`: from closed, which is a trip, or anew because its probe failed."""

    name: str
    state: State
    is_trip: bool
    trips: int
    """In this process, in all."""
    open_seconds: float


OnChange = Callable[[Change], None]
"""Must not raise: it is called on the way of a request."""


class Breaker:
    """Safe in threads; no lock is held while the dependency is asked."""

    def __init__(
        self,
        name: str,
        policy: BreakerPolicy,
        on_change: Sequence[OnChange] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.trips = 0
        self._patience, self._told, self._monotonic = policy, on_change, monotonic
        self._lock = Lock()
        self._failures = 0
        self._open_until: float | None = None
        self._pause = policy.pause_seconds
        self._probing = False

    @property
    def state(self) -> State:
        with self._lock:
            return self._state()

    def status(self) -> BreakerStatus:
        return BreakerStatus(self.state, self.trips)

    def call(self, ask: Callable[[], T], failing: tuple[type[BaseException], ...]) -> T:
        """What `ask` gives or raises; what is `failing` counts against the dependency. Raises BreakerOpen."""
        probe = self._admitted()
        try:
            answer = ask()
        except failing:
            self._failed(probe)
            raise
        except BaseException:  # it did answer, with a refusal
            self._succeeded(probe)
            raise
        self._succeeded(probe)
        return answer

    def _state(self) -> State:
        if self._open_until is None:
            return State.CLOSED
        return State.OPEN if self._monotonic() < self._open_until else State.HALF_OPEN

    def _admitted(self) -> bool:
        """Whether this call is the probe. Raises BreakerOpen for a call that may not be made."""
        with self._lock:
            state = self._state()
            if state is State.CLOSED:
                return False
            if state is State.OPEN or self._probing:
                raise BreakerOpen(self.name)
            self._probing = True
            return True

    def _succeeded(self, probe: bool) -> None:
        """Of a call that began before the breaker opened, neither success nor failure says anything new."""
        with self._lock:
            if not probe:
                self._failures = 0 if self._open_until is None else self._failures
                return
            self._failures, self._open_until, self._pause = 0, None, self._patience.pause_seconds
            self._probing = False
        self._tell(State.CLOSED, is_trip=False, open_seconds=0)

    def _failed(self, probe: bool) -> None:
        with self._lock:
            if probe:
                self._pause = min(self._pause * 2, self._patience.longest_pause_seconds)
                self._probing = False
            elif not self._trips_now():
                return
            self._open_until = self._monotonic() + self._pause
        self._tell(State.OPEN, is_trip=not probe, open_seconds=self._pause)

    def _tell(self, state: State, *, is_trip: bool, open_seconds: float) -> None:
        for on_change in self._told:
            on_change(Change(self.name, state, is_trip, self.trips, open_seconds))

    def _trips_now(self) -> bool:
        self._failures += 1
        if self._open_until is not None or self._failures < self._patience.failures:
            return False
        self.trips += 1
        return True
