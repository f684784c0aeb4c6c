"""Relaying: the use cases that relay changes in streams, and those that cancel a screening and refund its sales."""

from dataclasses import dataclass
from functools import cached_property

from chalicelib.application.cancel_session import CancelSession
from chalicelib.application.refunds import MarkPaymentSoldOrLogConflict, RequestRefundsOfSalesAfterSessionCancellation
from chalicelib.application.relay import (
    FinishSalesRequestRefundsIfClosedAndListMessages,
    MarkPaymentSoldOrExpireDeletedHoldAndListMessages,
    MarkReservationIfRefundedAndListPaymentMessages,
)

from .ports import SellingAndSettlingPorts
from .selling import SellingUseCases


@dataclass(frozen=True)
class RelayingUseCases:
    """Builds the use cases of relaying with the given ports. Each use case is built when it is first used."""

    ports: SellingAndSettlingPorts

    @cached_property
    def finish_sales_request_refunds_if_closed_and_list_messages(
        self,
    ) -> FinishSalesRequestRefundsIfClosedAndListMessages:
        return FinishSalesRequestRefundsIfClosedAndListMessages(
            self.ports.reservations, self.request_refunds_of_sales_after_session_cancellation
        )

    @cached_property
    def mark_sold_or_expire_and_list_reservation_messages(
        self,
    ) -> MarkPaymentSoldOrExpireDeletedHoldAndListMessages:
        return MarkPaymentSoldOrExpireDeletedHoldAndListMessages(
            SellingUseCases(self.ports).expire_hold_unless_sold_or_raise_unlapsed,
            MarkPaymentSoldOrLogConflict(self.ports.payments),
        )

    @cached_property
    def mark_reservation_if_refunded_and_list_payment_messages(self) -> MarkReservationIfRefundedAndListPaymentMessages:
        return MarkReservationIfRefundedAndListPaymentMessages(self.ports.reservations)

    @cached_property
    def request_refunds_of_sales_after_session_cancellation(self) -> RequestRefundsOfSalesAfterSessionCancellation:
        ports = self.ports
        return RequestRefundsOfSalesAfterSessionCancellation(ports.reservations, ports.payments, ports.clock)

    @cached_property
    def cancel_session(self) -> CancelSession:
        ports = self.ports
        return CancelSession(
            ports.sessions, ports.rows, self.request_refunds_of_sales_after_session_cancellation, ports.clock
        )
