"""Tickets from the sale to the seat: signed once, transferred by their owner, void after a refund, admitted once."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from chalicelib.application.consumers.tickets import IssueSoldOrVoidRefundedTickets
from chalicelib.application.tickets import (
    AdmittedTicket,
    AdmitTicket,
    AdmitTicketCommand,
    ResendSaleForMissingTicketsOrTokens,
    ShowCalendarEntry,
    ShowGateListPage,
    ShowTicketsOrRefuseIfUnsigned,
    TransferTicket,
)
from chalicelib.domain.booking_codes import code_from_number_modulo_codes
from chalicelib.domain.consumers import TICKETS
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.identity import Principal, Role
from chalicelib.domain.ports import Tickets
from chalicelib.domain.refusals import (
    AdmissionNotOpenYet,
    AdmissionOver,
    AlreadyAdmitted,
    BackendUnavailable,
    ReservationNotFound,
    ReservationNotPaid,
    SessionCancelled,
    TicketNotFound,
    TicketsNotReady,
    TicketTokenInvalid,
    TicketVoid,
    TooManyTransfers,
    WrongRoom,
)
from chalicelib.domain.reservations import Reservation
from chalicelib.domain.tickets.calendar_entry import calendar_entry_for
from chalicelib.domain.tickets.ticket import ADMITTED_FOR, MOST_TRANSFERS, ListedTicket, Ticket, VoidReason
from chalicelib.domain.tickets.tokens import decode_token, encode_token
from chalicelib.infrastructure.tickets.signatures import is_signed
from tests.builders import NOW, Cinema, a_paid_event, a_session
from tests.fakes import Crash, FakeOutbox, FakeSigner, FakeTicketKeys, FakeTickets, MovableClock, crash, interposed

STARTS = NOW + timedelta(minutes=30)
OPENS_BEFORE = timedelta(minutes=60)
BOB = Principal("bob", frozenset({Role.BUYER}))
ANA = Principal("ana", frozenset({Role.BUYER}))


@dataclass
class House:
    """A cinema with its gates. `sign` hands the ticket office what was sent to it."""

    cinema: Cinema = field(default_factory=lambda: Cinema(a_session(starts_at=STARTS), MovableClock(NOW)))
    tickets: Tickets = field(default_factory=FakeTickets)
    keys: FakeTicketKeys = field(default_factory=FakeTicketKeys)
    signer: FakeSigner = field(default_factory=FakeSigner)
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    names: "count[int]" = field(default_factory=lambda: count(1))

    def sold(self, *seats: str, user: str = "ana") -> Reservation:
        """Sells seats without any tickets yet."""
        held = self.cinema.hold(*(seats or ("A1",)), user=user)
        return self.cinema.confirm(held.id, f"tx-of-{held.id}")

    def bought(self, *seats: str, user: str = "ana") -> Reservation:
        reservation = self.sold(*seats, user=user)
        self.issue(a_paid_event(reservation))
        return reservation

    def issue(self, event: Event, tickets: Tickets | None = None) -> None:
        stored = tickets or self.tickets
        IssueSoldOrVoidRefundedTickets(stored, self.cinema.sessions, self.keys, self.signer, self.new_code)(event)

    def new_code(self) -> str:
        return code_from_number_modulo_codes(next(self.numbers))

    def new_key(self) -> str:
        return f"key-{next(self.names)}"

    @property
    def ask(self) -> ResendSaleForMissingTicketsOrTokens:
        return ResendSaleForMissingTicketsOrTokens(self.outbox, self.cinema.clock)

    @property
    def show(self) -> ShowTicketsOrRefuseIfUnsigned:
        cinema = self.cinema
        return ShowTicketsOrRefuseIfUnsigned(self.tickets, cinema.reservations, cinema.sessions, self.ask, cinema.clock)

    @property
    def transfer(self) -> TransferTicket:
        cinema = self.cinema
        return TransferTicket(self.tickets, cinema.reservations, cinema.sessions, self.ask, cinema.clock, self.new_code)

    @property
    def list(self) -> ShowGateListPage:
        return ShowGateListPage(self.tickets, self.cinema.sessions, OPENS_BEFORE, self.cinema.clock)

    def sign(self) -> None:
        for message, _ in self.outbox.sent:
            assert message.queue == TICKETS
            assert isinstance(message.content, Event)
            self.issue(message.content)
        self.outbox.sent.clear()

    def only_ticket(self, reservation: Reservation) -> Ticket:
        (ticket,) = self.show(reservation.id).tickets
        return ticket

    def admit(self, **command: Any) -> AdmittedTicket:
        asked = AdmitTicketCommand(**{"gate": "north", "room": "A1", **command})
        sessions, clock = self.cinema.sessions, self.cinema.clock
        return AdmitTicket(self.tickets, self.keys, is_signed, sessions, OPENS_BEFORE, clock, self.new_key)(asked)

    def refund(self, reservation: Reservation, **data: str) -> None:
        assert reservation.sale
        self.issue(
            Event(
                "refund-1",
                EventType.REFUND_REQUESTED,
                self.cinema.clock(),
                reservation.session_id,
                reservation.id,
                reservation.seats,
                data or {"saleId": reservation.sale.id},
            )
        )


@pytest.fixture
def house() -> House:
    return House()


# Issued


def test_each_seat_of_a_sale_gets_a_signed_ticket(house: House) -> None:
    reservation = house.bought("A1", "A2")

    shown = house.show(reservation.id)

    assert [ticket.seat for ticket in shown.tickets] == ["A1", "A2"]
    assert shown.session == house.cinema.session
    key = house.signer.public_key()
    for ticket in shown.tickets:
        token = decode_token(ticket.token)
        assert is_signed(key, token.signed, token.signature)
        assert (token.facts.session_id, token.facts.seat) == (reservation.session_id, ticket.seat)
        assert (token.facts.code, token.facts.version, token.facts.key_id) == (ticket.code, 1, key.id)
        assert token.facts.starts_at == STARTS.replace(microsecond=0)


def test_nothing_in_a_ticket_tells_whose_it_is(house: House) -> None:
    ticket = house.only_ticket(house.bought(user="maria-of-the-box-office"))

    assert "maria" not in repr(replace(ticket, reservation_id=""))
    assert b"maria" not in decode_token(ticket.token).signed


def test_a_sale_that_is_told_twice_keeps_its_tickets(house: House) -> None:
    reservation = house.bought("A1", "A2")
    before, signed = house.show(reservation.id), house.signer.signatures

    house.issue(a_paid_event(reservation))

    assert house.show(reservation.id) == before
    assert house.signer.signatures == signed == 2


def test_an_office_that_dies_before_or_after_the_write_leaves_one_set_of_tickets(house: House) -> None:
    reservation = house.sold("A1", "A2")
    event = a_paid_event(reservation)
    dying = [interposed(house.tickets, "add_unless_issued_or_voided", **{when: crash}) for when in ("before", "after")]

    for tickets in dying:
        with pytest.raises(Crash):
            house.issue(event, tickets)
    house.issue(event)

    assert len(house.show(reservation.id).tickets) == 2


def test_a_code_that_is_taken_is_left_to_the_next_delivery(house: House) -> None:
    house.bought("A1")
    house.numbers = count(1)
    reservation = house.sold("A2")

    with pytest.raises(BackendUnavailable):
        house.issue(a_paid_event(reservation))
    house.issue(a_paid_event(reservation))

    assert len(house.show(reservation.id).tickets) == 1


def test_tickets_are_shown_once_there_are_some(house: House) -> None:
    pending = house.cinema.hold("A5")
    reservation = house.sold("A1")

    with pytest.raises(ReservationNotPaid):
        house.show(pending.id)
    with pytest.raises(TicketsNotReady):
        house.show(reservation.id)
    with pytest.raises(ReservationNotFound):
        house.show("res-unknown")
    assert house.outbox.sent == []


def test_a_sale_from_before_there_were_tickets_gets_some_when_it_is_asked_for(house: House) -> None:
    reservation = house.sold("A1")
    house.cinema.clock.forward(seconds=61)
    with pytest.raises(TicketsNotReady):
        house.show(reservation.id)

    house.sign()

    assert house.only_ticket(reservation).seat == "A1"


def test_somebody_elses_tickets_are_not_there(house: House) -> None:
    reservation = house.bought("A1")
    code = house.only_ticket(reservation).code

    with pytest.raises(ReservationNotFound):
        house.show(reservation.id, BOB)
    with pytest.raises(TicketNotFound):
        house.transfer(code, BOB)
    assert house.show(reservation.id, ANA).tickets[0].code == code


# Void


def test_a_refund_voids_the_tickets(house: House) -> None:
    reservation = house.bought("A1")
    ticket = house.only_ticket(reservation)

    house.refund(reservation)
    house.refund(reservation)

    for ask in (
        lambda: house.show(reservation.id),
        lambda: house.admit(token=ticket.token),
        lambda: house.transfer(ticket.code),
    ):
        with pytest.raises(TicketVoid) as refusal:
            ask()
        assert refusal.value.reason == "refunded"


def test_a_refund_that_is_told_before_the_sale_leaves_it_without_tickets(house: House) -> None:
    reservation = house.sold("A1")
    house.refund(reservation)

    house.issue(a_paid_event(reservation))

    with pytest.raises(TicketVoid):
        house.show(reservation.id)
    assert house.signer.signatures == 0


def test_a_refund_of_a_payment_that_bought_nothing_voids_nothing(house: House) -> None:
    reservation = house.bought("A1")

    house.refund(reservation, transactionId="tx-second", reason="paid twice")

    assert house.only_ticket(reservation).void is None


def test_a_cancelled_screening_admits_nobody(house: House) -> None:
    reservation = house.bought("A1")
    ticket = house.only_ticket(reservation)
    house.cinema.cancel_session()

    for ask in (
        lambda: house.show(reservation.id),
        lambda: house.admit(token=ticket.token),
        lambda: house.transfer(ticket.code),
    ):
        with pytest.raises(SessionCancelled):
            ask()


# Transferred


def test_a_transfer_voids_the_old_ticket_and_signs_a_new_one(house: House) -> None:
    reservation = house.bought("A1", "A2")
    old, other = house.show(reservation.id).tickets

    renewed = house.transfer(old.code, ANA)
    with pytest.raises(TicketsNotReady):
        house.show(reservation.id)
    house.sign()

    new, untouched = house.show(reservation.id).tickets
    assert new.code == renewed.code != old.code
    assert (new.seat, new.version, decode_token(new.token).facts.version) == ("A1", 2, 2)
    assert untouched == other
    for way in ({"token": old.token}, {"code": old.code}):
        with pytest.raises(TicketVoid) as refusal:
            house.admit(**way)
        assert refusal.value.reason == "transferred"
    assert house.admit(token=new.token).ticket.seat == "A1"


def test_a_transfer_that_is_sent_again_gives_the_same_new_ticket(house: House) -> None:
    old = house.only_ticket(house.bought("A1"))

    first, again = house.transfer(old.code), house.transfer(old.code)

    assert first == again
    house.sign()
    assert house.transfer(old.code).code == first.code
    assert house.outbox.sent == [], "it is signed: nothing to ask for"


def test_a_transfer_whose_message_is_lost_is_made_good_by_asking(house: House) -> None:
    reservation = house.bought("A1")
    old = house.only_ticket(reservation)
    house.outbox.deaf.add(TICKETS)
    with pytest.raises(BackendUnavailable):
        house.transfer(old.code)
    house.outbox.deaf.clear()

    with pytest.raises(TicketsNotReady):
        house.show(reservation.id)
    house.sign()

    assert house.only_ticket(reservation).version == 2


def test_a_ticket_is_transferred_again_and_the_first_stays_void(house: House) -> None:
    reservation = house.bought("A1")
    first = house.only_ticket(reservation)
    second = house.transfer(first.code)
    third = house.transfer(second.code)
    house.sign()

    assert (second.version, third.version) == (2, 3)
    assert house.only_ticket(reservation).code == third.code
    with pytest.raises(TicketVoid):
        house.transfer(first.code)


def test_a_seat_has_a_most_of_tickets(house: House) -> None:
    """A gate loads them all, and gives up a list that never ends."""
    ticket = house.only_ticket(house.bought("A1"))
    for _ in range(MOST_TRANSFERS):
        ticket = house.transfer(ticket.code)

    with pytest.raises(TooManyTransfers):
        house.transfer(ticket.code)

    assert house.tickets.find(ticket.code) == ticket


def test_who_is_in_can_not_transfer_the_ticket(house: House) -> None:
    ticket = house.only_ticket(house.bought("A1"))
    house.admit(code=ticket.code)

    with pytest.raises(AlreadyAdmitted):
        house.transfer(ticket.code)


def test_who_comes_in_during_a_transfer_stays_in(house: House) -> None:
    """The transfer has read the ticket; then a gate admits it."""
    ticket = house.only_ticket(house.bought("A1"))

    house.tickets = interposed(
        house.tickets, "try_transfer_and_reread_old", before=lambda: house.admit(code=ticket.code) and None
    )

    with pytest.raises(AlreadyAdmitted):
        house.transfer(ticket.code)


def test_who_was_in_when_the_money_went_back_is_told_that_the_ticket_is_void(house: House) -> None:
    reservation = house.bought("A1")
    ticket = house.only_ticket(reservation)
    house.admit(code=ticket.code)
    house.refund(reservation)

    with pytest.raises(TicketVoid) as refusal:
        house.transfer(ticket.code)

    assert refusal.value.reason == "refunded"


# Admitted


def test_a_void_ticket_is_told_to_be_void_at_whichever_gate_and_time(house: House) -> None:
    reservation = house.bought("A1")
    ticket = house.only_ticket(reservation)
    house.refund(reservation)

    for gate in ({}, {"room": "B2"}, {"admitted_at": NOW - timedelta(days=1)}):
        with pytest.raises(TicketVoid):
            house.admit(code=ticket.code, **gate)


def test_a_token_of_another_version_of_its_ticket_admits_nobody(house: House) -> None:
    ticket = house.only_ticket(house.bought("A1"))
    facts = decode_token(ticket.token).facts
    other = replace(facts, version=facts.version + 1).to_bytes()

    with pytest.raises(TicketTokenInvalid):
        house.admit(token=encode_token(other, house.signer.sign(other)))

    assert house.admit(token=ticket.token).ticket.seat == "A1"


def test_a_ticket_is_admitted_once(house: House) -> None:
    ticket = house.only_ticket(house.bought("A1"))

    admitted = house.admit(token=ticket.token)
    house.cinema.clock.forward(seconds=9)

    assert (admitted.ticket.seat, admitted.session.movie_title) == ("A1", "Oppenheimer")
    for way in ({"token": ticket.token}, {"code": ticket.code}, {"code": ticket.code, "gate": "south"}):
        with pytest.raises(AlreadyAdmitted) as refusal:
            house.admit(**way)
        assert (refusal.value.admitted_at, refusal.value.gate) == (admitted.admission.admitted_at, "north")


def test_an_admission_whose_answer_was_lost_is_the_same_admission(house: House) -> None:
    ticket = house.only_ticket(house.bought("A1"))
    first = house.admit(token=ticket.token, key="scan-1")
    house.cinema.clock.forward(seconds=9)

    assert house.admit(token=ticket.token, key="scan-1") == first
    for other in ({"key": "scan-2"}, {"key": "scan-1", "gate": "south"}, {}):
        with pytest.raises(AlreadyAdmitted):
            house.admit(token=ticket.token, **other)


def test_two_scans_of_a_gate_in_the_same_moment_are_one_admission(house: House) -> None:
    """A ticket and its copy, at one gate, in one millisecond of its clock."""
    ticket = house.only_ticket(house.bought("A1"))
    house.admit(token=ticket.token)

    with pytest.raises(AlreadyAdmitted):
        house.admit(token=ticket.token)


@pytest.mark.parametrize(
    ("minutes", "refusal"),
    [(-31, AdmissionNotOpenYet), (-30, None), (0, None), (29, None)],
)
def test_the_doors_open_an_hour_before(house: House, minutes: int, refusal: type[Exception] | None) -> None:
    ticket = house.only_ticket(house.bought("A1"))
    house.cinema.clock.now = NOW + timedelta(minutes=minutes)

    if refusal is None:
        assert house.admit(code=ticket.code)
    else:
        with pytest.raises(refusal):
            house.admit(code=ticket.code)


def test_after_the_screening_nobody_is_admitted(house: House) -> None:
    ticket = house.only_ticket(house.bought("A1"))
    house.cinema.clock.now = STARTS + ADMITTED_FOR - timedelta(milliseconds=1)
    with pytest.raises(AlreadyAdmitted):  # the key is published as long as that
        house.admit(token=ticket.token) and house.admit(token=ticket.token)

    house.cinema.clock.now = STARTS + ADMITTED_FOR
    with pytest.raises(AdmissionOver):
        house.admit(code=ticket.code)


def test_a_gate_of_another_room_admits_nobody(house: House) -> None:
    ticket = house.only_ticket(house.bought("A1"))

    with pytest.raises(WrongRoom) as refusal:
        house.admit(code=ticket.code, room="B2")

    assert refusal.value.right_room_or_empty == "A1"
    assert house.admit(code=ticket.code)


def test_a_forged_token_is_not_even_looked_for(house: House) -> None:
    ticket = house.only_ticket(house.bought("A1"))
    forger = House(house.cinema, FakeTickets())
    forger.issue(a_paid_event(forger.sold("A3", user="bob")))
    forged = forger.only_ticket(next(iter(_sales_of(forger, "bob"))))

    for token in (forged.token, ticket.token[::-1], "A" * 167):
        with pytest.raises(TicketTokenInvalid):
            house.admit(token=token)
    with pytest.raises(TicketNotFound):
        house.admit(code="ZZZZ-ZZZZ")


def _sales_of(house: House, user: str) -> list[Reservation]:
    return list(house.cinema.selling.list_purchases(user, 9, None).items)


def test_tickets_of_a_key_that_was_replaced_are_admitted(house: House) -> None:
    """Both keys are published until the last screening that each has signed for is over."""
    before = house.only_ticket(house.bought("A1"))
    house.signer = FakeSigner()
    after = house.only_ticket(house.bought("A2"))

    assert len(house.keys.read_unexpired(NOW)) == 2
    assert decode_token(before.token).facts.key_id != decode_token(after.token).facts.key_id
    assert house.admit(token=before.token).ticket.seat == "A1"
    assert house.admit(token=after.token).ticket.seat == "A2"
    assert house.keys.read_unexpired(STARTS + ADMITTED_FOR) == {}


def test_a_sales_event_sent_again_is_the_event_of_the_sale(house: House) -> None:
    reservation = house.sold("A1")

    house.ask(reservation)

    ((message, _),) = house.outbox.sent
    assert message.content == a_paid_event(reservation)


# Without a connection


def test_an_admission_that_is_told_later_counts_from_when_it_happened(house: House) -> None:
    """The screening is long over by then, and the key that signed is published no more."""
    ticket = house.only_ticket(house.bought("A1"))
    came_in = NOW + timedelta(minutes=20)
    house.cinema.clock.now = STARTS + ADMITTED_FOR + timedelta(days=2)

    told = house.admit(token=ticket.token, key="scan-1", admitted_at=came_in)

    assert told.admission.admitted_at == came_in
    house.cinema.clock.forward(seconds=9)
    assert house.admit(token=ticket.token, key="scan-1", admitted_at=came_in) == told


def test_of_two_gates_without_a_connection_the_second_to_tell_hears_of_the_first(house: House) -> None:
    ticket = house.only_ticket(house.bought("A1"))
    later, earlier = NOW + timedelta(minutes=9), NOW + timedelta(minutes=5)
    house.cinema.clock.forward(seconds=3600)
    house.admit(token=ticket.token, gate="south", key="scan-1", admitted_at=later)

    with pytest.raises(AlreadyAdmitted) as refusal:
        house.admit(token=ticket.token, gate="north", key="scan-2", admitted_at=earlier)

    assert (refusal.value.admitted_at, refusal.value.gate) == (later, "south")


def test_a_gate_whose_clock_is_ahead_admits_now(house: House) -> None:
    ticket = house.only_ticket(house.bought("A1"))

    told = house.admit(token=ticket.token, admitted_at=NOW + timedelta(days=1))

    assert told.admission.admitted_at == house.cinema.clock()


def test_what_was_told_later_must_have_been_allowed_then(house: House) -> None:
    ticket = house.only_ticket(house.bought("A1"))
    house.cinema.clock.now = STARTS

    with pytest.raises(AdmissionNotOpenYet):
        house.admit(token=ticket.token, admitted_at=STARTS - OPENS_BEFORE - timedelta(seconds=1))


def test_a_gates_list_has_every_ticket_and_what_became_of_it(house: House) -> None:
    first, second = house.show(house.bought("A1", "A2").id).tickets
    renewed = house.transfer(second.code)
    admission = house.admit(code=first.code).admission

    page = house.list(house.cinema.session.id, 10, None)

    assert (page.opens_at, page.closes_at) == (STARTS - OPENS_BEFORE, STARTS + ADMITTED_FOR)
    assert (page.session, page.as_of) == (house.cinema.session, house.cinema.clock())
    assert set(page.tickets.items) == {
        ListedTicket(first.code, "A1", 1, None, admission.admitted_at, "north"),
        ListedTicket(second.code, "A2", 1, VoidReason.TRANSFERRED),
        ListedTicket(renewed.code, "A2", 2),
    }


def test_a_cancelled_screening_has_no_list(house: House) -> None:
    house.cinema.cancel_session()

    with pytest.raises(SessionCancelled):
        house.list(house.cinema.session.id, 10, None)


def test_a_calendar_entry_is_for_its_buyer_alone() -> None:
    house = House()
    sold = house.sold("A1", user="ana")
    show = ShowCalendarEntry(house.cinema.reservations, house.cinema.sessions)

    assert show(sold.id, ANA) == calendar_entry_for(sold, house.cinema.session)
    with pytest.raises(ReservationNotFound):
        show(sold.id, BOB)


def test_without_a_sale_there_is_no_calendar_entry() -> None:
    house = House()
    held = house.cinema.hold("A1", user="ana")

    with pytest.raises(ReservationNotPaid) as refused:
        ShowCalendarEntry(house.cinema.reservations, house.cinema.sessions)(held.id, ANA)

    assert refused.value.reservation_id == held.id
