"""One process image: its own clock, and every use case on the ports that all share. Each is built on first use."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from chalicelib.application.cancel_session import CancelSession
from chalicelib.application.confirm import Confirm
from chalicelib.application.hold import PlaceHold
from chalicelib.application.payments import SettlePayment
from chalicelib.application.reconcile import ReconcilePayments
from chalicelib.application.refunds import SettleRefund
from chalicelib.application.relay import RelayPayment, RelayReservation, RelayRow
from chalicelib.application.release import Cancel, ExpireHold
from chalicelib.domain.ports import Clock, Ids, LiveHolds, PaymentGateway, Payments, Reservations, Rows, Sessions
from chalicelib.settings import Settings
from chalicelib.wiring.use_cases.relaying import Relaying
from chalicelib.wiring.use_cases.selling import Selling
from chalicelib.wiring.use_cases.settling import Settling
from tests.fakes import MovableClock


@dataclass(frozen=True)
class Shared:
    """`Ports`. `rows_of_confirm` is what a control may put before the rows."""

    settings: Settings
    clock: Clock
    ids: Ids
    sessions: Sessions
    rows: Rows
    live_holds: LiveHolds
    reservations: Reservations
    payments: Payments
    gateway: PaymentGateway
    rows_of_confirm: Callable[[Any], Any]

    @property
    def cached_rows(self) -> Rows:
        return self.rows

    @property
    def cached_sessions(self) -> Sessions:
        return self.sessions


@dataclass(eq=False)
class Instance:
    shared: Shared
    true_clock: MovableClock
    skew: timedelta

    def clock(self) -> datetime:
        return self.true_clock.now + self.skew

    @cached_property
    def ports(self) -> Shared:
        return replace(self.shared, clock=self.clock)

    @cached_property
    def selling(self) -> Selling:
        return Selling(self.ports)

    @cached_property
    def relaying(self) -> Relaying:
        return Relaying(self.ports)

    @cached_property
    def settling(self) -> Settling:
        """A control is in before anything that confirms is built."""
        settling = Settling(self.ports)
        vars(settling)["confirm_charged"] = self._controlled(settling.confirm_charged)
        return settling

    def _controlled(self, confirm: Confirm) -> Confirm:
        return replace(confirm, rows=self.ports.rows_of_confirm(confirm.rows))

    @cached_property
    def hold(self) -> PlaceHold:
        return self.selling.place_hold

    @cached_property
    def confirm(self) -> Confirm:
        return self._controlled(self.selling.confirm)

    @cached_property
    def cancel(self) -> Cancel:
        return self.selling.cancel

    @cached_property
    def expire(self) -> ExpireHold:
        return self.selling.expire_hold

    @cached_property
    def relay_row(self) -> RelayRow:
        return self.relaying.relay_row

    @cached_property
    def relay_reservation(self) -> RelayReservation:
        return self.relaying.relay_reservation

    @cached_property
    def relay_payment(self) -> RelayPayment:
        return self.relaying.relay_payment

    @cached_property
    def settle_payment(self) -> SettlePayment:
        return self.settling.settle_payment

    @cached_property
    def settle_refund(self) -> SettleRefund:
        return self.settling.settle_refund

    @cached_property
    def cancel_session(self) -> CancelSession:
        return self.relaying.cancel_session

    @cached_property
    def reconcile(self) -> ReconcilePayments:
        return self.settling.reconcile
