"""Posts to viewers: who is gone, who is throttled, and when it is too late."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from chalicelib.infrastructure.websocket.live_connections import (
    CONFIG,
    LONGEST_PAUSE_SECONDS,
    ApiGatewayConnections,
)
from tests.fakes import Ticks
from tests.injected import Pauses

VIEWERS = [f"viewer-{number}" for number in range(100)]


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PostToConnection")


@dataclass
class Gateway:
    """API Gateway's connections. `answer` raises what the post of a viewer comes to."""

    answer: Callable[[str], None] = lambda viewer_id: None
    posted: list[str] = field(default_factory=list)

    def post_to_connection(self, ConnectionId: str, Data: bytes) -> None:  # noqa: N803 - boto3's names
        self.answer(ConnectionId)
        self.posted.append(ConnectionId)


def connections(gateway: Gateway, ticks: Ticks, pauses: Pauses) -> ApiGatewayConnections:
    client: Any = gateway
    return ApiGatewayConnections(client, monotonic=ticks, sleep=pauses)


def test_everybody_is_told_and_who_is_gone_is_named() -> None:
    def answer(viewer_id: str) -> None:
        if viewer_id in VIEWERS[:3]:
            raise refused("GoneException")

    gateway = Gateway(answer)

    assert connections(gateway, Ticks(), Pauses()).send_and_list_gone(VIEWERS, "news") == set(VIEWERS[:3])
    assert sorted(gateway.posted) == sorted(VIEWERS[3:])


def test_who_is_throttled_pauses_and_does_not_post_again(caplog: pytest.LogCaptureFixture) -> None:
    """429 LimitExceededException: the quota of 10,000 requests a second is the account's, and bookings share it."""

    def answer(viewer_id: str) -> None:
        if viewer_id in VIEWERS[:40]:
            raise refused("LimitExceededException")

    gateway, pauses = Gateway(answer), Pauses()
    with caplog.at_level(logging.WARNING):
        assert connections(gateway, Ticks(), pauses).send_and_list_gone(VIEWERS, "news") == set()

    assert sorted(gateway.posted) == sorted(VIEWERS[40:])
    assert len(pauses.seconds) == 40
    assert 0 <= min(pauses.seconds) <= max(pauses.seconds) <= LONGEST_PAUSE_SECONDS
    (line,) = caplog.messages
    assert "'LimitExceededException': 40" in line, "one line for all of them"
    attempts: Any = CONFIG
    assert attempts.retries["total_max_attempts"] == 1, "the client library does not repeat it either"


def test_posts_whose_time_is_over_are_not_made(caplog: pytest.LogCaptureFixture) -> None:
    ticks = Ticks()

    def answer(viewer_id: str) -> None:
        ticks.now += 0.5

    gateway = Gateway(answer)
    with caplog.at_level(logging.WARNING):
        assert connections(gateway, ticks, Pauses()).send_and_list_gone(VIEWERS, "news", seconds=10) == set()

    assert len(gateway.posted) <= 20 + 32, "those that had begun, one in each thread"
    assert "'too late'" in caplog.text


def test_a_gateway_that_does_not_answer_leaves_everybody_connected() -> None:
    def answer(viewer_id: str) -> None:
        raise ConnectTimeoutError(endpoint_url="injected")

    assert connections(Gateway(answer), Ticks(), Pauses()).send_and_list_gone(VIEWERS, "news") == set()
