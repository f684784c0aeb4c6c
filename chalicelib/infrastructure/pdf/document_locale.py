"""What documents have in common in one language: words about a screening, and the format of dates."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class DocumentLocale:
    """The words and formats of a document in one language. Moments are written in the time zone that they have."""

    room: str
    starts: str
    seat: str
    day_format: str

    def date(self, local: datetime) -> str:
        return self.day_format.format(year=local.year, month=local.month, day=local.day)

    def date_time_and_utc_offset(self, local: datetime) -> str:
        """Writes date, time and distance from UTC: 2024-02-15, 16:00 UTC-03:00."""
        distance = local.isoformat()[-6:] if local.utcoffset() else ""
        return f"{self.date(local)}, {local:%H:%M} UTC{distance}"

    def room_and_start(self, room: str, starts_at: datetime) -> str:
        return f"{self.room} {room}  ·  {self.starts} {self.date_time_and_utc_offset(starts_at)}"
