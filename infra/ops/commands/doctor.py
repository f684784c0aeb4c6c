"""`doctor`: finds missing or wrong things on this machine."""

from argparse import Namespace
from typing import Any

from infra.ops.arguments import add_command
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    add_command(commands, "doctor", _run, "what is missing or wrong on this machine, and its remedy", "doctor")


def _run(connection: Connection, _: Namespace) -> Answer:
    from infra.ops.doctor import diagnose

    return diagnose(connection)
