"""Page cursors: the last key of a page, as text that a client sends back for the next one."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from chalicelib.domain.refusals import CursorInvalid

LONGEST = 500
"""The largest number of characters of a cursor."""

_CURSOR = re.compile("[A-Za-z0-9_-]+={0,2}")
"""A cursor's form. It is checked here, because Python's decoder skips characters outside its alphabet instead of
refusing them."""


def to_cursor(key: Sequence[str]) -> str:
    return urlsafe_b64encode(json.dumps(key).encode()).decode()


def from_cursor(cursor: str, length: int) -> list[str]:
    """Decodes a cursor into the `length` parts of a key, each an ASCII text. Raises CursorInvalid."""
    if len(cursor) > LONGEST or not _CURSOR.fullmatch(cursor):
        raise CursorInvalid
    try:
        key = json.loads(urlsafe_b64decode(cursor.encode()))
    except ValueError as error:
        raise CursorInvalid from error
    if not isinstance(key, list) or len(key) != length or not all(map(_can_be_key_part, key)):
        raise CursorInvalid
    return key


def _can_be_key_part(part: object) -> bool:
    return isinstance(part, str) and part.isascii() and part != ""
