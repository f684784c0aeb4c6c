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


def expire_lapsed_hold_unless_sold(queue_record: Mapping[str, Any]) -> None:
    """Releases the seats of the hold in a queue record. Raises NotLapsedYet if the hold has not lapsed."""
    selling().expire_lapsed_hold_unless_sold(envelopes.hold_in(queue_record))
