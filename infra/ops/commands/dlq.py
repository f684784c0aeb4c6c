"""`dlq`: lists dead letters, shows them, gives them back to their queue or deletes them."""

from argparse import Namespace
from typing import Any

from infra.ops.arguments import add_command, add_group, parse_count
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    group = add_group(commands, "dlq", "dead letters: list, show, redrive, purge")
    add_command(group, "list", _list, "every dead-letter queue with its depth and source", "dlq list --json")
    about = "look at messages without consuming them"
    show = add_command(group, "show", _show, about, "dlq show expiry --limit 3")
    about = "give messages back to their source queue"
    redrive = add_command(group, "redrive", _redrive, about, "dlq redrive expiry --limit 1")
    purge = add_command(group, "purge", _purge, "delete all messages for good", "dlq purge expiry --yes")
    for command in (show, redrive, purge):
        command.add_argument("queue", metavar="QUEUE", help="short or full name of the queue or its dead-letter queue")
    show.add_argument("--limit", type=parse_count, default=10, metavar="N", help="at most N messages (10)")
    redrive.add_argument("--limit", type=parse_count, metavar="N", help="at most N messages (all there are now)")
    purge.add_argument("--yes", action="store_true", help="I am sure")


def _list(connection: Connection, _: Namespace) -> Answer:
    from infra.ops import dlq
    from infra.ops.queues import read_queues

    return dlq.list_dead_letter_queues(read_queues(connection))


def _show(connection: Connection, options: Namespace) -> Answer:
    from infra.ops import dlq
    from infra.ops.queues import read_queues

    queue = read_queues(connection).dead_letter_queue(options.queue)
    return dlq.show_dead_letters(connection.client("sqs"), queue, options.limit)


def _redrive(connection: Connection, options: Namespace) -> Answer:
    from infra.ops import dlq
    from infra.ops.queues import read_queues

    queues = read_queues(connection)
    queue = queues.dead_letter_queue(options.queue)
    source = queues.source(queue)
    return dlq.redrive_dead_letters(connection.client("sqs"), queue, source, options.limit, dlq.report_progress)


def _purge(connection: Connection, options: Namespace) -> Answer:
    from infra.ops import dlq
    from infra.ops.queues import read_queues

    queues = read_queues(connection)
    queue = queues.dead_letter_queue(options.queue)
    return dlq.purge_dead_letters(connection.client("sqs"), queues, queue, sure=options.yes)
