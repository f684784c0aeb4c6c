"""Lets the process die at a named place, once it gets there: the faults that the comparison injects."""

import os
import signal

LOCKED, COMMITTED = "locked", "committed"
"""The places: seats locked in Redis and in PostgreSQL, nothing committed; a sale committed, nothing published."""


def die_if_told(place: str) -> None:
    """Kills this process if DIE_AT names the place, as a crash does: nothing is cleaned up. DIE_BY=stop freezes it."""
    if os.environ.get("DIE_AT") == place:
        os.kill(os.getpid(), signal.SIGSTOP if os.environ.get("DIE_BY") == "stop" else signal.SIGKILL)
