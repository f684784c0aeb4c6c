"""A value that is read at its first use, and read again once it is stale.

first use ──► read ──► known for 300 s ──► read ──► another? whoever knew the former one is told
                                            │
                                            └─► not answered: the known one holds for 30 s more
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.settings import SettingInvalid

T = TypeVar("T")

KEPT_SECONDS = 300.0
"""The age at which a value is read again. A process may use an old value for this time after it was replaced."""
AGAIN_SECONDS = 30.0
"""The time from a failed read to the next attempt."""


@dataclass
class PolledValue(Generic[T]):
    """A value that `read` reads at first, and again once the value is older than KEPT_SECONDS. `seconds` is the clock
    by which the age is measured.

    It can happen that several threads call `read` at the same moment.
    """

    read: Callable[[], T]
    seconds: Callable[[], float] = time.monotonic
    _value: T | None = None
    _old_at: float = float("inf")

    def first_read_or_none(self) -> T | None:
        """Reads the value for the first time, and gives it. Gives None if the value was read before.

        Raises the errors of `read`.
        """
        if self._value is not None:
            return None
        self._value = self.read()
        self._old_at = self.seconds() + KEPT_SECONDS
        return self._value

    def reread_if_stale_and_give_change(self) -> T | None:
        """Reads the value again if it is stale. Gives the new value if it differs from the old one, else None.

        A failed read is logged, and the old value is used for AGAIN_SECONDS more.
        """
        if self.seconds() < self._old_at:
            return None
        self._old_at = self.seconds() + AGAIN_SECONDS  # other threads go on with the known one meanwhile
        try:
            value = self.read()
        except (BackendUnavailable, SettingInvalid):
            logging.getLogger(__name__).warning("value not renewed", exc_info=True)
            return None
        self._old_at = self.seconds() + KEPT_SECONDS
        if value == self._value:
            return None
        self._value = value
        return value
