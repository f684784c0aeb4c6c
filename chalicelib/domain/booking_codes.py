"""The booking code: a sale's name for people, on the ticket, in the email and on the invoice."""

from hashlib import sha256

ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"
"""The characters of a code. No O and 0, no I, L and 1, which look alike. No vowels, so that no code is a word."""

LENGTH = 8
GROUP = 4


def booking_code(sale_id: str) -> str:
    """Makes a code such as K7QX-2MNP: always the same for the same sale. Nobody can tell the sale's id from it.

    There are 28 ** 8 codes: two sales of a full hall with 2,000 seats share a code once in 190,000 halls. A code is no
    key: it names a sale to staff who have the session's list, and opens nothing by itself.
    """
    rest = int.from_bytes(sha256(f"booking code of {sale_id}".encode()).digest()[:16])
    letters = []
    for _ in range(LENGTH):
        rest, place = divmod(rest, len(ALPHABET))
        letters.append(ALPHABET[place])
    return f"{''.join(letters[:GROUP])}-{''.join(letters[GROUP:])}"
