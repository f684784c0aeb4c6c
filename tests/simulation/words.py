"""Short texts for the trace: of commands, of answers and of the arguments of ports. A step is one line."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from chalicelib.application.confirm import ConfirmReservationCommand
from chalicelib.application.hold import HoldSeatsCommand
from chalicelib.application.release import CancelReservationCommand
from chalicelib.domain.events import Event, OutgoingMessage, ReservationChange, SeatsHeld, SeatsReleased, SeatsSold
from chalicelib.domain.payments import Charge, Payment, PaymentChange, SettlementDue
from chalicelib.domain.reservations import HeldSeat, Hold, ReleaseResult, Reservation, Sale, SoldSeat


def said(told: object) -> str:
    """Writes a command, an answer or an argument as a short text."""
    words = WORDS.get(type(told))
    if words:
        return words(told)
    if isinstance(told, list | tuple | set):
        return f"[{', '.join(map(said, told))}]"
    if isinstance(told, dict):
        return f"{{{', '.join(f'{key}: {said(value)}' for key, value in told.items())}}}"
    return repr(told) if isinstance(told, Exception) else str(told)


def _clock(moment: datetime | None) -> str:
    return f"{moment:%H:%M:%S.%f}"[:-3] if moment else "never"


def _seats(seats: Iterable[str]) -> str:
    return "+".join(seats)


def _reservation(reservation: Reservation) -> str:
    sale = f" by {reservation.sale.id}" if reservation.sale else ""
    return (
        f"{reservation.id} {_seats(reservation.seats)} until {_clock(reservation.expires_at)} {reservation.state}{sale}"
    )


def _payment(payment: Payment) -> str:
    reason = f" ({payment.reason})" if payment.reason else ""
    charged = f", charged {payment.charged_cents}" if payment.was_charged else ""
    sale = f", has bought {payment.sale_id}" if payment.sale_id else ""
    return f"{payment.transaction_id} {payment.status}{reason} for {payment.reservation_id or 'nobody'}{charged}{sale}"


def _charge(charge: Charge) -> str:
    back = f", {charge.refunded_cents} went back" if charge.refunded_cents else ""
    return f"{charge.transaction_id} charged {charge.amount_cents} for {charge.reservation_id or 'nobody'}{back}"


def _hold_seats(command: HoldSeatsCommand) -> str:
    return (
        f"{command.user_id} wants {_seats(command.seat_numbers)} of {command.session_id}, key {command.idempotency_key}"
    )


WORDS: dict[type, Callable[[Any], str]] = {
    datetime: _clock,
    HoldSeatsCommand: _hold_seats,
    ConfirmReservationCommand: lambda one: f"{one.reservation_id} by {one.transaction_id}",
    CancelReservationCommand: lambda one: one.reservation_id,
    Hold: lambda one: f"hold of {_seats(one.seats)} for {one.reservation_id} until {_clock(one.expires_at)}",
    HeldSeat: lambda one: f"held for {one.reservation_id} until {_clock(one.expires_at)}",
    SoldSeat: lambda one: f"sold by {one.sale_id}",
    Sale: lambda one: f"{one.id} at {_clock(one.paid_at)}",
    ReleaseResult: lambda one: f"freed {_seats(one.seats) or 'nothing'}{f', but {one.sale_id}' if one.sale_id else ''}",
    Reservation: _reservation,
    Payment: _payment,
    Charge: _charge,
    SettlementDue: lambda one: f"{one.transaction_id} is due at {_clock(one.due_at)}",
    SeatsHeld: lambda one: f"SeatsHeld {said(one.hold)}",
    SeatsSold: lambda one: f"SeatsSold {_seats(one.seats)} {said(one.sale)}",
    SeatsReleased: lambda one: (
        f"SeatsReleased {_seats(one.seats)} of {one.reservation_id} at {_clock(one.occurred_at)}"
    ),
    ReservationChange: lambda one: f"{said(one.before)} becomes {said(one.after)}",
    PaymentChange: lambda one: f"{said(one.before)} becomes {said(one.after)}",
    Event: lambda one: one.id,
    OutgoingMessage: lambda one: f"{one.queue}: {said(one.content)}",
}
