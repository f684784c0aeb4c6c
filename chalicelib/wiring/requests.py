"""Wiring of the busiest routes: screenings, seats, reservations."""

from .shared.adapters import adapters
from .shared.process import once_per_settings
from .use_cases.selling import SellingUseCases


@once_per_settings
def selling() -> SellingUseCases:
    return SellingUseCases(adapters())
