"""The operator's command line tells one reservation's life, from all that knows of it, and says what it can't read."""

import uuid
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import boto3
import pytest

from infra.local.payment_gateway import Gateway
from infra.local.pump import Pump
from infra.ops.__main__ import REFUSED, main
from tests.conftest import STAGE
from tests.http_api import Api
from tests.integration.conftest import Said, drain_until

Tell = Callable[..., Said]
UNKNOWN = f"res-{uuid.uuid4().hex}0"
IN_ORDER = (
    ("reservation", "held A1 A2 for 50.00 until "),
    ("event log", "ReservationCreated: A1 A2 (amountCents 5000"),
    ("reservation", "sold as sale-"),
    ("invoice", ""),
    ("ticket", "A1: version 1, signed, void since: refunded"),
    ("payment", "{transaction}: to be refunded, because screening cancelled"),
    ("payment", "{transaction}: refunded by the gateway as "),
    ("event log", "RefundCompleted: A1 A2"),
    ("reservation", "now: confirmed, refunded"),
    ("row", "now: A1 is sold by sale-"),
    ("live hold", "now: counts against its user's limit, at most until "),
)
"""What is told of a purchase that was refunded: by which source, and how the line begins."""


@pytest.fixture
def tell(data_stack: str, capsys: pytest.CaptureFixture[str]) -> Tell:
    def run(*words: str) -> Said:
        capsys.readouterr()
        return Said(main(["story", *words, "--stage", STAGE]), *capsys.readouterr())

    return run


def a_purchase(api: Api, *, email: str | None = None) -> tuple[str, str]:
    """Gives the screening and the reservation."""
    session_id = api.schedule()
    held = api.hold(session_id, "A1", "A2", user=f"user-{uuid.uuid4()}", email=email)
    reservation_id = str(held.body["reservationId"])
    assert api.confirm(reservation_id).status == 200
    return session_id, reservation_id


def places(story: list[Any], *wanted: tuple[str, str]) -> list[int]:
    """Where each is first told: by its source, and by how it begins."""
    found = [(one["source"], one["what"]) for one in story]
    told = {
        each: next((place for place, (by, what) in enumerate(found) if by == each[0] and what.startswith(each[1])), -1)
        for each in wanted
    }
    assert -1 not in told.values(), ([each for each, place in told.items() if place == -1], found)
    return list(told.values())


SENT = ("email", "an email was sent about PaymentConfirmed")


def _told(said: Said) -> set[tuple[str, str]]:
    return {(one["source"], one["what"]) for one in said.data["story"]}


def test_a_purchase_with_its_refund_is_told_in_order(
    tell: Tell, server: str, pump: Pump, simulated_gateway: Gateway
) -> None:
    session_id, reservation_id = a_purchase(Api(server), email="somebody@example.com")
    simulated_gateway.charge(f"tx-of-{reservation_id}", reservation_id, 5000)
    drain_until(pump, lambda: SENT in _told(tell(reservation_id, "--json")))  # the email waits for the tickets
    assert main(["cancel", session_id, "--yes", "--stage", STAGE]) == 0
    pump.drain()

    said = tell(reservation_id, "--json")

    story, transaction = said.data["story"], f"tx-of-{reservation_id}"
    assert [one["at"] for one in story] == sorted(one["at"] for one in story)
    order = places(story, *((source, what.format(transaction=transaction)) for source, what in IN_ORDER))
    assert all(before < after for before, after in pairwise(order)), story
    assert {SENT, ("analytics", "was counted: PaymentConfirmed")} <= _told(said)
    assert "…@example.com" in said.out
    assert "somebody" not in said.out


def test_a_hold_is_told_as_its_row_and_its_users_limit_have_it_now(tell: Tell, server: str) -> None:
    api = Api(server)
    reservation_id = str(api.hold(api.schedule(), "A1", user=f"user-{uuid.uuid4()}").body["reservationId"])

    story = tell(reservation_id, "--json").data["story"]

    places(
        story,
        ("reservation", "now: pending"),
        ("row", "now: A1 is held for this reservation until "),
        ("live hold", "now: counts against its user's limit, at most until "),
    )


def test_a_dead_letter_is_told_with_its_reason_and_stays_where_it_is(tell: Tell, server: str, data_stack: str) -> None:
    _, reservation_id = a_purchase(Api(server))
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{data_stack}-audit-dlq")["QueueUrl"]
    body = f'{{"version": 1, "type": "PaymentConfirmed", "reservationId": "{reservation_id}"}}'
    reason: Any = {"reason": {"DataType": "String", "StringValue": "nobody@example.com is unknown"}}
    sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=reason)

    told = [tell(reservation_id, "--json").data["story"] for _ in range(2)]

    for story in told:
        letters = [one["what"] for one in story if one["source"] == "dead letter"]
        assert letters == ["in audit-dlq: PaymentConfirmed, given up: …@example.com is unknown"]
    sqs.purge_queue(QueueUrl=url)


def test_waiting_messages_are_counted_and_looked_at_on_demand_only(tell: Tell, server: str, data_stack: str) -> None:
    _, reservation_id = a_purchase(Api(server))
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{data_stack}-audit")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=f'{{"type": "SeatReleased", "reservationId": "{reservation_id}"}}')

    counted, looked_at = tell(reservation_id, "--json").data, tell(reservation_id, "--peek", "--json").data

    assert any(one.startswith("queue audit: ") and "not looked at" in one for one in counted["not_read"])
    assert not [one for one in counted["story"] if one["source"] == "waiting"]
    assert "in audit: SeatReleased" in [one["what"] for one in looked_at["story"] if one["source"] == "waiting"]
    sqs.purge_queue(QueueUrl=url)


def test_what_is_no_reservations_id_is_refused(tell: Tell) -> None:
    said = tell("res-1")

    assert (said.status, said.err) == (REFUSED, "'res-1' is no reservation's id: these are res- and 33 characters.\n")


def test_a_reservation_of_which_nothing_is_known_is_refused_with_what_was_not_read(tell: Tell) -> None:
    said = tell(UNKNOWN)

    assert said.status == REFUSED
    assert said.err.startswith(f"Nothing is known of {UNKNOWN} in stage 'test' at http://")
    assert "name it with --session" in said.err


def test_a_reservation_that_was_deleted_is_told_by_its_screenings_log(
    tell: Tell, server: str, pump: Pump, data_stack: str
) -> None:
    session_id, reservation_id = a_purchase(Api(server))
    pump.drain()
    key: Any = {"buyer": {"S": reservation_id[4:15]}, "id": {"S": reservation_id}}
    boto3.client("dynamodb").delete_item(TableName=f"{data_stack}-reservations", Key=key)

    told = tell(reservation_id, "--session", session_id, "--json").data

    assert "PaymentConfirmed" in " ".join(one["what"] for one in told["story"] if one["source"] == "event log")
    assert any(one.startswith("reservations: no item.") for one in told["not_read"])
