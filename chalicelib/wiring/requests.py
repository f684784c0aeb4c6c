"""Wiring of the busiest routes: screenings, seats, reservations."""

from .shared.adapters import adapters
from .shared.process import once
from .use_cases.selling import Selling


@once
def selling() -> Selling:
    return Selling(adapters())
