"""The booking code: a sale's name for people, on the ticket, in the letter and on the invoice."""

from hashlib import sha256

ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"
"""Neither O and 0 nor I, L and 1 can be taken for each other, and without vowels no code is a word."""

LENGTH = 8
GROUP = 4


def booking_code(sale_id: str) -> str:
    """As K7QX-2MNP: always the same for the same sale, and nothing of its id can be told from it.

    There are 28 ** 8 of them, so two of a full hall of 2,000 seats are alike once in 190,000 halls. It names a sale to
    who has the list of a screening; it is no key and opens nothing by itself.
    """
    rest = int.from_bytes(sha256(f"booking code of {sale_id}".encode()).digest()[:16])
    letters = []
    for _ in range(LENGTH):
        rest, place = divmod(rest, len(ALPHABET))
        letters.append(ALPHABET[place])
    return f"{''.join(letters[:GROUP])}-{''.join(letters[GROUP:])}"
