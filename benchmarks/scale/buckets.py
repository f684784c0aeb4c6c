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

    def take(self, wanted: int, each: float = 1.0) -> int:
        """Takes tokens for so many things that cost `each`, and tells for how many there were enough."""
        given = min(wanted, int(self.tokens / each))
        self.tokens -= given * each
        return given
