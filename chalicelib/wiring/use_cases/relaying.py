"""Relaying: the use cases that relay changes in streams, and those that cancel a screening and refund its sales."""

from dataclasses import dataclass
from functools import cached_property

from chalicelib.application.cancel_session import CancelSession
from chalicelib.application.refunds import MarkPaymentSold, RequestSaleRefunds
from chalicelib.application.relay import HandlePaymentChange, HandleReservationChange, HandleRowEvent

from .ports import Ports
from .selling import Selling


@dataclass(frozen=True)
class Relaying:
    """Builds the use cases of relaying from the ports, each at its first use."""

    ports: Ports

    @cached_property
    def handle_row_event(self) -> HandleRowEvent:
        return HandleRowEvent(self.ports.reservations, self.request_sale_refunds)

    @cached_property
    def handle_reservation_change(self) -> HandleReservationChange:
        return HandleReservationChange(Selling(self.ports).expire_hold, MarkPaymentSold(self.ports.payments))

    @cached_property
    def handle_payment_change(self) -> HandlePaymentChange:
        return HandlePaymentChange(self.ports.reservations)

    @cached_property
    def request_sale_refunds(self) -> RequestSaleRefunds:
        ports = self.ports
        return RequestSaleRefunds(ports.reservations, ports.payments, ports.clock)

    @cached_property
    def cancel_session(self) -> CancelSession:
        ports = self.ports
        return CancelSession(ports.sessions, ports.rows, self.request_sale_refunds, ports.clock)
