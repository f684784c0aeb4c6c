"""One process image: its own clock, and every use case on the ports that all share. Each is built on first use."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from chalicelib.application.cancel_session import CancelSession
from chalicelib.application.confirm import Confirm
from chalicelib.application.hold import PlaceHold
from chalicelib.application.live_holds import CountLiveHold
from chalicelib.application.payments import SettlePayment
from chalicelib.application.reconcile import ReconcilePayments
from chalicelib.application.refunds import RefundSales, RegisterSale, SettleRefund
from chalicelib.application.relay import RelayPayment, RelayReservation, RelayRow
from chalicelib.application.release import Cancel, ExpireHold
from chalicelib.domain.ports import Ids, LiveHolds, PaymentGateway, Payments, Reservations, Rows, Sessions
from tests.builders import HOLD_SECONDS, MAX_SEATS
from tests.fakes import MovableClock


@dataclass(frozen=True)
class Shared:
    """`rows_of_confirm` is what a control may put before the rows."""

    sessions: Sessions
    rows: Rows
    reservations: Reservations
    payments: Payments
    live_holds: LiveHolds
    gateway: PaymentGateway
    ids: Ids
    rows_of_confirm: Callable[[Any], Any]
    charged_only: bool
    max_live_holds: int


@dataclass(eq=False)
class Instance:
    ports: Shared
    true_clock: MovableClock
    skew: timedelta

    def clock(self) -> datetime:
        return self.true_clock.now + self.skew

    @cached_property
    def hold(self) -> PlaceHold:
        ports = self.ports
        count_live_hold = CountLiveHold(ports.live_holds, ports.reservations, ports.max_live_holds)
        return PlaceHold(
            ports.sessions,
            ports.rows,
            count_live_hold,
            ports.reservations,
            self.clock,
            ports.ids,
            HOLD_SECONDS,
            MAX_SEATS,
        )

    @cached_property
    def confirm(self) -> Confirm:
        return self._confirm(self.ports.charged_only)

    def _confirm(self, charged_only: bool) -> Confirm:
        ports = self.ports
        rows = ports.rows_of_confirm(ports.rows)
        return Confirm(rows, ports.reservations, ports.payments, self.clock, ports.ids, charged_only)

    @cached_property
    def cancel(self) -> Cancel:
        return Cancel(self.ports.rows, self.ports.reservations, self.clock)

    @cached_property
    def expire(self) -> ExpireHold:
        return ExpireHold(self.ports.rows, self.ports.reservations, self.clock)

    @cached_property
    def refund_sales(self) -> RefundSales:
        return RefundSales(self.ports.reservations, self.ports.payments, self.clock)

    @cached_property
    def relay_row(self) -> RelayRow:
        return RelayRow(self.ports.reservations, self.refund_sales)

    @cached_property
    def relay_reservation(self) -> RelayReservation:
        return RelayReservation(self.expire, RegisterSale(self.ports.payments))

    @cached_property
    def relay_payment(self) -> RelayPayment:
        return RelayPayment(self.ports.reservations)

    @cached_property
    def settle_payment(self) -> SettlePayment:
        ports = self.ports
        confirm, register_sale = self._confirm(charged_only=False), RegisterSale(ports.payments)
        return SettlePayment(
            ports.payments, ports.reservations, ports.rows, ports.sessions, confirm, register_sale, self.clock
        )

    @cached_property
    def settle_refund(self) -> SettleRefund:
        return SettleRefund(self.ports.payments, self.ports.gateway, self.settle_payment.settle, self.clock)

    @cached_property
    def cancel_session(self) -> CancelSession:
        return CancelSession(self.ports.sessions, self.ports.rows, self.refund_sales, self.clock)

    @cached_property
    def reconcile(self) -> ReconcilePayments:
        ports = self.ports
        return ReconcilePayments(
            ports.payments,
            ports.reservations,
            ports.rows,
            ports.sessions,
            ports.gateway,
            self.settle_payment,
            self.settle_refund,
            self.clock,
        )
