"""`webhooks`: subscriptions, and a receiver for development."""

from argparse import Namespace
from typing import Any

from infra.ops.arguments import TYPES_HELP, add_command, add_group, parse_event_types, parse_hours, parse_port
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    group = add_group(commands, "webhooks", "subscriptions: add, list, rotate, enable, remove, test, listen")
    _add_add(group)
    add_command(group, "list", _list, "ids, URLs, how secrets end", "webhooks list --json")
    _add_commands_of_one(group)
    about = "receive webhooks on this machine, verify and print them"
    listened = add_command(group, "listen", _listen, about, "webhooks listen --port 9000")
    listened.add_argument("--port", type=parse_port, default=9000, metavar="PORT", help="on 127.0.0.1 (9000)")


def _add_add(group: Any) -> None:
    about = "subscribe a URL to events; its secret is shown once"
    command = add_command(group, "add", _add, about, "webhooks add https://example.com/cinema --stage prod")
    command.add_argument("url", metavar="URL", help="https://…; on a laptop also http:// to this machine")
    command.add_argument("--events", type=parse_event_types, default=[], metavar="TYPES", help=TYPES_HELP)


def _add_commands_of_one(group: Any) -> None:
    about = "a new secret; the one before it stays valid for a while"
    rotated = add_command(group, "rotate", _rotate, about, "webhooks rotate wh-… --overlap 48")
    rotated.add_argument("--overlap", type=parse_hours, default=24.0, metavar="HOURS", help="for so long (24)")
    enabled = add_command(group, "enable", _enable, "call it again", "webhooks enable wh-…")
    removed = add_command(group, "remove", _remove, "end a subscription", "webhooks remove wh-…")
    tested = add_command(group, "test", _test, "post a signed test from this machine", "webhooks test wh-…")
    for command in (rotated, enabled, removed, tested):
        command.add_argument("id", metavar="ID", help="the webhook's id: see `webhooks list`")


def _add(connection: Connection, options: Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.add_webhook(connection, options.url, options.events)


def _list(connection: Connection, _: Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.list_webhooks(connection)


def _rotate(connection: Connection, options: Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.rotate_secret(connection, options.id, options.overlap)


def _enable(connection: Connection, options: Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.enable_webhook(connection, options.id)


def _remove(connection: Connection, options: Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.remove_webhook(connection, options.id)


def _test(connection: Connection, options: Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.send_test(connection, options.id)


def _listen(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.listen import listen_for_webhooks

    return listen_for_webhooks(connection, options.port)
