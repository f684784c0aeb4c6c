"""The parts that all instances share: the simulated services, the true clock and the scheduler."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.fakes import FakeInvoiceFiles, MovableClock

from .cloud.doors import Client
from .cloud.gateway import Gateway
from .cloud.redis import Connection
from .cloud.sqs import Sqs
from .promises.at_all_times import broken
from .scheduler import Scheduler

PREFIX = "simulated"


@dataclass
class Failures:
    """The bucket of records that a stream gives up. A record there breaks a promise, because all errors are outages."""

    clock: Callable[[], datetime]

    def put(self, records: Sequence[Any], condition: str, reason: str) -> None:
        broken(f"{condition}: {reason}: {records}")


@dataclass
class Services:
    clock: MovableClock
    scheduler: Scheduler
    client: Client
    sqs: Sqs
    redis: Connection | None
    gateway: Gateway
    limit_reached: Callable[[], None]
    files: FakeInvoiceFiles = field(default_factory=FakeInvoiceFiles)

    @property
    def dynamodb(self) -> Any:
        """Gives the client, which the adapters take for boto3's."""
        return self.client

    @property
    def queues(self) -> Any:
        """Gives the client of SQS, which the adapters take for boto3's."""
        return self.sqs

    @property
    def cache_connection(self) -> Any:
        """Gives the connection that the cache takes for its own; None for a run without Redis."""
        return self.redis

    @property
    def sleep(self) -> Callable[[float], None]:
        return self.scheduler.sleep

    @property
    def failures(self) -> Any:
        return Failures(self.clock)
