"""Writing to buyers about their reservations.

event ──► reservation: read; has it an address? ──► still worth saying? ──► told before? ──► render ──► send ──► ledger
                          │ no                          │ no                  │ yes
                          ▼                             ▼                     ▼
                        nothing                       nothing               nothing
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.email import Email
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.ports import Clock, EmailRenderer, EmailSender, ProcessedEvents, Reservations, Sessions
from chalicelib.domain.reservations import Reservation, State
from chalicelib.domain.times import to_ms


def _this_hold_is_live(event: Event, reservation: Reservation, now: datetime) -> bool:
    """A key that is used again after a day makes another hold under the same id: its expiry tells them apart."""
    same_hold = event.data.get("expiresAtMs") == to_ms(reservation.expires_at)
    return same_hold and reservation.state_at(now) is State.PENDING


def _is_paid(event: Event, reservation: Reservation, now: datetime) -> bool:
    return reservation.state is State.CONFIRMED


def _always(event: Event, reservation: Reservation, now: datetime) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of letter: the name of its templates, and whether its news still is one when it comes to be sent."""

    name: str
    is_worth_saying: Callable[[Event, Reservation, datetime], bool]


LETTERS: Mapping[EventType, Kind] = {
    EventType.RESERVATION_CREATED: Kind("held", _this_hold_is_live),
    EventType.PAYMENT_CONFIRMED: Kind("paid", _is_paid),
    EventType.REFUND_COMPLETED: Kind("refunded", _always),
}
"""Which event is written about. Another letter is an entry here and, for each language, two templates of its name in
infrastructure/letters. A hold that lapsed or was given back is no news to the buyer who let it go."""


@dataclass(frozen=True)
class SendBuyerEmail:
    """Sends the letter that the event calls for, if the buyer left an address.

    Harmless twice: a second delivery finds the event in the ledger and sends nothing. The letter is sent first and
    entered then, because no transaction holds both: a process that dies in between sends it once more when the event
    comes again, where the other order would lose it for good. So a letter is repeated only by such a death, by an
    answer of the mail service that got lost, or by two deliveries at the very same moment; it is never left out.
    """

    reservations: Reservations
    sessions: Sessions
    letters: EmailRenderer
    mail: EmailSender
    ledger: ProcessedEvents
    clock: Clock

    def __call__(self, event: Event) -> None:
        """Raises MailRefused, MailUnavailable, StoreUnavailable."""
        letter = self._letter(event)
        if letter is None or self.ledger.has(event.id):
            return
        self.mail.send(self.letters(letter))
        self.ledger.enter(event.id)

    def _letter(self, event: Event) -> Email | None:
        kind = LETTERS.get(event.type)
        reservation = self.reservations.find(event.reservation_id) if kind else None
        if kind is None or reservation is None or reservation.contact is None:
            return None
        if not kind.is_worth_saying(event, reservation, self.clock()):
            return None
        session = self.sessions.get(reservation.session_id)
        return Email(kind.name, reservation.contact, event, reservation, session)
