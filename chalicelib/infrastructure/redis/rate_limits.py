"""Rate limits: counted in Redis for all instances together; without Redis, in each process by itself.

No library is used, only 20 lines of Lua and as many of Python: a request has two quotas, and takes from both in one
round trip, or from neither.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from chalicelib.domain.rate_limits import CLOCKS_DIFFER_US, Quota, QuotaUsage, Verdict

from . import answers
from .connection import RedisConnection, RedisUnavailable
from .keys import Keys

if TYPE_CHECKING:
    from redis import Redis

    from chalicelib.domain.ports import RateLimiter

MOST_REMEMBERED = 10_000
"""The largest number of requesters that one process remembers, in about 2 MB. If there are more, the process forgets
the requester that has been idle longest."""

# The same as Quota.drained_at_before_request_us, Quota.admits and ProcessRateLimiter.take_if_all_admit: the
# contract tests hold them together.
# KEYS: one for each requester, all of one slot. ARGV: now, how far clocks may differ, then weighted_interval_us and
# window_us of each key's quota; all in microseconds. Gives 1 or 0, then how far ahead each bucket is filled. %.0f,
# because Lua's own way of writing numbers loses digits.
TAKE = """
local now, admitted, due = tonumber(ARGV[1]), 1, {}
for i, key in ipairs(KEYS) do
  local taken, window = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  local known = tonumber(redis.call('GET', key) or '')
  if not (known and known >= now) then
    known = now
  elseif known > now + window + tonumber(ARGV[2]) then
    known = now + window
  end
  due[i] = known
  if known + taken > now + window then admitted = 0 end
end
local answer = {admitted}
for i, key in ipairs(KEYS) do
  due[i] = due[i] + admitted * tonumber(ARGV[2 * i + 1])
  if due[i] > now then
    redis.call('SET', key, string.format('%.0f', due[i]), 'PX', math.ceil((due[i] - now) / 1000))
  end
  answer[i + 1] = due[i] - now
end
return answer
"""


@dataclass(frozen=True)
class RedisRateLimiter:
    """A rate limiter that counts in Redis, for all instances together.

    While Redis does not answer, `fallback` counts in each process, which makes the limits looser.
    """

    redis: RedisConnection
    fallback: RateLimiter
    prefix: str

    def take_if_all_admit(self, quotas: Mapping[str, Quota], now: datetime) -> Verdict:
        keys = [Keys(self.prefix).rate_limit(requester_digest(requester)) for requester in quotas]
        sizes = [size for quota in quotas.values() for size in (quota.weighted_interval_us, quota.window_us)]

        def evaluate(redis: Redis) -> Any:
            # EVAL and not EVALSHA: a Redis that was started anew has the script with the first request, too.
            return redis.eval(TAKE, len(keys), *keys, rounded_ms_in_us(now), CLOCKS_DIFFER_US, *sizes)

        try:
            return self.redis.ask(keys[0], evaluate, lambda answer: _verdict_from(answer, list(quotas.values())))
        except RedisUnavailable:
            return self.fallback.take_if_all_admit(quotas, now)


@dataclass(frozen=True)
class ProcessRateLimiter:
    """A rate limiter that counts in this process's memory. Thread-safe.

    `due` maps a requester's digest to the moment at which the bucket will be empty, in microseconds. The order is that
    of last use.
    """

    due: OrderedDict[str, int] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def take_if_all_admit(self, quotas: Mapping[str, Quota], now: datetime) -> Verdict:
        now_us = rounded_ms_in_us(now)
        by_key = {requester_digest(requester): quota for requester, quota in quotas.items()}
        with self.lock:
            due = {
                key: quota.drained_at_before_request_us(self.due.get(key, 0), now_us) for key, quota in by_key.items()
            }
            admitted = all(quota.admits(due[key], now_us) for key, quota in by_key.items())
            for key, quota in by_key.items():
                due[key] += quota.weighted_interval_us if admitted else 0
                self._remember(key, due[key])
        return Verdict(admitted, tuple(QuotaUsage(quota, due[key] - now_us) for key, quota in by_key.items()))

    def _remember(self, key: str, due_us: int) -> None:
        self.due[key] = due_us
        self.due.move_to_end(key)
        while len(self.due) > MOST_REMEMBERED:
            self.due.popitem(last=False)


def _verdict_from(answer: Any, quotas: Sequence[Quota]) -> Verdict:
    """Reads the verdict from the script's answer. Raises MalformedRedisAnswer if the script can't have given this
    answer. That is so if the answer refuses although no quota is used up, admits more than a quota, or gives a quota's
    usage as a time below 0 or above the quota's window plus CLOCKS_DIFFER_US."""
    admitted, *used = answers.list_of_integers(1 + len(quotas))(answer)
    usages = tuple(map(QuotaUsage, quotas, used))
    within_reach = all(0 <= each.used_us <= each.quota.window_us + CLOCKS_DIFFER_US for each in usages)
    refused_by_one = any(each.seconds_until_next_admitted_or_zero for each in usages)
    within_all = all(each.used_us <= each.quota.window_us for each in usages)
    if not (within_reach and (within_all if admitted == 1 else admitted == 0 and refused_by_one)):
        raise answers.MalformedRedisAnswer("no verdict")
    return Verdict(admitted == 1, usages)


def requester_digest(requester: str) -> str:
    """Gives a hash of the requester's name, so that no personal data is stored.

    Accepts any text that a client may send, even with lone surrogates.
    """
    return hashlib.blake2b(requester.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def rounded_ms_in_us(moment: datetime) -> int:
    """Rounds the moment to whole milliseconds, and gives it as a number of microseconds since 1970."""
    return round(moment.timestamp() * 1000) * 1000
