"""The operator's commands. Each module has the arguments, the help and the call of one command.

A new command is one module here with `add_to`, and its line in COMMANDS. A command imports the application only when it
runs, for `doctor` must work without it.
"""

from typing import Any, Protocol

from infra.ops.commands import (
    cancel,
    dlq,
    doctor,
    find,
    mail,
    payments,
    person,
    rebuild,
    reconcile,
    replay,
    roll_forward,
    rotate,
    status,
    story,
    token,
    warm,
    webhooks,
)


class Command(Protocol):
    """A module of this folder."""

    def add_to(self, commands: Any) -> None:
        """Adds a parser for itself to argparse's subparsers."""


COMMANDS: tuple[Command, ...] = (
    status,
    doctor,
    find,
    story,
    rebuild,
    mail,
    token,
    payments,
    reconcile,
    cancel,
    person,
    replay,
    roll_forward,
    webhooks,
    dlq,
    warm,
    rotate,
)
"""The commands in the order of `python -m infra.ops --help`."""
