"""From a sale to the PDF in the buyer's hands: through the real stream, queue, handler, bucket and link."""

import io
import json
import random
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
import urllib3
from mypy_boto3_sqs import SQSClient
from pypdf import PdfReader

from chalicelib.application.consumers.invoices import IssueInvoicesOfSalesNotFree
from chalicelib.domain.events import Event
from chalicelib.domain.invoices import Invoice
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.events.invoices import DynamoInvoices
from chalicelib.infrastructure.invoices import files as invoice_files
from chalicelib.infrastructure.invoices.files import S3InvoiceFiles
from chalicelib.infrastructure.invoices.pdf import print_invoice
from chalicelib.infrastructure.sqs import queues
from chalicelib.infrastructure.sqs.envelopes import to_body
from chalicelib.infrastructure.sqs.queues import QueueUrls
from chalicelib.settings import load
from infra.local.pump import Pump
from tests.builders import NOW, SELLER, a_paid_event, a_reservation, a_session
from tests.fakes import Crash, FakeReservations, FakeSessions, alone, crash, interposed
from tests.http_api import Answer, Api
from tests.integration.conftest import drain_until
from tests.integration.crashing import BatchConsumer
from tests.wire import Wire, operations


def invoice_of(api: Api, reservation_id: str) -> Answer:
    return api.get(f"/api/reservations/{reservation_id}/invoice")


def sold(api: Api, session_id: str, *seats: str, user: str = "ana") -> str:
    reservation_id = str(api.hold(session_id, *seats, user=user).body["reservationId"])
    assert api.confirm(reservation_id).status == 200
    return reservation_id


@pytest.fixture
def api(server: str) -> Api:
    return Api(server)


def test_a_sale_becomes_a_pdf_that_its_buyer_can_fetch(api: Api, pump: Pump) -> None:
    user = f"user-{uuid.uuid4()}"
    reservation_id = sold(api, api.schedule(movieTitle="Coração de Herói"), "A1", "A2", user=user)
    (purchase,) = api.get(f"/api/users/{user}/purchases").body["purchases"]
    assert purchase["invoiceUrl"] == f"/api/reservations/{reservation_id}/invoice"
    drain_until(pump, lambda: api.get(purchase["invoiceUrl"]).status == 303)

    link = api.get(purchase["invoiceUrl"])

    number = link.body["number"]
    assert re.fullmatch(rf"{purchase['purchasedAt'][:4]}-\d{{6,}}", number)
    assert link.headers["location"] == link.body["url"]
    assert link.headers["cache-control"] == "no-store"
    assert datetime.fromisoformat(link.body["expiresAt"]) > datetime.fromisoformat(purchase["purchasedAt"])
    pdf = urllib3.request("GET", link.headers["location"])
    assert (pdf.status, pdf.headers["Content-Type"]) == (200, "application/pdf")
    assert pdf.headers["Content-Disposition"] == f'inline; filename="invoice-{number}.pdf"'
    (page,) = PdfReader(io.BytesIO(pdf.data)).pages
    text = page.extract_text()
    for expected in (number, "Coração de Herói", "A1", "A2", "25.00", "50.00", "tx-of-", "credit card", reservation_id):
        assert expected in text


def test_who_asked_for_letters_in_portuguese_gets_the_invoice_in_portuguese(api: Api, pump: Pump) -> None:
    body = {"sessionId": api.schedule(), "userId": "ana", "seatNumbers": ["A1"], "email": "ana@example.com"}
    reservation_id = api.post("/api/reservations", body, Accept_Language="pt-BR").body["reservationId"]
    api.confirm(reservation_id)
    drain_until(pump, lambda: invoice_of(api, reservation_id).status == 303)

    pdf = urllib3.request("GET", invoice_of(api, reservation_id).headers["location"]).data
    text = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert "Fatura" in text
    assert "R$ 25,00" in text


def test_an_invoice_is_not_ready_until_its_event_has_come(api: Api, pump: Pump) -> None:
    reservation_id = sold(api, api.schedule(), "A1")
    answer = invoice_of(api, reservation_id)

    assert (answer.status, answer.body["error"], answer.headers["retry-after"]) == (404, "INVOICE_NOT_READY", "2")
    assert answer.body["reservationId"] == reservation_id
    drain_until(pump, lambda: invoice_of(api, reservation_id).status == 303)


def test_what_was_not_paid_or_never_was_has_no_invoice(api: Api) -> None:
    held = api.hold(api.schedule(), "A1").body["reservationId"]
    unpaid, unknown = invoice_of(api, held), invoice_of(api, f"{held[:-3]}xyz")

    assert (unpaid.status, unpaid.body["error"]) == (409, "RESERVATION_NOT_PAID")
    assert (unknown.status, unknown.body["error"]) == (404, "RESERVATION_NOT_FOUND")
    for strange in ("unknown", "2024%23counter", "..%2F..", "%00", "x" * 2000):
        assert (invoice_of(api, strange).status, strange) == (404, strange)
    assert api.delete(f"/api/reservations/{held}/invoice").status == 405


def test_refusals_are_told_in_portuguese_too(api: Api) -> None:
    held = api.hold(api.schedule(), "A1").body["reservationId"]
    answer = api.get(f"/api/reservations/{held}/invoice", Accept_Language="pt-BR")

    assert answer.body["message"] == "A reserva não foi paga, por isso não tem fatura nem ingressos."


def test_a_link_costs_one_read_and_purchases_cost_no_more_for_it(
    wired_api: Api, wire: Wire, known_session: str, pump: Pump
) -> None:
    user = uuid.uuid4().hex
    reservation_id = sold(wired_api, known_session, "A1", user=user)
    drain_until(pump, lambda: invoice_of(wired_api, reservation_id).status == 303)

    with wire.counting() as calls:
        invoice_of(wired_api, reservation_id)
        wired_api.get(f"/api/users/{user}/purchases")

    assert operations(calls) == ["GetItem", "Query"]


def take_reasons(sqs: SQSClient, dead: str) -> set[str]:
    """Takes dead letters out of this queue, and gives the reasons that they were parked for."""
    answer = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    messages = answer.get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    return {message["MessageAttributes"]["reason"]["StringValue"] for message in messages}


def test_a_message_that_is_no_sale_is_parked_and_its_batch_mates_get_their_invoices(
    api: Api, pump: Pump, data_stack: str
) -> None:
    session_id = api.schedule()
    reservation_id = sold(api, session_id, "A1")
    sqs = queues.new_sqs_client()
    urls = QueueUrls(sqs)
    without_facts = json.loads(to_body(a_paid_event(a_reservation()))) | {"sessionId": session_id, "data": {}}
    for body in ("not even JSON", '{"version": 9}', json.dumps(without_facts)):
        sqs.send_message(QueueUrl=urls[f"{data_stack}-invoices"], MessageBody=body)

    reasons: set[str] = set()

    def parked() -> bool:
        reasons.update(take_reasons(sqs, urls[f"{data_stack}-invoices-dlq"]))
        return len(reasons) == 3 and invoice_of(api, reservation_id).status == 303

    drain_until(pump, parked)
    assert any("not JSON" in reason for reason in reasons)
    assert any("version" in reason for reason in reasons)
    assert any("saleId" in reason for reason in reasons)
    sqs.close()


# Many sales, delivered twice, to consumers that crash at any step.

SALES, DUPLICATES = 120, 24


@pytest.fixture(scope="module")
def store(data_stack: str) -> Iterator[DynamoInvoices]:
    with closing(connection.new_dynamodb_client()) as client:
        yield DynamoInvoices(client, f"{data_stack}-invoices")


@pytest.fixture(scope="module")
def files(data_stack: str) -> Iterator[S3InvoiceFiles]:
    with closing(invoice_files.new_s3_client()) as client:
        yield S3InvoiceFiles(client, load().invoices_bucket)


def sales_of_a_year(store: DynamoInvoices) -> list[Event]:
    """Of a year of their own, so that their numbers begin at 1."""
    while True:
        paid_at = NOW.replace(year=random.randint(2100, 9999))
        key = {"id": {"S": f"{paid_at.year}#counter"}}
        if "Item" not in store.client.get_item(TableName=store.table_name, Key=key):
            return [a_paid_event(a_reservation(), paid_at) for _ in range(SALES)]


def print_every_twentieth(invoice: Invoice) -> bytes:
    """Gives the number alone for the others, which takes no time."""
    return print_invoice(invoice) if invoice.place % 20 == 0 else invoice.number.encode()


def crashing_at_any_step(
    store: DynamoInvoices, files: S3InvoiceFiles, sessions: FakeSessions, chance: random.Random
) -> IssueInvoicesOfSalesNotFree:
    """Makes one that crashes after it has numbered, before it files, or before it marks what is filed."""

    def sometimes() -> None:
        if chance.random() < 0.05:
            raise Crash

    crashing = interposed(store, "assign_numbers_in_one_series", after=sometimes)
    return IssueInvoicesOfSalesNotFree(
        FakeReservations(),
        sessions,
        interposed(crashing, "mark_pdf_stored", before=sometimes),
        print_every_twentieth,
        interposed(files, "put_if_absent", before=sometimes),
        SELLER,
        "UTC",
    )


def test_sales_delivered_twice_to_consumers_that_crash_have_the_numbers_from_one_to_the_last(
    store: DynamoInvoices, files: S3InvoiceFiles
) -> None:
    chance, sales = random.Random(4), sales_of_a_year(store)
    sessions = FakeSessions({sale.session_id: a_session() for sale in sales})
    consumer = BatchConsumer(crashing_at_any_step(store, files, sessions, chance), chance)
    consumer.send([*sales, *chance.sample(sales, DUPLICATES)])
    consumer.work()

    invoices = [store.find(sale.reservation_id) for sale in sales]
    assert sorted(invoice.place for invoice in invoices if invoice) == list(range(1, SALES + 1))
    assert all(invoice.filed for invoice in invoices if invoice)
    prefix = f"invoices/{sales[0].occurred_at.year}/"
    kept: Any = files.client.list_objects_v2(Bucket=files.bucket, Prefix=prefix)
    assert [found["Key"] for found in kept["Contents"]] == [
        f"{prefix}{sales[0].occurred_at.year}-{place:06}.pdf" for place in range(1, SALES + 1)
    ]


@pytest.mark.parametrize("broken", ["assign_numbers_in_one_series", "mark_pdf_stored"])
def test_a_crash_between_number_and_pdf_is_finished_by_the_next_delivery(
    api: Api, store: DynamoInvoices, files: S3InvoiceFiles, broken: str
) -> None:
    """The PDF that the second delivery would file is the first one's, byte for byte."""
    session = a_session()
    sale = a_paid_event(a_reservation(session=session))
    sessions = FakeSessions({session.id: session})

    def issue_with(invoices: DynamoInvoices) -> Callable[[Event], None]:
        people = FakeReservations()
        return alone(IssueInvoicesOfSalesNotFree(people, sessions, invoices, print_invoice, files, SELLER, "UTC"))

    when = "before" if broken == "mark_pdf_stored" else "after"
    crashing = {when: crash}
    with pytest.raises(Crash):
        issue_with(interposed(store, broken, **crashing))(sale)
    half_made = store.find(sale.reservation_id)
    assert half_made
    assert not half_made.filed

    issue_with(store)(sale)

    assert store.find(sale.reservation_id) == half_made.marked_filed()
    pdf = urllib3.request("GET", files.link(half_made, NOW).url).data
    assert pdf == print_invoice(half_made)
