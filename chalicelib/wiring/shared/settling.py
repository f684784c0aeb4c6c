"""What follows a hold or a payment, on the real ports."""

from chalicelib.wiring.use_cases.settling import Settling

from .adapters import adapters
from .process import once


@once
def settling() -> Settling:
    return Settling(adapters())
