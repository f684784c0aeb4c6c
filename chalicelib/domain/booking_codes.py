"""Codes for people, to be read out and typed: a sale's booking code, and the codes of tickets."""

import re
from hashlib import sha256

ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"
"""The characters of codes: neither O nor 0, none of I, L and 1, because these look alike, and no vowels, so that no
code is a word."""

LENGTH = 8
GROUP = 4
CODES = len(ALPHABET) ** LENGTH
"""How many codes there are: 3.8 * 10 ** 11, which five bytes can hold."""


def booking_code(sale_id: str) -> str:
    """Makes the code of a sale, such as K7QX-2MNP. The same sale always has the same code. The sale's id can't be
    derived from the code.

    Two sales may have the same code, because there are only 28 ** 8 codes. In a hall of 2,000 seats sold one by one,
    the chance that two sales have the same code is 1 in 190,000.

    A code is not a secret: staff who have the session's list find a sale by it. A code alone admits nobody.
    """
    return code_from_number_modulo_codes(int.from_bytes(sha256(f"booking code of {sale_id}".encode()).digest()[:16]))


def code_from_number_modulo_codes(number: int) -> str:
    """Encodes a number as a code. Numbers that differ by a multiple of CODES have the same code."""
    letters = []
    for _ in range(LENGTH):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    return f"{''.join(letters[:GROUP])}-{''.join(letters[GROUP:])}"


def number_from_code(code: str) -> int:
    """Decodes a code of eight characters of the alphabet to its number, which is below CODES.

    Raises ValueError for any other character.
    """
    number = 0
    for letter in reversed(code.replace("-", "")):
        number = number * len(ALPHABET) + ALPHABET.index(letter)
    return number


def to_hyphenated_code(typed: str) -> str | None:
    """Gives the standard form of a typed code. Ignores case, blanks and hyphens. None if the text is not a code."""
    letters = re.sub(r"[\s-]", "", typed).upper()
    if not typed.isascii() or len(letters) != LENGTH or not set(letters) <= set(ALPHABET):
        return None
    return f"{letters[:GROUP]}-{letters[GROUP:]}"
