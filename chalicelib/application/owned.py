"""Reservations belong to their buyers: nobody else learns that there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.domain.identity import Principal
from chalicelib.domain.refusals import ReservationNotFound
from chalicelib.domain.reservations import Reservation

if TYPE_CHECKING:
    from chalicelib.domain.ports import Reservations


def get_owned_reservation(reservations: Reservations, reservation_id: str, asked_by: Principal) -> Reservation:
    """Reads the reservation. Raises ReservationNotFound if there is none, or if it belongs to another user."""
    reservation = reservations.find(reservation_id)
    if reservation is None or not asked_by.may_act_for(reservation.user_id):
        raise ReservationNotFound(reservation_id)
    return reservation
