"""What each path may cost, counted on the wire: DynamoDB calls, write units, and no call to anything else.

The budgets are rows of benchmarks/budgets.py, from which `make cost` makes money.
"""

import json
import time
import uuid
from collections import Counter

import pytest

from benchmarks import budgets
from benchmarks.budgets import Budget
from chalicelib.settings import LOCAL_SECRET
from infra.local.payment_gateway import signature
from infra.ops.__main__ import main
from infra.ops.cancel import Cancellation
from tests.conftest import STAGE
from tests.http_api import SCREENING, Api
from tests.integration.conftest import connection_over
from tests.wire import Call, Wire, operations, write_units


def assert_within(budget: Budget, calls: list[Call]) -> None:
    """These very calls, and no more write units. What a refused write costs, one unit, no answer says."""
    assert operations(calls) == list(budget.calls)
    is_refused = any("__type" in call.answer for call in calls)
    assert is_refused or bool(write_units(calls)) == bool(budget.write_units)
    assert write_units(calls) <= budget.write_units


@pytest.mark.parametrize("email", [None, f"{'a' * 64}@{'b.' * 90}example"], ids=["no address", "a long address"])
def test_a_hold_in_one_row_costs_three_calls_and_four_write_units_at_most(
    wired_api: Api, wire: Wire, known_session: str, email: str | None
) -> None:
    with wire.counting() as calls:
        wired_api.hold(known_session, "A1", "A2", "A3", email=email, Idempotency_Key=uuid.uuid4().hex)

    assert_within(budgets.HOLD, calls)


def test_the_last_hold_of_a_full_row_still_costs_four_write_units_at_most(wired_api: Api, wire: Wire) -> None:
    session_id = wired_api.schedule()
    for seat in range(1, 9):
        wired_api.hold(session_id, f"A{seat}", user=f"buyer-{seat}", Idempotency_Key=uuid.uuid4().hex)
    with wire.counting() as calls:
        wired_api.hold(session_id, "A9", "A10", Idempotency_Key=uuid.uuid4().hex)

    assert_within(budgets.HOLD, calls)


def test_a_refused_hold_costs_one_call(wired_api: Api, wire: Wire, known_session: str) -> None:
    wired_api.hold(known_session, "A1")
    with wire.counting() as calls:
        assert wired_api.hold(known_session, "A1", "A2", user="late").status == 409

    assert_within(budgets.REFUSED_HOLD, calls)


def test_a_refused_hold_with_a_key_also_asks_whether_the_key_is_known(
    wired_api: Api, wire: Wire, known_session: str
) -> None:
    wired_api.hold(known_session, "A1")
    with wire.counting() as calls:
        assert wired_api.hold(known_session, "A1", user="late", Idempotency_Key=uuid.uuid4().hex).status == 409

    assert_within(budgets.REFUSED_HOLD_WITH_KEY, calls)


def test_a_hold_in_two_rows_is_one_transaction_one_count_and_one_put(
    wired_api: Api, wire: Wire, known_session: str
) -> None:
    with wire.counting() as calls:
        wired_api.hold(known_session, "A10", "B1")

    assert_within(budgets.HOLD_IN_TWO_ROWS, calls)


def test_scheduling_writes_its_rows_in_one_transaction_and_with_a_key_reads_once_before(
    wired_api: Api, wire: Wire
) -> None:
    key, rows = uuid.uuid4().hex, 2
    with wire.counting() as without:
        wired_api.schedule()
    with wire.counting() as first:
        wired_api.post("/api/sessions", SCREENING, Idempotency_Key=key)
    with wire.counting() as again:
        wired_api.post("/api/sessions", SCREENING, Idempotency_Key=key)

    assert operations(without) == ["TransactWriteItems", "PutItem"]
    assert operations(first) == ["GetItem", "TransactWriteItems", "PutItem"]
    assert operations(again) == ["GetItem"]
    assert 0 < write_units(without) <= 2 * rows + 2


def test_a_hold_beyond_the_limit_asks_what_became_of_the_others_and_gives_its_seats_back(
    wired_api: Api, wire: Wire, known_session: str
) -> None:
    user = uuid.uuid4().hex
    for seat in ("A1", "A2"):
        wired_api.hold(known_session, seat, user=user)
    with wire.counting() as calls:
        assert wired_api.hold(known_session, "A3", user=user).status == 409

    assert_within(budgets.HOLD_BEYOND_LIMIT, calls)


def test_a_hold_after_a_purchase_takes_its_place_with_one_write_more(
    wired_api: Api, wire: Wire, known_session: str
) -> None:
    user = uuid.uuid4().hex
    for seat in ("A1", "A2"):
        paid = wired_api.hold(known_session, seat, user=user).body["reservationId"]
        wired_api.confirm(paid)
    with wire.counting() as calls:
        assert wired_api.hold(known_session, "A3", user=user).status == 201

    assert_within(budgets.HOLD_AFTER_PURCHASES, calls)


def test_a_confirmation_costs_four_calls_and_five_write_units_at_most(
    wired_api: Api, wire: Wire, known_session: str
) -> None:
    reservation = wired_api.hold(known_session, "A1", "A2").body["reservationId"]
    with wire.counting() as calls:
        assert wired_api.confirm(reservation).status == 200

    assert_within(budgets.CONFIRM, calls)
    assert write_units(calls[1:2]) == 1, "the claim is in no index"


def test_a_confirmation_of_what_is_free_claims_nothing(wired_api: Api, wire: Wire) -> None:
    session_id = wired_api.schedule(ticketPrice=0)
    reservation = wired_api.hold(session_id, "A1").body["reservationId"]
    with wire.counting() as calls:
        assert wired_api.post(f"/api/reservations/{reservation}/confirm", {}).status == 200

    assert_within(budgets.CONFIRM_FREE_OF_CHARGE, calls)


def test_a_payment_that_is_somebody_elses_costs_one_read_and_one_refused_write(
    wired_api: Api, wire: Wire, known_session: str
) -> None:
    transaction = f"tx-{uuid.uuid4()}"
    wired_api.confirm(wired_api.hold(known_session, "A1", user="one").body["reservationId"], transaction)
    other = wired_api.hold(known_session, "A2", user="two").body["reservationId"]
    with wire.counting() as calls:
        assert wired_api.confirm(other, transaction).status == 409

    assert_within(budgets.CONFIRM_WITH_ANOTHERS_PAYMENT, calls)


def test_a_message_of_the_gateway_costs_no_call_of_the_database(wired_api: Api, wire: Wire) -> None:
    body = json.dumps({"id": "evt-1", "type": "payment.refunded", "payment": {}}).encode()
    signed = signature([LOCAL_SECRET], body, time.time())
    with wire.counting() as calls:
        answer = wired_api.send(
            "POST", "/api/payments/webhook", body, Content_Type="application/json", Payment_Signature=signed
        )

    assert answer.status == 200
    assert_within(budgets.MESSAGE_OF_GATEWAY, calls)


def test_confirming_again_costs_one_read(wired_api: Api, wire: Wire, known_session: str) -> None:
    reservation = wired_api.hold(known_session, "A1").body["reservationId"]
    wired_api.confirm(reservation)
    with wire.counting() as calls:
        wired_api.confirm(reservation)

    assert_within(budgets.CONFIRM_AGAIN, calls)


def test_a_refused_payment_costs_one_call_more(wired_api: Api, wire: Wire, known_session: str) -> None:
    """It writes one item, of 1 kB at most, and its entry in the sparse index of what is to be returned."""
    paid = wired_api.hold(known_session, "A1").body["reservationId"]
    wired_api.confirm(paid)
    with wire.counting() as twice:
        assert wired_api.confirm(paid, f"tx-{uuid.uuid4()}").status == 409
    with wire.counting() as unknown:
        assert wired_api.confirm("res-" + "y" * 33, f"tx-{uuid.uuid4()}").status == 404
    with wire.counting() as no_id:
        assert wired_api.confirm("no-id-of-ours").status == 404

    assert operations(twice) == ["GetItem", "UpdateItem"]
    assert write_units(twice) <= 2
    assert operations(unknown) == ["GetItem"], "what a client says of it moves no money"
    assert no_id == []


def test_a_payment_for_a_cancelled_screening_costs_four_calls(wired_api: Api, wire: Wire, known_session: str) -> None:
    reservation = wired_api.hold(known_session, "A1").body["reservationId"]
    main(["cancel", known_session, "--yes", "--stage", STAGE])
    with wire.counting() as calls:
        assert wired_api.confirm(reservation).status == 410

    assert operations(calls) == ["GetItem", *["UpdateItem"] * 3]


def test_cancelling_a_screening_costs_one_write_for_each_row_and_two_calls_for_each_sale(
    wired_api: Api, wire: Wire, known_session: str
) -> None:
    for seats in (("A1", "A2"), ("A10", "B1")):
        wired_api.confirm(wired_api.hold(known_session, *seats).body["reservationId"])
    stage = Cancellation.of(connection_over(wire))
    with wire.counting() as calls:
        stage.cancel(known_session)

    assert Counter(operations(calls)) == {"GetItem": 1 + 2, "UpdateItem": 2 + 1 + 2}


def test_cancelling_costs_three_calls(wired_api: Api, wire: Wire, known_session: str) -> None:
    reservation = wired_api.hold(known_session, "A1").body["reservationId"]
    with wire.counting() as calls:
        assert wired_api.delete(f"/api/reservations/{reservation}").status == 200

    assert_within(budgets.CANCEL, calls)


@pytest.mark.parametrize(("rows", "expected"), [(2, 1), (100, 1), (101, 2), (200, 2)])
def test_the_seat_map_costs_one_call_for_each_hundred_rows(
    wired_api: Api, wire: Wire, rows: int, expected: int
) -> None:
    session_id = wired_api.schedule(totalSeats=rows * 10)
    wired_api.get(f"/api/sessions/{session_id}")
    with wire.counting() as calls:
        assert len(wired_api.get(f"/api/sessions/{session_id}/seats").body["seats"]) == rows * 10

    assert len(calls) == expected
    assert_within(budgets.seat_map(rows), calls)


def test_a_screening_is_read_once_by_each_instance(wired_api: Api, wire: Wire) -> None:
    session_id = wired_api.schedule()
    with wire.counting() as calls:
        for _ in range(3):
            wired_api.get(f"/api/sessions/{session_id}")

    assert operations(calls) == ["GetItem"]


def test_reading_a_reservation_and_the_purchases_costs_one_read_each(
    wired_api: Api, wire: Wire, known_session: str
) -> None:
    user = uuid.uuid4().hex
    reservation = wired_api.hold(known_session, "A1", user=user).body["reservationId"]
    with wire.counting() as shown:
        wired_api.get(f"/api/reservations/{reservation}")
    with wire.counting() as listed:
        wired_api.get(f"/api/users/{user}/purchases")

    assert_within(budgets.SHOW_RESERVATION, shown)
    assert_within(budgets.LIST_PURCHASES, listed)


def test_a_calendars_file_costs_one_read(wired_api: Api, wire: Wire, known_session: str) -> None:
    reservation = wired_api.hold(known_session, "A1", user=uuid.uuid4().hex).body["reservationId"]
    wired_api.confirm(reservation)
    with wire.counting() as calls:
        assert wired_api.get(f"/api/reservations/{reservation}/calendar").status == 200

    assert_within(budgets.SHOW_CALENDAR_ENTRY, calls)


def test_every_read_that_something_is_decided_by_is_consistent(wired_api: Api, wire: Wire, known_session: str) -> None:
    """Screenings and the programme alone may be a little old: they don't change, but for being cancelled."""
    user, key = uuid.uuid4().hex, uuid.uuid4().hex
    with wire.counting() as calls:
        reservation = wired_api.hold(known_session, "A1", user=user, Idempotency_Key=key).body["reservationId"]
        wired_api.hold(known_session, "A1", user=user, Idempotency_Key=key)
        wired_api.hold(known_session, "A2", user=user)
        wired_api.hold(known_session, "A3", user=user)
        wired_api.get(f"/api/reservations/{reservation}")
        wired_api.get(f"/api/sessions/{known_session}/seats")
        wired_api.confirm(reservation)
        wired_api.get(f"/api/users/{user}/purchases")
        wired_api.delete(f"/api/reservations/{reservation}")
        wired_api.get(f"/api/reservations/{reservation}/invoice")

    reads = [call for call in calls if call.operation in ("GetItem", "BatchGetItem", "Query")]
    assert {call.operation for call in reads} == {"GetItem", "BatchGetItem", "Query"}
    assert [call.request for call in reads if not call.is_consistent] == []


def test_refused_input_costs_nothing(wired_api: Api, wire: Wire, known_session: str) -> None:
    with wire.counting() as calls:
        wired_api.hold(known_session, "Z99")
        wired_api.hold(known_session, "not a seat")
        wired_api.get("/api/sessions/unknown")
        wired_api.get("/api/reservations/unknown")
        wired_api.get("/health")

    assert calls == []
