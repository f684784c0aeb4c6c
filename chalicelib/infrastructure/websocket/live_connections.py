"""Live connections: viewers' WebSockets, which API Gateway keeps open and to which we post."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

log = logging.getLogger(__name__)

AT_ONCE = 32
"""The most posts that are made at the same time. One takes some 5 ms on AWS: a thousand viewers get a message in a
fifth of a second."""

CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=AT_ONCE,
)


def client(connections_url: str) -> "ApiGatewayManagementApiClient":
    return boto3.client("apigatewaymanagementapi", endpoint_url=connections_url, config=CONFIG)


@dataclass(frozen=True)
class ApiGatewayConnections:
    """Posts messages to viewers through API Gateway."""

    client: "ApiGatewayManagementApiClient"

    def show(self, viewer_ids: Sequence[str], message: str) -> set[str]:
        with ThreadPoolExecutor(min(AT_ONCE, max(len(viewer_ids), 1))) as posts:
            open_ = posts.map(lambda viewer_id: self._post(viewer_id, message), viewer_ids)
            return {viewer_id for viewer_id, is_open in zip(viewer_ids, open_, strict=True) if not is_open}

    def _post(self, viewer_id: str, message: str) -> bool:
        """Posts the message. False when the connection is gone.

        A viewer who misses a message for another reason is brought up to date by the next one, or by asking again.
        """
        try:
            self.client.post_to_connection(ConnectionId=viewer_id, Data=message.encode())
        except self.client.exceptions.GoneException:
            return False
        except (BotoCoreError, ClientError):
            log.warning("a viewer could not be told", exc_info=True)
        return True


class NoConnections:
    """Posts nothing: no WebSocket API is deployed, so nobody is connected."""

    def show(self, viewer_ids: Sequence[str], message: str) -> set[str]:
        return set()
