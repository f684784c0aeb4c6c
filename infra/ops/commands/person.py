"""`person`: exports or erases what a stage has of one person."""

from argparse import ArgumentParser, Namespace
from typing import Any

from infra.ops.arguments import add_command, add_group
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    group = add_group(commands, "person", "what is stored of one person: export it, erase it")
    about_export = "all that is stored of a person, as JSON; every table is read"
    _add_person(add_command(group, "export", _export, about_export, "person export 3f0c… > person.json"))
    about_erase = "erase a person for good; invoices are kept, and money records without the name"
    erase = add_command(group, "erase", _erase, about_erase, "person erase 3f0c… --yes")
    _add_person(erase)
    erase.add_argument("--yes", action="store_true", help="I am sure. It may be run again, and goes on")


def _add_person(command: ArgumentParser) -> None:
    command.add_argument("user", metavar="USER", help="the user's id; `find buyer ADDRESS` finds it by an address")
    about = "an address of theirs besides those on their reservations; may be repeated"
    command.add_argument("--email", action="append", default=[], metavar="ADDRESS", help=about)


def _export(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.person.telling import export_person

    return export_person(connection, options.user, options.email)


def _erase(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.person.telling import erase_person

    return erase_person(connection, options.user, options.email, sure=options.yes)
