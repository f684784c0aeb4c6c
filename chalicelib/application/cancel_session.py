"""Cancelling a session: each row is closed by one write, after which none of its seats is held or sold.

    rows, the first one last: close ──► session: mark as cancelled, for display ──► sales: request their refunds
            └──stream──► the same requests, should we die here; with the first row, SessionCancelled

The sales in a row when it is closed are exactly those to refund: nothing is sold in it afterwards, and a later payment
is refused and refunded. Sold seats stay sold. Holds lapse by themselves, or are released, as ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.payments import Payment
from chalicelib.domain.reservations import SoldSeat
from chalicelib.domain.sessions import Session, row_letters

from .refunds import RequestRefundsOfSalesAfterSessionCancellation

if TYPE_CHECKING:
    from chalicelib.domain.ports import Clock, Rows, Sessions

LAST_CLOSED = row_letters(0)
"""The first row, which every session has. It is closed last, so once it is closed, all rows are closed."""


@dataclass(frozen=True, slots=True)
class SessionCancellation:
    """The result of cancelling a session: the number of its sales, and their payments, each with its refund requested
    or made.

    `unfinished_sales` are the reservation ids of those sales whose reservations are not confirmed yet, because the
    buyer's request died after the commit point or is still running. Whoever finishes such a sale, the relay or a
    resend, requests its refund.
    """

    session: Session
    sales: int
    payments_with_refund: tuple[Payment, ...]
    unfinished_sales: tuple[str, ...]


@dataclass(frozen=True)
class CancelSession:
    """Closes all rows of a session and requests the refunds.

    Idempotent: a second call continues where the first one stopped.
    """

    sessions: Sessions
    rows: Rows
    request_refunds_of_sales_after_session_cancellation: RequestRefundsOfSalesAfterSessionCancellation
    clock: Clock

    def __call__(self, session_id: str) -> SessionCancellation:
        """Cancels the session, or finishes an earlier cancellation. Raises SessionNotFound, BackendUnavailable."""
        session, now = self.sessions.get(session_id), self.clock()
        sold: dict[str, None] = {}
        for row in reversed(session.rows):
            entries = self.rows.close_row_and_read_entries_with_lapsed(session.id, row, now).values()
            sold |= dict.fromkeys(entry.reservation_id for entry in entries if isinstance(entry, SoldSeat))
        cancelled = self.sessions.set_cancelled_at_for_display_if_unset(session.id, now)
        finished = self.request_refunds_of_sales_after_session_cancellation(sold)
        payments = tuple(payment for payment in finished.values() if payment)
        return SessionCancellation(cancelled, len(sold), payments, tuple(sorted(sold.keys() - finished.keys())))
