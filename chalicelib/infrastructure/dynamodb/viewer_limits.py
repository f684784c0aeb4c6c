"""Rate limits where Redis is out of reach: in DynamoDB, shared by all instances.

Viewers' messages reach a function outside of the network in which Redis is, because that function posts to their
connections. It counts in the viewers' table, one item for each requester:

    session_id = viewer_id = limit#<digest>    due: when all that was admitted has leaked out (domain/rate_limits.py)

A write is made only if `due` is as it was read. Otherwise another request was admitted meanwhile. That can't happen
more often than the quota has requests, so every retry comes to an end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.rate_limits import MICROSECONDS, Quota, QuotaUsage, Verdict
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.infrastructure.redis.rate_limits import requester_digest, rounded_ms_in_us

from .connection import BatchReader, ConditionFailed, Table
from .values import Item, number_value, read_required_number, read_text, text_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.domain.ports import RateLimiter

ATTEMPTS = 100
PREFIX = "limit#"


@dataclass(frozen=True)
class DynamoRateLimiter:
    """A rate limiter that counts in the viewers' table. While DynamoDB does not answer, `fallback` counts.

    Two quotas need two writes. In a race, a request that the second quota refuses may count against the first.
    """

    client: DynamoDBClient
    table_name: str
    fallback: RateLimiter

    def take_if_all_admit(self, quotas: Mapping[str, Quota], now: datetime) -> Verdict:
        try:
            return self._take(
                {requester_digest(requester): quota for requester, quota in quotas.items()}, rounded_ms_in_us(now)
            )
        except BackendUnavailable:
            return self.fallback.take_if_all_admit(quotas, now)

    def _take(self, quotas: Mapping[str, Quota], now_us: int) -> Verdict:
        """Takes one request from each quota, if all admit it. `quotas` maps the digest of each requester's name to the
        requester's quota. Raises BackendUnavailable."""
        open_quotas, after = dict(quotas), dict[str, int]()
        for _ in range(ATTEMPTS):
            known = self._read_due(open_quotas)
            due = {
                key: quota.drained_at_before_request_us(known.get(key, 0), now_us) for key, quota in open_quotas.items()
            }
            if not all(quota.admits(due[key], now_us) for key, quota in open_quotas.items()):
                self._shorten(known, due)
                return _verdict(quotas, after | due, now_us, admitted=False)
            for key, quota in list(open_quotas.items()):
                if not self._write_due(key, known.get(key), due[key] + quota.weighted_interval_us):
                    break
                after[key] = due[key] + open_quotas.pop(key).weighted_interval_us
            else:
                return _verdict(quotas, after, now_us, admitted=True)
        raise BackendUnavailable("count a request")

    def _shorten(self, known: Mapping[str, int], due: Mapping[str, int]) -> None:
        """Shortens the wait of requesters whose buckets were filled while a longer window was set, so that no requester
        is refused for longer than the present window.

        `known` has the stored moment at which each bucket will be empty. `due` has the corrected moment. Both are in
        microseconds.
        """
        for key, known_us in known.items():
            if known_us > due[key]:
                self._write_due(key, known_us, due[key])

    def _read_due(self, keys: Mapping[str, object]) -> dict[str, int]:
        """Reads the moment at which each bucket will be empty, in microseconds. Leaves out buckets without an item."""
        items = BatchReader(self.client, self.table_name)([_item_key(key) for key in keys])
        return {read_text(item, "viewer_id").removeprefix(PREFIX): read_required_number(item, "due") for item in items}

    def _write_due(self, key: str, known_us: int | None, due_us: int) -> bool:
        """Writes the bucket's `due`, if it is unchanged since the read. False if it has changed."""
        before: dict[str, Any] = {} if known_us is None else {":known": number_value(known_us)}
        try:
            Table(self.client, self.table_name).update(
                _item_key(key),
                UpdateExpression="SET due = :due, #ttl = :ttl",
                ConditionExpression="due = :known" if before else "attribute_not_exists(due)",
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues={
                    ":due": number_value(due_us),
                    ":ttl": number_value(due_us // MICROSECONDS + 1),
                    **before,
                },
            )
        except ConditionFailed:
            return False
        return True


def _verdict(quotas: Mapping[str, Quota], due: Mapping[str, int], now_us: int, *, admitted: bool) -> Verdict:
    return Verdict(admitted, tuple(QuotaUsage(quota, due[key] - now_us) for key, quota in quotas.items()))


def _item_key(key: str) -> Item:
    return text_key(session_id=f"{PREFIX}{key}", viewer_id=f"{PREFIX}{key}")
