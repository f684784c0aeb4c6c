"""Random names: codes of tickets, and of requests that have none."""

import secrets

from chalicelib.domain.booking_codes import CODES, code_from_number_modulo_codes


def random_ticket_code() -> str:
    """Makes an unguessable code for a ticket."""
    return code_from_number_modulo_codes(secrets.randbelow(CODES))


def random_admission_idempotency_key() -> str:
    """Makes a unique key for an admission whose request has no idempotency key."""
    return secrets.token_hex(8)
