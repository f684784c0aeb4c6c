"""Ends our commands as shells expect: with a status that they know, and without a traceback where nothing is broken."""

import os
import select
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

INTERRUPTED, UNHEARD = 130, 141
"""The statuses that shells give to ends by a signal, 128 and its number: SIGINT, and SIGPIPE."""


def as_command(main: Callable[[], int], *refusals: type[Exception]) -> NoReturn:
    """Ends this process with the status that `main` gives; an exception of `refusals` is printed without its traceback.

    Ends quietly once nobody reads our output, as after `… | head`. An interruption or SIGTERM unwinds `main`, so that
    it stops what it started; also in the background, where shells have SIGINT ignored.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        try:
            status = main()
        finally:
            print(end="", flush=True)  # now: at the interpreter's own end it would be too late to be quiet
    except refusals as refusal:
        sys.exit(str(refusal))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        if _is_read(1) and _is_read(2):
            raise  # it was another pipe, or a connection
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # where what is left to print goes
        sys.exit(UNHEARD)
    sys.exit(status)


def _is_read(descriptor: int) -> bool:
    """Tells whether a pipe still has a reader."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return not any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
