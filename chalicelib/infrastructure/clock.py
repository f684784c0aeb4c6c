"""The clock of this machine."""

from datetime import UTC, datetime

from chalicelib.domain.times import truncate_to_ms


def utc_now() -> datetime:
    """Gives the present moment, in UTC and whole milliseconds."""
    return truncate_to_ms(datetime.now(UTC))
