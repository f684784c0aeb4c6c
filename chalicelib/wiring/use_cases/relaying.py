"""Relaying: the use cases for the streams' records, and for cancelling a screening with its refunds."""

from dataclasses import dataclass
from functools import cached_property

from chalicelib.application.cancel_session import CancelSession
from chalicelib.application.refunds import RefundSales, RegisterSale
from chalicelib.application.relay import RelayPayment, RelayReservation, RelayRow

from .ports import Ports
from .selling import Selling


@dataclass(frozen=True)
class Relaying:
    ports: Ports

    @cached_property
    def relay_row(self) -> RelayRow:
        return RelayRow(self.ports.reservations, self.refund_sales)

    @cached_property
    def relay_reservation(self) -> RelayReservation:
        return RelayReservation(Selling(self.ports).expire_hold, RegisterSale(self.ports.payments))

    @cached_property
    def relay_payment(self) -> RelayPayment:
        return RelayPayment(self.ports.reservations)

    @cached_property
    def refund_sales(self) -> RefundSales:
        ports = self.ports
        return RefundSales(ports.reservations, ports.payments, ports.clock)

    @cached_property
    def cancel_session(self) -> CancelSession:
        ports = self.ports
        return CancelSession(ports.sessions, ports.rows, self.refund_sales, ports.clock)
