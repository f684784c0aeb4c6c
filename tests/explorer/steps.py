"""Processes that take one port call at a time, in an order that chance decides; and what may go wrong at each call.

process:  use case ──► port call, waits ─ ─ ─ ─ ─ ─ ─ ─► takes effect ──► use case ──► next port call, waits …
scheduler:               └──► picks who goes next, and what goes wrong ─┘
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from random import Random
from typing import Any, Protocol, TypeVar, cast

from greenlet import getcurrent, greenlet

from chalicelib.domain.payments import GatewayUnavailable, RefundRefused
from chalicelib.domain.refusals import StoreUnavailable
from chalicelib.domain.reservations import Hold, Release
from chalicelib.domain.sessions import by_row
from tests.fakes import MovableClock

from .words import said

T = TypeVar("T")

MS = timedelta(milliseconds=1)
LONGER_THAN_A_HOLD = (31, 70)
"""Seconds that a stopped process stops."""


class Fault(StrEnum):
    """What goes wrong at a call, by itself."""

    NO_EFFECT = "no effect, and no answer"
    ANSWER_LOST = "took effect, its answer is lost"
    SECOND_OUTCOME = "its answer is lost, the library repeats it: the second outcome counts"
    AGAIN_LATER = "takes effect once more, later"
    DIES_BEFORE = "the process dies before it"
    DIES_AFTER = "the process dies after it"
    STOPS = "the process stops for longer than a hold before it"


class Mishap(StrEnum):
    """What goes wrong between the calls."""

    RECORD_AGAIN = "a stream's records come again"
    MESSAGE_TWICE = "a message comes twice"
    MESSAGE_LATE = "a message comes late"
    EXPIRY_LOST = "an expiry message is lost"
    CHARGE_LOST = "the gateway's message is lost"
    CHARGE_LATE = "a charge is told late"
    WRONG_CHARGE = "another amount, or for another reservation, or for none"
    FORGOTTEN = "TTL deletes a reservation that is pending"
    CLOCKS_DIFFER = "the instances' clocks differ"
    SCREENING_CANCELLED = "the screening is cancelled"


READS = {
    "find",
    "get",
    "page",
    "occupancy",
    "sales_between",
    "list_outstanding_refunds",
    "find_charge",
    "list_charges_since",
}

ON_READS = (Fault.NO_EFFECT, Fault.DIES_BEFORE, Fault.STOPS)
ON_WRITES = (*Fault, Fault.AGAIN_LATER, Fault.AGAIN_LATER, Fault.STOPS)


class Died(BaseException):
    """The process is no more."""


@dataclass(eq=False, slots=True)
class Process:
    """`lost` is called when others must think that it is dead: it has died, or stopped for too long."""

    name: str
    body: Callable[[], None]
    lost: Callable[[], None]
    greenlet: greenlet
    stopped_until: datetime | None = None


@dataclass
class Scheduler:
    """`calm`: nothing goes wrong any more, and whoever is picked goes on to its end."""

    random: Random
    clock: MovableClock
    fault_rate: float
    stickiness: float
    """How often who went last goes next."""
    trace: list[str] | None = None
    running: list[Process] = field(default_factory=list)
    to_come: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    """The writes that will take effect once more."""
    happened: Counter[str] = field(default_factory=Counter)
    calm: bool = False
    steps: int = 0
    current: Process | None = None

    def __post_init__(self) -> None:
        self.hub = getcurrent()

    # Who goes next.

    def start(self, name: str, body: Callable[[], None], lost: Callable[[], None]) -> None:
        """Runs it up to its first port call."""
        process = Process(name, body, lost, greenlet(self._run))
        self.running.append(process)
        self._resume(process)

    def take_a_step(self) -> bool:
        """False when nobody can."""
        awake = self.running
        if any(process.stopped_until for process in awake):
            now = self.clock.now
            awake = [process for process in awake if not process.stopped_until or process.stopped_until <= now]
        if not awake:
            return False
        process = self.current
        if process is None or process not in awake or self.random.random() >= self.stickiness:
            process = awake[int(self.random.random() * len(awake))]
        process.stopped_until = None
        self._resume(process)
        return True

    def repeat_a_write(self) -> bool:
        if not self.to_come:
            return False
        call, act = self.to_come.pop(int(self.random.random() * len(self.to_come)))
        self.note("again", call, self._outcome(act))
        return True

    def _resume(self, process: Process) -> None:
        self.current = process
        process.greenlet.switch(process)

    def _run(self, process: Process) -> None:
        try:
            process.body()
        except Died:
            process.lost()
        self.running.remove(process)
        self.current = None

    # One call.

    def step(self, call: str, act: Callable[[], T], refused: Callable[[], T], *, is_read: bool) -> T:
        """`refused` gives, or raises, what is answered when nothing is known of what has become of the call."""
        self.steps += 1
        if self.calm:
            return self._told(call, act) if self.trace is not None else act()
        process = self.current
        assert process
        self.hub.switch()
        if self.random.random() >= self.fault_rate:
            return self._told(call, act) if self.trace is not None else act()
        return self._faulty(process, call, act, refused, self.random.choice(ON_READS if is_read else ON_WRITES))

    def _faulty(self, process: Process, call: str, act: Callable[[], T], refused: Callable[[], T], fault: Fault) -> T:
        self.happened[fault] += 1
        self.note(process.name, call, f"··· {fault}")
        match fault:
            case Fault.NO_EFFECT:
                return refused()
            case Fault.DIES_BEFORE:
                raise Died
            case Fault.STOPS:
                process.stopped_until = self.clock.now + self.random.randint(*LONGER_THAN_A_HOLD) * 1000 * MS
                process.lost()
                self.hub.switch()
                return self._told(call, act)
            case Fault.AGAIN_LATER:
                self.to_come.append((call, act))
                return self._told(call, act)
        self.note(process.name, call, self._outcome(act))
        if fault is Fault.DIES_AFTER:
            raise Died
        if fault is Fault.ANSWER_LOST:
            return refused()
        self.hub.switch()
        return self._told(call, act)

    # What is told of it.

    def note(self, who: str, call: str, outcome: object = "") -> None:
        if self.trace is not None:
            self.trace.append(f"{self.clock.now:%H:%M:%S.%f}"[:-3] + f"  {who:<24} {call} {outcome}".rstrip())

    def _told(self, call: str, act: Callable[[], T]) -> T:
        try:
            answer = act()
        except Exception as error:
            self.note(self._who, call, f"raises {error!r}")
            raise
        self.note(self._who, call, f"→ {said(answer)}")
        return answer

    def _outcome(self, act: Callable[[], object]) -> str:
        try:
            return f"→ {said(act())}"
        except Exception as error:  # noqa: BLE001 - nobody hears of it
            return f"raises {error!r}"

    @property
    def _who(self) -> str:
        return self.current.name if self.current else ""


class Stepped:
    """A port each of whose calls is a step."""

    def __init__(self, scheduler: Scheduler, name: str, port: Any) -> None:
        self._scheduler, self._name, self._port = scheduler, name, port

    def __getattr__(self, method: str) -> Any:
        scheduler, found, is_read = self._scheduler, getattr(self._port, method), method in READS
        refused = partial(_refused, self._name, method)

        def call(*arguments: Any, **named: Any) -> Any:
            about = f"{self._name}.{method}({_listed(*arguments)})" if scheduler.trace is not None else ""
            act = partial(found, *arguments, **named)
            return scheduler.step(about, act, partial(refused, arguments), is_read=is_read)

        setattr(self, method, call)
        return call


class SteppedRows(Stepped):
    """Gives back row by row, as DynamoDB's does: a step for each, and one more for what is left of a hold."""

    def release(self, hold: Hold, now: datetime) -> Release:
        parts = [
            self._release_in_row(replace(hold, seats=seats) if seats != hold.seats else hold, now)
            for seats in by_row(hold.seats).values()
        ]
        sales = (part.sale_id for part in parts if part.sale_id)
        return Release(tuple(seat for part in parts for seat in part.seats), next(sales, None))

    def _release_in_row(self, hold: Hold, now: datetime) -> Release:
        release, left = self.release_whole(hold, now)
        return self._release_in_row(replace(hold, seats=left), now) if left else cast(Release, release)


class Answering(Protocol):
    def __call__(self, arguments: tuple[Any, ...]) -> Any: ...


def _refused(port: str, method: str, arguments: tuple[Any, ...]) -> Any:
    if port == "outbox":
        return set(range(len(arguments[0])))
    if port == "gateway":
        raise RefundRefused("no answer") if method == "refund" else GatewayUnavailable("no answer")
    raise StoreUnavailable(f"{port}.{method}")


def _listed(*arguments: Any) -> str:
    return ", ".join(map(said, arguments))
