"""A small cinema under one schedule that a seed decides: the real use cases and adapters, on simulated services."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random

from chalicelib.application.reconcile import AT_WORK, SweepResult
from chalicelib.application.schedule import ScheduleSessionCommand
from chalicelib.domain import consumers
from chalicelib.domain.booking_codes import CODES, code_from_number_modulo_codes
from chalicelib.domain.payments import PaymentStatus
from chalicelib.domain.reservations import Occupancy, RowsOfCancelledSession, State, without_lapsed_holds
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.ids import RandomOrDerivedIds
from chalicelib.infrastructure.sqs.envelopes import hold_in
from tests.builders import MAX_LIVE_HOLDS, NOW, SETTINGS, STARTS_AT
from tests.fakes import MovableClock

from .buyers import ROOM, SEATS, Buyers
from .cloud.doors import Client, seeded, tables_named, unchanged
from .cloud.dynamodb import Database
from .cloud.gateway import Gateway, WatchedGateway
from .cloud.redis import Connection, Store
from .cloud.sqs import Sqs
from .deliveries import Deliveries
from .faults import Faults, Kind
from .instances import Instance
from .planted import PLANTED, Planted
from .promises.at_all_times import Promises, broken
from .promises.at_rest import AtRest
from .promises.stored import Stored
from .remembered import remembering
from .scheduler import MS, Scheduler
from .services import PREFIX, Services

FAULT_RATES = (0.0, 0.02, 0.05, 0.1)
STICKINESS = (0.0, 0.4, 0.8)
SKEWS_MS = (0, 0, 0, -5000, -4990, -2500, -900, 900, 2500, 4990, 5000)
PAUSES_MS = (0, 0, 1, 2, 5, 12)
TURNS_FOR_EACH_COMMAND = 12
MOST_AT_ONCE = 6
"""Processes."""
MOST_ROUNDS = 10_000
"""After which it is clear that all does not come to rest."""

ALWAYS = (consumers.EXPIRY, consumers.PAYMENTS, consumers.REFUNDS, consumers.AUDIT)
SOMETIMES = (consumers.ANALYTICS, consumers.INVOICES, consumers.TICKETS, consumers.NOTIFICATION)
"""In some of the runs. CACHE is in those with Redis. All others are left out: EMAIL, WEBHOOKS and BOUNCES lead out of
the system, and a new queue stays out until it is named here."""
SWEEPS = (1, 11, 11, 11, 21)
"""Minutes before each sweep. A refund that the gateway did not know is asked for again after ever longer pauses."""
OPEN = (PaymentStatus.ASSERTED, PaymentStatus.CLAIMED, PaymentStatus.REFUND_REQUESTED)
DELETED_BY_TTL = ("reservations", "live-holds")


@dataclass(frozen=True)
class Plan:
    """The inputs that decide a run. `faults` and `commands` are the numbers of those that may happen; None for all."""

    seed: int
    plant: str = ""
    turns: int | None = None
    faults: frozenset[int] | None = None
    commands: frozenset[int] | None = None

    @property
    def arguments(self) -> str:
        """Gives the plan as the arguments of `python -m tests.simulation`."""
        said = [f"--seed {self.seed}"]
        said += [f"--plant {self.plant}"] if self.plant else []
        said += [f"--turns {self.turns}"] if self.turns is not None else []
        said += [f"--faults {_listed(self.faults)}"] if self.faults is not None else []
        said += [f"--commands {_listed(self.commands)}"] if self.commands is not None else []
        return " ".join(said)


def _listed(numbers: frozenset[int]) -> str:
    return ",".join(map(str, sorted(numbers))) or "none"


def _occupancy(instance: Instance, screening: Session) -> Mapping[str, Occupancy]:
    try:
        return instance.cached_rows.read_entries_with_lapsed_or_raise_if_cancelled(screening)
    except RowsOfCancelledSession as closed:
        return closed.occupancy


@dataclass(frozen=True)
class SeededIds(RandomOrDerivedIds):
    """Ids of our own shape, none of them random."""

    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    derived: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    def reservation_id(self, user_id: str, key: str | None) -> str:
        return super().reservation_id(user_id, key or f"without a key {next(self.numbers)}")

    def _derive(self, *parts: str) -> bytes:
        if parts not in self.derived:
            self.derived[parts] = super()._derive(*parts)
        return self.derived[parts]


@dataclass
class World:
    plan: Plan
    is_traced: bool = False
    turns: int = 0
    commands: int = 0
    asked: list[int] = field(default_factory=list)
    """The numbers of the commands that were given."""
    last_sweep: SweepResult | None = None

    def __post_init__(self) -> None:
        self.chance = chance = self._chance("turns")
        self.clock = MovableClock(NOW)
        self.faults = Faults(self._chance("faults"), chance.choice(FAULT_RATES), self.plan.faults)
        trace: list[str] | None = [] if self.is_traced else None
        self.scheduler = Scheduler(chance, self.clock, self.faults, chance.choice(STICKINESS), trace)
        self.planted = PLANTED[self.plan.plant] if self.plan.plant else Planted(change=unchanged)
        self.consumers = [*ALWAYS, *(queue for queue in SOMETIMES if chance.random() < 0.4)]
        only_if_charged = chance.random() < 0.5
        self._open_services(only_if_charged=only_if_charged, has_redis=chance.random() < 0.4)
        self._start_instances(only_if_charged=only_if_charged)
        self.commands_left = chance.randint(6, 15)
        self.night = chance.randint(40, 130) if chance.random() < 0.15 else None
        """The turn after which a day passes."""

    def _chance(self, purpose: str) -> Random:
        return Random(f"{self.plan.seed} {purpose}")

    def _open_services(self, *, only_if_charged: bool, has_redis: bool) -> None:
        database = Database(PREFIX, self.clock)
        self.stored = Stored(database)
        self.promises = Promises(self.clock, self.stored, only_if_charged)
        database.listeners[f"{PREFIX}-rows"] = self.promises.check_row_write
        database.listeners[f"{PREFIX}-reservations"] = self.promises.check_reservation_write
        self.gateway = WatchedGateway(goes_back=self.promises.goes_back)
        if has_redis:
            self.consumers.append(consumers.CACHE)
        deaf = frozenset(f"{PREFIX}-{one.queue}" for one in consumers.CONSUMERS if one.queue not in self.consumers)
        sqs = Sqs(self.scheduler, self._chance("sqs"), deaf, f"{PREFIX}-{consumers.EXPIRY}", self._expiry_is_lost)
        redis = Connection(self.scheduler, self._chance("redis"), Store(self.clock)) if has_redis else None
        client = Client(self.scheduler, database, self.planted.change)
        gateway = Gateway(self.scheduler, self.gateway)
        self.services = Services(self.clock, self.scheduler, client, sqs, redis, gateway, self._limit_reached)
        self.deliveries = Deliveries(self.services, self._chance("deliveries"), self._instance)
        command = ScheduleSessionCommand("Oppenheimer", STARTS_AT, ROOM, len(SEATS), 2, Decimal("25.00"), "hall")
        screenings = [command, replace(command, idempotency_key="other")][: 2 if self.chance.random() < 0.25 else 1]
        asking = self._chance("buyers")
        self.buyers = Buyers(self.services, self.promises, self.gateway, asking, self._instance, screenings)

    def _start_instances(self, *, only_if_charged: bool) -> None:
        """Starts three on the same services; mostly their clocks differ."""
        chance = self.chance
        most = chance.choice((1, MAX_LIVE_HOLDS))
        settings = replace(SETTINGS, max_live_holds=most, payments_charged_only=only_if_charged)
        skews = [timedelta(milliseconds=chance.choice(SKEWS_MS)) for _ in range(3)]
        if not any(skews) or not self.faults.is_striking(Kind.CLOCKS_DIFFER, 0.8):
            skews = [timedelta(0)] * 3
        codes = self._draw_ticket_codes()
        ids = SeededIds(b"for tests")
        self.instances = [
            Instance(self.services, self.planted.adapters, settings, ids, skew, lambda: next(codes)) for skew in skews
        ]

    def _draw_ticket_codes(self) -> Iterator[str]:
        chance = self._chance("codes")
        while True:
            yield code_from_number_modulo_codes(chance.randrange(CODES))

    def _instance(self) -> Instance:
        return self.instances[int(self.chance.random() * 3)]

    def _limit_reached(self) -> None:
        self.promises.twins_refused = True

    def _expiry_is_lost(self, body: str) -> None:
        self.promises.note_expiry_lost(hold_in({"body": body}))

    # The schedule.

    def run(self) -> None:
        """Runs the plan to its end, and checks all promises. Raises Broken."""
        with tables_named(self.services.client.database.prefix), seeded(f"{self.plan.seed} pauses"), remembering():
            self.buyers.schedule()
            for _ in range(self._count_turns_at_most()):
                self.turns += 1
                self._turn()
                if self.turns == self.night:
                    self._let_day_pass()
            self._come_to_rest()
            AtRest(self.promises, self.buyers.screenings, self.gateway.charged, self.clock.now, self.consumers).check()
            self._check_cache_shows_rows()

    def _count_turns_at_most(self) -> int:
        return self.plan.turns if self.plan.turns is not None else self.commands_left * TURNS_FOR_EACH_COMMAND

    def _turn(self) -> None:
        chance, scheduler = self.chance, self.scheduler
        self.clock.now += PAUSES_MS[int(chance.random() * 6)] * MS
        self.buyers.tell_of_charges()
        drawn = chance.random()
        if drawn < 0.66 and scheduler.running and scheduler.try_to_step():
            return
        if drawn < 0.78 and self.commands_left and len(scheduler.running) < MOST_AT_ONCE:
            self._command()
        elif drawn < 0.95:
            self.deliveries.try_to_deliver()
        elif drawn < 0.97:
            self._advance_clock()
        else:
            scheduler.try_to_finish_write()

    def _command(self) -> None:
        """Gives the next command. Schedules a screening first, if there is none."""
        if not self.buyers.screenings:
            return self.buyers.schedule()
        self.commands_left -= 1
        self.commands += 1
        if self.plan.commands is not None and self.commands not in self.plan.commands:
            return self.buyers.ask_in_vain()
        self.asked.append(self.commands)
        return self.buyers.ask()

    def _advance_clock(self) -> None:
        chance, now = self.chance, self.clock.now
        drawn = chance.random()
        if drawn < 0.35:
            ahead = chance.randint(1, 400) * MS
        elif drawn < 0.6:
            ahead = chance.randint(400, 6000) * MS
        elif drawn < 0.95 and self.buyers.known:
            moment = chance.choice(self.buyers.known).expires_at
            ahead = max(moment + chance.choice((-5100, -5000, -1000, -2, 0, 1, 900)) * MS - now, 1 * MS)
        else:
            ahead = chance.randint(31_000, 40_000) * MS
        self.clock.now += ahead
        self.scheduler.note("clock", f"moves on by {ahead}")

    # A day, and rest.

    def _let_day_pass(self) -> None:
        """Ends all processes, runs two sweeps, and moves on by a day, after which TTL deletes items.

        The first sweep leaves alone what may be at work. In a real day dozens would follow it.
        """
        self.faults.calm = self.scheduler.in_turn = True
        self._drain()
        self._sweep()
        self.clock.now += AT_WORK
        self._sweep()
        self.faults.calm = self.scheduler.in_turn = False
        self.clock.now += timedelta(days=1, minutes=1)
        self._delete_expired()

    def _delete_expired(self) -> None:
        database = self.services.client.database
        for table in DELETED_BY_TTL:
            for key in list(database.expired(table, self.clock.now)):
                if self.faults.is_striking(Kind.TTL_LATE, 0.3):
                    continue
                self.faults.count(Kind.TTL_AT_ONCE)
                self.scheduler.note("TTL", f"deletes {table} {key}")
                if table == "reservations":
                    self.promises.forgotten.add(key[1])
                database.delete_expired(table, key)

    def _come_to_rest(self) -> None:
        self.faults.calm = True
        self.scheduler.note("", "ALL IS WELL from here on")
        self._drain()
        self.buyers.scan_all_tickets()
        self._drain()
        self.scheduler.in_turn = True
        while self.buyers.to_schedule:
            self.buyers.schedule()
            self._drain()
        for session_id in sorted(self.promises.being_cancelled):
            self.buyers.cancel_session(session_id)
        latest = max((one.expires_at for one in self.buyers.known), default=self.clock.now)
        self.clock.now = max(self.clock.now, latest + timedelta(seconds=65))
        self._drain()
        self.promises.check_claims_have_ended(self.stored.payments)
        for minutes in SWEEPS:
            self.clock.now += timedelta(minutes=minutes)
            self._sweep()
            if self._is_all_settled():
                break
        if any(one.state is State.PENDING for one in self.stored.reservations().values()):
            self._forget_the_lost()

    def _is_all_settled(self) -> bool:
        """Tells whether all payments are settled: each charge is known, and each payment of ours has ended."""
        payments = {payment.transaction_id: payment for payment in self.stored.payments()}
        charged = self.gateway.charged.keys()
        is_open = any(payment.status in OPEN for name, payment in payments.items() if name in charged)
        return not is_open and charged <= payments.keys()

    def _forget_the_lost(self) -> None:
        """Lets TTL end the holds whose expiry message was lost, and only those."""
        for reservation in self.stored.reservations().values():
            identity = reservation.id, reservation.expires_at
            if reservation.state is State.PENDING and identity not in self.promises.unexpired:
                broken(f"still pending: {reservation}")
        self.clock.now += timedelta(days=1)
        self._delete_expired()
        self._drain()
        self._sweep()

    def _check_cache_shows_rows(self) -> None:
        """Checks that a second later each instance's cache shows the seats as the rows have them."""
        self.clock.now += timedelta(seconds=1)
        for screening in self.buyers.screenings:
            for instance in self.instances:
                shown, stands = (
                    _occupancy(instance, screening),
                    without_lapsed_holds(self.stored.seats(screening.id), self.clock.now),
                )
                if without_lapsed_holds(shown, self.clock.now) != stands:
                    broken(f"shown are {shown}, and in the rows stand {stands}")

    def _sweep(self) -> None:
        self.buyers.sweep()
        self._drain()

    def _drain(self) -> None:
        scheduler, deliveries = self.scheduler, self.deliveries
        for _ in range(MOST_ROUNDS):
            self.clock.now += MS
            self.buyers.tell_of_charges()
            if self._let_processes_go_on():
                continue
            if scheduler.to_come and self.chance.random() < 0.3:
                scheduler.try_to_finish_write()
            elif deliveries.try_to_deliver() or scheduler.try_to_finish_write():
                continue
            elif waits := self._waits():
                self.clock.now = max(self.clock.now, min(waits))
            elif not self.scheduler.try_to_step() and not self.services.sqs.redrive():
                return
        broken(f"it does not come to rest: {[process.name for process in scheduler.running]}")

    def _let_processes_go_on(self) -> bool:
        """Runs all processes to their ends, or one of them by a step. False when a new process may start."""
        if self.scheduler.in_turn:
            while self.scheduler.try_to_step():
                pass
            return False
        has_room = len(self.scheduler.running) < MOST_AT_ONCE
        return not (has_room and self.chance.random() < 0.4) and self.scheduler.try_to_step()

    def _waits(self) -> list[datetime]:
        waits = [one.stopped_until for one in self.scheduler.running if one.stopped_until]
        return waits + self.deliveries.waits_until() + [moment for _, moment in self.buyers.untold]
