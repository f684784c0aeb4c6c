"""The operator's board over HTTP: real queues and numbers, dead letters given back, and nothing where it is off."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from chalicelib.application.board import QUEUES
from chalicelib.domain.board import WINDOW
from infra.local.pump import Pump
from infra.processes import free_port
from tests.conftest import ApiServers
from tests.documented import Document, DocumentedApi
from tests.http_api import Answer, Api

POISON = {"version": 9, "id": "unreadable"}
DEADLINE_SECONDS = 15
FRESH_SECONDS = 2

Board = dict[str, Any]


@pytest.fixture
def session_on_board(api: Api) -> str:
    """Schedules the oldest screening that is still shown: it is on the first page, whatever else is on."""
    return api.schedule(startTime=(datetime.now(UTC) - WINDOW + timedelta(minutes=2)).isoformat())


def board_when(api: Api, seen: Callable[[Board], bool]) -> Board:
    """Asks for the board until it shows the wanted: an answer is kept for two seconds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not seen(board := api.get("/api/operations").body):
        assert time.monotonic() < deadline, board
    return dict(board)


def shown(board: Board, session_id: str) -> Board:
    return next((each for each in all_screenings(board) if each["sessionId"] == session_id), {})


def all_screenings(board: Board) -> list[Board]:
    return list(board["screenings"])


def queue(board: Board, name: str) -> Board:
    return next(state for state in board["queues"] if state["name"] == name)


def refused(board: Board, code: str) -> int:
    return next((each["count"] for each in board["refusals"]["byReason"] if each["code"] == code), 0)


@pytest.fixture
def dead_letters(data_stack: str) -> Iterator[Callable[..., None]]:
    """Parks poison in the DLQ of a queue; at the end both are empty again."""
    sqs = boto3.client("sqs")

    def url(name: str) -> str:
        return str(sqs.get_queue_url(QueueName=f"{data_stack}-{name}")["QueueUrl"])

    def park(name: str, count: int) -> None:
        for _ in range(count):
            sqs.send_message(
                QueueUrl=url(f"{name}-dlq"),
                MessageBody=json.dumps(POISON),
                MessageAttributes={"reason": {"DataType": "String", "StringValue": "unknown version 9"}},
            )

    yield park
    for name in ("audit", "audit-dlq"):
        while found := sqs.receive_message(QueueUrl=url(name), MaxNumberOfMessages=10, WaitTimeSeconds=0).get(
            "Messages"
        ):
            for message in found:
                sqs.delete_message(QueueUrl=url(name), ReceiptHandle=message["ReceiptHandle"])


# What it shows


def test_a_screening_is_shown_with_what_the_consumers_counted(
    api: Api, api_servers: ApiServers, session_on_board: str, pump: Pump
) -> None:
    selling = Api(api_servers(1, SALES_END_MINUTES=str(WINDOW // timedelta(minutes=1)))[0])  # though it has begun
    selling.confirm(selling.hold(session_on_board, "A1", "A2").body["reservationId"])
    selling.hold(session_on_board, "A3")
    pump.drain()

    board = board_when(api, lambda board: shown(board, session_on_board).get("holds") == 2)

    numbers = shown(board, session_on_board)
    assert (numbers["soldSeats"], numbers["heldSeats"], numbers["totalSeats"]) == (2, 1, 16)
    assert (numbers["occupancy"], numbers["revenue"], numbers["conversion"]) == (0.125, 50.0, 0.5)
    assert board["totals"]["holds"] >= 2
    now = board["overTime"][-2:]
    assert sum(each["holds"] for each in now) >= 2
    assert sum(each["sales"] for each in now) >= 1
    assert len(board["overTime"]) == 36


def test_every_queue_and_dependency_is_on_the_board(api: Api) -> None:
    board = api.get("/api/operations").body

    assert [state["name"] for state in board["queues"]] == [*QUEUES, "stream-failures"]
    up = [state["name"] for state in board["dependencies"] if state["state"] == "up"]
    assert up == ["dynamodb", "sqs", "redis", "ses", "payments"]


def test_refusals_are_counted_by_their_reason(api: Api, session_id: str) -> None:
    before = refused(api.get("/api/operations").body, "SEAT_ALREADY_RESERVED")
    api.hold(session_id, "A1")
    for _ in range(3):
        assert api.hold(session_id, "A1", user="late").status == 409

    board = board_when(api, lambda board: refused(board, "SEAT_ALREADY_RESERVED") > before)

    assert refused(board, "SEAT_ALREADY_RESERVED") == before + 3


def test_what_is_not_ready_yet_is_no_refusal(api: Api, session_id: str) -> None:
    before = refused(api.get("/api/operations").body, "SEAT_ALREADY_RESERVED")
    held = api.hold(session_id, "A1").body["reservationId"]
    payment = {"paymentMethod": "pix", "transactionId": f"tx-of-{held}"}
    assert api.post(f"/api/reservations/{held}/confirm", payment).status == 200
    assert api.get(f"/api/reservations/{held}/tickets").body["error"] == "TICKETS_NOT_READY"
    assert api.hold(session_id, "A1", user="late").status == 409

    board = board_when(api, lambda board: refused(board, "SEAT_ALREADY_RESERVED") > before)

    assert refused(board, "TICKETS_NOT_READY") == 0


def test_screenings_after_the_first_ones_are_on_the_next_page(api: Api, session_id: str) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    for number in range(21):
        api.schedule(startTime=(soon + timedelta(seconds=number)).isoformat())
    first = board_when(api, lambda board: bool(board.get("nextCursor")))

    second = api.get(f"/api/operations?cursor={first['nextCursor']}").body

    assert not {each["sessionId"] for each in first["screenings"]} & {
        each["sessionId"] for each in second["screenings"]
    }
    assert len(first["screenings"]) == 20


def test_a_cursor_of_somebody_else_is_refused(api: Api) -> None:
    answer = api.get("/api/operations?cursor=nonsense")

    assert (answer.status, answer.body["error"]) == (400, "CURSOR_INVALID")


# Dead letters


def redrive(api: Api, name: str, body: object = None) -> Answer:
    return api.post(f"/api/operations/queues/{name}/redrive", {} if body is None else body)


def test_dead_letters_are_seen_with_their_reason_and_stay(api: Api, dead_letters: Callable[..., None]) -> None:
    dead_letters("audit", 2)
    board_when(api, lambda board: queue(board, "audit")["deadLetters"] == 2)

    for _ in range(2):
        (letter, _other) = api.get("/api/operations/queues/audit/letters").body["letters"]

    assert (letter["reason"], json.loads(letter["body"])) == ("unknown version 9", POISON)
    assert redrive(api, "audit", {"limit": 1}).body == {"queue": "audit", "moved": 1, "left": 1}


def test_redriven_letters_reach_their_consumer_again(api: Api, dead_letters: Callable[..., None], pump: Pump) -> None:
    dead_letters("audit", 3)

    assert redrive(api, "audit").body == {"queue": "audit", "moved": 3, "left": 0}
    waiting = queue(api.get("/api/operations").body, "audit")
    pump.drain()  # its consumer can't read them: they come back, with its own reason

    assert (waiting["waiting"], waiting["deadLetters"]) == (3, 0)
    letters = api.get("/api/operations/queues/audit/letters").body["letters"]
    assert len(letters) == 3
    assert all("version" in letter["reason"] and letter["receives"] == 1 for letter in letters)


@pytest.mark.parametrize("name", ["nonsense", "audit-dlq", "stream-failures", "%2e%2e", "%F0%9F%8E%9F", "a" * 300])
def test_a_queue_that_can_not_be_redriven_is_not_found(api: Api, name: str) -> None:
    answer = redrive(api, name)

    assert (answer.status, answer.body["error"]) == (404, "QUEUE_NOT_FOUND")


@pytest.mark.parametrize("limit", [0, 101, -1, "all", 1.5, None])
def test_a_redrive_has_a_bound(api: Api, limit: object) -> None:
    answer = redrive(api, "audit", {"limit": limit})

    assert (answer.status, answer.body["error"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "headers", [{}, {"Content_Type": "text/plain"}, {"Content_Type": "application/x-www-form-urlencoded"}]
)
def test_what_another_sites_page_could_send_unasked_redrives_nothing(
    api: Api, dead_letters: Callable[..., None], headers: dict[str, str]
) -> None:
    dead_letters("audit", 1)

    answer = api.send("POST", "/api/operations/queues/audit/redrive", "{}", **headers)

    assert (answer.status, answer.body["error"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert len(api.get("/api/operations/queues/audit/letters").body["letters"]) == 1


# Where it is


ROUTES = [
    ("GET", "/operations"),
    ("GET", "/api/operations"),
    ("GET", "/api/operations/queues/audit/letters"),
    ("POST", "/api/operations/queues/audit/redrive"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_switched_off_there_is_nothing(api_servers: ApiServers, document: Document, method: str, path: str) -> None:
    off = DocumentedApi(api_servers(1, OPERATIONS_BOARD="off")[0], document)

    answer = off.send(method, path, "{}" if method == "POST" else None, Content_Type="application/json")

    assert (answer.status, answer.body["error"]) == (404, "NOT_FOUND")


def test_the_page_may_only_load_and_run_what_is_ours(api: Api) -> None:
    page = api.get("/operations")

    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "unsafe" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("redis", ["", f"redis://127.0.0.1:{free_port()}"], ids=["none", "dead"])
def test_without_redis_bookings_are_refused_as_ever_and_the_board_says_that_nobody_counts(
    api_servers: ApiServers, document: Document, redis: str
) -> None:
    alone = DocumentedApi(api_servers(1, REDIS_URL=redis)[0], document)
    session_id = alone.schedule()
    alone.hold(session_id, "A1")

    assert alone.hold(session_id, "A1", user=uuid.uuid4().hex).status == 409
    board = alone.get("/api/operations").body

    assert "refusals" not in board
    assert board["queues"]
    assert "totals" in board
