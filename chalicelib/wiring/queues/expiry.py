"""Wiring of the consumer that releases the seats of lapsed holds."""

from collections.abc import Mapping
from typing import Any

from chalicelib.infrastructure.sqs import envelopes
from chalicelib.wiring.shared.adapters import adapters
from chalicelib.wiring.shared.process import once_per_settings
from chalicelib.wiring.use_cases.selling import SellingUseCases


@once_per_settings
def selling() -> SellingUseCases:
    return SellingUseCases(adapters())


def expire_hold_unless_sold_or_raise_unlapsed(queue_record: Mapping[str, Any]) -> None:
    """Releases the seats of the hold in a queue record. Raises NotLapsedYet if the hold has not lapsed."""
    selling().expire_hold_unless_sold_or_raise_unlapsed(envelopes.hold_in(queue_record))
