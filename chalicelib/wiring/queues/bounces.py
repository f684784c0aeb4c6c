"""Wiring of the consumer of bounces and complaints, which suppresses the addresses that these name."""

from collections.abc import Mapping
from typing import Any

from chalicelib.application.consumers.returned_emails import SuppressIfFinal
from chalicelib.infrastructure.email.returned import returned_email_in
from chalicelib.wiring.shared.process import once_per_settings
from chalicelib.wiring.shared.suppressed import suppressed_addresses

__all__ = ["suppress_if_final", "suppressed_addresses"]


@once_per_settings
def _suppress_addresses() -> SuppressIfFinal:
    return SuppressIfFinal(suppressed_addresses())


def suppress_if_final(record: Mapping[str, Any]) -> None:
    """Suppresses the addresses that a queue record names, if its bounce or complaint is final. These addresses get no
    more emails.

    Raises UnreadableMessage, BackendUnavailable.
    """
    _suppress_addresses()(returned_email_in(record))
