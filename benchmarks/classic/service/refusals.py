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


def unavailable(what: str) -> Refusal:
    return Refusal(503, "TEMPORARILY_UNAVAILABLE", f"{what} can't be reached.")


def not_found(what: str) -> Refusal:
    return Refusal(404, f"{what.upper()}_NOT_FOUND", f"There is no such {what}.")


EXPIRED = ("RESERVATION_EXPIRED", "The hold has lapsed.")
