"""Simulated buyers, operators, gates and the payment gateway: their requests, and the answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from chalicelib.application.confirm import ConfirmReservationCommand
from chalicelib.application.hold import HoldSeatsCommand
from chalicelib.application.release import CancelReservationCommand
from chalicelib.application.schedule import ScheduleSessionCommand
from chalicelib.application.tickets import AdmittedTicket, AdmitTicketCommand
from chalicelib.domain.consumers import PAYMENTS
from chalicelib.domain.events import OutgoingMessage
from chalicelib.domain.money import CURRENCY
from chalicelib.domain.payments import Charge
from chalicelib.domain.refusals import Refusal
from chalicelib.domain.reservations import Reservation
from chalicelib.domain.sessions import Session

from .cloud.gateway import WatchedGateway
from .faults import Faults, Kind
from .instances import Instance
from .promises.at_all_times import Paying, Promises
from .scheduler import MS
from .services import Services
from .words import said

SEATS = ("A1", "A2", "B1", "B2")
ROOM = "A1"
GATES = ("north", "south")


@dataclass
class Buyers:
    services: Services
    promises: Promises
    gateway: WatchedGateway
    chance: Random
    instance: Callable[[], Instance]
    to_schedule: list[ScheduleSessionCommand]
    """Screenings that are to come, by whoever schedules them."""
    screenings: list[Session] = field(default_factory=list)
    known: list[Reservation] = field(default_factory=list)
    keyed: dict[tuple[str, str], HoldSeatsCommand] = field(default_factory=dict)
    untold: list[tuple[Charge, Any]] = field(default_factory=list)
    """Charges that the gateway will tell of, and when."""
    asked: int = 0

    @property
    def faults(self) -> Faults:
        return self.services.scheduler.faults

    def ask(self) -> None:
        """Sends one request, chosen by chance."""
        chance = self.chance.random()
        if self.to_schedule and chance < 0.3:
            return self.schedule()
        if not self.known and chance < 0.9:
            return self._hold()
        for share, command in SHARES:
            if chance < share:
                return command(self)
        raise AssertionError("the shares go up to 1")

    def ask_in_vain(self) -> None:
        """Draws the same first chances as `ask` and sends nothing: for shrinking."""
        self.chance.random()

    # Screenings.

    def schedule(self) -> None:
        """Sends the request for the next screening, with its key, again and again until it is answered."""
        command = self.to_schedule[-1]
        self._start(
            "schedule", partial(_call_use_case, "selling.schedule", self.instance(), command), self._on_scheduled
        )

    def _on_scheduled(self, answer: Any) -> None:
        if isinstance(answer, Session) and answer.id not in {one.id for one in self.screenings}:
            self.screenings.append(answer)
            self.to_schedule.pop()

    def _cancel_session(self) -> None:
        if not self.faults.is_striking(Kind.CANCELLED, 0.9):
            return
        screening = self.chance.choice(self.screenings)
        self.promises.being_cancelled.add(screening.id)
        self.cancel_session(screening.id)

    def cancel_session(self, session_id: str) -> None:
        run = partial(_call_use_case, "relaying.cancel_session", self.instance(), session_id)
        self._start("cancel screening", run, _ignore_answer)

    # Holds.

    def _hold(self) -> None:
        chance = self.chance
        user, key = f"user{int(chance.random() * 4)}", chance.choice((None, None, "k1", "k1", "k2"))
        command = self.keyed.get((user, key)) if key else None
        if command is None or chance.random() < 0.08:
            seats = tuple(sorted(chance.sample(SEATS, chance.choice((1, 1, 1, 2, 2, 3)))))
            command = HoldSeatsCommand(chance.choice(self.screenings).id, user, seats, key)
        if key:
            self.keyed.setdefault((user, key), command)
        for _ in range(2 if key and chance.random() < 0.3 else 1):
            self._start("hold", partial(_call_use_case, "selling.place_hold", self.instance(), command), self._on_held)

    def _on_held(self, answer: Any) -> None:
        if isinstance(answer, Reservation):
            self.promises.held(answer)
            self.known.append(answer)
        else:
            self.promises.note_hold_refused(answer)

    def _choose_reservation(self) -> tuple[str, int]:
        """Chooses a known reservation, mostly a late one, and gives its id and the number of its transaction."""
        if not self.known or self.chance.random() < 0.02:
            return f"res-{'A' * 33}", 99
        newest = len(self.known) - 1
        reservation = self.known[max(0, newest - int(self.chance.expovariate(0.9)))]
        return reservation.id, next(n for n, one in enumerate(self.known) if one.id == reservation.id)

    def _cancel(self) -> None:
        reservation_id, _ = self._choose_reservation()
        self.promises.disturbed.add(reservation_id)
        self.promises.to_be_cancelled.add(reservation_id)
        run = partial(_call_use_case, "selling.cancel", self.instance(), CancelReservationCommand(reservation_id))
        self._start("cancel", run, self._on_cancelled)

    def _on_cancelled(self, answer: Any) -> None:
        if isinstance(answer, Reservation):
            self.promises.note_cancellation(answer)

    def _look_at_seats(self) -> None:
        screening = self.chance.choice(self.screenings)
        self._start(
            "look", partial(_call_use_case, "selling.show_seats", self.instance(), screening.id), _ignore_answer
        )

    # Payments.

    def _confirm(self) -> None:
        chance = self.chance
        reservation_id, number = self._choose_reservation()
        drawn, used = chance.random(), self.promises.used
        transaction_id = f"tx-{number}" if drawn < 0.86 else f"tx-{number}-b"
        if drawn < 0.14 and used:
            transaction_id = chance.choice(list(used))
        self._ask_to_confirm(ConfirmReservationCommand(reservation_id, "credit_card", transaction_id))

    def _ask_to_confirm(self, command: ConfirmReservationCommand) -> None:
        for _ in range(2 if self.chance.random() < 0.15 else 1):
            paying = self.promises.begin_confirmation(command)
            run = partial(_call_use_case, "selling.confirm", self.instance(), command)
            self._start("confirm", run, partial(self._on_confirmed, paying))

    def _on_confirmed(self, paying: Paying, answer: Any) -> None:
        if isinstance(answer, Reservation):
            self.promises.note_confirmation(paying, answer)
        else:
            self.promises.note_confirmation_refused(paying, answer)

    def _buy(self) -> None:
        """Pays for a reservation at the gateway, then confirms it: the usual way."""
        reservation_id, number = self._choose_reservation()
        self._charge(reservation_id, f"tx-{number}")
        self._ask_to_confirm(ConfirmReservationCommand(reservation_id, "credit_card", f"tx-{number}"))

    def _pay(self) -> None:
        """Pays for a reservation at the gateway, and does not confirm it."""
        reservation_id, number = self._choose_reservation()
        self._charge(reservation_id, f"tx-{number}" if self.chance.random() < 0.9 else f"tx-{number}-b")

    def _charge(self, reservation_id: str, transaction_id: str) -> None:
        if transaction_id in self.gateway.charged:
            return
        cents = next((one.amount_cents for one in self.known if one.id == reservation_id), 2500)
        if self.faults.is_striking(Kind.CHARGE_WRONG, 0.12):
            self.promises.wrong_charges.add(transaction_id)
            reservation_id, cents = self.chance.choice(
                ((reservation_id, cents + 1), ("", cents), (self._choose_reservation()[0], cents))
            )
        self.promises.names(transaction_id, reservation_id)
        charge = Charge(transaction_id, reservation_id, cents, CURRENCY, self.services.clock.now)
        self.gateway.pay(charge)
        self.services.scheduler.note("gateway", "CHARGES", self._answer_text(charge))
        self._plan_message(charge)

    def _plan_message(self, charge: Charge) -> None:
        self.promises.unheard.add(charge.transaction_id)
        if self.faults.is_striking(Kind.CHARGE_UNTOLD, 0.1):
            return
        moment = self.services.clock.now
        if self.faults.is_striking(Kind.CHARGE_LATE, 0.15):
            moment += self.chance.randint(1000, 70_000) * MS
        self.untold += [(charge, moment)] * (2 if self.faults.is_striking(Kind.CHARGE_TWICE, 0.1) else 1)

    def tell_of_charges(self) -> None:
        """Sends the gateway's due messages; a message is sent again until our queue has taken it."""
        if not self.untold:
            return
        due = [told for told in self.untold if told[1] <= self.services.clock.now]
        for told in due:
            self.untold.remove(told)
            run = partial(_send_charge, self.instance(), told[0])
            self._start(
                "webhook", run, partial(self._on_charge_told, told[0]), partial(self._plan_message_again, told[0])
            )

    def _on_charge_told(self, charge: Charge, unsent: Any) -> None:
        if unsent:
            self._plan_message_again(charge)

    def _plan_message_again(self, charge: Charge) -> None:
        self.untold.append((charge, self.services.clock.now + timedelta(seconds=self.chance.randint(1, 30))))

    def sweep(self) -> None:
        self._start(
            "sweep",
            partial(_call_use_case, "settling.reconcile_charges_refunds_and_sales", self.instance()),
            _ignore_answer,
        )

    # Gates.

    def _admit(self) -> None:
        if codes := self._ticket_codes():
            self._scan(self.chance.choice(codes))

    def scan_all_tickets(self) -> None:
        """Has each ticket scanned at both gates at once."""
        for code in self._ticket_codes():
            self._scan(code)

    def _ticket_codes(self) -> list[str]:
        return sorted(key for key, item in self.promises.stored.items("tickets").items() if "seat" in item)

    def _scan(self, code: str) -> None:
        for gate in GATES:
            run = partial(_call_use_case, "admit", self.instance(), AdmitTicketCommand(gate, ROOM, code=code))
            self._start("admit", run, partial(self._on_admitted, code))

    def _on_admitted(self, code: str, answer: Any) -> None:
        if isinstance(answer, AdmittedTicket):
            self.promises.note_admission(code, answer.admission)

    # Processes.

    def _start(
        self,
        name: str,
        run: Callable[[], Any],
        answered: Callable[[Any], None],
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        def body() -> None:
            try:
                answer = run()
            except Refusal as refusal:
                answer = refusal
            scheduler.note(who, "IS ANSWERED", self._answer_text(answer))
            answered(answer)

        scheduler = self.services.scheduler
        self.asked += 1
        who = f"{name} #{self.asked}"
        scheduler.note(who, "BEGINS", self._answer_text(run.args[2:] if isinstance(run, partial) else ""))
        scheduler.start(who, body, lost)

    def _answer_text(self, answer: object) -> str:
        return said(answer) if self.services.scheduler.trace is not None else ""


def _call_use_case(use_case: str, instance: Instance, *arguments: Any) -> Any:
    found: Any = instance
    for name in use_case.split("."):
        found = getattr(found, name)
    return found(*arguments)


def _send_charge(instance: Instance, charge: Charge) -> set[int]:
    return instance.send([OutgoingMessage(PAYMENTS, charge)])


def _ignore_answer(_: Any) -> None:
    """Ignores the answer: the caller goes on."""


SHARES: tuple[tuple[float, Callable[[Buyers], None]], ...] = (
    (0.36, Buyers._hold),
    (0.58, Buyers._buy),
    (0.7, Buyers._confirm),
    (0.78, Buyers._pay),
    (0.87, Buyers._cancel),
    (0.91, Buyers._look_at_seats),
    (0.95, Buyers._admit),
    (0.98, Buyers.sweep),
    (1.0, Buyers._cancel_session),
)
"""Up to which chance each command is the next."""
