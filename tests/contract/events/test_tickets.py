"""The stored tickets, wherever they are kept; and on an emulator their races and costs."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier

import pytest

from benchmarks.budgets import (
    ADMISSION,
    LISTED_TICKET_BYTES,
    PAGE_OF_TICKETS,
    SHOW_TICKETS,
    TICKETS_OF_TWO_SEATS,
    TRANSFER,
)
from chalicelib.domain.ports import TicketKeys, Tickets
from chalicelib.domain.refusals import BackendUnavailable, CursorInvalid
from chalicelib.domain.tickets.ticket import Admission, LatestTicketPerSeatOfSale, ListedTicket, Ticket, VoidReason
from chalicelib.domain.tickets.tokens import PublicKey
from chalicelib.infrastructure.dynamodb.events.tickets import DynamoTicketPublicKeys, DynamoTickets
from chalicelib.infrastructure.tickets.names import random_ticket_code
from infra.races.unguarded import TicketsWithoutAdmissionCondition
from tests.builders import NOW, a_reservation
from tests.contract.conftest import Backend, Dynamo
from tests.fakes import FakeTicketKeys, FakeTickets, sent_twice
from tests.injected import counting, hooked, unreachable

ENTRY = Admission(NOW, "north", "scan-1")
LATER = Admission(NOW + timedelta(seconds=1), "south", "scan-1")
GATES = 64


def dynamo_tickets(dynamo: Dynamo) -> DynamoTickets:
    return DynamoTickets(dynamo.client, f"{dynamo.prefix}-tickets")


@pytest.fixture
def tickets(backend: Backend) -> Tickets:
    return dynamo_tickets(backend) if isinstance(backend, Dynamo) else FakeTickets()


@pytest.fixture
def keys(backend: Backend) -> TicketKeys:
    if isinstance(backend, Dynamo):
        return DynamoTicketPublicKeys(backend.client, f"{backend.prefix}-tickets")
    return FakeTicketKeys()


def sold(*seats: str, text: str = "TOKEN") -> LatestTicketPerSeatOfSale:
    reservation = a_reservation(*(seats or ("A1", "A2")))
    each = (
        Ticket(random_ticket_code(), reservation.id, reservation.session_id, seat, NOW, token=text)
        for seat in reservation.seats
    )
    return LatestTicketPerSeatOfSale(reservation.id, tuple(each))


def stored(tickets: Tickets, *seats: str) -> tuple[Ticket, ...]:
    sale = sold(*seats)
    tickets.add_unless_issued_or_voided(sale)
    return sale.tickets


# Wherever they are kept


def test_what_is_added_is_found_as_it_is(tickets: Tickets) -> None:
    sale = sold("A1", "B10")
    tickets.add_unless_issued_or_voided(sale)

    assert tickets.find_ticketed_or_voided_sale(sale.reservation_id) == sale
    assert [tickets.find(ticket.code) for ticket in sale.tickets] == list(sale.tickets)


def test_a_sale_is_given_tickets_once(tickets: Tickets) -> None:
    first = sold("A1")
    tickets.add_unless_issued_or_voided(first)
    tickets.add_unless_issued_or_voided(replace(first, tickets=(replace(first.tickets[0], code=random_ticket_code()),)))

    assert tickets.find_ticketed_or_voided_sale(first.reservation_id) == first


def test_a_code_is_given_once(tickets: Tickets) -> None:
    first, second = sold("A1"), sold("A2", "A3")
    tickets.add_unless_issued_or_voided(first)
    clashing = replace(second, tickets=(second.tickets[0], replace(second.tickets[1], code=first.tickets[0].code)))

    with pytest.raises(BackendUnavailable):
        tickets.add_unless_issued_or_voided(clashing)

    assert tickets.find_ticketed_or_voided_sale(second.reservation_id) is None
    assert tickets.find(first.tickets[0].code) == first.tickets[0]


@pytest.mark.parametrize("code", ["", "keys", "ZZZZ-ZZZZ", "zzzz-zzzz", "x" * 3000])
def test_what_is_no_tickets_code_is_found_nowhere(tickets: Tickets, keys: TicketKeys, code: str) -> None:
    keys.publish_until_at_least(PublicKey(bytes(32)), NOW)

    assert tickets.find(code) is None
    assert tickets.find_ticketed_or_voided_sale(code) is None


def test_a_sale_is_not_found_as_a_ticket(tickets: Tickets) -> None:
    sale = sold("A1")
    tickets.add_unless_issued_or_voided(sale)

    assert tickets.find(sale.reservation_id) is None
    assert tickets.find_ticketed_or_voided_sale(a_reservation().id) is None


def test_a_token_is_stored_once(tickets: Tickets) -> None:
    sale = sold("A1", text="")
    tickets.add_unless_issued_or_voided(sale)

    tickets.store_token_if_missing(sale.tickets[0].with_token("FIRST"))
    tickets.store_token_if_missing(sale.tickets[0].with_token("SECOND"))

    found = tickets.find_ticketed_or_voided_sale(sale.reservation_id)
    assert found
    assert [ticket.token for ticket in found.tickets] == ["FIRST"]


def test_a_ticket_is_admitted_once(tickets: Tickets) -> None:
    (ticket,) = stored(tickets, "A1")

    assert tickets.try_admit_and_reread(ticket, ENTRY) == replace(ticket, admission=ENTRY)
    assert tickets.try_admit_and_reread(ticket, LATER) == replace(ticket, admission=ENTRY)
    assert tickets.find(ticket.code) == replace(ticket, admission=ENTRY)


def test_an_admission_makes_no_ticket(tickets: Tickets) -> None:
    (unknown,) = sold("A1").tickets

    assert tickets.try_admit_and_reread(unknown, ENTRY).admission is None
    assert tickets.find(unknown.code) is None


def test_an_admission_that_is_sent_twice_is_one(tickets: Tickets) -> None:
    (ticket,) = stored(tickets, "A1")

    assert sent_twice(tickets, "try_admit_and_reread").try_admit_and_reread(ticket, ENTRY).admission == ENTRY


def test_a_transfer_puts_a_new_ticket_in_the_place_of_the_old(tickets: Tickets) -> None:
    first, other = stored(tickets, "A1", "A2")
    renewed = first.replacement_or_raise_too_many_transfers(random_ticket_code(), NOW)

    old = tickets.try_transfer_and_reread_old(first, renewed)

    assert (old.void, old.renewed_as) == (VoidReason.TRANSFERRED, renewed.code)
    assert tickets.find(first.code) == old
    assert tickets.find_ticketed_or_voided_sale(first.reservation_id) == LatestTicketPerSeatOfSale(
        first.reservation_id, (renewed, other)
    )
    assert tickets.try_admit_and_reread(first, ENTRY).admission is None
    assert tickets.try_admit_and_reread(renewed, ENTRY).admission == ENTRY


def test_a_ticket_is_transferred_once(tickets: Tickets) -> None:
    (first,) = stored(tickets, "A1")
    renewed, again = (
        first.replacement_or_raise_too_many_transfers(random_ticket_code(), NOW),
        first.replacement_or_raise_too_many_transfers(random_ticket_code(), NOW),
    )

    sent_twice(tickets, "try_transfer_and_reread_old").try_transfer_and_reread_old(first, renewed)

    assert tickets.try_transfer_and_reread_old(first, again).renewed_as == renewed.code
    assert tickets.find(again.code) is None


def test_who_is_in_is_not_transferred(tickets: Tickets) -> None:
    (ticket,) = stored(tickets, "A1")
    admitted = tickets.try_admit_and_reread(ticket, ENTRY)

    assert (
        tickets.try_transfer_and_reread_old(
            ticket, ticket.replacement_or_raise_too_many_transfers(random_ticket_code(), NOW)
        )
        == admitted
    )


def test_a_sales_tickets_are_void_for_good(tickets: Tickets) -> None:
    first, second = stored(tickets, "A1", "A2")
    renewed = first.replacement_or_raise_too_many_transfers(random_ticket_code(), NOW)
    tickets.try_transfer_and_reread_old(first, renewed)

    for _ in range(2):
        tickets.void_sale_for_good(first.reservation_id, VoidReason.REFUNDED, NOW)

    found = tickets.find_ticketed_or_voided_sale(first.reservation_id)
    assert found
    assert found.void is VoidReason.REFUNDED
    assert {ticket.void for ticket in found.tickets} == {VoidReason.REFUNDED}
    assert tickets.try_admit_and_reread(renewed, ENTRY).admission is None
    assert (
        tickets.try_transfer_and_reread_old(
            second, second.replacement_or_raise_too_many_transfers(random_ticket_code(), NOW)
        ).renewed_as
        == ""
    )
    assert (tickets.find(first.code) or first).void is VoidReason.TRANSFERRED


def test_why_tickets_are_void_is_said_once(tickets: Tickets) -> None:
    (ticket,) = stored(tickets, "A1")

    for reason in (VoidReason.REFUNDED, VoidReason.TRANSFERRED):
        tickets.void_sale_for_good(ticket.reservation_id, reason, NOW)

    assert (tickets.find(ticket.code) or ticket).void is VoidReason.REFUNDED


def test_a_ticket_of_a_sale_that_is_being_voided_is_not_transferred(dynamo: Dynamo) -> None:
    tickets, (ticket,) = dynamo_tickets(dynamo), sold("A1").tickets
    tickets.add_unless_issued_or_voided(LatestTicketPerSeatOfSale(ticket.reservation_id, (ticket,)))
    dynamo.client.update_item(  # as far as a refund comes that dies then
        TableName=tickets.table_name,
        Key={"id": {"S": ticket.reservation_id}},
        UpdateExpression="SET voided_as = :why",
        ExpressionAttributeValues={":why": {"S": VoidReason.REFUNDED}},
    )

    assert (
        tickets.try_transfer_and_reread_old(
            ticket, ticket.replacement_or_raise_too_many_transfers(random_ticket_code(), NOW)
        ).renewed_as
        == ""
    )


def test_a_sale_that_is_void_is_given_no_tickets(tickets: Tickets) -> None:
    sale = sold("A1")
    tickets.void_sale_for_good(sale.reservation_id, VoidReason.REFUNDED, NOW)

    tickets.add_unless_issued_or_voided(sale)

    assert tickets.find_ticketed_or_voided_sale(sale.reservation_id) == LatestTicketPerSeatOfSale(
        sale.reservation_id, (), VoidReason.REFUNDED
    )
    assert tickets.find(sale.tickets[0].code) is None


def of_one_session(tickets: Tickets, *seats: str) -> tuple[str, tuple[Ticket, ...]]:
    """Stores the tickets of a sale in a screening of its own."""
    sale, session_id = sold(*seats), str(uuid.uuid4())
    sale = replace(sale, tickets=tuple(replace(ticket, session_id=session_id) for ticket in sale.tickets))
    tickets.add_unless_issued_or_voided(sale)
    return session_id, sale.tickets


def listed(ticket: Ticket) -> ListedTicket:
    when, gate = (ticket.admission.admitted_at, ticket.admission.gate) if ticket.admission else (None, "")
    return ListedTicket(ticket.code, ticket.seat, ticket.version, ticket.void, when, gate)


def test_a_screenings_tickets_are_listed_by_seat_with_what_became_of_them(tickets: Tickets) -> None:
    session_id, (first, second) = of_one_session(tickets, "A1", "A2")
    stored(tickets, "A1")  # of another screening
    renewed = second.replacement_or_raise_too_many_transfers(random_ticket_code(), NOW)
    transferred = tickets.try_transfer_and_reread_old(second, renewed)
    admitted = tickets.try_admit_and_reread(first, ENTRY)

    page = tickets.list_with_void_by_session(session_id, 10, None)

    expected = sorted([admitted, transferred, renewed], key=lambda ticket: (ticket.seat, ticket.code))
    assert sorted(page.items, key=lambda ticket: (ticket.seat, ticket.code)) == [listed(one) for one in expected]
    assert page.cursor is None
    assert tickets.list_with_void_by_session(str(uuid.uuid4()), 10, None).items == []


def test_a_screenings_tickets_come_page_by_page(tickets: Tickets) -> None:
    session_id, sale = of_one_session(tickets, "A1", "A2", "A3", "A4", "A5")
    codes: list[str] = []
    cursor, pages = None, 0
    while cursor or not pages:
        page = tickets.list_with_void_by_session(session_id, 2, cursor)
        codes, cursor, pages = [*codes, *(ticket.code for ticket in page.items)], page.cursor, pages + 1
        assert pages < 5

    assert codes == [ticket.code for ticket in sale]
    with pytest.raises(CursorInvalid):
        tickets.list_with_void_by_session(session_id, 2, "nonsense!")


def test_a_key_is_published_as_long_as_any_ticket_needs_it(tickets: Tickets, keys: TicketKeys) -> None:
    first, second = (PublicKey(code.encode().ljust(32)) for code in (random_ticket_code(), random_ticket_code()))

    def published(now: datetime) -> set[str]:
        return {first.id, second.id} & set(keys.read_unexpired(now))

    keys.publish_until_at_least(first, NOW + timedelta(days=2))
    keys.publish_until_at_least(first, NOW + timedelta(days=1))
    keys.publish_until_at_least(second, NOW + timedelta(days=1))

    assert keys.read_unexpired(NOW)[first.id] == first
    assert published(NOW) == {first.id, second.id}
    assert published(NOW + timedelta(days=1)) == {first.id}
    assert published(NOW + timedelta(days=2)) == set()


@pytest.mark.parametrize("days", [(2, 1), (1, 2)], ids=["the later one first", "the earlier one first"])
def test_two_processes_publish_a_key_until_the_later_moment(dynamo: Dynamo, days: tuple[int, int]) -> None:
    table = f"{dynamo.prefix}-tickets"
    key = PublicKey(random_ticket_code().encode().ljust(32))

    for each in days:
        DynamoTicketPublicKeys(dynamo.client, table).publish_until_at_least(key, NOW + timedelta(days=each))

    assert key.id in DynamoTicketPublicKeys(dynamo.client, table).read_unexpired(NOW + timedelta(days=1))


# Races, on an emulator that takes writes as DynamoDB does


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(GATES) as threads:
        yield threads


def entries(tickets: DynamoTickets, ticket: Ticket, pool: ThreadPoolExecutor) -> int:
    """Lets all gates admit the ticket at the same moment. Counts those that let somebody in."""
    start = Barrier(GATES)

    def admit(gate: int) -> bool:
        asked = Admission(NOW, f"gate-{gate}", "scan")
        start.wait()
        return tickets.try_admit_and_reread(ticket, asked).admission == asked

    return sum(pool.map(admit, range(GATES)))


def test_of_many_gates_at_once_one_admits(emulated: Dynamo, pool: ThreadPoolExecutor) -> None:
    tickets = dynamo_tickets(emulated)
    (ticket,) = stored(tickets, "A1")

    assert entries(tickets, ticket, pool) == 1


def test_without_the_condition_several_gates_do_admit(emulated: Dynamo, pool: ThreadPoolExecutor) -> None:
    careless = TicketsWithoutAdmissionCondition(emulated.client, f"{emulated.prefix}-tickets")
    (ticket,) = stored(careless, "A1")

    assert entries(careless, ticket, pool) > 1


def test_a_transfer_and_an_admission_at_once_are_not_both(emulated: Dynamo, pool: ThreadPoolExecutor) -> None:
    tickets = dynamo_tickets(emulated)
    for _ in range(10):
        (ticket,) = stored(tickets, "A1")
        renewed, start = ticket.replacement_or_raise_too_many_transfers(random_ticket_code(), NOW), Barrier(2)

        def admit(ticket: Ticket = ticket, start: Barrier = start) -> bool:
            start.wait()
            return tickets.try_admit_and_reread(ticket, ENTRY).admission is not None

        def transfer(ticket: Ticket = ticket, renewed: Ticket = renewed, start: Barrier = start) -> bool:
            start.wait()
            return tickets.try_transfer_and_reread_old(ticket, renewed).renewed_as == renewed.code

        admitted, transferred = (made.result() for made in (pool.submit(admit), pool.submit(transfer)))

        assert admitted != transferred
        assert (tickets.find(renewed.code) is not None) == transferred


# Costs and faults


DYNAMODB_LOCALS_UNITS = 12


def test_tickets_cost_what_their_budgets_say(emulated: Dynamo) -> None:
    tickets, sale = dynamo_tickets(emulated), sold("A1", "A2", text="T" * 167)
    with counting(emulated) as issuing:
        assert tickets.find_ticketed_or_voided_sale(sale.reservation_id) is None
        tickets.add_unless_issued_or_voided(sale)
    with counting(emulated) as transferring:
        old = tickets.find(sale.tickets[0].code) or sale.tickets[0]
        tickets.try_transfer_and_reread_old(old, old.replacement_or_raise_too_many_transfers(random_ticket_code(), NOW))
    with counting(emulated) as showing:
        tickets.find_ticketed_or_voided_sale(sale.reservation_id)
    with counting(emulated) as admitting:
        DynamoTicketPublicKeys(emulated.client, tickets.table_name).read_unexpired(NOW)
        tickets.find(sale.tickets[1].code)
        tickets.try_admit_and_reread(sale.tickets[1], ENTRY)

    for calls, budget in ((issuing, TICKETS_OF_TWO_SEATS), (transferring, TRANSFER), (admitting, ADMISSION)):
        assert tuple(call.operation for call in calls) == budget.calls
        units = sum(call.write_units for call in calls)
        if units == DYNAMODB_LOCALS_UNITS != budget.write_units:
            pytest.skip(
                "DynamoDB Local (1.25.1) reckons 12 units for a transaction on a table with an index, whatever is in it"
            )
        assert units == budget.write_units
    reservation, *others = SHOW_TICKETS.calls
    assert (reservation, [call.operation for call in showing]) == ("GetItem", others)


def test_a_listed_ticket_is_small_and_has_no_token(emulated: Dynamo) -> None:
    tickets = dynamo_tickets(emulated)
    session_id, (ticket,) = of_one_session(tickets, "AB100")
    tickets.try_admit_and_reread(ticket, replace(ENTRY, gate="g" * 40))

    with counting(emulated) as listing:
        tickets.list_with_void_by_session(session_id, 100, None)
    (item,) = emulated.client.query(
        TableName=tickets.table_name,
        IndexName="by_session",
        KeyConditionExpression="session_id = :session",
        ExpressionAttributeValues={":session": {"S": session_id}},
    )["Items"]

    assert tuple(call.operation for call in listing) == PAGE_OF_TICKETS.calls
    assert item.keys() == {"id", "session_id", "seat", "version", "admitted_at", "gate"}
    assert sum(len(name) + len(str(*value.values())) for name, value in item.items()) <= LISTED_TICKET_BYTES


@pytest.mark.parametrize("operation", ["GetItem", "Query", "UpdateItem", "TransactWriteItems"])
def test_an_unreachable_table_is_an_outage(moto: Dynamo, operation: str) -> None:
    tickets, sale = dynamo_tickets(moto), sold("A1")
    ask: Mapping[str, Callable[[], object]] = {
        "GetItem": lambda: tickets.find(sale.tickets[0].code),
        "Query": lambda: tickets.list_with_void_by_session(sale.tickets[0].session_id, 10, None),
        "UpdateItem": lambda: tickets.try_admit_and_reread(sale.tickets[0], ENTRY),
        "TransactWriteItems": lambda: tickets.add_unless_issued_or_voided(sale),
    }

    with hooked(moto, f"before-call.dynamodb.{operation}", unreachable), pytest.raises(BackendUnavailable):
        ask[operation]()
