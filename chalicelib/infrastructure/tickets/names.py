"""Random names: codes of tickets, and of requests that have none."""

import secrets

from chalicelib.domain.booking_codes import CODES, code_from_number


def random_code() -> str:
    """Makes a ticket's code, which nobody can guess."""
    return code_from_number(secrets.randbelow(CODES))


def random_key() -> str:
    """Makes a name that no other request has."""
    return secrets.token_hex(8)
