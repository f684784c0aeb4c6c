"""One transaction, claimed for several reservations at once on four instances: it buys one of them."""

import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chalicelib.domain.payments import Charge, PaymentStatus
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from infra.races import instances
from infra.races.crowd import Answer, Crowd, confirm_call, hold_call, new_buyers
from tests.effort import effort

if TYPE_CHECKING:
    from tests.conftest import ApiServers

INSTANCES = 4
CLAIMANTS = 4
ROUNDS = effort(4, 12)
CONTROL_ROUNDS = 8
SEATS = ("A1", "A2", "B1", "B2")


@pytest.fixture(scope="module", params=["client", "gateway"])
def confirmed_by(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def crowd(api_servers: "ApiServers", confirmed_by: str) -> Iterator[Crowd]:
    with Crowd(api_servers(INSTANCES, PAYMENTS_CONFIRMED_BY=confirmed_by), CLAIMANTS) as crowd:
        yield crowd


@pytest.fixture(scope="module")
def payments(data_stack: str) -> DynamoPayments:
    return DynamoPayments(connection.new_dynamodb_client(), f"{data_stack}-payments")


def hold_seats(crowd: Crowd) -> list[str]:
    """Holds each of SEATS for another buyer; gives the reservations."""
    session = crowd.create_session(20)
    users = new_buyers(CLAIMANTS)
    return [
        str(crowd.expect(hold_call(session, user, (seat,)))["reservationId"])
        for user, seat in zip(users, SEATS, strict=True)
    ]


def claim_at_once(crowd: Crowd, reservations: Sequence[str], transaction: str) -> list[Answer]:
    """Pays for all reservations with one transaction at the same moment."""
    start = time.time() + 0.05
    return crowd.ask_at_once([confirm_call(reservation, transaction, start) for reservation in reservations])


def test_a_transaction_buys_one_of_the_reservations_that_claim_it_at_the_same_moment(
    crowd: Crowd, payments: DynamoPayments, confirmed_by: str
) -> None:
    for number in range(ROUNDS):
        reservations, transaction = hold_seats(crowd), f"tx-{uuid.uuid4()}"
        paid_for = reservations[number % CLAIMANTS]
        if confirmed_by == "gateway":
            payments.record_charge_if_allowed_and_read(Charge(transaction, paid_for, 2500, "BRL", utc_now()))

        answers = claim_at_once(crowd, reservations, transaction)

        assert Counter(answer.status for answer in answers) == {200: 1, 409: CLAIMANTS - 1}
        refused = {answer.body["error"] for answer in answers if answer.status == 409}
        assert refused == {"PAYMENT_ALREADY_USED"}
        winner = next(number for number, answer in enumerate(answers) if answer.status == 200)
        if confirmed_by == "gateway":
            assert reservations[winner] == paid_for
        again = claim_at_once(crowd, [reservations[winner]] * CLAIMANTS, transaction)
        assert {(answer.status, answer.body["saleId"]) for answer in again} == {(200, answers[winner].body["saleId"])}
        stands = payments.find(transaction)
        assert stands
        assert (stands.reservation_id, stands.status) == (reservations[winner], PaymentStatus.CLAIMED)


@pytest.fixture(scope="module")
def without_claim_condition(data_stack: str, run_dir: Path) -> Iterator[Crowd]:
    environment = {**os.environ, "REDIS_URL": ""}
    with (
        instances.run_instances(INSTANCES, environment, run_dir=run_dir, without="claim-condition") as urls,
        Crowd(urls, CLAIMANTS) as crowd,
    ):
        yield crowd


def test_without_the_claims_condition_a_transaction_buys_several(without_claim_condition: Crowd) -> None:
    for _ in range(CONTROL_ROUNDS):
        answers = claim_at_once(without_claim_condition, hold_seats(without_claim_condition), f"tx-{uuid.uuid4()}")
        if [answer.status for answer in answers].count(200) > 1:
            return
    pytest.fail("the control proves nothing: each transaction bought one sale without the condition")
