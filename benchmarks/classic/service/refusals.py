"""The refusals of the service, each with the status and the body that the contract has for it."""

from collections.abc import Sequence
from typing import Any


class Refusal(Exception):
    """A request that is answered with an error of the contract."""

    def __init__(self, status: int, code: str, message: str, **facts: Any) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"error": code, "message": message, **facts}


def seats_taken(seats: Sequence[str]) -> Refusal:
    named = ", ".join(seats)
    return Refusal(409, "SEAT_ALREADY_RESERVED", f"Already reserved: [{named}]", conflictingSeats=list(seats))


def unavailable(name: str) -> Refusal:
    return Refusal(503, "TEMPORARILY_UNAVAILABLE", f"{name} can't be reached.")


def not_found(name: str) -> Refusal:
    return Refusal(404, f"{name.upper()}_NOT_FOUND", f"There is no such {name}.")


EXPIRED = ("RESERVATION_EXPIRED", "The hold has lapsed.")
