"""The clock."""

from datetime import UTC, datetime

from chalicelib.domain.times import whole_ms


def utc_now() -> datetime:
    return whole_ms(datetime.now(UTC))
