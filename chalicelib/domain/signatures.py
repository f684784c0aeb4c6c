"""Signatures of webhooks: HMAC-SHA-256 over the moment and the raw body, of messages sent and received.

Cinema-Signature: t=1708023600,v1=<hex>[,v1=<hex with the secret before, as long as it is valid>]
signed text:      1708023600.{"version": 1, …}
"""

import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

HEADER = "Cinema-Signature"
TOLERANCE = timedelta(minutes=5)
"""How far the signature's moment may be from now. Clocks may differ, but a message that somebody has recorded must soon
become worthless."""

LONGEST_HEADER = 1000


def sign_body(keys: Iterable[str], body: bytes, now: datetime) -> str:
    """Makes the value of the Cinema-Signature header: the moment, and one signature for each key."""
    moment = str(int(now.timestamp()))
    return ",".join([f"t={moment}", *(f"v1={_digest(key, moment, body)}" for key in keys)])


def is_signed(header: str, body: bytes, keys: Sequence[str], now: datetime) -> bool:
    """Tells whether the header has a signature by any of the keys, and the header's moment is at most TOLERANCE before
    or after `now`."""
    moment, given = _parse_header(header)
    if not _is_about(moment, now):
        return False
    wanted = [_digest(key, moment, body).encode() for key in keys]
    return any(hmac.compare_digest(one, other) for one in wanted for other in given)


def is_signature_time_recent(header: str, now: datetime) -> bool:
    """Tells whether the header's moment is at most TOLERANCE before or after `now`. Does not verify the signatures."""
    return _is_about(_parse_header(header)[0], now)


def _parse_header(header: str) -> tuple[str, list[bytes]]:
    """Gives the header's moment and signatures. The moment is empty if the header has none, or several."""
    if len(header) > LONGEST_HEADER:
        return "", []
    parts = [part.strip().partition("=") for part in header.split(",")]
    moments = [value for name, _, value in parts if name == "t"]
    return moments[0] if len(moments) == 1 else "", [
        value.encode(errors="replace") for name, _, value in parts if name == "v1"
    ]


def _is_about(moment: str, now: datetime) -> bool:
    """Tells whether the moment, in seconds since 1970, is at most TOLERANCE before or after `now`."""
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 12):
        return False
    return abs(int(moment) - now.timestamp()) <= TOLERANCE.total_seconds()


def _digest(key: str, moment: str, body: bytes) -> str:
    return hmac.new(key.encode(), f"{moment}.".encode() + body, "sha256").hexdigest()
