"""The ports of selling and settling.

Their adapters are in shared/adapters.py, fakes in tests/builders.py, simulated ones in tests/simulation/instances.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.domain.ports import (
        Clock,
        HoldsCountedUntilExpiry,
        IdMaker,
        PaymentGateway,
        Payments,
        Reservations,
        Rows,
        Sessions,
    )


class SellingAndSettlingPorts(Protocol):
    """The ports that the use cases of selling and settling are built from."""

    @property
    def settings(self) -> Settings: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def ids(self) -> IdMaker: ...

    @property
    def sessions(self) -> Sessions: ...

    @property
    def rows(self) -> Rows: ...

    @property
    def cached_rows(self) -> Rows:
        """Gives the rows for requests, read through the seat cache. Event handlers use `rows`, without the cache."""
        ...

    @property
    def sessions_announcing_new_to_cache(self) -> Sessions:
        """Gives the port for scheduling sessions: a new session is announced to the seat cache before it is stored."""
        ...

    @property
    def holds_counted_until_expiry(self) -> HoldsCountedUntilExpiry: ...

    @property
    def reservations(self) -> Reservations: ...

    @property
    def payments(self) -> Payments: ...

    @property
    def gateway(self) -> PaymentGateway: ...
