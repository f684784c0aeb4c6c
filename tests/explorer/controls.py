"""The world with one guard taken out: then there must be findings, or the explorer sees nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.payments import Payment
from chalicelib.domain.reservations import Hold, Release, Reservation, Sale, State
from tests.fakes import MovableClock, with_charge
from tests.telling import TellingPayments, TellingReservations

from .promises import WatchedRows
from .world import Guards


class RowsThatForget(WatchedRows):
    """What was given back can be held again, the very same hold."""

    def _was_later(self, hold: Hold, seat: str) -> bool:
        return False


class AnybodysPayments(TellingPayments):
    """Whoever claims a payment has it."""

    def claim(self, payment: Payment, *, charged_only: bool) -> Payment | None:
        found = self.find(payment.transaction_id)
        return self._write(with_charge(payment, found) if found else payment)


class NoBar(TellingReservations):
    """A hold that has ended can be remembered all the same."""

    def bar(self, hold: Hold) -> Reservation | None:
        return self.find(hold.reservation_id)


class QuietRows(WatchedRows):
    """Giving back does not tell of the sale that is in the way: so what is sold is closed late."""

    def release_whole(self, hold: Hold, now: datetime) -> tuple[Release, tuple[str, ...]]:
        release, left = super().release_whole(hold, now)
        return Release(release.seats), left


class StrongerThanTheRow(TellingReservations):
    """What was closed stays closed, though the row is sold."""

    def confirm(self, reservation_id: str, sale: Sale) -> Reservation | None:
        stored = self.find(reservation_id)
        return super().confirm(reservation_id, sale) if stored and stored.state is State.PENDING else stored


@dataclass
class RowsThatKeep:
    """Nothing is given back before money is."""

    rows: Any

    def __getattr__(self, method: str) -> Any:
        return getattr(self.rows, method)

    def release(self, hold: Hold, now: datetime) -> Release:
        return Release(())


def _no_bar(clock: MovableClock) -> TellingReservations:
    return NoBar(clock=clock)


def _stronger_than_the_row(clock: MovableClock) -> TellingReservations:
    return StrongerThanTheRow(clock=clock)


CONTROLS: dict[str, Guards] = {
    "rows-that-forget": Guards(rows=RowsThatForget),
    "anybodys-payments": Guards(payments=AnybodysPayments),
    "no-bar": Guards(reservations=_no_bar),
    "stronger-than-the-row": Guards(rows=QuietRows, reservations=_stronger_than_the_row),
    "no-release-before-a-refund": Guards(rows_of_confirm=RowsThatKeep),
}
