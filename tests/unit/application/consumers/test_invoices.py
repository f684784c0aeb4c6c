"""Each sale gets one invoice, whatever happens on the way to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.application.consumers.invoices import IssueInvoicesOfSalesNotFree, LinkToFiledInvoice
from chalicelib.domain.events import Event, UnreadableMessage
from chalicelib.domain.identity import Principal, Role
from chalicelib.domain.invoices import Invoice
from chalicelib.domain.ports import InvoiceFiles, Invoices
from chalicelib.domain.refusals import InvoiceNotReady, ReservationNotFound, ReservationNotPaid, SessionNotFound
from chalicelib.domain.reservations import Contact, Reservation
from tests.builders import NOW, SELLER, Cinema, a_bill, a_paid_event, an_event
from tests.fakes import Crash, FakeInvoiceFiles, FakeInvoices, FakeReservations, alone, crash, interposed

PAID = NOW + timedelta(milliseconds=1)
"""Nothing happens to a reservation in the very millisecond in which it was made."""


@dataclass
class Office:
    """Where a cinema's invoices are made."""

    cinema: Cinema = field(default_factory=Cinema)
    invoices: FakeInvoices = field(default_factory=FakeInvoices)
    files: FakeInvoiceFiles = field(default_factory=FakeInvoiceFiles)

    def sold(self, *seats: str, user: str = "ana") -> Reservation:
        held = self.cinema.hold(*seats, user=user)
        return self.cinema.confirm(held.id, f"tx-of-{held.id}")

    def issue(self, sale: Event, invoices: Invoices | None = None, files: InvoiceFiles | None = None) -> None:
        def issue(sales: Sequence[Event]) -> Mapping[int, Exception]:
            return self.issue_together(sales, invoices, files)

        alone(issue)(sale)

    def issue_together(
        self, sales: Sequence[Event], invoices: Invoices | None = None, files: InvoiceFiles | None = None
    ) -> Mapping[int, Exception]:
        def printed(invoice: Invoice) -> bytes:
            return invoice.number.encode()

        issue = IssueInvoicesOfSalesNotFree(
            self.cinema.reservations,
            self.cinema.sessions,
            invoices or self.invoices,
            printed,
            files or self.files,
            SELLER,
            "America/Sao_Paulo",
        )
        return issue(sales)

    @property
    def link(self) -> LinkToFiledInvoice:
        return LinkToFiledInvoice(self.invoices, self.files, self.cinema.reservations, self.cinema.clock)


@pytest.fixture
def office() -> Office:
    return Office()


def test_an_invoice_says_what_was_sold_to_whom_for_how_much(office: Office) -> None:
    reservation = office.sold("A1", "A2")
    office.issue(a_paid_event(reservation))
    session, sale = office.cinema.session, a_paid_event(reservation)

    invoice = office.invoices.find(reservation.id)

    assert invoice
    assert (invoice.number, invoice.filed) == ("2044-000001", True)
    bill = invoice.bill
    assert (bill.movie_title, bill.room, bill.starts_at) == (session.movie_title, session.room, session.starts_at)
    assert (bill.seats, bill.unit_price, bill.amount) == (("A1", "A2"), session.ticket_price, reservation.amount)
    assert (bill.user_id, bill.seller, bill.paid_at, bill.sale_id) == ("ana", SELLER, PAID, sale.data["saleId"])
    assert (bill.payment_method, bill.transaction_id) == ("credit_card", f"tx-of-{reservation.id}")


@pytest.mark.parametrize(
    ("contact", "language"),
    [(None, "en"), (Contact("ana@example.com", "en"), "en"), (Contact("ana@example.com", "pt-BR"), "pt-BR")],
)
def test_an_invoice_is_in_the_language_of_its_buyers_letters(
    office: Office, contact: Contact | None, language: str
) -> None:
    reservation = replace(office.sold("A1"), contact=contact)
    office.cinema.reservations = FakeReservations({reservation.id: reservation})
    office.issue(a_paid_event(reservation))

    invoice = office.invoices.find(reservation.id)
    assert invoice
    assert (invoice.bill.language, invoice.bill.time_zone) == (language, "America/Sao_Paulo")


def test_a_second_delivery_changes_nothing_and_prints_nothing(office: Office) -> None:
    sale = a_paid_event(office.sold("A1"))
    office.issue(sale)
    office.issue(sale)

    assert office.files.puts == [("2044-000001", b"2044-000001")]


@pytest.mark.parametrize(
    ("method", "moment"),
    [
        (method, moment)
        for method in ("assign_numbers_in_one_series", "put_if_absent", "mark_pdf_stored")
        for moment in ("before", "after")
    ],
)
def test_a_crash_anywhere_is_finished_by_the_next_delivery_under_the_same_number(
    office: Office, method: str, moment: str
) -> None:
    reservation = office.sold("A1")
    invoices, files, faults = office.invoices, office.files, {moment: crash}
    if hasattr(invoices, method):
        invoices = interposed(invoices, method, **faults)
    else:
        files = interposed(files, method, **faults)
    with pytest.raises(Crash):
        office.issue(a_paid_event(reservation), invoices, files)
    office.issue(a_paid_event(reservation))
    office.issue(a_paid_event(office.sold("A2")))

    assert office.link(reservation.id).number == "2044-000001"
    assert {number for number, _ in office.files.puts} == {"2044-000001", "2044-000002"}


def test_of_many_sales_each_fails_for_its_own_reason_and_all_others_have_their_invoice(office: Office) -> None:
    good, free, broken, unknown, late = (a_paid_event(office.sold(seat)) for seat in ("A1", "A2", "A3", "A4", "B1"))
    sales = [
        good,
        replace(free, data={**free.data, "amountCents": 0}),
        replace(broken, data={**broken.data, "saleId": ""}),
        replace(unknown, session_id="unknown"),
        replace(late, occurred_at=PAID.replace(year=PAID.year + 1)),
        good,
    ]

    failures = office.issue_together(sales)

    assert {position: type(error) for position, error in failures.items()} == {2: UnreadableMessage, 3: SessionNotFound}
    numbers = [invoice.number for invoice in office.invoices.known.values()]
    assert numbers == ["2044-000001", "2045-000001"]
    assert [number for number, _ in office.files.puts] == numbers, "each is printed once"


def test_an_invoice_that_can_not_be_filed_holds_up_no_other(office: Office) -> None:
    sales = [a_paid_event(office.sold(seat)) for seat in ("A1", "A2", "A3")]
    pending = iter((None, Crash(), None))

    def break_the_second() -> None:
        if error := next(pending):
            raise error

    failures = office.issue_together(sales, files=interposed(office.files, "put_if_absent", before=break_the_second))

    assert {position: type(error) for position, error in failures.items()} == {1: Crash}
    assert [invoice.filed for invoice in office.invoices.known.values()] == [True, False, True]


def test_numbers_begin_again_with_each_year_of_the_sale_in_utc() -> None:
    last, first = datetime(2044, 12, 31, 23, 59, 59, 999_000, UTC), datetime(2045, 1, 1, tzinfo=UTC)
    invoices = FakeInvoices()

    assert [invoices.assign_number(a_bill(paid_at=at)).number for at in (last, first, first)] == [
        "2044-000001",
        "2045-000001",
        "2045-000002",
    ]


@pytest.mark.parametrize(("place", "number"), [(1, "2044-000001"), (999_999, "2044-999999"), (10**6, "2044-1000000")])
def test_a_number_has_six_digits_and_more_when_it_needs_them(place: int, number: str) -> None:
    assert Invoice(a_bill(), place).number == number


def test_an_invoice_that_was_not_filed_yet_is_not_ready(office: Office) -> None:
    reservation = office.sold("A1")
    with pytest.raises(InvoiceNotReady):
        office.link(reservation.id)

    office.invoices.assign_number(a_bill(reservation))
    with pytest.raises(InvoiceNotReady):
        office.link(reservation.id)


def test_a_link_ends_some_minutes_from_now(office: Office) -> None:
    reservation = office.sold("A1")
    office.issue(a_paid_event(reservation))

    assert office.link(reservation.id).expires_at == NOW + timedelta(minutes=5)


def test_what_was_not_paid_has_no_invoice(office: Office) -> None:
    held = office.cinema.hold("A1")
    with pytest.raises(ReservationNotPaid):
        office.link(held.id)
    office.cinema.cancel(held.id)
    with pytest.raises(ReservationNotPaid):
        office.link(held.id)


def test_an_unknown_reservation_is_not_found(office: Office) -> None:
    with pytest.raises(ReservationNotFound):
        office.link("res-unknown")


@pytest.mark.parametrize("missing", ["amountCents", "saleId", "transactionId", "paymentMethod"])
@pytest.mark.parametrize("value", [None, "", [], 1.5])
def test_a_sale_without_one_of_its_facts_can_not_be_read(office: Office, missing: str, value: object) -> None:
    sale = a_paid_event(office.sold("A1"))
    with pytest.raises(UnreadableMessage, match=missing):
        office.issue(replace(sale, data={**sale.data, missing: value}))  # type: ignore[dict-item] # as JSON may have it

    assert office.invoices == FakeInvoices()


def test_only_a_sale_has_an_invoice(office: Office) -> None:
    with pytest.raises(UnreadableMessage, match="ReservationCreated"):
        office.issue(an_event("1", session_id=office.cinema.session.id))


def test_a_sale_of_an_unknown_screening_gets_no_number(office: Office) -> None:
    sale = a_paid_event(office.sold("A1"))
    with pytest.raises(SessionNotFound):
        office.issue(replace(sale, session_id="unknown"))

    assert office.invoices == FakeInvoices()


def test_a_link_is_for_its_buyer_and_for_who_may_act_for_all(office: Office) -> None:
    reservation = office.sold("A1")
    office.issue(a_paid_event(reservation))
    ana, bob = (Principal(name, frozenset({Role.BUYER})) for name in ("ana", "bob"))

    assert office.link(reservation.id, ana) == office.link(reservation.id)
    with pytest.raises(ReservationNotFound) as refused:
        office.link(reservation.id, bob)
    assert refused.value.reservation_id == reservation.id


def test_a_refused_link_says_of_which_reservation(office: Office) -> None:
    held, sold = office.cinema.hold("A1", user="ana"), office.sold("A2", user="bia")
    wanted = {held.id: ReservationNotPaid, sold.id: InvoiceNotReady, "res-forgotten": ReservationNotFound}

    for reservation_id, refusal in wanted.items():
        with pytest.raises(refusal) as refused:
            office.link(reservation_id)
        assert refused.value.args == (reservation_id,)
