"""The operator's board has a price, counted on the wire; and counting a refusal adds one round trip to it."""

import time
import uuid
from collections import Counter
from datetime import UTC, datetime

import boto3

from chalicelib.application.board import FRESH, QUEUES, SCREENINGS
from chalicelib.infrastructure.breakers import POLICIES, Breaker
from chalicelib.infrastructure.redis.connection import RedisConnection
from chalicelib.infrastructure.redis.refusal_counts import RedisRefusalCounts
from tests.builders import NOW
from tests.conftest import ApiServers
from tests.fakes import MovableClock
from tests.http_api import Api
from tests.redis_machine import RedisWire
from tests.wire import Wire


def a_fresh_board(api: Api) -> None:
    """Waits until the board is old, so that the next one is made anew."""
    as_of = datetime.fromisoformat(api.get("/api/operations").body["asOf"])
    while datetime.now(UTC) - as_of <= FRESH:
        time.sleep(0.05)


def test_a_board_costs_one_query_for_each_screening_and_two_calls_for_each_queue(wired_api: Api, wire: Wire) -> None:
    wired_api.schedule(startTime=datetime.now(UTC).isoformat())
    a_fresh_board(wired_api)
    with wire.counting() as calls:
        board = wired_api.get("/api/operations").body

    shown = len(board["screenings"])
    assert 1 <= shown <= SCREENINGS
    assert Counter(call.operation for call in calls) == {
        "Query": 1 + shown,
        "GetQueueAttributes": 2 * len(QUEUES),
        "ListObjectsV2": 1,  # the stream failures
        "GetItem": 1 + 2,  # the signs of life of /ready, and the breakers of letters and refunds
        "GetQueueUrl": 1,
        "GetSendQuota": 1,
    }


def test_any_number_of_operators_cost_one_reading_while_it_is_fresh(wired_api: Api, wire: Wire) -> None:
    a_fresh_board(wired_api)
    with wire.counting() as calls:
        for _ in range(5):
            wired_api.get("/api/operations")

    readings = Counter(call.operation for call in calls)["GetQueueUrl"]
    assert readings <= 2  # one, and one more on a very slow machine


def test_a_switched_off_board_costs_nothing(api_servers: ApiServers, wire: Wire) -> None:
    off = Api(api_servers(1, AWS_ENDPOINT_URL=wire.url, OPERATIONS_BOARD="off")[0])
    with wire.counting() as calls:
        off.get("/api/operations")

    assert calls == []


def test_a_redrive_costs_three_calls_for_its_queues_and_two_for_each_message(
    wired_api: Api, wire: Wire, data_stack: str
) -> None:
    sqs = boto3.client("sqs")
    source, dead_letters = (
        sqs.get_queue_url(QueueName=f"{data_stack}-{name}")["QueueUrl"] for name in ("audit", "audit-dlq")
    )
    for _ in range(3):
        sqs.send_message(QueueUrl=dead_letters, MessageBody="poison")
    wired_api.get("/api/operations")  # the queues' addresses are known then
    with wire.counting() as calls:
        moved = wired_api.post("/api/operations/queues/audit/redrive", {}).body["moved"]
    for message in sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10)["Messages"]:
        sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])

    counted = Counter(call.operation for call in calls)
    receives = counted.pop("ReceiveMessage")
    assert counted == {"GetQueueAttributes": 1, "SendMessage": moved, "DeleteMessage": moved}
    assert moved >= 3
    assert receives <= moved


def test_counting_a_refusal_is_one_round_trip(redis_wire: RedisWire) -> None:
    redis = RedisConnection(redis_wire.url, Breaker("redis", POLICIES["redis"]))
    refusals = RedisRefusalCounts(redis, uuid.uuid4().hex, MovableClock(NOW))
    refusals.count_refusal("NOT_FOUND")  # connected

    with redis_wire.counting() as round_trips:
        for _ in range(10):
            refusals.count_refusal("NOT_FOUND")

    assert round_trips == [10]


def test_a_refusal_asks_aws_for_nothing_more_for_being_counted(wired_api: Api, wire: Wire, known_session: str) -> None:
    with wire.counting() as calls:
        assert wired_api.hold(known_session, "Z99").status == 404

    assert calls == []
