"""Seats in one row, which one write decides, and in two, which a transaction does; held or sold in a backend."""

import pytest

from chalicelib.domain.reservations import HeldSeat, Hold, Sale
from chalicelib.domain.sessions import Session
from tests.builders import NOW, a_hold, a_sale

from .conftest import Backend

ONE_ROW, TWO_ROWS = ("A1", "A2"), ("A10", "B1")

in_one_row_and_in_two = pytest.mark.parametrize("seats", [ONE_ROW, TWO_ROWS], ids=["one row", "two rows"])


def held(backend: Backend, session: Session, *seats: str, expires_in: float = 30, fingerprint: str = "") -> Hold:
    hold = a_hold(*seats, session=session, expires_in=expires_in, fingerprint=fingerprint)
    backend.rows.hold(hold, NOW)
    return hold


def sold(backend: Backend, session: Session, *seats: str) -> tuple[Hold, Sale]:
    hold = held(backend, session, *seats)
    sale = a_sale(hold)
    backend.rows.sell(hold, sale, NOW)
    return hold, sale


def held_entry(hold: Hold) -> HeldSeat:
    """Gives the entry of a held seat in its row."""
    return HeldSeat(reservation_id=hold.reservation_id, expires_at=hold.expires_at, fingerprint=hold.fingerprint)
