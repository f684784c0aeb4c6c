"""The simulated payment gateway: slow, silent or unreachable. Refunds once for each key; the promises check it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from chalicelib.domain.payments import (
    Charge,
    GatewayUnavailable,
    PaymentIntent,
    PaymentNotYetAtGateway,
    RefundNotConfirmed,
)
from chalicelib.domain.reservations import Reservation
from tests.fakes import FakeGateway
from tests.simulation.faults import Kind
from tests.simulation.scheduler import Door, Scheduler

from .doors import ON_WRITES

T = TypeVar("T")


class Silent(GatewayUnavailable, RefundNotConfirmed):
    """The gateway did not answer: the call may have taken effect. CircuitBreakerGateway raises both bases, too."""


def no_answer(call: str) -> Exception:
    return Silent(call)


READING = (Kind.DIES_BEFORE, Kind.STOPS)
GATEWAY = Door("gateway", no_answer, no_answer, READING, ON_WRITES, risk=5.0)


@dataclass
class WatchedGateway(FakeGateway):
    """A gateway that calls `goes_back` before it returns money."""

    goes_back: Callable[[str], None] = field(default=lambda transaction_id: None)

    def _take_back(self, transaction_id: str, amount_cents: int | None) -> None:
        self.goes_back(transaction_id)
        super()._take_back(transaction_id, amount_cents)


@dataclass(frozen=True)
class Gateway:
    """The port of use cases to the simulated gateway, whose calls may go wrong."""

    scheduler: Scheduler
    known: WatchedGateway

    def start_payment(self, reservation: Reservation, idempotency_key: str) -> PaymentIntent:
        return self._call("start", partial(self.known.start_payment, reservation, idempotency_key), {}, is_read=False)

    def find_charge(self, transaction_id: str) -> Charge | None:
        own = {Kind.GATEWAY_FORGETFUL: lambda: None}
        return self._call("find", partial(self.known.find_charge, transaction_id), own, is_read=True)

    def list_charges_since(self, moment: Any) -> Iterable[Charge]:
        own: Mapping[Kind, Callable[[], Any]] = {Kind.GATEWAY_FORGETFUL: list}
        return self._call("list", partial(self.known.list_charges_since, moment), own, is_read=True)

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        act = partial(self.known.refund, transaction_id, amount_cents, idempotency_key)
        return self._call(f"refund {transaction_id}", act, {Kind.GATEWAY_FORGETFUL: self._knows_none}, is_read=False)

    def _knows_none(self) -> Any:
        raise PaymentNotYetAtGateway("unknown, as yet")

    def _call(self, call: str, act: Callable[[], T], own: Mapping[Kind, Callable[[], Any]], *, is_read: bool) -> T:
        silent = {Kind.GATEWAY_SILENT: self._is_silent}
        return self.scheduler.call(GATEWAY, f"gateway {call}", act, is_read=is_read, own={**silent, **own})

    def _is_silent(self) -> Any:
        raise Silent("no answer")
