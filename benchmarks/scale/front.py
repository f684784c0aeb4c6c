"""The limits in front of the tables: API Gateway's throttle, Lambda's environments, and the gate in Redis."""

from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.bill import ESTIMATES as OF_BILL

from .buckets import Bucket
from .limits import ESTIMATES, RAMP_ENVIRONMENTS, RAMP_SECONDS, REQUESTS_PER_ENVIRONMENT, Quotas


class LetIn(NamedTuple):
    """Counts of requests: those that got an environment, and those that each service refused."""

    served: int
    refused_by_gateway: int
    refused_by_lambda: int


@dataclass(slots=True)
class Front:
    """Lets requests in, or refuses them at its own cost."""

    quotas: Quotas
    requests: Bucket
    invocations: Bucket

    @classmethod
    def of(cls, quotas: Quotas) -> "Front":
        invocations = quotas.environments * REQUESTS_PER_ENVIRONMENT
        return cls(
            quotas, Bucket.full(quotas.requests, quotas.burst), Bucket.full(invocations, invocations / RAMP_SECONDS)
        )

    def let_in(self, wanted: int, now: float, step: float, seconds_each: float) -> LetIn:
        """Lets `wanted` requests come within a step of `step` seconds, each of which takes `seconds_each`."""
        self.requests.fill(now)
        self.invocations.fill(now)
        passed = self.requests.take(wanted)
        room = int(self.count_environments(now) * step / seconds_each)
        served = self.invocations.take(min(passed, room))
        return LetIn(served, wanted - passed, passed - served)

    def count_environments(self, now: float) -> int:
        """Counts the environments: the warm ones, and those that Lambda has been able to start since the beginning."""
        ramped = RAMP_ENVIRONMENTS * (1 + int(now / RAMP_SECONDS))
        return min(self.quotas.environments, self.quotas.warm + ramped)


@dataclass(slots=True)
class Gate:
    """Refuses attempts for seats that it knows are taken. An attempt that its node can't answer in time passes."""

    commands: list[Bucket]
    """Of each node: a screening's keys are all on one."""
    is_there: bool = True

    @classmethod
    def of(cls, nodes: int) -> "Gate":
        return cls(
            [Bucket.full(ESTIMATES.redis_commands, ESTIMATES.redis_commands / 10) for _ in range(nodes)], nodes > 0
        )

    def fill(self, now: float) -> None:
        for node in self.commands:
            node.fill(now)

    def count_answered(self, screening: int, attempts: int) -> int:
        """Counts the attempts that the screening's node answers in time."""
        if not self.is_there:
            return 0
        return self.commands[screening % len(self.commands)].take(attempts, ESTIMATES.gate_commands)


SECONDS_OF_A_REFUSAL = OF_BILL.seconds_of_a_refusal
SECONDS_OF_A_HOLD = OF_BILL.seconds
