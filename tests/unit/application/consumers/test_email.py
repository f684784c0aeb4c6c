"""Who is written to, about what, and how often."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from chalicelib.application.consumers.email import EMAILS, WAITS_FOR_TICKETS, SendBuyerEmail
from chalicelib.application.consumers.returned_emails import SuppressIfFinal
from chalicelib.application.consumers.tickets import IssueSoldOrVoidRefundedTickets
from chalicelib.domain.booking_codes import code_from_number_modulo_codes
from chalicelib.domain.email import (
    BounceOrComplaint,
    EmailContext,
    EmailRefused,
    RenderedEmail,
    TicketsUnsigned,
    mask_email_local_parts,
)
from chalicelib.domain.events import Event, EventType, ReservationChange
from chalicelib.domain.refusals import IdempotencyKeyReused
from chalicelib.domain.reservations import Contact, Reservation
from chalicelib.domain.tickets.ticket import VoidReason
from tests.builders import HOLD_SECONDS, NOW, Cinema
from tests.fakes import (
    Crash,
    FakeEmailRenderer,
    FakeEmailSender,
    FakeProcessedEvents,
    FakeSigner,
    FakeSuppressedAddresses,
    FakeTicketKeys,
    FakeTickets,
    crash,
    interposed,
)

ANA = Contact("ana@example.com", "pt-BR")


@dataclass
class Office:
    """A cinema, and the consumer that writes to its buyers."""

    cinema: Cinema = field(default_factory=Cinema)
    sender: FakeEmailSender = field(default_factory=FakeEmailSender)
    processed_events: FakeProcessedEvents = field(default_factory=FakeProcessedEvents)
    suppressed: FakeSuppressedAddresses = field(default_factory=FakeSuppressedAddresses)
    tickets: FakeTickets = field(default_factory=FakeTickets)

    def __call__(self, event: Event) -> None:
        cinema = self.cinema
        renderer = FakeEmailRenderer()
        write = SendBuyerEmail(
            cinema.reservations,
            cinema.sessions,
            renderer,
            self.sender,
            self.processed_events,
            self.suppressed,
            self.tickets,
            cinema.clock,
        )
        write(event)

    @property
    def subjects(self) -> list[str]:
        return [message.subject for message in self.sender.sent]

    def event_of(self, before: Reservation | None, after: Reservation | None) -> Event:
        """What the relay makes of the change."""
        change = ReservationChange(before, after, self.cinema.clock.now)
        event = self.cinema.relay_reservation(change)[0].content
        assert isinstance(event, Event)
        return event

    def held(self, *seats: str, contact: Contact | None = ANA, key: str | None = None) -> tuple[Reservation, Event]:
        reservation = self.cinema.hold(*(seats or ("A1",)), contact=contact, key=key)
        return reservation, self.event_of(None, reservation)

    def paid(self, reservation: Reservation, *, signed: bool = True) -> Event:
        """Sells the seats. Their tickets are signed, unless not yet."""
        sale = self.event_of(reservation, self.cinema.confirm(reservation.id))
        if signed:
            self.sign(sale)
        return sale

    def sign(self, sale: Event) -> None:
        numbers = count(1)
        issue = IssueSoldOrVoidRefundedTickets(
            self.tickets,
            self.cinema.sessions,
            FakeTicketKeys(),
            FakeSigner(),
            lambda: code_from_number_modulo_codes(next(numbers)),
        )
        issue(sale)


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_hold_and_its_payment_are_each_written_about(office: Office) -> None:
    reservation, created = office.held()
    office(created)
    office(office.paid(reservation))

    assert office.subjects == ["held", "paid"]
    assert {(message.to, message.language) for message in office.sender.sent} == {("ana@example.com", "pt-BR")}
    assert {message.text for message in office.sender.sent} == {reservation.id}


def test_who_left_no_address_gets_no_email(office: Office) -> None:
    reservation, created = office.held(contact=None)
    office(created)
    office(office.paid(reservation))

    assert office.sender.sent == []
    assert office.processed_events.entered == set(), "nothing was done, so nothing is written down"


def test_the_same_event_five_times_is_one_email(office: Office) -> None:
    _, created = office.held()
    for _ in range(5):
        office(created)

    assert office.subjects == ["held"]


def test_a_hold_that_has_lapsed_is_not_written_about(office: Office) -> None:
    _, created = office.held()
    office.cinema.clock.forward(seconds=HOLD_SECONDS)
    office(created)

    assert office.sender.sent == []


def test_a_hold_is_written_about_until_its_last_moment(office: Office) -> None:
    _, created = office.held()
    office.cinema.clock.forward(seconds=HOLD_SECONDS - 0.001)
    office(created)

    assert office.subjects == ["held"]


def test_a_hold_that_is_paid_for_already_is_not_written_about(office: Office) -> None:
    """The events came the other way round, or both were late."""
    reservation, created = office.held()
    paid = office.paid(reservation)
    office(paid)
    office(created)

    assert office.subjects == ["paid"]


def test_a_hold_that_was_given_back_is_not_written_about(office: Office) -> None:
    reservation, created = office.held()
    office.cinema.cancel(reservation.id)
    office(created)

    assert office.sender.sent == []


def test_an_event_of_an_earlier_hold_under_the_same_id_says_nothing_of_the_later(office: Office) -> None:
    reservation, created = office.held()
    office(replace(created, id="earlier", data={**created.data, "expiresAtMs": 1}))
    office(created)

    assert [message.reference for message in office.sender.sent] == [created.id]
    assert reservation.id in created.id


def test_a_reservation_that_is_forgotten_is_not_written_about(office: Office) -> None:
    _, created = office.held()
    office(replace(created, reservation_id="res-gone"))

    assert office.sender.sent == []


@pytest.mark.parametrize("kind", [kind for kind in EventType if kind not in EMAILS])
def test_other_events_are_no_news_to_a_buyer(office: Office, kind: EventType) -> None:
    _, created = office.held()
    office(replace(created, type=kind))

    assert office.sender.sent == []


# The tickets.


def seats_in(office: Office) -> list[tuple[str, ...]]:
    return [tuple(file.name for file in message.enclosures.pictures) for message in office.sender.sent]


def test_an_email_about_a_sale_has_its_tickets(office: Office) -> None:
    reservation, created = office.held("A1", "A2")
    office(created)
    office(office.paid(reservation))

    assert seats_in(office) == [(), ("A1", "A2")]


def test_an_email_waits_until_its_tickets_are_signed(office: Office) -> None:
    reservation, _ = office.held()
    sale = office.paid(reservation, signed=False)
    with pytest.raises(TicketsUnsigned) as waiting:
        office(sale)
    assert office.subjects == []
    assert 0 < waiting.value.least_seconds < waiting.value.most_seconds
    office.sign(sale)
    office(sale)
    office(sale)

    assert seats_in(office) == [("A1",)]


def test_an_email_goes_without_its_tickets_when_nobody_signs_them(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    reservation, _ = office.held()
    sale = office.paid(reservation, signed=False)
    office.cinema.clock.forward(seconds=WAITS_FOR_TICKETS.total_seconds() + 1)
    office(sale)

    assert (office.subjects, seats_in(office)) == (["paid"], [()])
    assert f"without its tickets, which are not signed yet: {sale.id}" in caplog.text


def test_an_email_that_waits_for_a_ticket_just_transferred_has_the_new_one(office: Office) -> None:
    reservation, _ = office.held()
    sale = office.paid(reservation)
    (old,) = office.tickets.known.values()
    office.tickets.try_transfer_and_reread_old(
        old, old.replacement_or_raise_too_many_transfers("K7QX-2MNP", office.cinema.clock())
    )
    with pytest.raises(TicketsUnsigned):
        office(sale)
    office.sign(sale)
    office(sale)

    assert [message.html for message in office.sender.sent] == ["K7QX-2MNP"]


def test_who_is_about_to_get_the_money_back_is_not_told_that_the_seats_are_theirs(office: Office) -> None:
    reservation, _ = office.held()
    sale = office.paid(reservation)
    office.tickets.void_sale_for_good(reservation.id, VoidReason.REFUNDED, office.cinema.clock())
    office(sale)

    assert office.sender.sent == []


def test_no_text_of_the_values_that_hold_a_ticket_shows_it(office: Office) -> None:
    reservation, _ = office.held()
    sale = office.paid(reservation)
    office(sale)
    (ticket,), (message,) = office.tickets.known.values(), office.sender.sent
    email = EmailContext("paid", ANA, sale, reservation, office.cinema.session, (ticket,))

    shown = f"{email!r}{message!r}{message.enclosures!r}"
    assert ticket.code not in shown
    assert ticket.token not in shown


# Who is not written to any more.


def returned(*addresses: str, reason: str = "bounce Permanent General", is_final: bool = True) -> BounceOrComplaint:
    return BounceOrComplaint(addresses, reason, NOW, is_final)


def test_an_address_from_which_an_email_came_back_is_not_written_to(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    SuppressIfFinal(office.suppressed)(returned("ANA@example.com", "bia@example.com"))
    reservation, created = office.held()
    with caplog.at_level("INFO"):
        office(created)
        office(office.paid(reservation))

    assert office.sender.sent == []
    assert created.id in caplog.text
    assert "ana@" not in caplog.text.casefold()


def test_a_mailbox_that_is_full_for_a_while_is_written_to_again(office: Office) -> None:
    SuppressIfFinal(office.suppressed)(returned(ANA.email, reason="bounce Transient MailboxFull", is_final=False))
    _, created = office.held()
    office(created)

    assert office.subjects == ["held"]


def test_an_address_that_an_operator_allows_is_written_to_again(office: Office) -> None:
    SuppressIfFinal(office.suppressed)(returned(ANA.email))
    assert office.suppressed.remove(ANA.email)
    _, created = office.held()
    office(created)

    assert office.subjects == ["held"]


# Something dies in the middle; the event comes again.


def test_a_crash_before_the_email_leaves_loses_nothing(office: Office) -> None:
    _, created = office.held()
    with_crash = replace_mail(office, before=crash)
    with pytest.raises(Crash):
        with_crash(created)
    office(created)

    assert office.subjects == ["held"]


def test_a_crash_between_email_and_mark_repeats_the_email_once(office: Office) -> None:
    _, created = office.held()
    with pytest.raises(Crash):
        replace_mail(office, after=crash)(created)
    for _ in range(3):
        office(created)

    assert office.subjects == ["held", "held"]


def test_an_email_that_is_refused_is_not_marked_as_sent(office: Office) -> None:
    _, created = office.held()
    office.sender.verified = frozenset()
    with pytest.raises(EmailRefused):
        office(created)
    office.sender.verified = frozenset({office.sender.sender})
    office(created)

    assert office.subjects == ["held"]


def replace_mail(office: Office, **interposed_with: Callable[[], object]) -> Office:
    return Office(office.cinema, interposed(office.sender, "send", **interposed_with), office.processed_events)


# The address.


def test_the_address_is_in_no_event(office: Office) -> None:
    reservation, created = office.held(key="k1")

    assert "ana@" not in f"{created}{office.paid(reservation)}"


def test_the_address_is_in_no_text_of_the_values_that_hold_it(office: Office) -> None:
    reservation, _ = office.held()

    assert "ana@" not in f"{reservation!r}{ANA!r}{RenderedEmail(ANA.email, 'en', 'Hi', 'Hi ana@', 'ana@', 'e')!r}"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("ana.b+c@example.com", "…@example.com"),
        ("a@b.co", "…@b.co"),
        ("failed: Ana <ana@example.com>, 'o'brien@x.org'", "failed: Ana <…@example.com>, …@x.org'"),
        ("no address at all", "no address at all"),
    ],
)
def test_a_masked_address_names_nobody(said: str, shown: str) -> None:
    assert mask_email_local_parts(said) == shown


def test_another_address_under_the_same_key_is_another_request(office: Office) -> None:
    office.cinema.hold("A1", key="k1", contact=ANA)

    with pytest.raises(IdempotencyKeyReused):
        office.cinema.hold("A1", key="k1", contact=Contact("bia@example.com", "pt-BR"))
    with pytest.raises(IdempotencyKeyReused):
        office.cinema.hold("A1", key="k1")


def test_a_resend_in_another_language_is_the_same_request(office: Office) -> None:
    first = office.cinema.hold("A1", key="k1", contact=ANA)

    assert office.cinema.hold("A1", key="k1", contact=Contact(ANA.email, "en")) == first
