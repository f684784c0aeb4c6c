"""A box office whose money is followed to the end: real tables, streams and queues, and the simulated gateway."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib import wiring
from chalicelib.api.batches import handle_messages
from chalicelib.application.refunds import RefundOrSettle
from chalicelib.domain.events import Event
from chalicelib.domain.payments import Payment, PaymentStatus, SettlementDue
from chalicelib.domain.sessions import row_of_seat
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.payments.simulated_gateway import HttpClientOfSimulatedGateway
from chalicelib.infrastructure.sqs import queues
from chalicelib.infrastructure.sqs.envelopes import event_in, to_body
from chalicelib.infrastructure.sqs.queues import QueueUrls, RedeliveryOfFailedMessages
from chalicelib.wiring.shared.adapters import SellingAndSettlingAdapters
from chalicelib.wiring.use_cases.settling import SettlingUseCases
from infra.local.payment_gateway import Gateway
from infra.local.pump import Pump, QueueSource, queue_source
from infra.ops import dlq
from infra.ops.connection import Connection
from infra.ops.queues import read_queues
from tests.conftest import STAGE
from tests.fakes import alone
from tests.http_api import Answer, Api

PATIENCE_SECONDS = 0.3
GATEWAY_SECONDS = 20


@dataclass
class Till:
    """Feeds all handlers; failed refunds come again at once instead of after a pause. `settle` may be another one.

    An invoice is its number and nothing else: printing a hundred of them would take longer than all the rest.
    """

    every_event_handler: Pump
    api: Api
    prefix: str
    gateway: Gateway
    url: str
    client: Any = field(default_factory=connection.new_dynamodb_client)
    sqs: Any = field(default_factory=queues.new_sqs_client)

    def __post_init__(self) -> None:
        self.payments = DynamoPayments(self.client, f"{self.prefix}-payments")
        self.settle: Callable[[Any], None] = self.settling(HttpClientOfSimulatedGateway(self.url, PATIENCE_SECONDS))
        plain = replace(wiring.invoices.issue_invoices(), print_pdf=lambda invoice: invoice.number.encode())
        ours = {
            "on_refund_requested": self._source("refunds", lambda event: self.settle(event)),
            "on_sale_to_invoice": self._source("invoices", alone(plain)),
        }
        self.pump = copy(self.every_event_handler)
        self.pump.sources = [ours.get(getattr(one, "name", ""), one) for one in self.pump.sources]

    def _source(self, queue: str, consume: Callable[[Event], None]) -> QueueSource:
        redelivery = RedeliveryOfFailedMessages(self.sqs, QueueUrls(self.sqs), pause=lambda _: 0)

        def handle(event: Any, _: Any) -> Any:
            return handle_messages(event["Records"], lambda record: consume(event_in(record)), redelivery)

        return queue_source(f"till-{queue}", handle, self.sqs, f"{self.prefix}-{queue}", 10)

    def settling(self, gateway: Any, payments: Any = None) -> RefundOrSettle:
        refund_or_settle = SettlingUseCases(adapters_with(gateway=gateway)).refund_or_settle
        return replace(refund_or_settle, payments=payments or self.payments)

    def charge(self, reservation_id: str, transaction: str, cents: int | None = None) -> None:
        """Charges the reservation's price, or `cents`, at the gateway, once."""
        if transaction in self.gateway.payments or "-unknown" in transaction:
            return
        found = self.api.get(f"/api/reservations/{reservation_id}")
        costs = round(found.body["totalAmount"] * 100) if found.status == 200 else 2500
        self.gateway.charge(transaction, reservation_id, costs if cents is None else cents)

    def pay(self, reservation_id: str, transaction: str, api: Api | None = None) -> Answer:
        """The buyer pays at the gateway, and the browser confirms."""
        self.charge(reservation_id, transaction)
        return (api or self.api).confirm(reservation_id, transaction)

    def hurry(self, transaction: str) -> None:
        """Sends the message that waits for the end of the hold at once, as if the hold were over."""
        url = self.sqs.get_queue_url(QueueName=f"{self.prefix}-payments")["QueueUrl"]
        self.sqs.send_message(QueueUrl=url, MessageBody=to_body(SettlementDue(transaction, utc_now())))

    def hear(self) -> None:
        """Waits until the gateway has sent all its messages, and each of them has been handled."""
        assert self.gateway.messenger.wait_until_idle(GATEWAY_SECONDS), "the gateway's messages are not taken"
        self.pump.drain()

    def payment(self, transaction_id: str) -> Payment:
        found = self.payments.find(transaction_id)
        assert found, f"nothing is known of {transaction_id}"
        return found

    def status(self, transaction_id: str) -> tuple[str, str | None]:
        payment = self.payment(transaction_id)
        return payment.status, payment.reason

    def returned(self, transaction_id: str) -> list[dict[str, Any]]:
        """Lists the gateway's refunds of the transaction."""
        return self.gateway.list_refunds(transaction_id)

    def parked(self) -> dict[str, str]:
        """Reads the reasons in the dead-letter queue of refunds, by transaction. The messages stay."""
        letters = read_queues(Connection.to(STAGE)).dead_letter_queue("refunds")
        shown = dlq.show_dead_letters(self.sqs, letters, 1000).data["messages"]
        return {letter["body"]["data"]["transactionId"]: letter["reason"] for letter in shown}

    def assert_settled(self, transactions: Iterable[str]) -> None:
        """The invariant: each is sold or returned, and the gateway has returned exactly those, once each."""
        wanted = set(transactions)
        fates = {transaction: self.payment(transaction).status for transaction in wanted}
        returned = Counter(
            one["transactionId"] for one in self.gateway.list_refunds(None) if one["transactionId"] in wanted
        )
        assert set(fates.values()) <= {PaymentStatus.SOLD, PaymentStatus.REFUNDED}, fates
        assert returned == {transaction: 1 for transaction, status in fates.items() if status is PaymentStatus.REFUNDED}


def adapters_with(**replaced: object) -> SellingAndSettlingAdapters:
    """The real ones, but for those that are named."""
    ports = SellingAndSettlingAdapters()
    vars(ports).update(replaced)
    return ports


def a_transaction(behaviour: str = "") -> str:
    """Makes a transaction's id. `behaviour` is an order to the simulated gateway: -decline-3, -timeout, …"""
    return f"tx-{uuid.uuid4().hex}{behaviour}"


def lapse(till: Till, reservation_id: str) -> None:
    lapse_hold(till.client, till.prefix, reservation_id)


def lapse_hold(client: Any, prefix: str, reservation_id: str) -> None:
    """The clock is not ours to move in another process: the reservation, and its hold, are made to have lapsed."""
    key = {"buyer": {"S": reservation_id[4:15]}, "id": {"S": reservation_id}}
    item = client.get_item(TableName=f"{prefix}-reservations", Key=key, ConsistentRead=True)["Item"]
    expired = {"N": str(int(item["expires_at_ms"]["N"]) - 60_000)}
    client.update_item(
        TableName=f"{prefix}-reservations",
        Key=key,
        UpdateExpression="SET expires_at_ms = :past",
        ExpressionAttributeValues={":past": expired},
    )
    seats = {f"#s{number}": seat["S"] for number, seat in enumerate(item["seats"]["L"])}
    for name, seat in seats.items():
        client.update_item(
            TableName=f"{prefix}-rows",
            Key={"id": {"S": f"{item['session_id']['S']}#{row_of_seat(seat)}"}},
            UpdateExpression=f"SET seats.{name}.x = :past",
            ExpressionAttributeNames={name: seat},
            ExpressionAttributeValues={":past": expired},
        )
