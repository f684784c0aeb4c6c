"""A cinema in memory whose tables have streams, so that its events can be compared with its tables."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.consumers import AUDIT, REFUNDS
from chalicelib.domain.events import Event, OutgoingMessage, ReservationChange
from chalicelib.domain.payments import Payment, PaymentChange
from chalicelib.domain.refusals import Refusal
from chalicelib.domain.reservations import Hold, Reservation, Sale, State
from chalicelib.domain.times import from_ms, to_ms
from infra.ops.screening_log import Difference, Tables, find_differences, fold_events

from .builders import NOW, Cinema
from .fakes import Crash, FakePayments, FakeReservations, FakeRows, MovableClock, crash, interposed

REMEMBERED = timedelta(hours=24)


@dataclass
class TellingReservations(FakeReservations):
    """Reservations with a stream, whose moments are whole seconds."""

    clock: MovableClock = field(default_factory=lambda: MovableClock(NOW))
    changes: list[ReservationChange] = field(default_factory=list)

    def get_or_add_unless_hold_barred(self, reservation: Reservation) -> Reservation:
        change = super().get_or_add_unless_hold_barred
        return self._stream(reservation.id, lambda: change(reservation)) or reservation

    def mark_confirmed_unless_sold_and_read(self, reservation_id: str, sale: Sale) -> Reservation | None:
        change = super().mark_confirmed_unless_sold_and_read
        return self._stream(reservation_id, lambda: change(reservation_id, sale))

    def mark_ended_if_pending_with_hold_and_read(self, hold: Hold, state: State, now: datetime) -> Reservation | None:
        change = super().mark_ended_if_pending_with_hold_and_read
        return self._stream(hold.reservation_id, lambda: change(hold, state, now))

    def add_sold_if_missing(self, reservation: Reservation) -> Reservation:
        change = super().add_sold_if_missing
        return self._stream(reservation.id, lambda: change(reservation)) or reservation

    def forget(self, reservation_id: str) -> None:
        """Deletes the reservation, as TTL does."""
        self._stream(reservation_id, lambda: self.stored.pop(reservation_id))

    def _stream(self, reservation_id: str, change: Callable[[], Reservation | None]) -> Reservation | None:
        before = self.find(reservation_id)
        answer, after = change(), self.find(reservation_id)
        if before != after:
            self.changes.append(ReservationChange(before, after, from_ms(to_ms(self.clock()) // 1000 * 1000)))
        return answer


@dataclass
class TellingPayments(FakePayments):
    """Payments with a stream."""

    changes: list[PaymentChange] = field(default_factory=list)

    def _write(self, payment: Payment) -> Payment:
        before = self.find(payment.transaction_id)
        if before != payment:
            self.changes.append(PaymentChange(before, payment))
        return super()._write(payment)


@dataclass
class Stage:
    """A cinema with streams, whose events can be compared with its tables."""

    clock: MovableClock = field(default_factory=lambda: MovableClock(NOW))
    rows: FakeRows = field(default_factory=FakeRows)
    dying: str = ""
    """The method of the reservations before which the next request dies."""

    def __post_init__(self) -> None:
        self.reservations = TellingReservations(clock=self.clock)
        self.payments = TellingPayments()
        self.cinema = Cinema(clock=self.clock, rows=self.rows, reservations=self.reservations, payments=self.payments)

    def request(self, method: str, *arguments: Any, dying_at: str = "", **named: Any) -> Reservation | None:
        """Makes a request of the cinema, a millisecond later at least. None when it is refused or dies."""
        self.clock.forward(milliseconds=1)
        port = interposed(self.reservations, dying_at, before=crash) if dying_at else self.reservations
        with suppress(Refusal, Crash):
            answer: Reservation | None = getattr(replace(self.cinema, reservations=port), method)(*arguments, **named)
            return answer
        return None

    def expire_all(self) -> None:
        """Handles every expiry message that has come due."""
        self.clock.forward(milliseconds=1)
        for hold in {event.hold for told in self.rows.events.values() for event in told if hasattr(event, "hold")}:
            if hold.expires_at <= self.clock():
                self.cinema.expire(hold)

    def events(self) -> list[Event]:
        """Gives the events that the relay makes of the streams. It finishes sales that their request could not finish,
        and requested refunds are made."""
        relayed = [sent for row in self.rows.events.values() for one in row for sent in self.cinema.relay_row(one)]
        relayed += [sent for one in self.reservations.changes for sent in self.cinema.relay_reservation(one)]
        for change in self.payments.changes:  # it grows while payments are settled
            told = self.cinema.relay_payment(change)
            for event in _events_for(REFUNDS, told):
                self.cinema.refund_or_settle(event)
            relayed += told
        return list(_events_for(AUDIT, relayed))

    def tables(self) -> Tables:
        seats, stored = dict(self.rows.taken[self.cinema.session.id]), dict(self.reservations.stored)
        return Tables(seats, stored, bool(self.rows.closed))

    def differences(self, *, tables: Tables | None = None, events: list[Event] | None = None) -> list[Difference]:
        story = fold_events(self.events() if events is None else events)
        return find_differences(story, tables or self.tables(), self.clock(), REMEMBERED)


def _events_for(queue: str, messages: Iterable[OutgoingMessage]) -> Iterable[Event]:
    for message in messages:
        if message.queue == queue and isinstance(message.content, Event):
            yield message.content
