"""Rate limits where Redis is out of reach: in DynamoDB, shared by all instances.

The function that viewers' messages reach stands outside of the network in which a Redis is, for it posts to their
connections. It counts in their own table, one item for each who asks:

    session_id = viewer_id = limit#<digest>    due: when all that was admitted has leaked out (domain/rate_limits.py)

A write demands that `due` is as it was read. When it is not, another request was admitted meanwhile, which can't happen
more often than the quota has requests; so whoever tries again comes to an end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.ports import RateLimiter
from chalicelib.domain.rate_limits import MICROSECONDS, Quota, QuotaUsage, Verdict
from chalicelib.domain.refusals import StoreUnavailable
from chalicelib.infrastructure.redis.rate_limits import digest, microseconds

from .connection import ConditionFailed, Item, Table, consistent_items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ATTEMPTS = 100
PREFIX = "limit#"


@dataclass(frozen=True)
class DynamoRateLimiter:
    """Two quotas are two writes: whoever is refused by the second, in a race, has taken from the first for nothing."""

    client: "DynamoDBClient"
    table_name: str
    otherwise: RateLimiter

    def take(self, quotas: Mapping[str, Quota], now: datetime) -> Verdict:
        try:
            return self._taken({digest(requester): quota for requester, quota in quotas.items()}, microseconds(now))
        except StoreUnavailable:
            return self.otherwise.take(quotas, now)

    def _taken(self, quotas: Mapping[str, Quota], now_us: int) -> Verdict:
        open_quotas, after = dict(quotas), dict[str, int]()
        for _ in range(ATTEMPTS):
            known = self._known(open_quotas)
            due = {key: quota.due(known.get(key, 0), now_us) for key, quota in open_quotas.items()}
            if not all(quota.admits(due[key], now_us) for key, quota in open_quotas.items()):
                self._cut_back(known, due)
                return _verdict(quotas, after | due, now_us, admitted=False)
            for key, quota in list(open_quotas.items()):
                if not self._wrote(key, known.get(key), due[key] + quota.taken_us):
                    break
                after[key] = due[key] + open_quotas.pop(key).taken_us
            else:
                return _verdict(quotas, after, now_us, admitted=True)
        raise StoreUnavailable("count a request")

    def _cut_back(self, known: Mapping[str, int], due: Mapping[str, int]) -> None:
        """What was written with another quota locks nobody for longer than this one's window."""
        for key, known_us in known.items():
            if known_us > due[key]:
                self._wrote(key, known_us, due[key])

    def _known(self, keys: Mapping[str, object]) -> dict[str, int]:
        items = consistent_items(self.client, self.table_name, [_key(key) for key in keys])
        return {item["viewer_id"]["S"].removeprefix(PREFIX): int(item["due"]["N"]) for item in items}

    def _wrote(self, key: str, known_us: int | None, due_us: int) -> bool:
        """Whether it could: what was known still stood there."""
        before: dict[str, Any] = {} if known_us is None else {":known": _number(known_us)}
        try:
            Table(self.client, self.table_name).update(
                _key(key),
                UpdateExpression="SET due = :due, #ttl = :ttl",
                ConditionExpression="due = :known" if before else "attribute_not_exists(due)",
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues={
                    ":due": _number(due_us),
                    ":ttl": _number(due_us // MICROSECONDS + 1),
                    **before,
                },
            )
        except ConditionFailed:
            return False
        return True


def _verdict(quotas: Mapping[str, Quota], due: Mapping[str, int], now_us: int, *, admitted: bool) -> Verdict:
    return Verdict(admitted, tuple(QuotaUsage(quota, due[key] - now_us) for key, quota in quotas.items()))


def _key(key: str) -> Item:
    return {"session_id": {"S": f"{PREFIX}{key}"}, "viewer_id": {"S": f"{PREFIX}{key}"}}


def _number(number: int) -> Item:
    return {"N": str(number)}
