"""Live connections: viewers' WebSockets, which API Gateway keeps open and to which we post."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.infrastructure import aws

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

log = logging.getLogger(__name__)

AT_ONCE = 32
"""The largest number of posts at the same time. One takes some 5 ms on AWS: a thousand viewers get a message in a
fifth of a second."""

THROTTLED = {"LimitExceededException", "TooManyRequestsException", "ThrottlingException"}
LONGEST_PAUSE_SECONDS = 1.0
"""The longest pause of a thread after AWS throttled one of its posts. During the pause, the account's quota is left to
bookings. The post itself is not repeated; its viewer reads the map again within 20 s."""

CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 1},
    max_pool_connections=AT_ONCE,
)


TOLD, GONE = "told", "gone"


def new_connections_client(connections_url: str) -> "ApiGatewayManagementApiClient":
    made: ApiGatewayManagementApiClient = aws.new_client(
        "apigatewaymanagementapi", CONFIG, endpoint_url=connections_url
    )
    return made


@dataclass(frozen=True)
class ApiGatewayConnections:
    """The viewers' WebSocket connections, reached through API Gateway."""

    client: "ApiGatewayManagementApiClient"
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def send_and_list_gone(self, viewer_ids: Sequence[str], message: str, seconds: float = 20.0) -> set[str]:
        until, data = self.monotonic() + seconds, message.encode()
        with ThreadPoolExecutor(min(AT_ONCE, max(len(viewer_ids), 1))) as posts:
            became = list(posts.map(lambda viewer_id: self._post(viewer_id, data, until), viewer_ids))
        missed = Counter(became) - Counter({TOLD: len(became), GONE: len(became)})
        if missed:
            log.warning("viewers of %d who were not told: %s", len(became), dict(missed))
        return {viewer_id for viewer_id, one in zip(viewer_ids, became, strict=True) if one == GONE}

    def _post(self, viewer_id: str, data: bytes, until: float) -> str:
        """Posts the message to one viewer. Gives the outcome: TOLD, GONE, or the reason of the failure.

        After the moment `until`, posts nothing. A viewer who missed a message is up to date after the next one.
        """
        if self.monotonic() >= until:
            return "too late"
        try:
            self.client.post_to_connection(ConnectionId=viewer_id, Data=data)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in THROTTLED:
                self.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
            return GONE if code == "GoneException" else code
        except BotoCoreError as error:
            return type(error).__name__
        return TOLD


class SendsToNobody:
    """The port ViewerSender without a WebSocket API: there are no connections, so nothing is posted."""

    def send_and_list_gone(self, viewer_ids: Sequence[str], message: str, seconds: float = 20.0) -> set[str]:
        return set()
