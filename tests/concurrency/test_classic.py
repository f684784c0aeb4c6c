"""The old design of benchmarks/classic is an honest rival: it keeps the contract, and sells no seat twice. 10 s."""

from collections.abc import Iterator

import pytest

from benchmarks.classic.machine import ENVIRONMENT, run_classic
from benchmarks.classic.sides import ClassicSide
from infra.races import crowd
from infra.races.crowd import Crowd
from tests.effort import effort

BUYERS, SEATS = 10, 2
ROUNDS = effort(3, 10)

pytestmark = pytest.mark.skipif(
    not (ENVIRONMENT.home / "installed.txt").exists(),
    reason="PostgreSQL is not installed: `make bench-classic` does it",
)


PLANTED = """
INSERT INTO reservations (id, screening_id, user_id, seats, amount_cents, status, expires_at)
SELECT 'res-planted', screening_id, '{other}', seats, amount_cents, status, expires_at
FROM reservations WHERE id = '{reservation}'
"""


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClassicSide]:
    scratch = tmp_path_factory.mktemp("classic")
    for folder in (scratch, *scratch.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)  # PostgreSQL is another user than root
    with run_classic(2, scratch) as system:
        yield ClassicSide(system)


@pytest.fixture
def buyers(side: ClassicSide) -> Iterator[Crowd]:
    with Crowd(side.urls, BUYERS) as buyers:
        yield buyers


def hold_and_pay(buyers: Crowd, session: str, user: str, *seats: str) -> str:
    held = buyers.expect(crowd.hold_call(session, user, seats, key=user))
    buyers.expect(crowd.confirm_call(held["reservationId"], f"tx-{user}"), 200)
    return str(held["reservationId"])


def test_a_purchase_keeps_the_contract(side: ClassicSide, buyers: Crowd) -> None:
    session, (user, other) = buyers.create_session(10), crowd.new_buyers(2)
    hold_and_pay(buyers, session, user, "A2", "A1")

    refused = buyers.expect(crowd.hold_call(session, other, ["A2", "A3"]), 409)
    assert (refused["error"], refused["conflictingSeats"]) == ("SEAT_ALREADY_RESERVED", ["A2"])
    assert buyers.expect(crowd.seat_map_call(session), 200)["availableSeats"] == 8
    (purchase,) = buyers.expect(crowd.purchases_call(user), 200)["purchases"]
    assert (purchase["seats"], purchase["totalAmount"]) == (["A1", "A2"], 50.0)
    assert side.count([session], 1).faults == []


def test_a_request_that_comes_again_has_one_effect(side: ClassicSide, buyers: Crowd) -> None:
    session, (user,) = buyers.create_session(10), crowd.new_buyers(1)
    call = crowd.hold_call(session, user, ["A1"], key="same")

    first, second = (buyers.expect(call)["reservationId"] for _ in range(2))
    sales = {buyers.expect(crowd.confirm_call(first, "tx-" + user), 200)["saleId"] for _ in range(2)}

    assert (first, len(sales), side.count([session], 1).sold) == (second, 1, 1)
    assert buyers.expect(crowd.hold_call(session, user, ["A2"], key="same"), 422)["error"] == "IDEMPOTENCY_KEY_REUSED"


def test_the_last_seats_are_sold_once(side: ClassicSide, buyers: Crowd) -> None:
    sessions = [buyers.create_session(SEATS) for _ in range(ROUNDS)]
    for session in sessions:
        users = crowd.new_buyers(BUYERS)
        answers = buyers.ask_at_once([crowd.hold_call(session, user, ["A2", "A1"]) for user in users])
        assert sorted(answer.status for answer in answers) == [201] + [409] * (BUYERS - 1)

    assert side.count(sessions, 0).oversold == 0


def test_a_planted_second_sale_is_found_in_its_tables(side: ClassicSide, buyers: Crowd) -> None:
    session, (user, other) = buyers.create_session(10), crowd.new_buyers(2)
    reservation = hold_and_pay(buyers, session, user, "A1")
    side.system.postgres.query(PLANTED.format(other=other, reservation=reservation))
    found = side.count([session], 1)

    assert found.oversold == 1
    assert found.faults == ["res-planted and its seats contradict each other"]


def test_its_events_leave_after_the_commit(side: ClassicSide, buyers: Crowd) -> None:
    session, (user,) = buyers.create_session(10), crowd.new_buyers(1)
    paid = hold_and_pay(buyers, session, user, "A1")

    assert side.count_paid_events(session, [paid, "res-of-nobody"]) == 1
