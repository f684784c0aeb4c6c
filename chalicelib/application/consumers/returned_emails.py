"""Emails that came back, or that their readers complained about: who must not be written to again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.email import BounceOrComplaint

if TYPE_CHECKING:
    from chalicelib.domain.ports import SuppressedAddresses

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SuppressIfFinal:
    """Suppresses addresses that can't be reached, or whose readers complained.

    Idempotent. Addresses with a temporary fault, such as a full mailbox, are not suppressed.
    """

    suppressed: SuppressedAddresses

    def __call__(self, returned: BounceOrComplaint) -> None:
        """Suppresses the addresses if the fault is final. Raises BackendUnavailable."""
        log.info("email returned, final %s: %s", returned.is_final, returned.reason)
        if returned.is_final:
            for address in returned.addresses:
                self.suppressed.add(address, returned.reason, returned.returned_at)
