"""Settling: what follows by streams and queues until all holds have ended and all money is where it belongs."""

from dataclasses import dataclass
from functools import cached_property

from chalicelib.application.cancel_session import CancelSession
from chalicelib.application.confirm import Confirm
from chalicelib.application.payments import SettlePayment, StartPayment
from chalicelib.application.reconcile import ReconcilePayments
from chalicelib.application.refunds import RefundSales, RegisterSale, SettleRefund
from chalicelib.application.relay import RelayPayment, RelayReservation, RelayRow
from chalicelib.application.release import ExpireHold

from .ports import Ports


@dataclass(frozen=True)
class Settling:
    ports: Ports

    # What each stream tells.

    @cached_property
    def relay_row(self) -> RelayRow:
        return RelayRow(self.ports.reservations, self.refund_sales)

    @cached_property
    def relay_reservation(self) -> RelayReservation:
        return RelayReservation(self.expire_hold, self.register_sale)

    @cached_property
    def relay_payment(self) -> RelayPayment:
        return RelayPayment(self.ports.reservations)

    # Holds and screenings that end.

    @cached_property
    def expire_hold(self) -> ExpireHold:
        ports = self.ports
        return ExpireHold(ports.rows, ports.reservations, ports.clock)

    @cached_property
    def cancel_session(self) -> CancelSession:
        ports = self.ports
        return CancelSession(ports.sessions, ports.rows, self.refund_sales, ports.clock)

    # Money.

    @cached_property
    def start_payment(self) -> StartPayment:
        ports = self.ports
        return StartPayment(ports.reservations, ports.gateway, ports.clock)

    @cached_property
    def register_sale(self) -> RegisterSale:
        return RegisterSale(self.ports.payments)

    @cached_property
    def settle_payment(self) -> SettlePayment:
        ports = self.ports
        return SettlePayment(
            payments=ports.payments,
            reservations=ports.reservations,
            rows=ports.rows,
            sessions=ports.sessions,
            confirm=self.confirm_charged,
            register_sale=self.register_sale,
            clock=ports.clock,
        )

    @cached_property
    def confirm_charged(self) -> Confirm:
        """Confirms what the gateway says was charged: nobody else need say so."""
        ports = self.ports
        return Confirm(
            rows=ports.rows,
            reservations=ports.reservations,
            payments=ports.payments,
            clock=ports.clock,
            ids=ports.ids,
            charged_only=False,
        )

    @cached_property
    def refund_sales(self) -> RefundSales:
        ports = self.ports
        return RefundSales(ports.reservations, ports.payments, ports.clock)

    @cached_property
    def settle_refund(self) -> SettleRefund:
        ports = self.ports
        return SettleRefund(ports.payments, ports.gateway, self.settle_payment.settle, ports.clock)

    @cached_property
    def reconcile(self) -> ReconcilePayments:
        ports = self.ports
        return ReconcilePayments(
            payments=ports.payments,
            reservations=ports.reservations,
            rows=ports.rows,
            sessions=ports.sessions,
            gateway=ports.gateway,
            settle_payment=self.settle_payment,
            settle_refund=self.settle_refund,
            clock=ports.clock,
        )
