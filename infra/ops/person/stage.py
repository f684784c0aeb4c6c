"""All stores of a stage that have data of people, in the order of an erasure."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.application.person import ErasePersonUnlessHoldsOrPaymentsOpen, ExportPerson
from chalicelib.domain.people.stores import ErasureEffect, Store, StoreKind, stores_by_name
from chalicelib.domain.ports import Clock, PersonalStore
from chalicelib.infrastructure.clock import utc_now
from infra.ops.connection import Connection, OpsError
from infra.ops.queues import read_queues
from infra.ops.stream_failures import StreamFailures, find_output

from .accounts import PersonsAccounts
from .booking import PersonsLiveHolds, PersonsOpenMatters, PersonsPayments, PersonsReservations
from .events import PersonsEvents
from .leftovers import PersonsDeadLetters, PersonsStreamFailures
from .papers import PersonsInvoiceFiles, PersonsInvoices, PersonsTickets
from .records import DynamoErasureRecords
from .tables import StageTables

INVOICES_BUCKET, USER_POOL = "InvoicesBucket", "UserPoolId"
"""The outputs of the data stack that name them."""

UNKNOWN = "a queue of another version than this one's: searched all the same"


@dataclass(frozen=True)
class People:
    """The use cases of personal data, with the stores of a stage."""

    export: ExportPerson
    erase: ErasePersonUnlessHoldsOrPaymentsOpen

    @classmethod
    def of(cls, connection: Connection, clock: Clock = utc_now) -> "People":
        """Makes the use cases. Raises OpsError where the stage is not deployed."""
        tables = StageTables(connection.client("dynamodb"), connection.prefix)
        reservations, payments = PersonsReservations(tables, clock), PersonsPayments(tables)
        stores = (
            *_accounts(connection),
            *_leftovers(connection),
            PersonsLiveHolds(tables, clock),
            *(PersonsEvents(tables, stores_by_name(StoreKind.TABLE)[name]) for name in ("events", "notifications")),
            *_papers(connection, tables),
            payments,
            reservations,
        )
        open_matters_and_emails = PersonsOpenMatters(reservations, payments)
        records = DynamoErasureRecords(tables, connection.client("sts").get_caller_identity()["Arn"])
        return cls(
            ExportPerson(stores, open_matters_and_emails, clock),
            ErasePersonUnlessHoldsOrPaymentsOpen(stores, open_matters_and_emails, records, clock),
        )


def _accounts(connection: Connection) -> Iterator[PersonalStore]:
    if user_pool := find_output(connection, USER_POOL):
        yield PersonsAccounts(connection.client("cognito-idp"), user_pool)


def _leftovers(connection: Connection) -> Iterator[PersonalStore]:
    queues, known = read_queues(connection), stores_by_name(StoreKind.QUEUE)
    for queue in queues.dead_letter_queues:
        store = known.get(queue.short_name) or Store(
            StoreKind.QUEUE, queue.short_name, UNKNOWN, ErasureEffect.TAKES_NAMES_OUT
        )
        yield PersonsDeadLetters(connection.client("sqs"), queue, store)
    yield PersonsStreamFailures(connection.client("s3"), StreamFailures.of(connection).bucket)


def _papers(connection: Connection, tables: StageTables) -> Iterator[PersonalStore]:
    bucket = find_output(connection, INVOICES_BUCKET)
    if not bucket:
        raise OpsError(f"Stage {connection.stage!r} has no bucket of invoices at {connection.where}.")
    invoices = PersonsInvoices(tables)
    yield invoices
    yield PersonsInvoiceFiles(connection.client("s3"), bucket, invoices)
    yield PersonsTickets(tables)
