"""Sixty-four gates scan one ticket at the same moment: one of them lets somebody in, and all others know which."""

from datetime import timedelta

import pytest

from chalicelib.infrastructure.clock import utc_now
from infra.local.pump import Pump
from infra.races.crowd import Answer, Call, Crowd, confirm_call, hold_call, new_buyers
from tests.concurrency.conftest import Crowds
from tests.integration.conftest import drain_until

GATES = 64
SEATS = ("A1", "A2", "A3", "A4", "A5")
CONTROL_ATTEMPTS = 5


def buy_tickets(crowd: Crowd, pump: Pump, *seats: str) -> list[str]:
    """Buys seats of a screening that begins soon. Gives the tokens of their tickets."""
    screening = {
        "movieTitle": "Oppenheimer",
        "startTime": (utc_now() + timedelta(minutes=30)).isoformat(),
        "roomNumber": "A1",
        "totalSeats": 20,
        "ticketPrice": 25.00,
    }
    session = crowd.expect(Call("POST", "/api/sessions", screening))["sessionId"]
    reservation = crowd.expect(hold_call(session, new_buyers(1)[0], seats))["reservationId"]
    crowd.expect(confirm_call(reservation, f"tx-{reservation}"), 200)
    ask = Call("GET", f"/api/reservations/{reservation}/tickets")
    drain_until(pump, lambda: crowd.ask_at_once([ask])[0].status == 200)
    return [ticket["token"] for ticket in crowd.expect(ask, 200)["tickets"]]


def scan(token: str, gate: int, key: str = "") -> Call:
    body = {"gateId": f"gate-{gate}", "roomNumber": "A1", "token": token}
    return Call("POST", "/api/tickets/admit", body, {"Idempotency-Key": key} if key else {})


def admitted(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.status == 200]


@pytest.fixture(scope="module")
def gates(crowds: Crowds) -> Crowd:
    return crowds(clients=GATES)


def test_of_64_gates_that_scan_one_ticket_one_admits(gates: Crowd, pump: Pump) -> None:
    for token in buy_tickets(gates, pump, *SEATS):
        answers = gates.ask_at_once([scan(token, gate) for gate in range(GATES)])

        (first,) = admitted(answers)
        others = [answer for answer in answers if answer is not first]
        assert len({answer.instance for answer in answers}) == 3
        assert {answer.status for answer in others} == {409}
        assert {answer.body["error"] for answer in others} == {"ALREADY_ADMITTED"}
        assert {answer.body["gateId"] for answer in others} == {first.body["gateId"]}
        assert {answer.body["admittedAt"] for answer in others} == {first.body["admittedAt"]}


def test_one_gate_that_sends_its_scan_again_and_again_has_one_admission(gates: Crowd, pump: Pump) -> None:
    (token,) = buy_tickets(gates, pump, "A1")

    answers = gates.ask_at_once([scan(token, 1, "scan-1") for _ in range(GATES)])

    assert [answer.status for answer in answers] == [200] * GATES
    assert len({answer.body["admittedAt"] for answer in answers}) == 1
    assert gates.ask_at_once([scan(token, 2, "scan-1")])[0].status == 409


def test_without_the_condition_several_gates_admit(crowds: Crowds, pump: Pump) -> None:
    careless = crowds(without="admission-condition", clients=GATES)
    for _ in range(CONTROL_ATTEMPTS):
        (token,) = buy_tickets(careless, pump, "A1")
        if len(admitted(careless.ask_at_once([scan(token, gate) for gate in range(GATES)]))) > 1:
            return
    pytest.fail("the control proves nothing: one gate admits without the condition")
