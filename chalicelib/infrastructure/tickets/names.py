"""Random names: codes of tickets, and of requests that have none."""

import secrets

from chalicelib.domain.booking_codes import CODES, to_code


def random_code() -> str:
    """Makes a ticket's code, which nobody can guess."""
    return to_code(secrets.randbelow(CODES))


def random_admission_key() -> str:
    """Makes a name that no other request has."""
    return secrets.token_hex(8)
