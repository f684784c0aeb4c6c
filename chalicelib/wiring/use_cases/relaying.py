"""Relaying: the use cases that relay changes in streams, and those that cancel a screening and refund its sales."""

from dataclasses import dataclass
from functools import cached_property

from chalicelib.application.cancel_session import CancelSession
from chalicelib.application.refunds import MarkPaymentSoldIfAllowed, RequestRefundsAfterSessionCancellation
from chalicelib.application.relay import (
    FinishSalesRequestRefundsAndListMessages,
    MarkIfRefundedAndListPaymentMessages,
    MarkPaymentSoldOrExpireDeletedHoldAndListMessages,
)

from .ports import SellingAndSettlingPorts
from .selling import SellingUseCases


@dataclass(frozen=True)
class RelayingUseCases:
    """Builds the use cases of relaying with the given ports. Each use case is built when it is first used."""

    ports: SellingAndSettlingPorts

    @cached_property
    def finish_sales_request_refunds_and_list_messages(self) -> FinishSalesRequestRefundsAndListMessages:
        return FinishSalesRequestRefundsAndListMessages(
            self.ports.reservations, self.request_refunds_after_session_cancellation
        )

    @cached_property
    def mark_payment_sold_or_expire_deleted_hold_and_list_messages(
        self,
    ) -> MarkPaymentSoldOrExpireDeletedHoldAndListMessages:
        return MarkPaymentSoldOrExpireDeletedHoldAndListMessages(
            SellingUseCases(self.ports).expire_lapsed_hold_unless_sold, MarkPaymentSoldIfAllowed(self.ports.payments)
        )

    @cached_property
    def mark_if_refunded_and_list_payment_messages(self) -> MarkIfRefundedAndListPaymentMessages:
        return MarkIfRefundedAndListPaymentMessages(self.ports.reservations)

    @cached_property
    def request_refunds_after_session_cancellation(self) -> RequestRefundsAfterSessionCancellation:
        ports = self.ports
        return RequestRefundsAfterSessionCancellation(ports.reservations, ports.payments, ports.clock)

    @cached_property
    def cancel_session(self) -> CancelSession:
        ports = self.ports
        return CancelSession(ports.sessions, ports.rows, self.request_refunds_after_session_cancellation, ports.clock)
