"""Rate limits: quotas, how they admit a request, and how the configuration writes them.

The algorithm is GCRA, a leaky bucket kept as one moment. `due` is when all admitted requests will have leaked out. Each
request moves `due` ahead by one interval, and never further ahead than the whole window:

    now ──────────── due ── interval ──┐ now + window
     └── used up ────────┘             └ further than this: refused, and nothing changes

So a quota of 10 in 20 s admits 10 at once, one more every 2 s after that, and never more than that.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

MICROSECONDS = 1_000_000
CLOCKS_DIFFER_US = 60 * MICROSECONDS
"""The most by which two instances' clocks differ; on Lambda it is far less."""

MOST_REQUESTS = 100_000
LONGEST_WINDOW_SECONDS = 86_400

EVERY_ROUTE = "*"
OFF = "off"

_ENTRY = re.compile(
    r"(?P<route>\*|[a-z_]+)\s*=\s*(?:off|(?P<requests>\d{1,6})/(?P<seconds>\d{1,5})s)\s+per\s+(?P<who>\w+)"
)


class RequesterKind(StrEnum):
    """The kinds of requesters whose requests are counted."""

    USER = "user"
    """A user whose identity was verified. A name in the request itself does not count, or anybody could use up a
    stranger's quota."""
    ADDRESS = "address"
    CONNECTION = "connection"
    """A WebSocket."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit as a leaky bucket: `requests` at once, and then the same number again in each period of `seconds`, evenly
    spread.

    One request counts as `weight` requests.
    """

    requests: int
    seconds: int
    weight: int = 1

    def with_clamped_weight(self, weight: int) -> "Quota":
        """Gives this quota for a request that counts as `weight` requests. A weight above the whole quota is cut to the
        whole quota."""
        return replace(self, weight=min(max(weight, 1), self.requests))

    @property
    def interval_us(self) -> int:
        """Gives the microseconds between two requests of a steady client.

        Rounded up, so that rounding never admits more.
        """
        return -(-self.seconds * MICROSECONDS // self.requests)

    @property
    def weighted_interval_us(self) -> int:
        """Gives the microseconds by which one request delays the emptying of the bucket: `interval_us` times the
        weight."""
        return self.interval_us * self.weight

    @property
    def window_us(self) -> int:
        return self.interval_us * self.requests

    def drained_at_before_request_us(self, known_us: int, now_us: int) -> int:
        """Gives the moment when all requests before this one will have leaked out, in microseconds since 1970. If they
        already have, gives `now_us`. `known_us` is the stored moment, 0 if none is stored.

        If the stored moment is further ahead than a window plus CLOCKS_DIFFER_US, the quota has been made smaller
        since. Then the whole quota counts as used: gives the moment one window ahead.
        """
        if known_us > now_us + self.window_us + CLOCKS_DIFFER_US:
            return now_us + self.window_us
        return max(known_us, now_us)

    def admits(self, due_us: int, now_us: int) -> bool:
        return due_us + self.weighted_interval_us <= now_us + self.window_us


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """The state of a quota after a request. `used_us` is the used part of the quota, as the microseconds until all of
    it is free again."""

    quota: Quota
    used_us: int

    @property
    def remaining(self) -> int:
        """Gives the number of requests that would be admitted now, if each counts as one."""
        return max(0, (self.quota.window_us - self.used_us) // self.quota.interval_us)

    @property
    def seconds_until_all_free(self) -> int:
        """Gives the seconds until the whole quota is free again, rounded up."""
        return -(-self.used_us // MICROSECONDS)

    @property
    def seconds_until_next_admitted_or_zero(self) -> int:
        """Gives the seconds until another request of this weight would be admitted, rounded up. 0 if it would be
        admitted now.
        """
        return max(0, -(-(self.used_us + self.quota.weighted_interval_us - self.quota.window_us) // MICROSECONDS))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The usage of each quota after one request. If any quota refuses the request, the request uses none of them."""

    admitted: bool
    usages: tuple[QuotaUsage, ...]

    @property
    def tightest(self) -> QuotaUsage:
        """Gives the quota that limits the client most.

        After a refusal, this is the quota with the longest wait. Otherwise it is the quota with the fewest requests
        left.
        """
        return max(self.usages, key=lambda usage: (usage.seconds_until_next_admitted_or_zero, -usage.remaining))


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The quota of each kind of requester on each route. None means no limit."""

    quotas: Mapping[tuple[RequesterKind, str], Quota | None]

    def quota_for(self, requester: RequesterKind, route: str) -> Quota | None:
        key = requester, route
        return self.quotas[key] if key in self.quotas else self.quotas.get((requester, EVERY_ROUTE))

    @property
    def routes(self) -> set[str]:
        """Gives the names of the routes with a limit of their own."""
        return {route for _, route in self.quotas} - {EVERY_ROUTE}

    def with_overrides(self, text: str) -> "RateLimits":
        """Applies the entries of a setting to these limits, one after the other, and gives the result. An example of
        such a setting is `hold_seats=10/10s per user, show_seats=off per address`.

        An entry `*=… per user` applies to every route, and removes all earlier entries per user. An entry `*=… per
        address` does the same for entries per address. The text `off` alone removes all limits. Raises ValueError with
        the entry that can't be read.
        """
        quotas = dict(self.quotas)
        for requester, route, quota in _parse_entries(text):
            if route == EVERY_ROUTE:
                quotas = {key: value for key, value in quotas.items() if key[0] is not requester}
            quotas[requester, route] = quota
        return RateLimits(quotas)


NO_LIMITS = RateLimits({})


def _parse_entries(text: str) -> Iterator[tuple[RequesterKind, str, Quota | None]]:
    if text.strip() == OFF:
        yield from ((requester, EVERY_ROUTE, None) for requester in RequesterKind)
        return
    for entry in filter(None, map(str.strip, text.split(","))):
        match = _ENTRY.fullmatch(entry)
        if not match or match["who"] not in set(RequesterKind):
            raise ValueError(entry)
        yield RequesterKind(match["who"]), match["route"], _quota(match["requests"], match["seconds"], entry)


def _quota(requests: str | None, seconds: str | None, entry: str) -> Quota | None:
    if requests is None or seconds is None:
        return None
    quota = Quota(int(requests), int(seconds))
    if not (1 <= quota.requests <= MOST_REQUESTS and 1 <= quota.seconds <= LONGEST_WINDOW_SECONDS):
        raise ValueError(entry)
    return quota
