"""The checker finds each kind of violation that is planted, and nothing in a legal history."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.histories.checker import Limits, check
from tests.histories.record import NO_ANSWER, Operation

LIMITS = Limits(hold_seconds=10, late_seconds=20)
START = 1_900_000_000.0
CREATED, CONFLICT, GONE = 201, 409, 410

History = list[Operation]


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(START + seconds, UTC).isoformat()


def operation(kind: str, at: float, request: dict[str, Any], status: int, answer: dict[str, Any]) -> Operation:
    """Makes an operation that takes a tenth of a second."""
    return Operation(kind, START + at, START + at + 0.1, request, status, answer)


def hold(who: str, at: float, *seats: str, status: int = CREATED, **answer: Any) -> Operation:
    request = {"session": "s", "user": who, "key": f"key-{who}", "seats": list(seats)}
    made = {"reservationId": f"res-{who}", "expiresAt": moment(at + 10), "seats": list(seats)}
    return operation("hold", at, request, status, {**(made if status == CREATED else {}), **answer})


def refused(who: str, at: float, seat: str) -> Operation:
    return hold(who, at, seat, status=CONFLICT, error="SEAT_ALREADY_RESERVED", conflictingSeats=[seat])


def paid(who: str, at: float) -> Operation:
    return operation("pay", at, {"reservation": f"res-{who}"}, CREATED, {"paymentId": f"pay-{who}"})


def confirmed(who: str, at: float, *seats: str, status: int = 200, **answer: Any) -> Operation:
    request = {"session": "s", "user": who, "reservation": f"res-{who}", "transaction": f"pay-{who}"}
    made = {"saleId": f"sale-{who}", "seats": list(seats), "paidAt": moment(at)}
    return operation("confirm", at, request, status, {**(made if status == 200 else {}), **answer})


def cancelled(who: str, at: float, status: int = 200) -> Operation:
    return operation("cancel", at, {"reservation": f"res-{who}"}, status, {})


def purchases(who: str, at: float, *sales: str) -> Operation:
    shown = {"purchases": [{"saleId": sale} for sale in sales]}
    return operation("purchases", at, {"user": who}, 200, shown)


def legal() -> History:
    """A lapses, B buys what A had, C is refused, D gives back, E has what D gave back."""
    return [
        hold("a", 0, "A1", "A2"),
        refused("c", 1, "A1"),
        hold("b", 10.2, "A1", "A2"),
        paid("b", 11),
        confirmed("b", 12, "A1", "A2"),
        purchases("b", 13, "sale-b"),
        refused("c", 40, "A2"),
        hold("d", 0, "B1"),
        cancelled("d", 2),
        hold("e", 3, "B1"),
    ]


def test_a_legal_history_has_no_violation() -> None:
    assert check(legal(), LIMITS) == []


def test_a_hold_without_an_answer_is_a_reason_to_refuse_its_seat() -> None:
    unknown = replace(hold("a", 0, "A1"), status=NO_ANSWER, answer={})
    assert check([unknown, refused("b", 25, "A1")], LIMITS) == []
    assert check([unknown, refused("b", 45, "A1")], LIMITS)


def test_who_paid_and_vanished_may_have_bought() -> None:
    assert check([hold("a", 0, "A1"), paid("a", 1), refused("b", 60, "A1")], LIMITS) == []


def test_what_an_earlier_try_has_sold_may_be_dated_by_who_finishes_it() -> None:
    first = replace(confirmed("a", 5), status=NO_ANSWER, answer={})
    assert check([hold("a", 0, "A1"), first, confirmed("a", 10.5, "A1")], LIMITS) == []


def test_who_asks_while_another_is_being_answered_may_win() -> None:
    slow = replace(hold("a", 0, "A1"), end=START + 30, answer=hold("a", 20, "A1").answer)
    assert check([slow, hold("b", 1, "A1")], LIMITS) == []


PLANTED: dict[str, tuple[str, Callable[[], History]]] = {
    "two sales of one seat": (
        "two owners",
        lambda: [
            hold("a", 0, "A1"),
            confirmed("a", 1, "A1"),
            hold("b", 0, "A1"),
            confirmed("b", 1, "A1"),
        ],
    ),
    "held while another holds it": ("two owners", lambda: [hold("a", 0, "A1"), hold("b", 5, "A1", "A2")]),
    "held after it was sold": (
        "two owners",
        lambda: [hold("a", 0, "A1"), confirmed("a", 1, "A1"), hold("b", 50, "A1")],
    ),
    "a sale without a hold": ("sale without hold", lambda: [confirmed("a", 1, "A1")]),
    "a sale of another seat": ("sale without hold", lambda: [hold("a", 0, "A1"), confirmed("a", 1, "A2")]),
    "a sale after its time": ("sold after its time", lambda: [hold("a", 0, "A1"), confirmed("a", 10.5, "A1")]),
    "a lost 201": (
        "lost 201",
        lambda: [
            hold("a", 0, "A1"),
            paid("a", 1),
            confirmed("a", 5, status=GONE, error="RESERVATION_EXPIRED"),
        ],
    ),
    "a refusal for nobody": ("refused for nobody", lambda: [hold("a", 0, "A1"), refused("b", 20, "A1")]),
    "a refusal of a seat that nobody wants": ("refused for nobody", lambda: [refused("b", 0, "A1")]),
    "a released seat, sold to its old owner": (
        "sold after its release",
        lambda: [hold("a", 0, "A1"), cancelled("a", 2), confirmed("a", 3, "A1")],
    ),
    "a resend that is a second hold": (
        "two answers",
        lambda: [hold("a", 0, "A1"), hold("a", 1, "A1", reservationId="res-a2")],
    ),
    "a resend that lasts longer": ("two answers", lambda: [hold("a", 0, "A1"), hold("a", 1, "A1")]),
    "a confirmation that is a second sale": (
        "two sales",
        lambda: [hold("a", 0, "A1"), confirmed("a", 1, "A1"), confirmed("a", 2, "A1", saleId="sale-a2")],
    ),
    "a purchase that is not shown": (
        "lost sale",
        lambda: [hold("a", 0, "A1"), confirmed("a", 1, "A1"), purchases("a", 2)],
    ),
    "a sale that is forgotten": (
        "lost sale",
        lambda: [
            hold("a", 0, "A1"),
            confirmed("a", 1, "A1"),
            operation("reservation", 2, {"reservation": "res-a"}, 200, {"status": "expired"}),
        ],
    ),
    "a payment that buys twice": (
        "one payment, two sales",
        lambda: [
            hold("a", 0, "A1"),
            confirmed("a", 1, "A1"),
            hold("b", 0, "A2"),
            replace(confirmed("b", 1, "A2"), request=confirmed("b", 1).request | {"transaction": "pay-a"}),
        ],
    ),
    "a bug": ("a bug", lambda: [hold("a", 0, "A1", status=500, error="INTERNAL_ERROR")]),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_violation_is_found(planted: str) -> None:
    says, make = PLANTED[planted]
    found = check([*legal_elsewhere(), *make()], LIMITS)
    assert any(one.startswith(says) for one in found), found
    assert not any("elsewhere" in one for one in found), found


def legal_elsewhere() -> History:
    """The legal history, in another session with other people."""
    return [
        replace(
            one,
            request={name: _elsewhere(value) for name, value in one.request.items()},
            answer={name: _elsewhere(value) for name, value in one.answer.items()},
        )
        for one in legal()
    ]


def _elsewhere(value: Any) -> Any:
    is_a_name = isinstance(value, str) and (value == "s" or value[:4] in ("key-", "res-", "pay-") or len(value) == 1)
    return f"{value}-elsewhere" if is_a_name else value
