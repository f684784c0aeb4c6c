"""Random names: codes of tickets, and of requests that have none."""

import secrets

from chalicelib.domain.booking_codes import CODES, code_from_number


def random_code() -> str:
    """Makes a random code for a ticket. Nobody can guess it."""
    return code_from_number(secrets.randbelow(CODES))


def random_admission_key() -> str:
    """Makes a random key for an admission whose request has none. No other request has the same key."""
    return secrets.token_hex(8)
