"""Codes for people, to be read out and typed: a sale's booking code, and the codes of tickets."""

import re
from hashlib import sha256

ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"
"""The characters of a code. No O and 0, no I, L and 1, which look alike. No vowels, so that no code is a word."""

LENGTH = 8
GROUP = 4
CODES = len(ALPHABET) ** LENGTH
"""How many codes there are: 3.8 * 10 ** 11, which five bytes can hold."""


def booking_code(sale_id: str) -> str:
    """Makes a code such as K7QX-2MNP: always the same for the same sale. Nobody can tell the sale's id from it.

    There are 28 ** 8 codes: two sales of a full hall with 2,000 seats share a code once in 190,000 halls. A code is no
    key: it names a sale to staff who have the session's list, and opens nothing by itself.
    """
    return code_from_number(int.from_bytes(sha256(f"booking code of {sale_id}".encode()).digest()[:16]))


def code_from_number(number: int) -> str:
    """Writes the number as a code. There are CODES codes: greater numbers have the code of their remainder."""
    letters = []
    for _ in range(LENGTH):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    return f"{''.join(letters[:GROUP])}-{''.join(letters[GROUP:])}"


def number_from_code(code: str) -> int:
    """Gives the number below CODES that `code_from_number` makes this code of. Raises ValueError for other texts."""
    number = 0
    for letter in reversed(code.replace("-", "")):
        number = number * len(ALPHABET) + ALPHABET.index(letter)
    return number


def normalize_code(typed: str) -> str | None:
    """Reads a typed code. Small letters, blanks and hyphens make no difference. None if it is not a code."""
    letters = re.sub(r"[\s-]", "", typed).upper()
    if not typed.isascii() or len(letters) != LENGTH or not set(letters) <= set(ALPHABET):
        return None
    return f"{letters[:GROUP]}-{letters[GROUP:]}"
