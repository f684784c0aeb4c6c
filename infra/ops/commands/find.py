"""`find`: finds the ids of screenings, reservations and payments, by other facts about them."""

from argparse import ArgumentParser, Namespace
from typing import Any

from infra.ops.arguments import add_command, add_group, parse_count, parse_day
from infra.ops.connection import Connection
from infra.ops.text import Answer

BY_ID = (
    ("sale", "SALE", "the reservation of a sale; no index leads there, so the table is read, within a bound"),
    ("buyer", "USER", "what a user has held and bought, by key; an e-mail address by reading, within a bound"),
    ("payment", "TRANSACTION", "what became of a payment, by key, and of what it was for"),
    ("reservation", "RESERVATION", "a reservation, by key"),
)
EXAMPLES = {"sale": "sale-YCIp5…", "buyer": "user-123", "payment": "tx-456", "reservation": "res-…"}


def add_to(commands: Any) -> None:
    group = add_group(commands, "find", "ids by what is known: screenings, sale, buyer, payment, reservation")
    _add_screenings(group)
    for what, known, about in BY_ID:
        command = add_command(group, what, _run_finder, about, f"find {what} {EXAMPLES[what]}")
        command.add_argument("known", metavar=known)
        command.set_defaults(what=what)
        _add_most(command)


def _add_screenings(group: Any) -> None:
    about = "what is on, from today or on one day, by the index of the programme"
    example = "find screenings --title oppen --day 2026-11-27"
    command = add_command(group, "screenings", _find_screenings, about, example)
    command.add_argument("--title", default="", metavar="TEXT", help="part of the film's title, in any case")
    command.add_argument("--day", type=parse_day, metavar="DAY", help="such as 2026-11-27, in UTC (from today on)")
    _add_most(command)


def _add_most(command: ArgumentParser) -> None:
    most = "read at most N items where no index leads (10000)"
    command.add_argument("--most", type=parse_count, default=10_000, metavar="N", help=most)


def _find_screenings(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.find import find_screenings

    return find_screenings(connection, options.title, options.day, options.most)


def _run_finder(connection: Connection, options: Namespace) -> Answer:
    from infra.ops import find

    finders = {
        "sale": find.find_sale,
        "buyer": find.find_buyer,
        "payment": find.find_payment,
        "reservation": find.find_reservation,
    }
    return finders[options.what](connection, options.known, options.most)
