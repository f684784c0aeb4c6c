"""AWS's errors on the way of a request, as they come over the wire: what the client is told, and that nothing is lost.

Each row of the table is one error at one call of one command. The client sends the same request again when AWS is well:
then it stands as if nothing had happened.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.http_api import Answer

from . import errors
from .clients import PackagedApi
from .endpoint import Endpoint, Reply
from .errors import CONFLICT, FINE, Fails, leaves_unprocessed, on_table, transaction_cancelled

UNAVAILABLE = (503, "TEMPORARILY_UNAVAILABLE", "1")
OUR_FAULT = (500, "INTERNAL_ERROR", None)
"""A right, a table or a clock of ours is wrong: it stays loud, and waiting does not help."""

SEATS = {"hold in one row": ("A1", "A2"), "hold in two rows": ("A10", "B1")}

THROTTLES = {
    "provisioned throughput": errors.PROVISIONED_THROUGHPUT,
    "table throttled": errors.THROTTLED_TABLE,
    "request limit": errors.REQUEST_LIMIT,
}
OUTAGES = {"broken": errors.BROKEN, "away": errors.AWAY}
MISTAKES = {
    "no right": errors.NO_RIGHT,
    "no table": errors.NO_TABLE,
    "token expired": errors.TOKEN_EXPIRED,
    "clock skew": errors.CLOCK_SKEW,
    "collection too large": errors.COLLECTION_TOO_LARGE,
}


@dataclass(frozen=True)
class Case:
    """One error at one call, and the answer that is right."""

    command: str
    operation: str
    table: str
    reply: Reply
    answer: tuple[int, str, str | None]


def cases() -> list[Any]:
    """Gives the table: an error of each kind at each call, and every error at the first call of a hold."""
    every = {**THROTTLES, **OUTAGES}
    rows = [
        *_at("hold in one row", "UpdateItem", "rows", every, UNAVAILABLE),
        *_at("hold in one row", "UpdateItem", "rows", MISTAKES, OUR_FAULT),
        *_at("hold in one row", "UpdateItem", "live-holds", OUTAGES, UNAVAILABLE),
        *_at("hold in one row", "PutItem", "reservations", THROTTLES, UNAVAILABLE),
        *_at("hold in two rows", "TransactWriteItems", "rows", _of_transactions(), UNAVAILABLE),
        *_at("hold in two rows", "TransactWriteItems", "rows", {"no right": errors.NO_RIGHT}, OUR_FAULT),
        *_at("confirm", "GetItem", "reservations", every, UNAVAILABLE),
        *_at("confirm", "UpdateItem", "rows", every, UNAVAILABLE),
        *_at("confirm", "UpdateItem", "reservations", every, UNAVAILABLE),
        *_at("confirm", "UpdateItem", "reservations", {"no right": errors.NO_RIGHT}, OUR_FAULT),
        *_at("cancel", "UpdateItem", "rows", OUTAGES, UNAVAILABLE),
        *_at("cancel", "UpdateItem", "reservations", THROTTLES, UNAVAILABLE),
        *_at("seat map", "BatchGetItem", "rows", every, UNAVAILABLE),
        *_at("seat map", "BatchGetItem", "rows", {"no right": errors.NO_RIGHT}, OUR_FAULT),
        *_at("purchases", "Query", "reservations", THROTTLES, UNAVAILABLE),
        *_at("programme", "Query", "sessions", THROTTLES, UNAVAILABLE),
    ]
    return [pytest.param(case, id=f"{case.command}-{case.operation} {case.table}-{name}") for name, case in rows]


def _at(
    command: str, operation: str, table: str, replies: dict[str, Reply], answer: tuple[int, str, str | None]
) -> list[tuple[str, Case]]:
    return [(name, Case(command, operation, table, reply, answer)) for name, reply in replies.items()]


def _of_transactions() -> dict[str, Reply]:
    return {
        "broken": errors.BROKEN,
        "transaction in progress": errors.TRANSACTION_IN_PROGRESS,
        "conflict": transaction_cancelled(FINE, CONFLICT),
        "conflict and condition": transaction_cancelled({"Code": "ConditionalCheckFailed"}, CONFLICT),
        "throttled write": transaction_cancelled(FINE, errors.THROTTLED_WRITE),
        "over provisioned": transaction_cancelled(errors.OVER_PROVISIONED, FINE),
    }


@dataclass(frozen=True)
class Buyer:
    """A client with one screening, whose seats cost nothing, and one key for all its tries."""

    api: PackagedApi
    session_id: str
    user: str
    key: str

    def prepare(self, command: str) -> Callable[[], Answer]:
        """Does what comes before the command. Gives the request, which may be sent more than once."""
        if command in SEATS:
            return lambda: self.hold(command)
        match command:
            case "seat map":
                return lambda: self.api.get(f"/api/sessions/{self.session_id}/seats")
            case "purchases":
                return lambda: self.api.get(f"/api/users/{self.user}/purchases")
            case "programme":
                moment = f"2034-01-01T00:00:00.{uuid.uuid4().int % 1000:03}Z"  # of no other test: answers may be kept
                return lambda: self.api.get(f"/api/sessions?limit=1&from={moment}")
        path = f"/api/reservations/{self.hold('hold in one row').body['reservationId']}"
        if command == "confirm":
            return lambda: self.api.post(f"{path}/confirm", {})
        return lambda: self.api.delete(path)

    def hold(self, command: str) -> Answer:
        return self.api.hold(self.session_id, *SEATS[command], user=self.user, Idempotency_Key=self.key)

    def taken(self) -> dict[str, str]:
        return {seat: state for seat, state in self.api.seats(self.session_id).items() if state != "available"}


@pytest.fixture
def buyer(packaged_api: PackagedApi) -> Buyer:
    session_id = packaged_api.schedule(ticketPrice=0)
    packaged_api.get(f"/api/sessions/{session_id}")
    user = f"user-{uuid.uuid4()}"
    return Buyer(packaged_api.as_buyer(user), session_id, user, uuid.uuid4().hex)


@pytest.mark.parametrize("case", cases())
def test_a_client_is_told_what_to_do_and_its_next_try_is_as_the_first_would_have_been(
    buyer: Buyer, endpoint: Endpoint, case: Case
) -> None:
    send = buyer.prepare(case.command)
    fails = Fails("dynamodb", case.operation, case.reply, when=on_table(case.table))

    with endpoint.behaving(fails):
        told = send()
    again = send()

    assert fails.met > 0, "the command makes no such call"
    assert (told.status, told.body["error"], told.headers.get("retry-after")) == case.answer, told
    assert again.status in (200, 201), again
    wanted = {
        "hold in one row": dict.fromkeys(SEATS["hold in one row"], "reserved"),
        "hold in two rows": dict.fromkeys(SEATS["hold in two rows"], "reserved"),
        "confirm": dict.fromkeys(SEATS["hold in one row"], "sold"),
    }
    assert buyer.taken() == wanted.get(case.command, {})


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize(
    ("command", "operation", "table"),
    [
        ("hold in one row", "UpdateItem", "rows"),
        ("hold in one row", "PutItem", "reservations"),
        ("hold in two rows", "TransactWriteItems", "rows"),
        ("confirm", "UpdateItem", "rows"),
        ("confirm", "UpdateItem", "reservations"),
    ],
)
def test_an_error_of_the_service_that_comes_once_reaches_no_client(
    buyer: Buyer, endpoint: Endpoint, command: str, operation: str, table: str, takes_effect: bool
) -> None:
    """A 500 of DynamoDB says nothing about whether the write was made: botocore sends it again."""
    send = buyer.prepare(command)
    fails = Fails("dynamodb", operation, errors.BROKEN, times=1, when=on_table(table), takes_effect=takes_effect)

    with endpoint.behaving(fails):
        answer = send()

    assert (fails.met, answer.status) == (1, 200 if command == "confirm" else 201), answer
    assert set(buyer.taken().values()) == {"sold" if command == "confirm" else "reserved"}


@pytest.mark.parametrize(
    ("command", "operation", "reply"),
    [
        ("hold in one row", "UpdateItem", errors.TRANSACTION_CONFLICT),
        ("hold in two rows", "TransactWriteItems", transaction_cancelled(FINE, CONFLICT)),
        ("hold in two rows", "TransactWriteItems", transaction_cancelled(CONFLICT, {"Code": "ConditionalCheckFailed"})),
    ],
)
def test_a_conflict_of_some_milliseconds_reaches_no_client(
    buyer: Buyer, endpoint: Endpoint, command: str, operation: str, reply: Reply
) -> None:
    fails = Fails("dynamodb", operation, reply, times=3, when=on_table("rows"))

    with endpoint.behaving(fails):
        answer = buyer.hold(command)

    assert (fails.met, answer.status) == (3, 201), answer


def test_who_has_the_seat_is_read_from_the_error_and_not_asked_for(buyer: Buyer, endpoint: Endpoint) -> None:
    """`ReturnValuesOnConditionCheckFailure`: ConditionalCheckFailedException carries the Item."""
    buyer.api.hold(buyer.session_id, "A1", user="first")

    with endpoint.noting() as calls:
        refused = buyer.hold("hold in one row")

    assert (refused.status, refused.body["conflictingSeats"]) == (409, ["A1"])
    assert [call.operation for call in calls if on_table("rows")(call)] == ["UpdateItem"]


@pytest.mark.parametrize("most", [0, 1])
def test_rows_that_dynamodb_left_out_are_asked_for_again(buyer: Buyer, endpoint: Endpoint, most: int) -> None:
    """`UnprocessedKeys` of BatchGetItem, in the form of the request."""
    buyer.hold("hold in two rows")

    with endpoint.behaving(leaves_unprocessed(most, times=1)), endpoint.noting() as calls:
        taken = buyer.taken()

    assert taken == dict.fromkeys(SEATS["hold in two rows"], "reserved")
    asked = [len(next(iter(call.json["RequestItems"].values()))["Keys"]) for call in calls]
    assert asked == [2, 2 - most]


def test_rows_that_dynamodb_never_gives_are_an_outage_after_some_tries(buyer: Buyer, endpoint: Endpoint) -> None:
    with endpoint.behaving(leaves_unprocessed(0, times=200)), endpoint.noting() as calls:
        told = buyer.prepare("seat map")()

    assert (told.status, told.body["error"], told.headers["retry-after"]) == UNAVAILABLE, told
    assert 1 < len(calls) < 20


def test_an_answer_whose_checksum_is_wrong_is_asked_for_again(buyer: Buyer, endpoint: Endpoint) -> None:
    """`x-amz-crc32`: a body that was damaged on its way is no answer."""
    held = buyer.hold("hold in one row").body["reservationId"]
    damaged = Reply(200, (("Content-Type", "application/x-amz-json-1.0"), ("x-amz-crc32", "1")), b"{}")
    fails = Fails("dynamodb", "GetItem", damaged, times=1, when=on_table("reservations"))

    with endpoint.behaving(fails):
        shown = buyer.api.get(f"/api/reservations/{held}")

    assert (fails.met, shown.status, shown.body["reservationId"]) == (1, 200, held), shown


def test_a_cause_is_logged_and_not_told(buyer: Buyer, endpoint: Endpoint) -> None:
    """The message names a role, a table and an account: they are the operator's."""
    with endpoint.behaving(Fails("dynamodb", "UpdateItem", errors.NO_RIGHT, when=on_table("rows"))):
        told = buyer.hold("hold in one row")

    assert "arn:" not in told.text
    logged = [json.loads(line) for line in buyer.api.function.logged().splitlines() if told.body["requestId"] in line]
    assert any("AccessDeniedException" in json.dumps(line) for line in logged)
