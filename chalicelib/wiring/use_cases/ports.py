"""The ports of selling and settling.

The real ones: shared/adapters.py. Fakes: tests/builders.py. Simulated: tests/simulation/instances.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.domain.ports import Clock, Ids, LiveHolds, PaymentGateway, Payments, Reservations, Rows, Sessions


class Ports(Protocol):
    """The ports of the use cases of selling and settling. Each use case takes only those that it needs."""

    @property
    def settings(self) -> Settings: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def ids(self) -> Ids: ...

    @property
    def sessions(self) -> Sessions: ...

    @property
    def rows(self) -> Rows: ...

    @property
    def cached_rows(self) -> Rows:
        """Gives the rows as read through the seat cache, for requests. Event handlers use `rows`, without the cache."""
        ...

    @property
    def sessions_for_scheduling(self) -> Sessions:
        """Gives the sessions for scheduling: storing a new one also announces it to the seat cache."""
        ...

    @property
    def live_holds(self) -> LiveHolds: ...

    @property
    def reservations(self) -> Reservations: ...

    @property
    def payments(self) -> Payments: ...

    @property
    def gateway(self) -> PaymentGateway: ...
