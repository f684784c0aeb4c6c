"""No payment ends without a sale or a refund, whatever dies, doubles or times out on the way."""

import os
import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.application.payments import SettlePayment
from chalicelib.application.reconcile import AT_WORK, ReconcileChargesRefundsAndSales
from chalicelib.domain.events import Event
from chalicelib.domain.payments import SettlementDue
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from chalicelib.infrastructure.payments.simulated_gateway import HttpClientOfSimulatedGateway
from chalicelib.infrastructure.sqs.envelopes import to_body
from chalicelib.wiring.use_cases.settling import SettlingUseCases
from infra.local.payment_gateway import Gateway
from infra.local.pump import Pump
from infra.ops.__main__ import main
from infra.ops.cancel import Cancellation
from infra.ops.connection import Connection
from infra.races import instances
from infra.races.crowd import Crowd
from infra.races.crowd import confirm_call as confirm_call
from tests.conftest import STAGE, ApiServers
from tests.effort import effort, mostly_thorough, thorough
from tests.fakes import crash, interposed
from tests.http_api import Answer, Api
from tests.integration.conftest import Said, Tables, connection_over, drain_until
from tests.integration.money import PATIENCE_SECONDS, Till, a_transaction, adapters_with, lapse
from tests.wire import Fault, Wire

UNKNOWN_RESERVATION = "res-" + "x" * 33


@pytest.fixture(scope="module")
def everything(every_event_handler: Pump, server: str, data_stack: str, simulated_gateway: Gateway) -> Till:
    return Till(every_event_handler, Api(server), data_stack, simulated_gateway, os.environ["PAYMENTS_URL"])


@pytest.fixture
def till(everything: Till) -> Till:
    everything.settle = everything.settling(HttpClientOfSimulatedGateway(everything.url, PATIENCE_SECONDS))
    everything.gateway.messenger.url = f"{everything.api.base_url}/api/payments/webhook"
    everything.gateway.late_seconds = 1.0
    everything.pump.skip()
    return everything


@pytest.fixture
def session_id(till: Till) -> str:
    return till.api.schedule()


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], data_stack: str) -> Callable[..., Said]:
    def run(*words: str) -> Said:
        status = main([*words, "--stage", STAGE])
        return Said(status, *capsys.readouterr())

    return run


def held(till: Till, session_id: str, *seats: str, user: str = "") -> str:
    """By a buyer of its own: nobody may have many."""
    return str(till.api.hold(session_id, *seats, user=user or f"user-{uuid.uuid4()}").body["reservationId"])


def paid_twice(till: Till, session_id: str, transaction: str) -> Answer:
    """Another transaction has bought the seats."""
    reservation = held(till, session_id, "A1", "A2")
    till.api.confirm(reservation)
    return till.pay(reservation, transaction)


def paid_for_cancelled(till: Till, session_id: str, transaction: str) -> Answer:
    reservation = held(till, session_id, "A1", "A2")
    till.api.delete(f"/api/reservations/{reservation}")
    return till.pay(reservation, transaction)


def paid_late(till: Till, session_id: str, transaction: str) -> Answer:
    reservation = held(till, session_id, "A1", "A2")
    lapse(till, reservation)
    return till.pay(reservation, transaction)


def paid_for_unknown(till: Till, session_id: str, transaction: str) -> Answer:
    """The gateway says so: what a client says of an unknown reservation moves no money."""
    till.charge(UNKNOWN_RESERVATION, transaction)
    till.hear()
    return till.api.confirm(UNKNOWN_RESERVATION, transaction)


def paid_for_cancelled_screening(till: Till, session_id: str, transaction: str) -> Answer:
    reservation = held(till, session_id, "A1", "A2")
    assert main(["cancel", session_id, "--yes", "--stage", STAGE]) == 0
    return till.pay(reservation, transaction)


KINDS: dict[str, tuple[Callable[[Till, str, str], Answer], int, str]] = {
    "late": (paid_late, 410, "RESERVATION_EXPIRED"),
    "twice": (paid_twice, 409, "RESERVATION_ALREADY_PAID"),
    "reservation_cancelled": (paid_for_cancelled, 410, "RESERVATION_CANCELLED"),
    "reservation_unknown": (paid_for_unknown, 404, "RESERVATION_NOT_FOUND"),
    "screening_cancelled": (paid_for_cancelled_screening, 410, "SESSION_CANCELLED"),
}


@pytest.mark.parametrize("reason", KINDS)
def test_a_payment_that_bought_nothing_is_returned_and_its_story_told(till: Till, session_id: str, reason: str) -> None:
    pay, status, code = KINDS[reason]
    transaction = a_transaction()

    answer = pay(till, session_id, transaction)
    till.pump.drain()

    assert (answer.status, answer.body["error"]) == (status, code)
    assert till.status(transaction) == ("refunded", reason)
    known = reason != "reservation_unknown"
    assert [one["amountCents"] for one in till.returned(transaction)] == [5000 if known else 2500]
    log = till.api.get(f"/api/sessions/{session_id}/events?limit=100").body["events"]
    told = [event["type"] for event in log if event["data"].get("transactionId") == transaction]
    assert told == (["RefundRequested", "RefundCompleted"] if known else [])
    totals = till.api.get(f"/api/sessions/{session_id}/analytics").body["totals"]
    assert (totals["refunds"], totals["refunded"]) == ((1, 50) if known else (0, 0))
    assert totals["netRevenue"] == totals["revenue"], "it never was in the revenue"


def test_a_sale_is_registered_and_not_returned(till: Till, session_id: str) -> None:
    transaction = a_transaction()
    sale = till.pay(held(till, session_id, "A10", "B1"), transaction).body
    till.pump.drain()

    payment = till.payment(transaction)
    assert (payment.status, payment.sale_id, payment.amount_cents) == ("sold", sale["saleId"], 5000)
    assert till.returned(transaction) == []


def test_a_stolen_transaction_of_a_sale_is_not_returned_for_a_made_up_reservation(till: Till, session_id: str) -> None:
    transaction = a_transaction()
    till.pay(held(till, session_id, "A1"), transaction)
    till.pump.drain()

    assert till.api.confirm(UNKNOWN_RESERVATION, transaction).status == 404
    till.pump.drain()

    assert till.status(transaction) == ("sold", None)
    assert till.returned(transaction) == []


def test_what_is_no_reservations_id_fills_no_table(till: Till) -> None:
    transaction = a_transaction()
    for reservation in ("x", "res-", "res-" + quote("é") * 33, "res-" + "x" * 34, "res-" + "x" * 32 + "."):
        assert till.pay(reservation, transaction).status == 404

    assert till.payments.find(transaction) is None


# What the gateway may do.


def test_a_refund_that_is_declined_ends_in_the_dlq_and_a_redrive_settles_it(
    till: Till, session_id: str, ops: Callable[..., Said]
) -> None:
    transaction = a_transaction("-decline-5")
    paid_twice(till, session_id, transaction)
    till.pump.drain()

    assert till.status(transaction) == ("refund_requested", "twice")
    assert till.parked()[transaction].startswith("RefundNotConfirmed('the payment gateway answered 402 DECLINED")
    waiting = ops("payments", "--older-than", "0", "--json")
    assert waiting.status == 1
    assert transaction in [one["transaction"] for one in waiting.data["waiting"]]

    assert ops("dlq", "redrive", "refunds").status == 0
    till.pump.drain()

    assert till.status(transaction) == ("refunded", "twice")
    assert len(till.returned(transaction)) == 1
    assert transaction not in till.parked()
    assert transaction not in [one["transaction"] for one in ops("payments", "--json").data["waiting"]]


def test_a_refund_whose_answer_comes_too_late_is_settled_by_the_next_try_and_returned_once(
    till: Till, session_id: str
) -> None:
    transaction = a_transaction("-timeout")
    paid_twice(till, session_id, transaction)
    till.pump.drain()

    assert till.status(transaction) == ("refunded", "twice")
    assert till.gateway.tries[transaction] == 1, "the second answer was the first one again"
    assert len(till.returned(transaction)) == 1


def test_what_was_returned_by_hand_is_settled_and_not_returned_again(till: Till, session_id: str) -> None:
    transaction = a_transaction("-duplicate")
    paid_twice(till, session_id, transaction)
    till.pump.drain()

    assert till.status(transaction) == ("refunded", "twice")
    (by_hand,) = till.returned(transaction)
    assert till.payment(transaction).refund_id == by_hand["refundId"]


def test_a_gateway_that_is_down_for_a_while_returns_the_money_once_it_is_up(till: Till, session_id: str) -> None:
    transaction = a_transaction("-fail-3")
    paid_twice(till, session_id, transaction)
    till.pump.drain()

    assert till.status(transaction) == ("refunded", "twice")
    assert len(till.returned(transaction)) == 1


def test_a_made_up_payment_for_a_made_up_reservation_leaves_no_trace(till: Till) -> None:
    transaction = a_transaction("-unknown")
    till.api.confirm(UNKNOWN_RESERVATION, transaction)
    till.pump.drain()

    assert till.payments.find(transaction) is None


def test_what_the_gateway_does_not_know_is_on_the_list_until_it_does(
    till: Till, session_id: str, ops: Callable[..., Said]
) -> None:
    transaction = a_transaction()
    reservation = held(till, session_id, "A1")
    till.api.delete(f"/api/reservations/{reservation}")
    till.api.confirm(reservation, transaction)
    till.pump.drain()

    assert till.status(transaction) == ("refund_requested", "reservation_cancelled")
    (waiting,) = [one for one in ops("payments", "--json").data["waiting"] if one["transaction"] == transaction]
    assert waiting["asked"] == 1
    assert transaction not in till.parked(), "it is no fault of the consumer's"

    till.charge(reservation, transaction, 2500)
    ops("payments", "--older-than", "0", "--again")
    till.pump.drain()
    assert till.status(transaction) == ("refunded", "reservation_cancelled")


@pytest.mark.parametrize("reservation", [UNKNOWN_RESERVATION, "the thief's own, lapsed"])
def test_a_strangers_transaction_is_not_returned_by_who_knows_it(till: Till, session_id: str, reservation: str) -> None:
    transaction, theirs = a_transaction("-lost"), held(till, session_id, "A1")
    till.charge(theirs, transaction)
    if reservation != UNKNOWN_RESERVATION:
        reservation = held(till, session_id, "A2")
        till.api.delete(f"/api/reservations/{reservation}")

    till.api.confirm(reservation, transaction)
    till.pump.drain()

    assert till.returned(transaction) == []
    assert till.api.confirm(theirs, transaction).status == 200


def test_one_transaction_buys_one_reservation_and_resent_the_same_sale(till: Till, session_id: str) -> None:
    transaction = a_transaction()
    first, *others = (held(till, session_id, seat) for seat in ("A1", "A2", "A3"))
    sale = till.pay(first, transaction)

    for other in others:
        refused = till.api.confirm(other, transaction)
        assert (refused.status, refused.body["error"]) == (409, "PAYMENT_ALREADY_USED")
    till.pump.drain()

    assert till.api.confirm(first, transaction).body == sale.body
    till.assert_settled([transaction])
    assert till.status(transaction) == ("sold", None)


def test_money_that_went_back_buys_nothing(till: Till, session_id: str) -> None:
    transaction = a_transaction()
    assert paid_for_cancelled(till, session_id, transaction).status == 410
    better = held(till, session_id, "A3", "A4", "A5")

    for _ in range(2):
        refused = till.api.confirm(better, transaction)
        assert (refused.status, refused.body["error"]) == (409, "PAYMENT_RETURNED")
        till.pump.drain()

    assert till.status(transaction) == ("refunded", "reservation_cancelled")


# The gateway's own messages.


@pytest.mark.parametrize("behaviour", ["", "-twice", "-late", "-shuffled", "-lost"])
def test_a_buyer_who_paid_and_never_came_back_has_the_seats(
    till: Till, session_id: str, behaviour: str, ops: Callable[..., Said]
) -> None:
    transaction, reservation = a_transaction(behaviour), held(till, session_id, "A1")
    till.charge(reservation, transaction)
    till.hear()
    if behaviour == "-lost":
        assert till.payments.find(transaction) is None
        assert ops("reconcile", "--json").status in (0, 1)
        till.pump.drain()

    assert till.api.get(f"/api/reservations/{reservation}").body["status"] == "confirmed"
    assert till.status(transaction) == ("sold", None)
    till.assert_settled([transaction])


@pytest.mark.parametrize("cents", [1, 2499, 2501])
def test_a_payment_of_another_amount_goes_back_whole(till: Till, session_id: str, cents: int) -> None:
    transaction, reservation = a_transaction(), held(till, session_id, "A1")
    till.charge(reservation, transaction, cents)
    till.hear()

    assert till.status(transaction) == ("refunded", "wrong_amount")
    assert [one["amountCents"] for one in till.returned(transaction)] == [cents]
    assert till.api.get(f"/api/reservations/{reservation}").body["status"] == "pending"


def test_a_claim_that_nobody_comes_back_to_is_settled_when_its_hold_is_over(
    till: Till, wired_api: Api, wire: Wire, session_id: str
) -> None:
    transaction, reservation = a_transaction("-lost"), held(till, session_id, "A1")
    with wire.broken(Fault.CRASH_AFTER, at_call=2):
        assert till.pay(reservation, transaction, wired_api).status == 500
    assert till.status(transaction) == ("claimed", None)
    lapse(till, reservation)
    till.hurry(transaction)
    till.pump.drain()

    assert till.status(transaction) == ("refunded", "late")
    till.assert_settled([transaction])


@pytest.mark.parametrize(
    ("url", "reason"),
    [("", "set PAYMENTS_URL"), ("http://127.0.0.1:9", "gave no answer"), ("not a URL", "gave no answer")],
)
def test_without_a_gateway_refunds_wait_in_the_dlq_with_the_reason(
    till: Till, session_id: str, url: str, reason: str
) -> None:
    transaction = a_transaction()
    till.settle = till.settling(HttpClientOfSimulatedGateway(url, PATIENCE_SECONDS))
    paid_twice(till, session_id, transaction)
    till.pump.drain()

    assert till.status(transaction) == ("refund_requested", "twice")
    assert reason in till.parked()[transaction]


# Deliveries and deaths.


def test_a_request_delivered_again_and_again_returns_the_money_once(till: Till, session_id: str) -> None:
    transaction = a_transaction()
    paid_twice(till, session_id, transaction)
    seen: list[Event] = []
    settle = till.settle

    def settle_and_remember(event: Event) -> None:
        seen.append(event)
        settle(event)

    till.settle = settle_and_remember
    till.pump.drain()
    url = till.sqs.get_queue_url(QueueName=f"{till.prefix}-refunds")["QueueUrl"]
    for _ in range(3):
        till.sqs.send_message(QueueUrl=url, MessageBody=to_body(seen[-1]))
    till.pump.drain()

    assert len(till.returned(transaction)) == 1
    till.assert_settled([transaction])


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_around_the_record_of_a_refund_returns_the_money_once(till: Till, session_id: str, when: str) -> None:
    transaction, crashes = a_transaction(), iter([True, False])
    payments = interposed(
        till.payments, "mark_refunded_if_requested", **{when: lambda: crash() if next(crashes) else None}
    )
    till.settle = till.settling(HttpClientOfSimulatedGateway(till.url, PATIENCE_SECONDS), payments)
    paid_twice(till, session_id, transaction)
    till.pump.drain()

    assert till.status(transaction) == ("refunded", "twice")
    assert len(till.returned(transaction)) == 1


FAULTS = (Fault.ANSWER_LOST_ONCE, Fault.CRASH_BEFORE, Fault.CRASH_AFTER)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("call", [1, 2])
def test_settling_survives_any_fault(till: Till, session_id: str, wire: Wire, fault: Fault, call: int) -> None:
    transaction = a_transaction()
    paid_twice(till, session_id, transaction)
    wired = DynamoPayments(wired_client(wire), f"{till.prefix}-payments")
    till.settle = till.settling(HttpClientOfSimulatedGateway(till.url, PATIENCE_SECONDS), wired)
    with wire.broken(fault, call):
        till.pump.drain()

    assert till.status(transaction) == ("refunded", "twice")
    assert len(till.returned(transaction)) == 1


def wired_client(wire: Wire) -> Any:
    """Whose calls go over the wire."""
    import boto3

    return boto3.client("dynamodb", endpoint_url=wire.url, config=connection.CONFIG)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("call", [1, 2])
def test_a_refused_payment_is_returned_once_whatever_fault_its_refusal_meets(
    till: Till, wired_api: Api, wire: Wire, session_id: str, fault: Fault, call: int
) -> None:
    """The client sends it again, as it must: 500 says that it does not know."""
    transaction = a_transaction()
    reservation = held(till, session_id, "A1")
    till.api.confirm(reservation)
    with wire.broken(fault, call):
        first = till.pay(reservation, transaction, wired_api)
    assert first.status == (409 if fault is Fault.ANSWER_LOST_ONCE else 500)
    assert till.pay(reservation, transaction, wired_api).status == 409
    till.pump.drain()

    assert till.status(transaction) == ("refunded", "twice")
    till.assert_settled([transaction])


CONFIRM_CALLS = 4
"""The reservation is read, the payment claimed, the row sold, the reservation confirmed."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("call", range(1, CONFIRM_CALLS + 1))
def test_whatever_a_confirmation_dies_at_its_payment_comes_to_an_end_by_itself(
    till: Till, wired_api: Api, wire: Wire, session_id: str, fault: Fault, call: int
) -> None:
    """The buyer never comes back, and the gateway's message is lost."""
    transaction, reservation = a_transaction("-lost"), held(till, session_id, "A1", "A2")
    with wire.broken(fault, call):
        till.pay(reservation, transaction, wired_api)
    till.pump.drain()
    if till.api.seats(session_id)["A1"] == "reserved":
        lapse(till, reservation)
    if till.payments.find(transaction):
        till.hurry(transaction)
    else:
        assert main(["reconcile", "--stage", STAGE]) in (0, 1)
    till.pump.drain()

    till.assert_settled([transaction])
    is_sold = till.status(transaction)[0] == "sold"
    assert till.api.seats(session_id)["A1"] == ("sold" if is_sold else "available")
    assert (till.api.get(f"/api/reservations/{reservation}").body["status"] == "confirmed") is is_sold


SETTLE_CALLS = 6
"""Of a claim whose hold is over: payment, reservation, claim, row, reservation, payment; some have fewer."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("call", mostly_thorough(range(1, SETTLE_CALLS + 1), 3))
@pytest.mark.parametrize("was_sold", [False, True], ids=["nothing", "a sale"])
@pytest.mark.parametrize("by", ["its message", pytest.param("the sweep", marks=thorough)])
def test_whatever_settling_a_claim_dies_at_the_next_try_ends_it(
    till: Till, wired_api: Api, wire: Wire, session_id: str, fault: Fault, call: int, was_sold: bool, by: str
) -> None:
    transaction, reservation = a_transaction("-lost"), held(till, session_id, "A1")
    with wire.broken(Fault.CRASH_AFTER, at_call=3 if was_sold else 2):
        till.pay(reservation, transaction, wired_api)
    if not was_sold:
        lapse(till, reservation)
    till.pump.skip()
    wired = Payments.over(wire, till)
    for attempt in (1, 2):
        with wire.broken(fault, call) if attempt == 1 else nullcontext():
            wired.settle(transaction) if by == "its message" else wired.sweep()
    till.pump.drain()

    till.assert_settled([transaction])
    assert till.status(transaction)[0] == ("sold" if was_sold else "refunded")
    assert till.api.seats(session_id)["A1"] == ("sold" if was_sold else "available")


def a_while_later() -> datetime:
    """When holds are over, and what is a minute old is no more at work."""
    return utc_now() + AT_WORK


@dataclass(frozen=True)
class Payments:
    """What settles payments, with a database whose calls go over the wire."""

    settle_payment: SettlePayment
    reconcile: ReconcileChargesRefundsAndSales

    @classmethod
    def over(cls, wire: Wire, till: Till) -> "Payments":
        client, prefix = wired_client(wire), till.prefix
        ports = adapters_with(
            sessions=DynamoSessions(client, f"{prefix}-sessions"),
            rows=DynamoRows(client, f"{prefix}-rows"),
            reservations=DynamoReservations(client, f"{prefix}-reservations"),
            payments=DynamoPayments(client, f"{prefix}-payments"),
            gateway=HttpClientOfSimulatedGateway(till.url, PATIENCE_SECONDS),
        )
        settling = SettlingUseCases(ports)
        settle = replace(settling.settle_payment, clock=a_while_later)
        refund = replace(settling.refund_or_settle, settle_payment=settle.settle_unless_settled_or_raise_not_due)
        return cls(
            settle,
            replace(
                settling.reconcile_charges_refunds_and_sales,
                settle_payment=settle,
                refund_or_settle=refund,
                clock=a_while_later,
            ),
        )

    def settle(self, transaction: str) -> None:
        with suppress(Exception):  # whatever the fault came to: the message comes again
            self.settle_payment(SettlementDue(transaction, utc_now()))

    def sweep(self) -> None:
        with suppress(Exception):
            self.reconcile(AT_WORK + timedelta(minutes=1))


def test_a_refusal_that_can_not_be_written_down_is_503(till: Till, wired_api: Api, wire: Wire, session_id: str) -> None:
    transaction = a_transaction()
    reservation = held(till, session_id, "A1")
    till.api.confirm(reservation)
    with wire.broken(Fault.THROTTLED, at_call=2):
        answer = till.pay(reservation, transaction, wired_api)

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert till.payments.find(transaction) is None


def test_a_request_whose_message_was_lost_is_sent_again_by_the_operator(
    till: Till, session_id: str, ops: Callable[..., Said]
) -> None:
    transaction = a_transaction()
    paid_twice(till, session_id, transaction)
    till.pump.skip()
    assert till.status(transaction) == ("refund_requested", "twice")

    assert ops("payments", "--older-than", "0", "--again").status == 1
    till.pump.drain()

    assert till.status(transaction) == ("refunded", "twice")
    till.assert_settled([transaction])


# Cancelled screenings.


def pay_for_each(till: Till, session_id: str, *orders: tuple[str, ...]) -> list[str]:
    """Gives the transactions that bought them."""
    transactions = [a_transaction() for _ in orders]
    for transaction, seats in zip(transactions, orders, strict=True):
        till.pay(held(till, session_id, *seats), transaction)
    return transactions


def assert_gone(till: Till, session_id: str) -> None:
    """Waits until the map says so, and then no seat is to be had."""
    drain_until(till.pump, lambda: till.api.get(f"/api/sessions/{session_id}/seats").status == 410)  # a second at most
    for answer in (till.api.get(f"/api/sessions/{session_id}/seats"), till.api.hold(session_id, "B5")):
        assert (answer.status, answer.body["error"]) == (410, "SESSION_CANCELLED")
        assert answer.body["sessionId"] == session_id


def assert_counted_and_told(till: Till, session_id: str) -> None:
    """Asks for three sales of five seats, all returned, and for one cancellation."""
    totals = till.api.get(f"/api/sessions/{session_id}/analytics").body["totals"]
    assert (totals["sales"], totals["revenue"], totals["refunds"]) == (3, 125, 3)
    assert (totals["refunded"], totals["netRevenue"]) == (125, 0)
    told = [event["type"] for event in till.api.get(f"/api/sessions/{session_id}/events?limit=100").body["events"]]
    assert told.count("SessionCancelled") == 1


def test_a_cancelled_screening_is_gone_and_every_sale_of_it_is_returned(
    till: Till, session_id: str, ops: Callable[..., Said]
) -> None:
    sales = pay_for_each(till, session_id, ("A1",), ("A2", "A3"), ("A10", "B1"))
    given_back = held(till, session_id, "B2")
    assert ops("cancel", session_id).status == 2
    assert till.api.get(f"/api/sessions/{session_id}/seats").status == 200, "not without --yes"

    said = ops("cancel", session_id, "--yes", "--json")
    till.pump.drain()

    assert (said.status, said.data["sales"], said.data["unfinished"]) == (0, 3, [])
    till.assert_settled(sales)
    assert {till.status(transaction) for transaction in sales} == {("refunded", "screening_cancelled")}
    assert_gone(till, session_id)
    assert till.api.delete(f"/api/reservations/{given_back}").body["status"] == "cancelled"
    till.pump.drain()
    assert_counted_and_told(till, session_id)
    proof = ops("rebuild", session_id, "--projections", "--json")
    assert (proof.status, proof.data["differences"]) == (0, [])
    again = ops("cancel", session_id, "--yes", "--json")
    assert (again.data["returned"], again.data["requested"]) == (3, 0)
    assert again.data["cancelled_at"] == said.data["cancelled_at"]


def test_a_refunded_purchase_stays_in_the_history_and_says_so(till: Till, session_id: str) -> None:
    user = a_transaction()
    reservation = held(till, session_id, "A1", user=user)
    sale = till.pay(reservation, transaction := a_transaction()).body
    main(["cancel", session_id, "--yes", "--stage", STAGE])
    till.pump.drain()

    (purchase,) = till.api.get(f"/api/users/{user}/purchases").body["purchases"]
    assert (purchase["saleId"], purchase["status"], purchase["purchasedAt"]) == (
        sale["saleId"],
        "refunded",
        sale["paidAt"],
    )
    shown = till.api.get(f"/api/reservations/{reservation}").body
    assert (shown["status"], shown["refundedAt"]) == ("confirmed", purchase["refundedAt"])
    assert till.api.confirm(reservation, transaction).body == sale, "the same payment again"


def test_only_a_cancelled_screening_has_a_status(till: Till) -> None:
    start = "2059-04-05T00:00:00Z"
    on, off = till.api.schedule(startTime=start), till.api.schedule(startTime=start)
    main(["cancel", off, "--yes", "--stage", STAGE])

    assert till.api.get(f"/api/sessions/{off}").body["status"] == "cancelled"
    assert "status" not in till.api.get(f"/api/sessions/{on}").body
    drain_until(till.pump, lambda: statuses(till.api, start) == {on: None, off: "cancelled"})


def statuses(api: Api, start: str) -> dict[str, str | None]:
    listed = api.get(f"/api/sessions?from={start}&limit=100").body["sessions"]
    return {one["sessionId"]: one.get("status") for one in listed if one["startTime"] == start}


def test_cancelling_what_is_no_screening_says_so(ops: Callable[..., Said]) -> None:
    said = ops("cancel", "550e8400-e29b-41d4-a716-446655440000", "--yes")

    assert said.status == 2
    assert "There is no screening" in said.err


CANCEL_CALLS = 9
"""Screening, rows B and A, mark, and for each of two sales its reservation and its payment; one to be sure."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("call", mostly_thorough(range(1, CANCEL_CALLS), 3))
def test_a_cancellation_that_meets_any_fault_is_finished_by_another(
    till: Till, session_id: str, wire: Wire, fault: Fault, call: int
) -> None:
    sales = [a_transaction(), a_transaction()]
    till.pay(held(till, session_id, "A1"), sales[0])
    till.pay(held(till, session_id, "A10", "B1"), sales[1])
    wired = Cancellation.of(connection_over(wire))
    with wire.broken(fault, call):
        try:
            wired.cancel(session_id)
        except Exception:  # noqa: BLE001 - whatever the fault came to: the operator runs it again
            assert fault is not Fault.ANSWER_LOST_ONCE
    wired.cancel(session_id)
    till.pump.drain()

    till.assert_settled(sales)
    assert {till.status(transaction)[0] for transaction in sales} == {"refunded"}


def test_should_the_operators_command_die_after_the_rows_the_stream_refunds(till: Till, session_id: str) -> None:
    transaction = a_transaction()
    till.pay(held(till, session_id, "A1"), transaction)
    stage = Cancellation.of(Connection.to(STAGE))
    for row in ("B", "A"):
        stage.rows.close_row_and_read_entries_with_lapsed(session_id, row, utc_now())
    till.pump.drain()

    assert till.status(transaction) == ("refunded", "screening_cancelled")
    till.assert_settled([transaction])


def test_a_sale_that_died_after_its_commit_point_is_finished_and_returned(
    till: Till, wired_api: Api, wire: Wire, session_id: str
) -> None:
    transaction = a_transaction()
    reservation = held(till, session_id, "A10", "B1")
    with wire.broken(Fault.CRASH_BEFORE, at_call=4):
        assert till.pay(reservation, transaction, wired_api).status == 500
    assert Cancellation.of(Connection.to(STAGE)).cancel(session_id).unfinished_sales == (reservation,)
    till.pump.drain()

    assert till.status(transaction) == ("refunded", "screening_cancelled")
    till.assert_settled([transaction])


ROUNDS = effort(1, 2)
LONGEST_WORK_SECONDS = 240
"""For some 2,000 events: ministack takes seconds, LocalStack more than a minute on two busy cores."""


def race(till: Till, urls: list[str]) -> tuple[list[str], list[int]]:
    """Confirmations on three instances against the cancellation: every transaction, and every answer's status."""
    transactions, statuses = list[str](), list[int]()
    for number in range(ROUNDS):
        session_id = till.api.schedule(totalSeats=60)
        seats = [(f"{row}{seat}",) for row in "ABCDEF" for seat in range(1, 8)]
        spanning = [(f"{left}10", f"{right}9") for left, right in zip("ABCDE", "BCDEF", strict=True)]
        calls = [(held(till, session_id, *wanted), a_transaction()) for wanted in seats + spanning]
        for reservation, transaction in calls:
            till.charge(reservation, transaction)
        with Crowd(urls, len(calls)) as crowd, ThreadPoolExecutor(1) as operator:
            start = time.time() + 0.2
            paying = [confirm_call(reservation, transaction, start) for reservation, transaction in calls]
            cancelling = operator.submit(cancelled_at, start + number * 0.02, session_id)
            answers = crowd.ask_at_once(paying)
            cancelling.result()
        transactions += [transaction for _, transaction in calls]
        statuses += [answer.status for answer in answers]
    return transactions, statuses


def cancelled_at(moment: float, session_id: str) -> None:
    stage = Cancellation.of(Connection.to(STAGE))
    stage.sessions.get(session_id)
    while time.time() < moment:
        time.sleep(0.001)
    stage.cancel(session_id)


def test_payments_that_race_with_a_cancellation_all_come_back_once(till: Till, api_servers: ApiServers) -> None:
    transactions, statuses = race(till, api_servers(3))
    till.pump.drain(deadline_seconds=LONGEST_WORK_SECONDS)

    assert set(statuses) == {200, 410}, "some were in time, some were not: else it was no race"
    till.assert_settled(transactions)
    assert {till.status(transaction) for transaction in transactions} == {("refunded", "screening_cancelled")}


def test_without_the_rows_condition_a_payment_buys_a_seat_of_a_cancelled_screening(
    till: Till, session_id: str, run_dir: Any
) -> None:
    transaction = a_transaction()
    reservation = held(till, session_id, "A1")
    Cancellation.of(Connection.to(STAGE)).cancel(session_id)
    with instances.run_instances(1, os.environ, run_dir=run_dir, without="closed-condition") as (url,):
        assert Api(url).confirm(reservation, transaction).status == 200
    till.pump.drain()

    assert till.status(transaction) == ("sold", None), "the control must lose money"


# All of it at once.

PAYMENTS = effort(20, 60)
BEHAVIOURS = ("", "", "-timeout", "-duplicate", "-fail-2", "-decline-4")


def schedule_and_shuffle(till: Till, chance: random.Random) -> tuple[list[str], list[tuple[str, str]]]:
    """Gives three screenings, and all their seats."""
    sessions = [till.api.schedule(totalSeats=100) for _ in range(3)]
    seats = [(session, f"{row}{seat}") for session in sessions for row in "ABCDEFGHIJ" for seat in range(1, 11)]
    chance.shuffle(seats)
    return sessions, seats


def disturb_reservation(till: Till, tables: Tables, reservation: str, chance: random.Random) -> str:
    """Lets something happen to it, or nothing, before it is paid for; gives the id that is paid for."""
    match chance.randrange(6):
        case 0:
            return UNKNOWN_RESERVATION
        case 1:
            till.api.delete(f"/api/reservations/{reservation}")
        case 2:
            till.api.confirm(reservation)
        case 3:
            lapse(till, reservation)
            tables.delete_reservation(reservation)
    return reservation


def test_whatever_is_paid_however_it_ends_as_a_sale_or_a_refund(till: Till, tables: Tables) -> None:
    chance = random.Random(20_261_123)
    sessions, seats = schedule_and_shuffle(till, chance)
    transactions = []
    for _ in range(PAYMENTS):
        reservation = held(till, *seats.pop())
        transaction = a_transaction(chance.choice(BEHAVIOURS))
        transactions.append(transaction)
        reservation = disturb_reservation(till, tables, reservation, chance)
        for _ in range(chance.choice((1, 1, 2))):
            assert till.pay(reservation, transaction).status < 500
        if chance.random() < 0.1:
            till.api.confirm(UNKNOWN_RESERVATION, transaction)
    Cancellation.of(Connection.to(STAGE)).cancel(sessions[0])
    till.pump.drain(deadline_seconds=LONGEST_WORK_SECONDS)

    till.assert_settled(transactions)


def test_a_crash_of_the_relay_loses_no_refund(till: Till, session_id: str, wire: Wire) -> None:
    """The mark on the purchase is written before the event goes out: a fault there brings the record again."""
    transaction = a_transaction()
    reservation = held(till, session_id, "A1")
    sale = till.pay(reservation, transaction).body
    till.pump.drain()
    wired = DynamoReservations(wired_client(wire), f"{till.prefix}-reservations")
    with wire.broken(Fault.CRASH_BEFORE, 1), pytest.raises(Exception, match="SimulatedCrash"):
        wired.set_refunded_at_if_sale_matches(reservation, sale["saleId"], utc_now())
    with wire.broken(Fault.ANSWER_LOST_ONCE, 1):
        wired.set_refunded_at_if_sale_matches(reservation, sale["saleId"], utc_now())

    assert "refundedAt" in till.api.get(f"/api/reservations/{reservation}").body
