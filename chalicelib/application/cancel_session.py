"""Cancelling a screening: each row decides for itself, by one write, after which none of its seats is held or sold.

    rows, the first one last: closed ──► session: cancelled, for display ──► what stands sold: to be returned
            └──stream──► the same request, should we die here; with the first row, SessionCancelled

What a row shows as sold when it is closed is exactly what must be returned: nothing is sold in it afterwards, and a
payment that comes after is refused, and returned. Sold seats stay as they are: they say what there was. Holds
lapse by themselves, or are given back, as ever.
"""

from dataclasses import dataclass

from chalicelib.domain.payments import Payment
from chalicelib.domain.ports import Clock, Rows, Sessions
from chalicelib.domain.reservations import Sold
from chalicelib.domain.sessions import Session, row_letters

from .refunds import RefundSales

LAST_CLOSED = row_letters(0)
"""The row whose closing says that all are closed: every screening has it."""


@dataclass(frozen=True, slots=True)
class SessionCancellation:
    """`sales` is how many there were, `payments` what they were paid with. `unfinished` is the reservations of sales
    whose request died after the commit point: who finishes them requests their refund."""

    session: Session
    sales: int
    payments: tuple[Payment, ...]
    unfinished: tuple[str, ...]


@dataclass(frozen=True)
class CancelSession:
    """Harmless twice: run again, it goes on where it stopped."""

    sessions: Sessions
    rows: Rows
    refund_sales: RefundSales
    clock: Clock

    def __call__(self, session_id: str) -> SessionCancellation:
        """Raises SessionNotFound, StoreUnavailable."""
        session, now = self.sessions.get(session_id), self.clock()
        sold: dict[str, None] = {}
        for row in reversed(session.rows):
            entries = self.rows.close(session.id, row, now).values()
            sold |= dict.fromkeys(entry.reservation_id for entry in entries if isinstance(entry, Sold))
        cancelled = self.sessions.cancel(session.id, now)
        finished = self.refund_sales(sold)
        payments = tuple(payment for payment in finished.values() if payment)
        return SessionCancellation(cancelled, len(sold), payments, tuple(sorted(sold.keys() - finished.keys())))
