"""How often something may be asked: quotas, the algorithm, and the configuration's words for them.

GCRA, the leaky bucket as one moment: `due` is when all that was admitted so far has leaked out. Each request puts it
off by one interval, and may put it as far ahead as the whole window:

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
"""Between instances, at the very most: far less on Lambda."""

MOST_REQUESTS = 100_000
LONGEST_WINDOW_SECONDS = 86_400

EVERY_ROUTE = "*"
OFF = "off"

_ENTRY = re.compile(
    r"(?P<route>\*|[a-z_]+)\s*=\s*(?:off|(?P<requests>\d{1,6})/(?P<seconds>\d{1,5})s)\s+per\s+(?P<who>\w+)"
)


class Requester(StrEnum):
    """Who is counted."""

    USER = "user"
    """Of whom it is known who they are: what a request says of itself counts for nobody, or anybody could use up a
    stranger's quota."""
    ADDRESS = "address"
    CONNECTION = "connection"
    """A WebSocket."""


@dataclass(frozen=True, slots=True)
class Quota:
    """`requests` at once, and as many again in each `seconds`, evenly spread. One request counts as its `weight`."""

    requests: int
    seconds: int
    weight: int = 1

    def weighing(self, weight: int) -> "Quota":
        """For a request that is worth several. One that is worth more than the whole quota takes all of it."""
        return replace(self, weight=min(max(weight, 1), self.requests))

    @property
    def interval_us(self) -> int:
        """Rounded up, so that no rounding admits more."""
        return -(-self.seconds * MICROSECONDS // self.requests)

    @property
    def taken_us(self) -> int:
        """By this request."""
        return self.interval_us * self.weight

    @property
    def window_us(self) -> int:
        return self.interval_us * self.requests

    def due(self, known_us: int, now_us: int) -> int:
        """When all will have leaked out, by what was remembered: 0 for nothing.

        What is further ahead than clocks may differ was not written with this quota: that counts as used up.
        """
        if known_us > now_us + self.window_us + CLOCKS_DIFFER_US:
            return now_us + self.window_us
        return max(known_us, now_us)

    def admits(self, due_us: int, now_us: int) -> bool:
        return due_us + self.taken_us <= now_us + self.window_us


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """A quota after a request: `used_us` is how far ahead its bucket is filled."""

    quota: Quota
    used_us: int

    @property
    def remaining(self) -> int:
        """Requests that would be admitted now."""
        return max(0, (self.quota.window_us - self.used_us) // self.quota.interval_us)

    @property
    def whole_in_seconds(self) -> int:
        """Rounded up."""
        return -(-self.used_us // MICROSECONDS)

    @property
    def next_in_seconds(self) -> int:
        """When one more of this weight would be admitted; rounded up, 0 for at once."""
        return max(0, -(-(self.used_us + self.quota.taken_us - self.quota.window_us) // MICROSECONDS))


@dataclass(frozen=True, slots=True)
class Verdict:
    """On one request, against each of its quotas. Refused by one of them, it used up none."""

    admitted: bool
    usages: tuple[QuotaUsage, ...]

    @property
    def tightest(self) -> QuotaUsage:
        """The quota that matters to whoever asked: the next to refuse, or the one that admits again last."""
        return max(self.usages, key=lambda standing: (standing.next_in_seconds, -standing.remaining))


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The quota of each route and asker; None where there is no limit."""

    quotas: Mapping[tuple[Requester, str], Quota | None]

    def of(self, requester: Requester, route: str) -> Quota | None:
        key = requester, route
        return self.quotas[key] if key in self.quotas else self.quotas.get((requester, EVERY_ROUTE))

    @property
    def routes(self) -> set[str]:
        """Those that are named."""
        return {route for _, route in self.quotas} - {EVERY_ROUTE}

    def changed(self, words: str) -> "RateLimits":
        """With `words` on top, entry by entry: `hold_seats=10/10s per user, show_seats=off per address`.

        `*=…` is for every route, and forgets what was said of single ones before; `off` alone turns all limits off.
        Raises ValueError, which says what can't be understood.
        """
        quotas = dict(self.quotas)
        for requester, route, quota in _entries(words):
            if route == EVERY_ROUTE:
                quotas = {key: value for key, value in quotas.items() if key[0] is not requester}
            quotas[requester, route] = quota
        return RateLimits(quotas)


NO_LIMITS = RateLimits({})


def _entries(words: str) -> Iterator[tuple[Requester, str, Quota | None]]:
    if words.strip() == OFF:
        yield from ((requester, EVERY_ROUTE, None) for requester in Requester)
        return
    for entry in filter(None, map(str.strip, words.split(","))):
        match = _ENTRY.fullmatch(entry)
        if not match or match["who"] not in set(Requester):
            raise ValueError(entry)
        yield Requester(match["who"]), match["route"], _quota(match["requests"], match["seconds"], entry)


def _quota(requests: str | None, seconds: str | None, entry: str) -> Quota | None:
    if requests is None or seconds is None:
        return None
    quota = Quota(int(requests), int(seconds))
    if not (1 <= quota.requests <= MOST_REQUESTS and 1 <= quota.seconds <= LONGEST_WINDOW_SECONDS):
        raise ValueError(entry)
    return quota
