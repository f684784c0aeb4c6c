"""Runs the main function of our commands, and exits as shells expect: without a traceback for expected errors."""

import os
import select
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

INTERRUPTED, UNHEARD = 130, 141
"""The exit statuses after SIGINT and SIGPIPE: 128 and the signal's number, as in shells."""


def as_command(main: Callable[[], int], *refusals: type[Exception]) -> NoReturn:
    """Runs `main` and exits with its status. Prints an exception of `refusals` without traceback.

    The status is then the exception's attribute `status`, or 1. A closed output (`… | head`) ends the process quietly.
    SIGINT and SIGTERM raise an exception in `main`, so that it stops its processes. This is so also in the background,
    where shells ignore SIGINT.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        try:
            status = main()
        finally:
            print(end="", flush=True)  # now: at the interpreter's end an error could no longer be caught
    except refusals as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(getattr(refusal, "status", 1))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        if _is_read(1) and _is_read(2):
            raise  # another pipe broke, or a connection
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # unprinted output goes there
        sys.exit(UNHEARD)
    sys.exit(status)


def _is_read(descriptor: int) -> bool:
    """Tells whether a pipe still has a reader."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return not any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
