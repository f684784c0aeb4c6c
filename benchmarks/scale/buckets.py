"""Token buckets: how AWS limits requests, environments, and units."""

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """Fills at `rate` a second, up to `size`. Time is given, in seconds; it never goes back."""

    rate: float
    size: float
    tokens: float
    at: float = 0.0

    @classmethod
    def full(cls, rate: float, size: float) -> "Bucket":
        return cls(rate, size, tokens=size)

    def fill(self, now: float) -> None:
        self.tokens = min(self.size, self.tokens + self.rate * (now - self.at))
        self.at = now

    def take(self, wanted: int, tokens_each: float = 1.0) -> int:
        """Takes tokens for up to `wanted` requests that cost `tokens_each`. Counts the requests that got theirs."""
        given = min(wanted, int(self.tokens / tokens_each))
        self.tokens -= given * tokens_each
        return given
