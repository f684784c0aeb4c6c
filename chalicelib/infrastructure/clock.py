"""The clock of this machine."""

from datetime import UTC, datetime

from chalicelib.domain.times import to_utc_in_whole_ms


def utc_now() -> datetime:
    """Gives the present moment, in UTC and whole milliseconds."""
    return to_utc_in_whole_ms(datetime.now(UTC))
