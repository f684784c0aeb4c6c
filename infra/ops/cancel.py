"""Cancels a screening: its seats are neither held nor sold any more, and its payments are returned.

Access is controlled by the operator's IAM permissions; the API has no route for it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.application.cancel_session import CancelSession, SessionCancellation
from chalicelib.application.refunds import RequestRefundsOfSalesAfterSessionCancellation
from chalicelib.domain.payments import PaymentStatus
from chalicelib.domain.refusals import BackendUnavailable, SessionNotFound
from chalicelib.domain.reservations import RowsOfCancelledSession, SoldSeat
from chalicelib.domain.sessions import Session
from chalicelib.domain.times import to_iso
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer, counted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def cancel_screening(connection: Connection, session_id: str, *, sure: bool) -> Answer:
    """Cancels the screening when `sure`. Otherwise raises OpsError that says what would be cancelled."""
    cancellation = Cancellation.of(connection)
    try:
        if not sure:
            raise _unconfirmed(cancellation.sessions.get(session_id), cancellation.count_sales(session_id))
        return _make_answer(cancellation.cancel(session_id))
    except SessionNotFound as refusal:
        look = f"or name another stage than {connection.stage!r} with --stage"
        raise OpsError(
            f"There is no screening {session_id!r} at {connection.where}: correct its id, {look}."
        ) from refusal
    except BackendUnavailable as refusal:
        raise OpsError(
            f"{connection.where} did not answer ({refusal.operation}): nothing is lost; run the command again once it "
            "does, it goes on where it stopped."
        ) from refusal


@dataclass(frozen=True)
class Cancellation:
    """The use case that cancels a screening, with a stage's tables."""

    sessions: DynamoSessions
    rows: DynamoRows
    cancel: CancelSession

    @classmethod
    def of(cls, connection: Connection) -> "Cancellation":
        """Makes the use case from the stage's tables."""
        return cls.in_tables(connection.client("dynamodb"), connection.prefix)

    @classmethod
    def in_tables(cls, client: "DynamoDBClient", prefix: str) -> "Cancellation":
        """Makes the use case from the tables whose names begin with the prefix."""
        sessions = DynamoSessions(client, f"{prefix}sessions", rows_table=f"{prefix}rows")
        rows = DynamoRows(client, f"{prefix}rows")
        reservations = DynamoReservations(client, f"{prefix}reservations")
        request_refunds_of_sales_after_session_cancellation = RequestRefundsOfSalesAfterSessionCancellation(
            reservations, DynamoPayments(client, f"{prefix}payments"), utc_now
        )
        return cls(
            sessions, rows, CancelSession(sessions, rows, request_refunds_of_sales_after_session_cancellation, utc_now)
        )

    def count_sales(self, session_id: str) -> int:
        """Counts the reservations that own seats of the screening. Raises SessionNotFound."""
        try:
            occupancy = self.rows.read_entries_with_lapsed_or_raise_if_cancelled(self.sessions.get(session_id))
        except RowsOfCancelledSession as closed:
            occupancy = closed.occupancy
        return len({entry.reservation_id for entry in occupancy.values() if isinstance(entry, SoldSeat)})


def _unconfirmed(session: Session, sold: int) -> OpsError:
    """Makes the error for a missing confirmation. Its message says what would be cancelled."""
    title = f"{session.movie_title!r} at {to_iso(session.starts_at)} in {session.room}"
    return OpsError(
        f"This would cancel {title} for good and return {counted(sold, 'sale')}: say --yes if that is what you want."
    )


def _make_answer(cancellation: SessionCancellation) -> Answer:
    session, payments = cancellation.session, cancellation.payments_with_refund
    returned = sum(payment.status is PaymentStatus.REFUNDED for payment in payments)
    requested = sum(payment.status is PaymentStatus.REFUND_REQUESTED for payment in payments)
    sales = cancellation.sales
    data = {
        "session": session.id,
        "cancelled_at": to_iso(session.cancelled_at) if session.cancelled_at else None,
        "sales": sales,
        "returned": returned,
        "requested": requested,
        "unfinished": list(cancellation.unfinished_sales),
    }
    lines = [f"{session.id} is cancelled: {counted(sales, 'sale')}, {returned} returned, {requested} on its way."]
    if cancellation.unfinished_sales:
        being_finished = counted(len(cancellation.unfinished_sales), "sale")
        lines.append(f"{being_finished} still being finished by on_row_changed, which requests its return then.")
    return Answer(data, "\n".join(lines))
