"""Events, published to a stream of a Redis of its own, after the transaction's commit: the two are not one write."""

import json
import sys
from dataclasses import dataclass
from typing import Any

import redis

STREAM = "events"


@dataclass(frozen=True)
class Publisher:
    client: Any

    def publish(self, kind: str, **facts: Any) -> None:
        """Publishes an event. Where the broker does not answer, the event is lost: its fact is committed already."""
        try:
            self.client.xadd(STREAM, {"type": kind, "body": json.dumps(facts)})
        except redis.RedisError as error:
            print(f"lost {kind} {facts}: {error}", file=sys.stderr, flush=True)
