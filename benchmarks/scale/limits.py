"""AWS's limits that an on-sale meets, each with the page that says it. What no page says is under Estimates."""

from typing import NamedTuple

PARTITION_WRITES = 1_000
"""Write units a second that one partition takes, and one item. DynamoDB: "Best practices for partition keys"."""

NEW_TABLE_WRITES = 4_000
"""Write units a second of a new table on demand. DynamoDB: "On-demand capacity mode"."""

LARGEST_ITEM = 400 * 1024
"""Bytes. DynamoDB: "Quotas"."""

TRANSACTION_FACTOR = 2
"""A write in a transaction takes twice its units. DynamoDB: "Managing complex workflows with transactions"."""

RAMP_ENVIRONMENTS, RAMP_SECONDS = 1_000, 10
"""A function gets so many more environments in each such time. Lambda: "Understanding Lambda function scaling"."""

REQUESTS_PER_ENVIRONMENT = 10
"""Invocations a second that Lambda lets an account make for each environment of its quota. The same page."""


class Quotas(NamedTuple):
    """An AWS account's limits. API Gateway: "Quotas"; Lambda: "Quotas"."""

    name: str
    requests: int
    """Requests a second through API Gateway, of the account in the region."""
    burst: int
    """Requests beyond them at once."""
    environments: int
    """Of Lambda's functions, at the same time."""
    warm: int = 0
    """Environments that wait already: provisioned concurrency."""


DEFAULT = Quotas("the quotas of a new account", requests=10_000, burst=5_000, environments=1_000)
RAISED = Quotas("quotas raised for an on-sale", requests=150_000, burst=75_000, environments=20_000)
WARMED = RAISED._replace(name="raised, and 6,000 environments warm", warm=6_000)
UNBOUNDED = Quotas("nothing in front", requests=10**9, burst=10**9, environments=10**9, warm=10**9)
"""Shows what the tables do when neither API Gateway nor Lambda holds anybody back."""


class Estimates(NamedTuple):
    """Estimates of numbers that AWS does not publish."""

    redis_commands: int = 100_000
    """A second that one Redis node answers."""
    gate_commands: int = 2
    """Of one attempt, on the node that has the screening's keys: the gate's question, and the refusal's count."""
    transaction_seconds: float = 0.02
    """For which a transaction's items refuse another one."""
    split_after_seconds: float = 60.0
    """Of throttling, until a partition is split in two."""
    tries: int = 3
    """Of a throttled call, the first one included: dynamodb/connection.py."""
    emails: float = 14.0
    """A second, that SES lets an account send: its first quota out of the sandbox."""


ESTIMATES = Estimates()
