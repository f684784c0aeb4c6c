"""The format of seats in Redis: entries of seats, and maps of all seats, as signed text.

    res-7Jx…|h|1708023600000|0123456789ab|<signature>     held: reservation, believed until (ms), fingerprint
    res-7Jx…|s|1708023600000|sale-9f2…|<signature>        sold: reservation, believed until (ms), sale
    [12,1708023600000,{"A1":["res-7Jx…",…],…}]|<signature>      a map: version, moment of reading (ms), seats

A signature covers the key and the text, so that a text counts only in the place where we wrote it.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from chalicelib.domain.reservations import HeldSeat, Occupancy, SoldSeat
from chalicelib.domain.times import from_ms, to_ms

SOLD_ENTRY_LASTS = timedelta(seconds=300)
"""How long the entry of a sold seat is valid. A refund or a cancelled screening may free the seat. If Redis is not
told, Redis refuses the seat for no longer than this."""

MAP_MS = 1000
"""The age at which a seat map is no longer shown."""


@dataclass(frozen=True, slots=True)
class CachedSeatMap:
    """The entries of all seats of a screening, as read from the rows.

    `version` and `read_at` were taken before the read began, so the map may show later writes, too.
    """

    version: int
    read_at: datetime
    occupancy: Mapping[str, Occupancy]

    def is_young_and_shows_version(self, least_version: int, now: datetime) -> bool:
        """Tells whether the map is younger than MAP_MS, and shows every write up to `least_version`."""
        return self.version >= least_version and abs(to_ms(now) - to_ms(self.read_at)) < MAP_MS


def text_signed_for_key(secret: bytes, key: str, text: str) -> str:
    """Appends the signature of key and text to the text."""
    return f"{text}|{_signature(secret, key, text.encode())}"


def verified_text(secret: bytes, key: str, value: bytes | None) -> str | None:
    """Gives the text without its signature. None if there is no value, or the signature is not valid for this key."""
    content, _, signature = (value or b"").rpartition(b"|")
    genuine = hmac.compare_digest(signature, _signature(secret, key, content).encode())
    return content.decode() if genuine else None


def _signature(secret: bytes, key: str, content: bytes) -> str:
    """Gives the signature of key and content: 72 bits, enough against an attacker who can write to Redis but does not
    know the secret.
    """
    return urlsafe_b64encode(hmac.digest(secret, key.encode() + b"\0" + content, "sha256")[:9]).decode()


def cached_entry_valid_until(entry: Occupancy, now: datetime) -> datetime:
    return now + SOLD_ENTRY_LASTS if isinstance(entry, SoldSeat) else entry.expires_at


def entry_text(entry: Occupancy, until: datetime) -> str:
    """Writes a seat's entry as text.

    Reservation, kind and expiry come first, because SeatCache finds entries by this prefix.
    """
    kind, rest = ("s", entry.sale_id) if isinstance(entry, SoldSeat) else ("h", entry.fingerprint)
    return f"{entry.reservation_id}|{kind}|{to_ms(until)}|{rest}"


def entry_and_valid_until(text: str) -> tuple[Occupancy, datetime] | None:
    """Reads a seat's entry, and the moment until which it is valid.

    None if another version of the app wrote the text.
    """
    try:
        reservation_id, kind, until_ms, rest = text.split("|", 3)
        until = from_ms(int(until_ms))
    except (ValueError, OverflowError):
        return None
    if kind == "s":
        return SoldSeat(reservation_id=reservation_id, sale_id=rest), until
    return HeldSeat(reservation_id=reservation_id, expires_at=until, fingerprint=rest), until


_PlainEntry = tuple[str, int | str, str]
_PlainMap = tuple[int, int, dict[str, _PlainEntry]]


def cached_map_text(seat_map: CachedSeatMap) -> str:
    entries = {seat: _to_plain(entry) for seat, entry in seat_map.occupancy.items()}
    return msgspec.json.encode((seat_map.version, to_ms(seat_map.read_at), entries)).decode()


def cached_map_from_text(text: str) -> CachedSeatMap | None:
    """Reads a map. None if another version of the app wrote the text."""
    try:
        version, read_at_ms, entries = msgspec.json.decode(text, type=_PlainMap)
        occupancy = {seat: _from_plain(*entry) for seat, entry in entries.items()}
        return CachedSeatMap(version=version, read_at=from_ms(read_at_ms), occupancy=occupancy)
    except (msgspec.DecodeError, OverflowError):
        return None


def _to_plain(entry: Occupancy) -> _PlainEntry:
    if isinstance(entry, SoldSeat):
        return entry.reservation_id, entry.sale_id, ""
    return entry.reservation_id, to_ms(entry.expires_at), entry.fingerprint


def _from_plain(reservation_id: str, expiry_or_sale: int | str, fingerprint: str) -> Occupancy:
    if isinstance(expiry_or_sale, str):
        return SoldSeat(reservation_id=reservation_id, sale_id=expiry_or_sale)
    return HeldSeat(reservation_id=reservation_id, expires_at=from_ms(expiry_or_sale), fingerprint=fingerprint)
