"""Letters through real streams, queues and SES: each once, also when something breaks; and where to read them."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest

from benchmarks.budgets import EMAIL, EMAIL_OF_SALE, EMAIL_PUT_OFF
from chalicelib.api.batches import handle_messages
from chalicelib.application.consumers.email import SendBuyerEmail
from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.email import EmailNotConfirmed, TicketsUnsigned
from chalicelib.domain.events import Event, EventType, OutgoingMessage, reservation_confirmed_or_ended
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.reservations import Contact, Reservation, State
from chalicelib.domain.tickets.ticket import LatestTicketPerSeatOfSale, Ticket
from chalicelib.domain.times import to_ms
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.events.processed_events import DynamoProcessedEvents
from chalicelib.infrastructure.dynamodb.events.suppressed_addresses import DynamoSuppressedAddresses
from chalicelib.infrastructure.dynamodb.events.tickets import DynamoTickets
from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from chalicelib.infrastructure.email import ses
from chalicelib.infrastructure.email.rendering import TemplateEmailRenderer
from chalicelib.infrastructure.sqs import queues
from chalicelib.infrastructure.sqs.envelopes import event_in
from chalicelib.infrastructure.sqs.queues import QueueUrls, RedeliveryOfFailedMessages, SqsOutbox
from chalicelib.infrastructure.tickets.enclosures import TicketPdfQrAndCalendarEnclosures
from chalicelib.infrastructure.tickets.names import random_ticket_code
from chalicelib.settings import DEFAULT_SENDER
from infra.cloud import deploy
from infra.local import mailbox
from infra.local.mailbox import NoMailboxError, ReceivedEmail
from infra.local.pump import Pump, queue_source
from infra.ops.__main__ import REFUSED, main
from infra.ops.connection import Connection, OpsError
from infra.ops.emails import show_emails
from infra.processes import HOST, free_port
from tests.builders import IDS, a_user, seconds
from tests.conftest import STAGE
from tests.http_api import Api
from tests.integration.conftest import DEADLINE_SECONDS, Said, drain_until
from tests.wire import Fault, Wire, write_units


@pytest.fixture
def api(server: str) -> Api:
    return Api(server)


@pytest.fixture
def session_id(api: Api) -> str:
    return api.schedule(movieTitle="Ação & Reação")


@pytest.fixture
def address() -> str:
    return f"{uuid.uuid4()}@example.com"


Inbox = Callable[[str], list[ReceivedEmail]]


@pytest.fixture
def inbox(emulator: str) -> Inbox:
    """The letters to an address, oldest first."""
    return lambda to: [letter for letter in mailbox.read_emails(emulator) if to in letter.to]


# From a request to the inbox.


def test_a_hold_and_its_payment_arrive_as_letters(
    api: Api, session_id: str, pump: Pump, inbox: Inbox, address: str
) -> None:
    reservation = api.hold(session_id, "A1", "A2", email=address).body["reservationId"]
    drain_until(pump, lambda: len(inbox(address)) == 1)
    sale = api.confirm(reservation).body["saleId"]
    drain_until(pump, lambda: len(inbox(address)) == 2)
    pump.drain()

    held, paid = inbox(address)
    assert held.subject.startswith("Pay by ")
    assert held.subject.endswith(" to keep A1, A2 for Ação & Reação")
    starts = "Wednesday, 15 February 2034, 19:00 UTC"
    assert paid.subject == f"Your seats A1, A2 for Ação & Reação, {starts} · {booking_code(sale)}"
    assert {held.sender, paid.sender} == {DEFAULT_SENDER}
    for said in ("Ação & Reação", "A1, A2", "R$\xa050.00", reservation, sale):
        assert said in paid.text
    assert "Ação &amp; Reação" in paid.html
    tickets = api.get(f"/api/reservations/{reservation}/tickets").body["tickets"]
    for ticket in tickets:
        assert f"{ticket['seat']}: {ticket['code']}" in paid.text
        assert f'src="cid:ticket-{ticket["seat"]}.png"' in paid.html
    assert len(tickets) == 2
    assert [each["code"] for each in tickets if each["code"] in held.text + held.html] == []


def test_a_letter_is_in_the_language_of_the_request(
    api: Api, session_id: str, pump: Pump, inbox: Inbox, address: str
) -> None:
    api.hold(session_id, "A3", email=address, Accept_Language="pt-BR, en;q=0.5")
    drain_until(pump, lambda: len(inbox(address)) == 1)

    (letter,) = inbox(address)
    assert letter.subject.startswith("Pague até ")
    assert "R$\xa025,00" in letter.text
    assert '<html lang="pt-BR">' in letter.html


def test_a_hold_without_an_address_sends_nothing_and_leaves_nothing_behind(
    api: Api, session_id: str, pump: Pump, emulator: str, data_stack: str
) -> None:
    before = len(mailbox.read_emails(emulator))
    reservation = api.hold(session_id, "A4").body["reservationId"]
    pump.drain()

    assert len(mailbox.read_emails(emulator)) == before
    assert api.confirm(reservation).status == 200
    assert depth(f"{data_stack}-email-dlq") == 0


def test_no_answer_and_no_event_shows_the_address(api: Api, session_id: str, pump: Pump, address: str) -> None:
    user = a_user()
    held = api.hold(session_id, "A5", user=user, email=address)
    reservation = held.body["reservationId"]
    shown = [held, api.get(f"/api/reservations/{reservation}"), api.confirm(reservation)]
    pump.drain()
    shown += [api.get(f"/api/users/{user}/purchases"), api.get(f"/api/sessions/{session_id}/events?limit=100")]

    assert reservation in shown[-1].text
    assert not [answer.text for answer in shown if address in answer.text]


def depth(queue: str) -> int:
    client = queues.new_sqs_client()
    with closing(client):
        url = client.get_queue_url(QueueName=queue)["QueueUrl"]
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(map(int, client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


# Who is not written to any more.


def bounce(address: str, queue: str) -> None:
    """Puts a bounce into the queue, as EventBridge does."""
    told = {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [{"emailAddress": address.upper(), "action": "failed", "status": "5.1.1"}],
        "timestamp": "2026-11-27T00:41:02.669Z",
    }
    with closing(queues.new_sqs_client()) as client:
        url = client.get_queue_url(QueueName=queue)["QueueUrl"]
        client.send_message(QueueUrl=url, MessageBody=json.dumps({"eventType": "Bounce", "bounce": told, "mail": {}}))


def test_whose_letter_came_back_gets_none_until_an_operator_allows_it(
    api: Api,
    session_id: str,
    pump: Pump,
    inbox: Inbox,
    address: str,
    data_stack: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bounce(address, f"{data_stack}-bounces")
    pump.drain()
    api.hold(session_id, "A6", email=address)
    pump.drain()
    assert inbox(address) == []
    assert depth(f"{data_stack}-email-dlq") == 0

    assert main(["mail", "--allow", address, "--stage", STAGE]) == 0
    api.hold(session_id, "A7", email=address)
    drain_until(pump, lambda: len(inbox(address)) == 1)
    assert main(["mail", "--allow", address, "--stage", STAGE]) == 1
    assert address not in capsys.readouterr().out


# The consumer by itself, on a queue of its own.


@dataclass
class Consumer:
    """The use case as app.py has it, with an SES and a database at an address of the test's choice."""

    prefix: str
    endpoint: str
    ses_endpoint: str
    name: str
    dead: str

    def __post_init__(self) -> None:
        self.sqs = queues.new_sqs_client()
        urls = QueueUrls(self.sqs)
        self.outbox = SqsOutbox(self.sqs, self.prefix, urls)
        self.redelivery = RedeliveryOfFailedMessages(self.sqs, urls, pause=lambda receives: 0)
        self.database = boto3.client("dynamodb", config=connection.CONFIG, endpoint_url=self.endpoint)
        self.mail = boto3.client("ses", config=ses.CONFIG, endpoint_url=self.ses_endpoint)
        self.write = self.built()
        self.queue = queue_source(self.name, self.handle, self.sqs, self.name, 5)

    def built(self) -> SendBuyerEmail:
        """A function that has just started: it remembers nothing."""
        return SendBuyerEmail(
            DynamoReservations(self.database, f"{self.prefix}-reservations"),
            DynamoSessions(self.database, f"{self.prefix}-sessions"),
            TemplateEmailRenderer("UTC", TicketPdfQrAndCalendarEnclosures(("Cinema Tickets",), "UTC")),
            ses.SesEmailSender(self.mail, DEFAULT_SENDER),
            DynamoProcessedEvents(self.database, f"{self.prefix}-ledger", "email", utc_now),
            DynamoSuppressedAddresses(self.database, f"{self.prefix}-suppressed-addresses", IDS.address_hash),
            DynamoTickets(self.database, f"{self.prefix}-tickets"),
            utc_now,
        )

    def close(self) -> None:
        for client in (self.sqs, self.database, self.mail):
            client.close()

    def handle(self, event: Any, _: Any) -> Any:
        return handle_messages(event["Records"], lambda record: self.write(event_in(record)), self.redelivery)

    def send(self, *events: Event) -> None:
        queue = self.name.removeprefix(f"{self.prefix}-")
        assert (
            self.outbox.send_and_list_unsent_positions([OutgoingMessage(queue, event) for event in events], utc_now())
            == set()
        )

    def work(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while depth(self.name):
            assert time.monotonic() < deadline, "the queue has not become empty"
            self.queue.feed()

    def parked(self) -> list[tuple[str, str, str]]:
        """Reason, receives and body of each dead letter, which are taken."""
        url = self.sqs.get_queue_url(QueueName=self.dead)["QueueUrl"]
        found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return [
            (said["reason"]["StringValue"], said["receives"]["StringValue"], one["Body"])
            for one in found.get("Messages", [])
            for said in [one["MessageAttributes"]]
        ]


Consumers = Callable[..., Consumer]


@pytest.fixture
def consumer(data_stack: str, emulator: str) -> Iterator[Consumers]:
    name = f"{data_stack}-email-{uuid.uuid4()}"
    made: list[Consumer] = []
    with closing(queues.new_sqs_client()) as client:
        urls = [client.create_queue(QueueName=each)["QueueUrl"] for each in (name, f"{name}-dlq")]

        def make(endpoint: str = emulator, ses_endpoint: str = "") -> Consumer:
            made.append(Consumer(data_stack, endpoint, ses_endpoint or endpoint, name, f"{name}-dlq"))
            return made[-1]

        yield make
        for each in made:
            each.close()
        for url in urls:
            client.delete_queue(QueueUrl=url)


@pytest.fixture
def stored(data_stack: str, api: Api, address: str) -> Reservation:
    """A hold of which no stream has told: nobody else writes about it."""
    now, user = utc_now(), a_user()
    reservation = Reservation(
        id=IDS.reservation_id(user, None),
        session_id=api.schedule(),
        movie_title="Oppenheimer",
        user_id=user,
        seats=("A1",),
        amount=Decimal("25.00"),
        fingerprint="",
        created_at=now,
        expires_at=now + seconds(600),
        contact=Contact(address, "en"),
    )
    with closing(connection.new_dynamodb_client()) as client:
        DynamoReservations(client, f"{data_stack}-reservations").get_or_add_unless_hold_barred(reservation)
    return reservation


@pytest.fixture
def created(stored: Reservation) -> Event:
    return Event(
        id=f"own:{stored.id}",
        type=EventType.RESERVATION_CREATED,
        occurred_at=stored.created_at,
        session_id=stored.session_id,
        reservation_id=stored.id,
        seats=stored.seats,
        data={"amountCents": 2500, "expiresAtMs": to_ms(stored.expires_at)},
    )


def test_an_event_that_comes_five_times_is_one_letter(
    consumer: Consumers, created: Event, inbox: Inbox, address: str
) -> None:
    at_work = consumer()
    at_work.send(*[created] * 5)
    at_work.work()

    assert len(inbox(address)) == 1
    assert at_work.parked() == []


def test_without_ses_a_letter_waits_in_the_dlq_with_the_reason_and_leaves_when_it_is_redriven(
    consumer: Consumers, created: Event, inbox: Inbox, address: str
) -> None:
    cut_off = consumer(ses_endpoint=f"http://{HOST}:{free_port()}")
    cut_off.send(created)
    cut_off.work()

    ((reason, receives, body),) = cut_off.parked()
    assert receives == "5"
    assert "EmailNotConfirmed" in reason
    assert address not in reason
    assert inbox(address) == []

    mended = consumer()
    mended.sqs.send_message(QueueUrl=mended.queue.url, MessageBody=body)
    mended.work()
    assert len(inbox(address)) == 1


def test_a_letter_that_ses_refuses_is_parked_at_its_first_try_with_the_reason_and_no_address(
    consumer: Consumers, created: Event, address: str
) -> None:
    at_work = consumer()
    at_work.write = SendBuyerEmail(
        at_work.write.reservations,
        at_work.write.sessions,
        at_work.write.renderer,
        ses.SesEmailSender(at_work.mail, "stranger@nowhere.example"),
        at_work.write.processed_events,
        at_work.write.suppressed,
        at_work.write.tickets,
        utc_now,
    )
    at_work.send(created)
    at_work.work()

    ((reason, receives, _),) = at_work.parked()
    assert receives == "1"
    assert reason.startswith("SES: MessageRejected: ")
    assert "@nowhere.example" in reason
    assert "stranger@" not in reason


# What a letter costs, and each of its calls broken.

COLD = ["GetItem", *EMAIL.calls]
WARM = list(EMAIL.calls)
"""The reservation, (the screening,) the ledger, the suppressed addresses, SES, the ledger."""


def test_a_letter_costs_three_reads_one_sending_and_one_write(consumer: Consumers, created: Event, wire: Wire) -> None:
    at_work = consumer(wire.url)
    with wire.counting() as cold:
        at_work.write(created)
    again = replace(created, id=f"{created.id}:2")
    with wire.counting() as warm:
        at_work.write(again)
    with wire.counting() as told_before:
        at_work.write(created)

    assert [call.operation for call in cold] == COLD
    assert [call.operation for call in warm] == WARM
    assert [call.operation for call in told_before] == ["GetItem", "GetItem"]
    assert write_units(warm) == EMAIL.write_units


def a_sale_with_tickets(api: Api, database: Any, prefix: str, address: str) -> tuple[Event, LatestTicketPerSeatOfSale]:
    """A sale that only this test tells of, and its tickets, which nobody has stored yet."""
    session_id, user = api.schedule(), a_user()
    reservation_id = str(api.hold(session_id, "A1", "A2", user=user, email=address).body["reservationId"])
    assert api.confirm(reservation_id).status == 200
    reservation = DynamoReservations(database, f"{prefix}-reservations").find(reservation_id)
    assert reservation
    event = replace(reservation_confirmed_or_ended(reservation, State.CONFIRMED, utc_now()), id=f"own:{reservation_id}")
    tickets = (
        Ticket(random_ticket_code(), reservation_id, session_id, seat, utc_now(), token="TOKEN")
        for seat in reservation.seats
    )
    return event, LatestTicketPerSeatOfSale(reservation_id, tuple(tickets))


def test_the_letter_of_a_sale_costs_two_reads_more_and_four_each_time_that_it_is_put_off(
    consumer: Consumers, api: Api, address: str, inbox: Inbox, wire: Wire
) -> None:
    at_work = consumer(wire.url)
    sale, sold = a_sale_with_tickets(api, at_work.database, at_work.prefix, address)
    at_work.write.sessions.get(sale.session_id)  # a function knows the screening since the letter of the hold
    with wire.counting() as too_soon, pytest.raises(TicketsUnsigned):
        at_work.write(sale)
    at_work.write.tickets.add_unless_issued_or_voided(sold)
    with wire.counting() as sent:
        at_work.write(sale)

    assert tuple(call.operation for call in too_soon) == EMAIL_PUT_OFF.calls
    assert tuple(call.operation for call in sent) == EMAIL_OF_SALE.calls
    assert write_units(sent) == EMAIL_OF_SALE.write_units
    (letter,) = inbox(address)
    assert all(ticket.code in letter.text for ticket in sold.tickets)


def test_a_letter_that_waits_for_its_tickets_comes_by_its_queue_and_leaves_no_ticket_there(
    consumer: Consumers, api: Api, address: str, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    at_work = consumer()
    sale, sold = a_sale_with_tickets(api, at_work.database, at_work.prefix, address)
    at_work.send(sale)
    at_work.queue.feed()
    assert inbox(address) == []

    at_work.write.tickets.add_unless_issued_or_voided(sold)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not inbox(address):
        assert time.monotonic() < deadline, "the letter has not come"
        at_work.queue.feed()

    assert len(inbox(address)) == 1
    assert at_work.parked() == []
    assert not [ticket.code for ticket in sold.tickets if ticket.code in caplog.text]


def test_an_event_of_a_buyer_without_an_address_costs_one_read(
    consumer: Consumers, created: Event, wire: Wire, tables: Any
) -> None:
    key = {"buyer": {"S": created.reservation_id[4:15]}, "id": {"S": created.reservation_id}}
    name = f"{tables.prefix}-reservations"
    tables.client.update_item(TableName=name, Key=key, UpdateExpression="REMOVE email")
    at_work = consumer(wire.url)
    with wire.counting() as calls:
        at_work.write(created)

    assert [call.operation for call in calls] == ["GetItem"]


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST_ONCE, Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
@pytest.mark.parametrize("call", range(1, len(COLD) + 1))
def test_a_fault_at_any_call_never_costs_the_letter_and_repeats_it_once_at_most(
    consumer: Consumers, created: Event, wire: Wire, inbox: Inbox, address: str, fault: Fault, call: int
) -> None:
    at_work = consumer(wire.url)
    with wire.broken(fault, call):
        try:
            at_work.write(created)
            survived = True
        except (BackendUnavailable, EmailNotConfirmed, at_work.database.exceptions.ClientError):
            survived = False
    at_work.built()(created)
    at_work.built()(created)

    sent_before_the_fault = COLD[call - 1] == "SendRawEmail" and fault is not Fault.CRASH_BEFORE
    crashed_before_the_entry = COLD[call - 1] == "PutItem" and fault is Fault.CRASH_BEFORE
    assert len(inbox(address)) == (2 if sent_before_the_fault or crashed_before_the_entry else 1)
    assert survived is (fault is Fault.ANSWER_LOST_ONCE and COLD[call - 1] != "SendRawEmail")


# Where to read them.


@pytest.fixture
def ops(data_stack: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*words: str) -> Said:
        status = main(["mail", *words, "--stage", "test"])
        return Said(status, *capsys.readouterr())

    return run


def test_the_operator_reads_the_letters_of_the_emulator(
    ops: Callable[..., Said], consumer: Consumers, created: Event, address: str, tmp_path: Path
) -> None:
    consumer().write(created)
    page = tmp_path / "letter.html"

    shown, data = ops("--to", address, "--html", str(page)), ops("--to", address, "--json").data

    assert f"To       {address}" in shown.out
    assert "Your seats are held" in shown.out
    assert "1 email at " in shown.out
    assert page.read_text().startswith("<!doctype html>")
    assert [(letter["to"], letter["sender"]) for letter in data] == [([address], DEFAULT_SENDER)]
    assert json.dumps(data)


def test_the_newest_letters_come_last_and_their_number_can_be_limited(
    ops: Callable[..., Said], consumer: Consumers, created: Event, address: str
) -> None:
    at_work = consumer()
    for number in range(3):
        event = replace(created, id=f"{created.id}:{number}")
        at_work.write(event)

    everything = ops("--to", address, "--json").data
    assert ops("--to", address, "--limit", "2", "--json").data == everything[-2:]
    assert [letter["sent_at"] for letter in everything] == sorted(letter["sent_at"] for letter in everything)


def test_no_letter_is_no_error_but_can_not_be_saved(ops: Callable[..., Said], tmp_path: Path) -> None:
    assert ops("--to", "nobody@nowhere.example").out.startswith("0 emails at ")
    refused = ops("--to", "nobody@nowhere.example", "--html", str(tmp_path / "x.html"))
    assert (refused.status, refused.err) == (REFUSED, "There is no email to save.\n")


def test_aws_keeps_no_mailbox() -> None:
    with pytest.raises(OpsError, match="AWS really sends emails"):
        show_emails(Connection("prod", None, boto3.Session()), 10, None, None)


def test_an_endpoint_without_a_mailbox_says_so() -> None:
    with pytest.raises(NoMailboxError):
        mailbox.read_emails(f"http://{HOST}:{free_port()}")


# The sender.


@pytest.fixture
def identities(emulator: str) -> Callable[[], set[str]]:
    client = boto3.client("ses")
    return lambda: {name for page in client.get_paginator("list_identities").paginate() for name in page["Identities"]}


def test_a_deployment_has_its_sender_verified(
    data_stack: str, identities: Callable[[], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = f"tickets@{uuid.uuid4()}.example"
    monkeypatch.setenv("MAIL_FROM", sender)
    for _ in range(2):
        deploy.deploy_data(STAGE)

    assert {DEFAULT_SENDER, sender} <= identities()


def test_a_sender_of_a_known_domain_is_left_as_it_is(
    data_stack: str, identities: Callable[[], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = f"{uuid.uuid4()}.example"
    with closing(ses.new_ses_client()) as client:
        client.verify_domain_identity(Domain=domain)
    monkeypatch.setenv("MAIL_FROM", f"tickets@{domain}")
    deploy.deploy_data(STAGE)

    assert {name for name in identities() if domain in name} == {domain}
