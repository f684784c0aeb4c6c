"""The operator's command line: `python -m infra.ops COMMAND --help`.

Exit status: 0 all is well, 1 the command found something to repair, 2 it could not do its work.
Other statuses are in infra/command.py.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from infra.command import as_command
from infra.ops.commands import COMMANDS
from infra.ops.connection import Connection, OpsError, PlaceOptions
from infra.ops.text import Answer

REFUSED = 2


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.ops",
        description="Looks after a stage: `local` at AWS_ENDPOINT_URL if set, else on the emulator of `make run`; every"
        " other one on AWS. --endpoint, --region and --profile say it otherwise.",
        epilog="exit status: 0 all is well, 1 something is to be repaired, 2 the command could not do it",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = make_parser().parse_args(arguments)
    connection: Connection | None = None
    try:
        connection = Connection.to(options.stage, PlaceOptions(options.endpoint, options.region, options.profile))
        with _set_environment(connection):
            answer: Answer = options.run(connection, options)
    except OpsError as refusal:
        return _print_refusal(str(refusal))
    except (BotoCoreError, ClientError) as error:
        return _print_refusal(_explanation_of(error, connection))
    print(answer.shown(as_json=options.json))
    return answer.status


@contextlib.contextmanager
def _set_environment(connection: Connection) -> Iterator[None]:
    """Sets this process's environment for the stage's place, until the block is left.

    Commands that use the application's own clients read it.
    """
    before, wanted = dict(os.environ), connection.environment_for(os.environ)
    differing = {name for name in before.keys() | wanted.keys() if before.get(name) != wanted.get(name)}
    _set_variables(differing, wanted)
    try:
        yield
    finally:
        _set_variables(differing, before)


def _set_variables(names: Iterable[str], values: Mapping[str, str]) -> None:
    for name in names:
        os.environ.pop(name, None)
        if name in values:
            os.environ[name] = values[name]


def _print_refusal(sentence: str) -> int:
    """Prints the sentence to stderr and gives the exit status."""
    print(sentence, file=sys.stderr)
    return REFUSED


def _explanation_of(error: Exception, connection: Connection | None) -> str:
    where = connection.where if connection else "AWS"
    if isinstance(error, NoCredentialsError | NoRegionError):
        return (
            "This stage is on AWS, which is not configured here: set the region and credentials of your AWS account "
            "(--region, --profile), or name an emulator with --endpoint."
        )
    if isinstance(error, EndpointConnectionError):
        return f"Nothing answers at {where}: start it (`make run`), or correct --endpoint or AWS_ENDPOINT_URL."
    return f"{where} does not do what is asked: {error}"


if __name__ == "__main__":
    as_command(main)
