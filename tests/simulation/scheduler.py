"""Processes that take one call to the outside at a time, in an order that chance decides; and what goes wrong at each.

process:    use case ──► call, waits ─ ─ ─ ─ ─ ─ ─ ─ ─► takes effect ──► use case ──► next call, waits …
scheduler:                 └──► picks who goes next, and what goes wrong ─┘
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from tests.fakes import MovableClock

from .faults import Faults, Kind
from .words import said

T = TypeVar("T")

MS = timedelta(milliseconds=1)
LONGER_THAN_A_HOLD = (31, 70)
"""Seconds that a stopped process stops."""


class Died(BaseException):
    """The simulated process has died."""


def _nothing() -> None:
    """Does nothing: no other process has to know of the loss."""


@dataclass(eq=False, slots=True)
class Process:
    """A simulated process. `lost` is called once it has died, or has stopped for too long."""

    name: str
    body: Callable[[], None]
    lost: Callable[[], None]
    greenlet: greenlet
    stopped_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """The simulated way to a service: its kinds of fault, and the errors that its client raises.

    `no_answer` is raised when nobody knows what has become of the call, `refused` when it had no effect.
    """

    name: str
    no_answer: Callable[[str], Exception]
    refused: Callable[[str], Exception]
    on_reads: tuple[Kind, ...]
    on_writes: tuple[Kind, ...]
    risk: float = 1.0
    """How much more often than elsewhere something goes wrong: for services that are called rarely."""


NO_OWN: Mapping[Kind, Callable[[], Any]] = {}


@dataclass
class Scheduler:
    """Runs simulated processes one call at a time. With `in_turn` a chosen process runs to its end."""

    chance: Random
    clock: MovableClock
    faults: Faults
    stickiness: float
    """How often who went last goes next."""
    trace: list[str] | None = None
    running: list[Process] = field(default_factory=list)
    to_come: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    """The writes that will take effect later, perhaps once more."""
    in_turn: bool = False
    steps: int = 0
    current: Process | None = None

    def __post_init__(self) -> None:
        self.hub = getcurrent()

    # Who goes next.

    def start(self, name: str, body: Callable[[], None], lost: Callable[[], None] = _nothing) -> None:
        """Starts a process and runs it up to its first call."""
        process = Process(name, body, lost, greenlet(self._run))
        self.running.append(process)
        self._resume(process)

    def try_to_step(self) -> bool:
        """Lets one process run up to its next call. False when no process can run."""
        now = self.clock.now
        awake = [process for process in self.running if not process.stopped_until or process.stopped_until <= now]
        if not awake:
            return False
        process = self.current
        if process is None or process not in awake or self.chance.random() >= self.stickiness:
            process = awake[int(self.chance.random() * len(awake))]
        process.stopped_until = None
        self._resume(process)
        return True

    def try_to_finish_write(self) -> bool:
        """Makes one of the late writes take effect. False when there is none."""
        if not self.to_come:
            return False
        call, act = self.to_come.pop(int(self.chance.random() * len(self.to_come)))
        self.note("late", call, self._outcome_text(act))
        return True

    def sleep(self, seconds: float) -> None:
        """Lets the current process sleep while others go on."""
        if self.current is None or self.in_turn:
            self.clock.now += timedelta(seconds=seconds)
            return
        self.current.stopped_until = self.clock.now + timedelta(seconds=seconds)
        self.hub.switch()

    def let_others_step(self) -> None:
        if self.current is not None and not self.in_turn:
            self.hub.switch()

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

    def call(
        self,
        door: Door,
        call: str,
        act: Callable[[], T],
        *,
        is_read: bool,
        own: Mapping[Kind, Callable[[], Any]] = NO_OWN,
    ) -> T:
        """Makes a call of a service. `own` has what to do instead at the service's own kinds of fault."""
        self.steps += 1
        process = self.current
        if self.in_turn or process is None:
            return self._act_and_note(call, act)
        self.hub.switch()
        kinds = door.on_reads if is_read else door.on_writes
        kind = self.faults.at_a_call((*kinds, *own) if own else kinds, door.risk)
        if kind is None:
            return self._act_and_note(call, act)
        act = own.get(kind, act)
        return self._fail(process, door, call, act, kind)

    def _fail(self, process: Process, door: Door, call: str, act: Callable[[], T], kind: Kind) -> T:
        self.faults.count(kind)
        self.note(process.name, call, f"··· {kind}")
        match kind:
            case Kind.REFUSED:
                raise door.refused(call)
            case Kind.DIES_BEFORE:
                raise Died
            case Kind.STOPS:
                self._freeze(process)
            case Kind.WRITE_AGAIN:
                self.to_come.append((call, act))
            case Kind.WRITE_LATE:
                self.to_come.append((call, act))
                raise door.no_answer(call)
            case Kind.ANSWER_LOST | Kind.SECOND_OUTCOME | Kind.DIES_AFTER:
                self._act_without_answer(process, door, call, act, kind)
        return self._act_and_note(call, act)

    def _freeze(self, process: Process) -> None:
        process.stopped_until = self.clock.now + self.faults.chance.randint(*LONGER_THAN_A_HOLD) * 1000 * MS
        process.lost()
        self.hub.switch()

    def _act_without_answer(
        self, process: Process, door: Door, call: str, act: Callable[[], object], kind: Kind
    ) -> None:
        self.note(process.name, call, self._outcome_text(act))
        if kind is Kind.DIES_AFTER:
            raise Died
        if kind is Kind.ANSWER_LOST:
            raise door.no_answer(call)
        self.hub.switch()

    # What is told of it.

    def note(self, process_name: str, call: str, outcome: object = "") -> None:
        if self.trace is not None:
            self.trace.append(
                f"{self.clock.now:%d %H:%M:%S.%f}"[:-3] + f"  {process_name:<24} {call} {outcome}".rstrip()
            )

    def _act_and_note(self, call: str, act: Callable[[], T]) -> T:
        if self.trace is None:
            return act()
        try:
            answer = act()
        except Exception as error:
            self.note(self._process_name, call, f"raises {error!r}")
            raise
        self.note(self._process_name, call, f"→ {said(answer)}")
        return answer

    def _outcome_text(self, act: Callable[[], object]) -> str:
        try:
            answer = act()
        except Exception as error:  # noqa: BLE001 - nobody hears of it
            return f"raises {error!r}"
        return f"→ {said(answer)}" if self.trace is not None else ""

    @property
    def _process_name(self) -> str:
        return self.current.name if self.current else ""


def idle_scheduler() -> Scheduler:
    """Makes a scheduler without processes: each call takes effect at once."""
    return Scheduler(Random(0), MovableClock(datetime.now(UTC)), Faults(Random(0), 0.0, calm=True), 0.0)
