"""Circuit breakers: a dependency that does not answer is left alone for a while, instead of being waited for.

    closed ──failures in a row──► open ──its pause is over──► half-open: one call is let through, the probe
       ▲                            ▲                            │ fails: the pause doubles       │ succeeds
       │                            └────────────────────────────┘                                │
       └──────────────────────────────────────────────────────────────────────────────────────────┘

Each process has its own breakers and decides by them alone: a shared state might be wrong or unreachable itself. The
changes of a breaker are only reported: to the metrics (metrics.py) and, for GET /ready, to breaker_board.py.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import TypeVar

T = TypeVar("T")


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class BreakerOpen(Exception):
    """The breaker is open, so the dependency was not called."""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """The rule by which a breaker opens, and the time that it stays open.

    After `failures` consecutive failures, the breaker opens for `pause_seconds`. Each failed probe doubles the pause,
    up to `longest_pause_seconds`.
    """

    failures: int
    pause_seconds: float
    longest_pause_seconds: float


POLICIES: Mapping[str, BreakerPolicy] = {
    # One failure is enough, so that no request waits for a dead Redis twice; and the pause is short, so that a mere
    # hiccup is soon forgiven: without Redis the losers of an on-sale reach the database.
    "redis": BreakerPolicy(failures=1, pause_seconds=0.25, longest_pause_seconds=4),
    "payments": BreakerPolicy(failures=5, pause_seconds=5, longest_pause_seconds=60),
    "ses": BreakerPolicy(failures=5, pause_seconds=5, longest_pause_seconds=60),
    # One breaker for each webhook. A receiver that hangs takes one of a function's ten places for 5 of 35 seconds. The
    # pause does not grow: a delivery that is put off has used one of its five tries, which end within six minutes
    # (queues.full_jitter_seconds).
    "webhooks": BreakerPolicy(failures=3, pause_seconds=30, longest_pause_seconds=30),
}
"""The policy of each dependency's breaker."""


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """The state of a breaker. `trips` counts its changes from closed to open."""

    state: BreakerState
    trips: int


@dataclass(frozen=True, slots=True)
class BreakerChange:
    """A change of a breaker's state: the breaker has closed, or has opened for `stays_open_seconds`.

    `was_closed` is true if the breaker was closed before. It is false if a failed probe has opened the breaker again.
    `trips` counts the trips in this process.
    """

    name: str
    state: BreakerState
    was_closed: bool
    trips: int
    stays_open_seconds: float


OnChange = Callable[[BreakerChange], None]
"""A listener that a breaker calls with each of its changes, while a request waits. A listener must not raise."""


class Breaker:
    """The circuit breaker of one dependency. Passes calls on while closed, and refuses them while open.

    Thread-safe. Holds no lock while the dependency is called.
    """

    def __init__(
        self,
        name: str,
        policy: BreakerPolicy,
        on_change: Sequence[OnChange] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.trips = 0
        self._policy, self._on_change, self._monotonic = policy, on_change, monotonic
        self._lock = Lock()
        self._failures = 0
        self._open_until: float | None = None
        self._pause = policy.pause_seconds
        self._is_probing = False

    def closed_copy(self) -> "Breaker":
        """Makes a closed breaker with the same name, policy and listeners, for another server of the dependency."""
        return Breaker(self.name, self._policy, self._on_change, self._monotonic)

    @property
    def state(self) -> BreakerState:
        with self._lock:
            return self._state_now()

    def status(self) -> BreakerStatus:
        return BreakerStatus(state=self.state, trips=self.trips)

    def call(self, ask: Callable[[], T], failing: tuple[type[BaseException], ...]) -> T:
        """Calls `ask`. Gives its answer, or raises its error.

        Raises BreakerOpen, and does not call `ask`, if the breaker is open, or if it is half-open and another call is
        the probe.

        An error of a type in `failing` counts as a failure of the dependency. Any other error shows that the dependency
        has answered, so it counts as a success.
        """
        is_probe = self._admit()
        try:
            answer = ask()
        except failing:
            self._count_failure(is_probe)
            raise
        except BaseException:  # it did answer, with a refusal
            self._count_success(is_probe)
            raise
        self._count_success(is_probe)
        return answer

    def _state_now(self) -> BreakerState:
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._monotonic() < self._open_until else BreakerState.HALF_OPEN

    def _admit(self) -> bool:
        """Lets a call through. Tells whether the call is the probe. Raises BreakerOpen if no call may be made."""
        with self._lock:
            state = self._state_now()
            if state is BreakerState.CLOSED:
                return False
            if state is BreakerState.OPEN or self._is_probing:
                raise BreakerOpen(self.name)
            self._is_probing = True
            return True

    def _count_success(self, is_probe: bool) -> None:
        """Counts a success. The probe's success closes the breaker. The success of another call sets the failures back
        to 0 if the breaker is closed, and is ignored otherwise."""
        with self._lock:
            if not is_probe:
                self._failures = 0 if self._open_until is None else self._failures
                return
            self._failures, self._open_until, self._pause = 0, None, self._policy.pause_seconds
            self._is_probing = False
        self._report(BreakerState.CLOSED, was_closed=False, stays_open_seconds=0)

    def _count_failure(self, is_probe: bool) -> None:
        """Counts a failure. Opens the breaker if the probe failed, or if the policy's number of failures is reached."""
        with self._lock:
            if is_probe:
                self._pause = min(self._pause * 2, self._policy.longest_pause_seconds)
                self._is_probing = False
            elif not self._count_toward_trip():
                return
            self._open_until = self._monotonic() + self._pause
        self._report(BreakerState.OPEN, was_closed=not is_probe, stays_open_seconds=self._pause)

    def _count_toward_trip(self) -> bool:
        """Counts a failure of a call that is not the probe. Tells whether this failure trips the breaker, and if so
        counts the trip."""
        self._failures += 1
        if self._open_until is not None or self._failures < self._policy.failures:
            return False
        self.trips += 1
        return True

    def _report(self, state: BreakerState, *, was_closed: bool, stays_open_seconds: float) -> None:
        change = BreakerChange(
            name=self.name, state=state, was_closed=was_closed, trips=self.trips, stays_open_seconds=stays_open_seconds
        )
        for on_change in self._on_change:
            on_change(change)
