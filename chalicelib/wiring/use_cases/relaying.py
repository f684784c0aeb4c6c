"""Relaying: the use cases that relay changes in streams, and those that cancel a screening and refund its sales."""

from dataclasses import dataclass
from functools import cached_property

from chalicelib.application.cancel_session import CancelSession
from chalicelib.application.refunds import MarkPaymentSold, RequestRefundsOfCancelledSales
from chalicelib.application.relay import RelayPaymentChange, RelayReservationChange, RelayRowEvent

from .ports import SellingAndSettlingPorts
from .selling import SellingUseCases


@dataclass(frozen=True)
class RelayingUseCases:
    """Builds the use cases of relaying from the ports, each at its first use."""

    ports: SellingAndSettlingPorts

    @cached_property
    def relay_row_event(self) -> RelayRowEvent:
        return RelayRowEvent(self.ports.reservations, self.request_refunds_of_cancelled_sales)

    @cached_property
    def relay_reservation_change(self) -> RelayReservationChange:
        return RelayReservationChange(SellingUseCases(self.ports).expire_hold, MarkPaymentSold(self.ports.payments))

    @cached_property
    def relay_payment_change(self) -> RelayPaymentChange:
        return RelayPaymentChange(self.ports.reservations)

    @cached_property
    def request_refunds_of_cancelled_sales(self) -> RequestRefundsOfCancelledSales:
        ports = self.ports
        return RequestRefundsOfCancelledSales(ports.reservations, ports.payments, ports.clock)

    @cached_property
    def cancel_session(self) -> CancelSession:
        ports = self.ports
        return CancelSession(ports.sessions, ports.rows, self.request_refunds_of_cancelled_sales, ports.clock)
