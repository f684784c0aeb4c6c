"""Wiring of the operator's board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.application.board import (
    QUEUES,
    RedriveDeadLetters,
    ShowBoard,
    ShowCachedBoard,
    ShowSomeDeadLettersOfQueue,
)
from chalicelib.infrastructure.sqs.queue_board import SqsQueueAndStreamFailureBoard

from .gate import refusal_counts
from .health import check_dependencies
from .queues.analytics import analytics
from .shared.process import clock, once_per_settings, settings
from .shared.queues import queue_urls, sqs
from .shared.stream_failures import stream_failures
from .shared.tables import sessions

if TYPE_CHECKING:
    from chalicelib.domain.ports import QueueBoard


@once_per_settings
def queue_board() -> QueueBoard:
    return SqsQueueAndStreamFailureBoard(sqs(), queue_urls(), settings().table_prefix, QUEUES, stream_failures())


@once_per_settings
def show_board() -> ShowCachedBoard:
    show = ShowBoard(
        sessions=sessions(),
        analytics=analytics(),
        queues=queue_board(),
        refusals=refusal_counts(),
        check_dependencies=check_dependencies(),
        clock=clock,
    )
    return ShowCachedBoard(show, clock)


@once_per_settings
def show_dead_letters() -> ShowSomeDeadLettersOfQueue:
    return ShowSomeDeadLettersOfQueue(queue_board())


@once_per_settings
def redrive_dead_letters() -> RedriveDeadLetters:
    return RedriveDeadLetters(queue_board(), show_board())
