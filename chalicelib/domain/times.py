"""Moments: aware, UTC, in whole milliseconds, as holds are stored and compared."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


def to_utc_in_whole_ms(moment: datetime) -> datetime:
    """Truncates the moment to whole milliseconds, and converts it to UTC."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def to_iso(moment: datetime) -> str:
    """Formats the moment as 2024-02-15T19:00:00.000Z. All texts have the same length, so they sort by time."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def utc_whole_ms_from_iso_with_zone(text: str) -> datetime:
    """Parses a moment in ISO 8601, and truncates it to milliseconds.

    Raises ValueError if the text is malformed or has no time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the time zone is missing")
    return to_utc_in_whole_ms(moment)
