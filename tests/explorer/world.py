"""A small cinema, some instances whose clocks differ, buyers in a hurry: the real use cases on the fakes, under one
schedule that a seed decides."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, cast

from chalicelib.application.confirm import ConfirmReservation
from chalicelib.application.hold import HoldSeats
from chalicelib.application.payments import NotDueYet
from chalicelib.application.reconcile import Reconciliation
from chalicelib.application.release import CancelReservation, NotLapsedYet
from chalicelib.domain.consumers import AUDIT, EXPIRY, PAYMENTS, REFUNDS
from chalicelib.domain.events import Event, Outgoing
from chalicelib.domain.money import CURRENCY
from chalicelib.domain.payments import Charge, GatewayUnavailable, PaymentDue, RefundRefused
from chalicelib.domain.refusals import Refusal
from chalicelib.domain.reservations import Hold, Reservation, State
from tests.builders import MAX_LIVE_HOLDS, NOW, SETTINGS, a_session
from tests.fakes import FakeEventLog, FakeSessions, MovableClock, ReadableIds
from tests.telling import TellingPayments, TellingReservations

from .instances import Instance, Shared
from .promises import Broken, Promises, WatchedGateway, WatchedLiveHolds, WatchedRows
from .steps import MS, Mishap, Scheduler, Stepped, SteppedRows
from .words import said

SCREENINGS = tuple(replace(a_session(total_seats=4, seats_per_row=2), id=name) for name in ("hall", "other"))
SEATS = tuple(SCREENINGS[0].seats)
PRICE_CENTS = int(SCREENINGS[0].ticket_price * 100)

FAULT_RATES = (0.0, 0.02, 0.05, 0.1)
STICKINESS = (0.0, 0.4, 0.8)
SKEWS_MS = (0, 0, 0, -5000, -4990, -2500, -900, 900, 2500, 4990, 5000)
PAUSES_MS = (0, 0, 1, 2, 5, 12)

QUEUES = (EXPIRY, PAYMENTS, REFUNDS)
"""What is delivered. Who else is told of an event changes nothing here."""

COMES_AGAIN = (NotLapsedYet, NotDueYet, LookupError, RefundRefused, GatewayUnavailable, Refusal)


@dataclass(frozen=True)
class Guards:
    """What the world is made of. The controls leave something out."""

    rows: Callable[[], WatchedRows] = WatchedRows
    reservations: Callable[[MovableClock], TellingReservations] = lambda clock: TellingReservations(clock=clock)
    payments: Callable[[], TellingPayments] = TellingPayments
    rows_of_confirm: Callable[[Any], Any] = lambda rows: rows


@dataclass(frozen=True)
class Outbox:
    """Where messages go: the log at once, queues for whoever delivers them."""

    world: "World"

    def send(self, messages: list[Outgoing], now: datetime) -> set[int]:
        for message in messages:
            self.world.send(message.queue, message.content)
        return set()


@dataclass(eq=False, slots=True)
class Lane:
    """One item's stream records, in order; `next` is the first that has not been relayed."""

    relay: str
    records: list[Any]
    next: int = 0
    busy: int = 0
    """Which delivery is under way: 0 for none."""
    due: datetime = NOW
    """Who failed comes again a little later."""


@dataclass(eq=False, slots=True)
class Message:
    queue: str
    content: Any
    due: datetime


@dataclass
class World:
    seed: int
    guards: Guards = field(default_factory=Guards)
    is_traced: bool = False

    def __post_init__(self) -> None:
        self.random = random = Random(self.seed)
        self.clock = MovableClock(NOW)
        self.charged_only = random.random() < 0.5
        trace: list[str] | None = [] if self.is_traced else None
        rates = random.choice(FAULT_RATES), random.choice(STICKINESS)
        self.scheduler = Scheduler(random, self.clock, *rates, trace)
        self.screenings = SCREENINGS if random.random() < 0.25 else SCREENINGS[:1]
        self.promises = Promises(self)
        self._open_stores()
        self.instances = self._start_instances()
        self.commands_left = random.randint(5, 12)
        self._begin_with_nothing_told()

    def _open_stores(self) -> None:
        """Opens what all instances share; the promises watch it."""
        self.sessions = FakeSessions({screening.id: screening for screening in self.screenings})
        self.rows = self.guards.rows()
        self.rows.promises = self.promises
        self.reservations = self.guards.reservations(self.clock)
        self.payments = self.guards.payments()
        self.live_holds = WatchedLiveHolds(promises=self.promises)
        self.gateway = WatchedGateway(promises=self.promises)
        self.log = FakeEventLog()
        self.outbox: Any = Stepped(self.scheduler, "outbox", Outbox(self))

    def _start_instances(self) -> list[Instance]:
        """Starts three on the same ports; mostly their clocks differ."""
        random, shared = self.random, self._shared_ports()
        skews = [timedelta(milliseconds=random.choice(SKEWS_MS)) for _ in range(3)]
        if random.random() < 0.3:
            skews = [timedelta(0)] * 3
        if any(skews):
            self._happens(Mishap.CLOCKS_DIFFER)
        return [Instance(shared, self.clock, skew) for skew in skews]

    def _shared_ports(self) -> Shared:
        """Gives the stores, which take a step at each call; chance decides how many holds a buyer may have."""
        stepped = partial(Stepped, self.scheduler)
        most_holds = self.random.choice((1, MAX_LIVE_HOLDS))
        return Shared(
            settings=replace(SETTINGS, max_live_holds=most_holds, payments_charged_only=self.charged_only),
            clock=self.clock,
            ids=ReadableIds(),
            sessions=self.sessions,
            rows=cast(Any, SteppedRows(self.scheduler, "rows", self.rows)),
            live_holds=cast(Any, stepped("live_holds", self.live_holds)),
            reservations=cast(Any, stepped("reservations", self.reservations)),
            payments=cast(Any, stepped("payments", self.payments)),
            gateway=cast(Any, stepped("gateway", self.gateway)),
            rows_of_confirm=self.guards.rows_of_confirm,
        )

    def _begin_with_nothing_told(self) -> None:
        self.lanes: dict[Any, Lane] = {}
        self.told = [0, 0]
        self.deliveries = 0
        self.messages: list[Message] = []
        self.known: list[Reservation] = []
        self.keyed: dict[tuple[str, str], HoldSeats] = {}
        self.being_cancelled: set[str] = set()
        self.wrong_charges: set[str] = set()
        self.unheard: set[str] = set()
        self.last_sweep: Reconciliation | None = None

    # The schedule.

    def run(self) -> None:
        """Raises Broken."""
        turns = self.commands_left * 14
        for _ in range(turns):
            self._turn()
        self._come_to_rest()
        self.promises.at_rest()

    def _turn(self) -> None:
        random, scheduler = self.random, self.scheduler
        self.clock.now += PAUSES_MS[int(random.random() * 6)] * MS
        chance = random.random()
        if chance < 0.66 and scheduler.running and scheduler.take_a_step():
            return
        if chance < 0.78 and self.commands_left and len(scheduler.running) < 6:
            self.commands_left -= 1
            self._command()
        elif chance < 0.94:
            self._deliver()
        elif chance < 0.97:
            self._time_passes()
        elif chance < 0.985:
            scheduler.repeat_a_write()
        else:
            self._forget_one()

    def _time_passes(self) -> None:
        random, now = self.random, self.clock.now
        chance = random.random()
        if chance < 0.35:
            ahead = random.randint(1, 400) * MS
        elif chance < 0.6:
            ahead = random.randint(400, 6000) * MS
        elif chance < 0.95 and self.known:
            moment = random.choice(self.known).expires_at + random.choice((-5100, -5000, -1000, -2, 0, 1, 900)) * MS
            ahead = max(moment - now, 1 * MS)
        else:
            ahead = random.randint(31_000, 40_000) * MS
        self.clock.now += ahead
        self.scheduler.note("clock", f"moves on by {ahead}")

    # What buyers do.

    def _command(self) -> None:
        chance = self.random.random()
        if not self.known and chance < 0.9:
            return self._hold()
        for share, command in SHARES:
            if chance < share:
                return command(self)
        raise AssertionError("the shares go up to 1")

    def _hold(self) -> None:
        random = self.random
        user, key = f"user{int(random.random() * 3)}", random.choice((None, "k1", "k1", "k2"))
        command = self.keyed.get((user, key)) if key else None
        if command is None or random.random() < 0.08:
            seats = tuple(sorted(random.sample(SEATS, random.choice((1, 1, 2, 2, 3)))))
            command = HoldSeats(random.choice(self.screenings).id, user, seats, key)
        if key:
            self.keyed.setdefault((user, key), command)
        for _ in range(2 if key and random.random() < 0.3 else 1):
            self._start("hold", partial(self._instance().hold, command), self._held)

    def _held(self, answer: Any) -> None:
        if isinstance(answer, Reservation):
            self.promises.held(answer)
            self.known.append(answer)
        else:
            self.promises.not_held(answer)

    def _confirm(self) -> None:
        random = self.random
        reservation_id, number = self._chosen()
        chance, used = random.random(), self.promises.used
        transaction_id = f"tx-{number}" if chance < 0.86 else f"tx-{number}-b"
        if chance < 0.14 and used:
            transaction_id = random.choice(list(used))
        command = ConfirmReservation(reservation_id, "credit_card", transaction_id)
        for _ in range(2 if random.random() < 0.15 else 1):
            paying = self.promises.pays(command)
            self._start("confirm", partial(self._instance().confirm, command), partial(self._confirmed, paying))

    def _confirmed(self, paying: Any, answer: Any) -> None:
        if isinstance(answer, Reservation):
            self.promises.has_paid(paying, answer)
        else:
            self.promises.could_not_pay(paying, answer)

    def _chosen(self) -> tuple[str, int]:
        """A reservation that somebody knows of, mostly a late one, and the number of what pays for it."""
        random = self.random
        if not self.known or random.random() < 0.02:
            return "res-nobody", 99
        newest = len(self.known) - 1
        reservation = self.known[max(0, newest - int(random.expovariate(0.9)))]
        return reservation.id, next(n for n, one in enumerate(self.known) if one.id == reservation.id)

    def _cancel(self) -> None:
        reservation_id, _ = self._chosen()
        self.promises.disturbed.add(reservation_id)
        self.promises.to_be_cancelled.add(reservation_id)
        self._start("cancel", partial(self._instance().cancel, CancelReservation(reservation_id)), self._cancelled)

    def _cancelled(self, answer: Any) -> None:
        if isinstance(answer, Reservation):
            self.promises.has_cancelled(answer)

    def _cancel_session(self) -> None:
        screening = self.random.choice(self.screenings)
        self.being_cancelled.add(screening.id)
        self._happens(Mishap.SCREENING_CANCELLED)
        self._start("cancel screening", partial(self._instance().cancel_session, screening.id), _nothing)

    def _sweep(self) -> None:
        self._start("sweep", self._instance().reconcile, _nothing)

    def _pay(self) -> None:
        """At the gateway."""
        random = self.random
        reservation_id, number = self._chosen()
        transaction_id = f"tx-{number}" if random.random() < 0.9 else f"tx-{number}-b"
        if transaction_id in self.gateway.charged:
            return
        cents = PRICE_CENTS * next((len(one.seats) for one in self.known if one.id == reservation_id), 1)
        if random.random() < 0.15:
            self._happens(Mishap.WRONG_CHARGE)
            self.wrong_charges.add(transaction_id)
            reservation_id, cents = random.choice(
                ((reservation_id, cents + 1), ("", cents), (self._chosen()[0], cents))
            )
        self.promises.names(transaction_id, reservation_id)
        charge = Charge(transaction_id, reservation_id, cents, CURRENCY, self.clock.now)
        self.gateway.pay(charge)
        self.scheduler.note("gateway", "CHARGES", self._said(charge))
        self._tell_of(charge)

    def _tell_of(self, charge: Charge) -> None:
        chance = self.random.random()
        self.unheard.add(charge.transaction_id)
        if chance < 0.12:
            self._happens(Mishap.CHARGE_LOST)
            return
        if chance < 0.3:
            self._happens(Mishap.CHARGE_LATE)
            self._put(PAYMENTS, charge, self.random.randint(1000, 70_000) * MS)
            return
        self._put(PAYMENTS, charge)

    def _instance(self) -> Instance:
        return self.instances[int(self.random.random() * 3)]

    def _start(self, name: str, run: Callable[[], Any], answered: Callable[[Any], None]) -> None:
        def body() -> None:
            try:
                answer = run()
            except Refusal as refusal:
                answer = refusal
            self.scheduler.note(who, "IS ANSWERED", self._said(answer))
            answered(answer)

        self.deliveries += 1
        who = f"{name} #{self.deliveries}"
        self.scheduler.note(who, "BEGINS", self._said(run.args if isinstance(run, partial) else ""))
        self.scheduler.start(who, body, _nobody_hears)

    # Streams and queues.

    def send(self, queue: str, content: Any) -> None:
        if queue == AUDIT:
            self.log.append(cast(Event, content))
        if queue == EXPIRY:
            self._send_expiry(content)
        elif queue == PAYMENTS:
            self._put(PAYMENTS, content, self._delay(content))
        elif queue == REFUNDS:
            self._put(REFUNDS, content)

    def _send_expiry(self, hold: Hold) -> None:
        if not self.scheduler.calm and self.random.random() < 0.02:
            self._happens(Mishap.EXPIRY_LOST)
            self.promises.unexpired.add((hold.reservation_id, hold.expires_at))
            return
        self._put(EXPIRY, hold, max(hold.expires_at - self.clock.now, 0 * MS))

    def _delay(self, content: Any) -> timedelta:
        return max(content.due_at - self.clock.now, 0 * MS) if isinstance(content, PaymentDue) else 0 * MS

    def _put(self, queue: str, content: Any, delay: timedelta = 0 * MS) -> None:
        if not self.scheduler.calm:
            chance = self.random.random()
            if chance < 0.05:
                self._happens(Mishap.MESSAGE_TWICE)
                self.messages.append(Message(queue, content, self.clock.now + delay))
            elif chance < 0.1:
                self._happens(Mishap.MESSAGE_LATE)
                delay += self.random.randint(1, 20) * 1000 * MS
        self.messages.append(Message(queue, content, self.clock.now + delay))

    def _deliver(self) -> bool:
        """A stream's record or a queue's message; False when there is none."""
        self._read_streams()
        now = self.clock.now
        ready: list[Lane | Message] = [
            lane for lane in self.lanes.values() if lane.next < len(lane.records) and not lane.busy and lane.due <= now
        ]
        ready += [message for message in self.messages if message.due <= now]
        if not ready:
            return False
        chosen = ready[int(self.random.random() * len(ready))]
        self._relay(chosen) if isinstance(chosen, Lane) else self._consume(chosen)
        return True

    def _read_streams(self) -> None:
        rows = self.rows.events
        if len(rows) > sum(lane.relay == "relay_row" for lane in self.lanes.values()):
            for row, events in rows.items():
                if row not in self.lanes:
                    self.lanes[row] = Lane("relay_row", events)
        changes = self.reservations.changes
        for change in changes[self.told[0] :]:
            known = change.after or change.before
            self.promises.changes(change)
            if known:
                self._lane("relay_reservation", known.id).records.append(change)
        self.told[0] = len(changes)
        paid = self.payments.changes
        for payment in paid[self.told[1] :]:
            assert payment.after
            self._lane("relay_payment", payment.after.transaction_id).records.append(payment)
        self.told[1] = len(paid)

    def _lane(self, relay: str, item: str) -> Lane:
        lane = self.lanes.get(item)
        if lane is None:
            lane = self.lanes[item] = Lane(relay, [])
        return lane

    def _relay(self, lane: Lane) -> None:
        self.deliveries += 1
        this, position = self.deliveries, lane.next
        lane.busy = this
        instance, who = self._instance(), f"{lane.relay} #{this}"

        def free() -> None:
            if lane.busy == this:
                lane.busy = 0

        def body() -> None:
            if self._send_what_follows(who, instance, lane, position):
                self._move_on(lane, position)
            else:
                lane.due = self.clock.now + self.random.randint(50, 900) * MS
            free()

        self.scheduler.note(who, "HEARS", self._said(lane.records[position]))
        self.scheduler.start(who, body, free)

    def _send_what_follows(self, who: str, instance: Instance, lane: Lane, position: int) -> bool:
        """Relays the record; gives False when it comes again."""
        relay = getattr(instance, lane.relay)
        try:
            sent = relay(lane.records[position])
            return not sent or not self.outbox.send(sent, instance.clock())
        except COMES_AGAIN as error:
            self.scheduler.note(who, "COMES AGAIN", repr(error))
            return False

    def _move_on(self, lane: Lane, position: int) -> None:
        """Goes past this record; sometimes a few come again, though they were relayed."""
        lane.next = max(lane.next, position + 1)
        if not self.scheduler.calm and self.random.random() < 0.06:
            self._happens(Mishap.RECORD_AGAIN)
            lane.next = max(0, lane.next - self.random.randint(1, 3))

    def _consume(self, message: Message) -> None:
        self.messages.remove(message)
        handle = getattr(self._instance(), CONSUMERS[message.queue])
        self.deliveries += 1

        def again() -> None:
            message.due = self.clock.now + self.random.randint(1, 4) * 1000 * MS
            if message not in self.messages:
                self.messages.append(message)

        def body() -> None:
            try:
                handle(message.content)
                if isinstance(message.content, Charge):
                    self.unheard.discard(message.content.transaction_id)
            except COMES_AGAIN as error:
                self.scheduler.note(who, "COMES AGAIN", repr(error))
                again()

        who = f"{message.queue} #{self.deliveries}"
        self.scheduler.note(who, "HEARS", self._said(message.content))
        self.scheduler.start(who, body, again)

    def _forget_one(self) -> None:
        """As TTL does, a day later: whoever was at work has ended, and no library repeats anything of that day."""
        if self.scheduler.running or self.scheduler.to_come:
            return
        now = self.clock.now
        pending = [
            one for one in self.reservations.stored.values() if one.state is State.PENDING and one.expires_at <= now
        ]
        if pending:
            self._forget(self.random.choice(pending))

    def _forget(self, reservation: Reservation) -> None:
        self._happens(Mishap.FORGOTTEN)
        self.scheduler.note("TTL", f"deletes {reservation.id}")
        self.promises.forgotten.add(reservation.id)
        self.reservations.forget(reservation.id)

    def _said(self, what: object) -> str:
        return said(what) if self.is_traced else ""

    def _happens(self, mishap: Mishap) -> None:
        self.scheduler.happened[mishap] += 1

    # Rest.

    def _come_to_rest(self) -> None:
        self.scheduler.calm = True
        self.scheduler.note("", "ALL IS WELL from here on")
        self._drain()
        for session_id in sorted(self.being_cancelled):
            self._start("cancel screening", partial(self.instances[0].cancel_session, session_id), _nothing)
        latest = max((one.expires_at for one in self._holds()), default=self.clock.now)
        self.clock.now = max(self.clock.now, latest + timedelta(seconds=65))
        self._drain()
        for identity in self.promises.unexpired:
            stored = self.reservations.stored.get(identity[0])
            if stored and stored.state is State.PENDING and stored.expires_at == identity[1]:
                self._forget(stored)
        self._drain()
        self.promises.claims_have_ended()
        for minutes in (1, 11, 11, 11, 21):
            self.clock.now += timedelta(minutes=minutes)
            self._start("sweep", self.instances[0].reconcile, self._swept)
            self._drain()

    def _swept(self, answer: Any) -> None:
        if not isinstance(answer, Reconciliation):
            raise Broken(f"the sweep fails: {answer!r}")
        self.last_sweep = answer

    def _holds(self) -> list[Hold]:
        return [event.hold for told in self.rows.events.values() for event in told if hasattr(event, "hold")]

    def _drain(self) -> None:
        scheduler = self.scheduler
        for _ in range(1000):
            self.clock.now += MS
            while scheduler.take_a_step():
                pass
            if scheduler.to_come and self.random.random() < 0.3:
                scheduler.repeat_a_write()
            elif self._deliver() or scheduler.repeat_a_write():
                continue
            elif waits := self._waits():
                self.clock.now = max(self.clock.now, min(waits))
            else:
                return
        raise Broken(f"it does not come to rest: {self.messages} {[process.name for process in scheduler.running]}")

    def _waits(self) -> list[datetime]:
        waits = [one.stopped_until for one in self.scheduler.running if one.stopped_until]
        waits += [message.due for message in self.messages]
        return waits + [lane.due for lane in self.lanes.values() if lane.next < len(lane.records)]


SHARES: tuple[tuple[float, Callable[[World], None]], ...] = (
    (0.34, World._hold),
    (0.64, World._confirm),
    (0.78, World._pay),
    (0.92, World._cancel),
    (0.98, World._sweep),
    (1.0, World._cancel_session),
)
"""Up to which chance each command is the next."""

CONSUMERS = {EXPIRY: "expire", PAYMENTS: "settle_payment", REFUNDS: "settle_refund"}


def _nothing(_: Any) -> None:
    pass


def _nobody_hears() -> None:
    """Who asked gets no answer."""
