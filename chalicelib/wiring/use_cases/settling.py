"""Settling: the use cases that start a payment, and turn it into a sale or a refund."""

from dataclasses import dataclass
from functools import cached_property

from chalicelib.application.confirm import ConfirmReservation
from chalicelib.application.payments import SettlePayment, StartOrGetPayment
from chalicelib.application.reconcile import ReconcileChargesRefundsAndSales
from chalicelib.application.refunds import MarkPaymentSoldOrLogConflict, RefundOrSettle

from .ports import SellingAndSettlingPorts


@dataclass(frozen=True)
class SettlingUseCases:
    """Builds the use cases of payments and refunds with the given ports. Each use case is built when it is first
    used."""

    ports: SellingAndSettlingPorts

    @cached_property
    def start_payment(self) -> StartOrGetPayment:
        ports = self.ports
        return StartOrGetPayment(ports.reservations, ports.gateway, ports.clock)

    @cached_property
    def settle_payment(self) -> SettlePayment:
        ports = self.ports
        return SettlePayment(
            payments=ports.payments,
            reservations=ports.reservations,
            rows=ports.rows,
            sessions=ports.sessions,
            confirm=self.confirm_without_charge_check,
            mark_payment_sold=MarkPaymentSoldOrLogConflict(ports.payments),
            clock=ports.clock,
        )

    @cached_property
    def confirm_without_charge_check(self) -> ConfirmReservation:
        """Gives the use case that confirms a reservation when its payment is settled. It does not check that a charge
        was reported (`only_if_charged` is False). The check is not needed: each payment that is settled either has a
        charge, or was claimed by a request that needed none."""
        ports = self.ports
        return ConfirmReservation(
            rows=ports.rows,
            reservations=ports.reservations,
            payments=ports.payments,
            clock=ports.clock,
            ids=ports.ids,
            only_if_charged=False,
        )

    @cached_property
    def refund_or_settle(self) -> RefundOrSettle:
        ports = self.ports
        return RefundOrSettle(
            ports.payments, ports.gateway, self.settle_payment.settle_unless_settled_or_raise_not_due, ports.clock
        )

    @cached_property
    def reconcile_charges_refunds_and_sales(self) -> ReconcileChargesRefundsAndSales:
        ports = self.ports
        return ReconcileChargesRefundsAndSales(
            payments=ports.payments,
            reservations=ports.reservations,
            rows=ports.rows,
            sessions=ports.sessions,
            gateway=ports.gateway,
            settle_payment=self.settle_payment,
            refund_or_settle=self.refund_or_settle,
            clock=ports.clock,
        )
