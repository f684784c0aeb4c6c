"""Handles batches of queue and stream records. The answers name the records that must be delivered again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from chalicelib.domain.events import Failures, OutgoingMessage, PermanentFailure, RetryLater, act_on_each_in_turn

from .http.logs import log

T = TypeVar("T")

Record = Mapping[str, Any]
BatchAnswer = dict[str, list[dict[str, str]]]


class NothingRelayed(Exception):
    """A stream record failed, and no message of its batch was sent. The stream must deliver the whole batch again.

    An exception instead of a batch answer, because the streams of emulators retry a batch only after an error.
    """


class RedeliveryOfFailedMessages(Protocol):
    """Retries, defers or parks a queue message that could not be handled. See infrastructure/sqs/queues.py."""

    def retry_later(self, record: Record) -> None: ...

    def defer_by_copy_unless_too_often(self, record: Record, least_seconds: float, most_seconds: float) -> bool:
        """Sends a copy of the message, to arrive after the delay. Gives False if the message was deferred too often."""
        ...

    def is_last_attempt(self, record: Record) -> bool: ...

    def send_copy_to_dlq(self, record: Record, reason: str) -> None:
        """Sends a copy of the message, with the reason, to the dead-letter queue."""
        ...


class StreamRecordParking(Protocol):
    """The parking of stream records that can't be relayed, so that they do not block the records behind them.

    See infrastructure/streams/failures.py.
    """

    def count_failure_and_tell_whether_to_park(self, record: Record, error: Exception) -> bool: ...

    def park(self, record: Record, reason: str) -> None: ...


def handle_messages(
    records: Iterable[Record], handle: Callable[[Record], None], redelivery: RedeliveryOfFailedMessages
) -> BatchAnswer:
    """Handles queue messages one after the other. Gives the ids of the messages that the queue must not delete.

    A message that fails comes again after a pause, which grows with each try. After its last try it is parked in the
    dead-letter queue. One that raises PermanentFailure is parked at once. One that raises RetryLater is put off. That
    does not count as a try. If it has been put off too often, it is parked.
    """
    return _failures(record["messageId"] for record in records if not _handle_one(record, handle, redelivery))


def handle_messages_in_parallel(
    records: Sequence[Record], handle: Callable[[Record], None], redelivery: RedeliveryOfFailedMessages
) -> BatchAnswer:
    """Handles queue messages as `handle_messages` does, but each in its own thread: a slow call delays no other
    message."""
    from concurrent.futures import ThreadPoolExecutor  # one function needs it, none at its cold start

    with ThreadPoolExecutor(max(len(records), 1)) as workers:
        done = list(workers.map(lambda record: _handle_one(record, handle, redelivery), records))
    return _failures(record["messageId"] for record, is_done in zip(records, done, strict=True) if not is_done)


def handle_messages_together(
    records: Sequence[Record],
    read: Callable[[Record], T],
    handle: Callable[[Sequence[T]], Failures],
    redelivery: RedeliveryOfFailedMessages,
) -> BatchAnswer:
    """Handles all queue messages with one call of `handle`. Gives the ids of those that the queue must not delete.

    `read` reads a message's content. `handle` takes the list of contents, and gives its failures by position in that
    list; if it raises, all have failed. Failed messages are retried, deferred or parked, in the same way as by
    `handle_messages`.
    """
    contents, errors = act_on_each_in_turn(dict(enumerate(records)), read)
    try:
        failures = handle(list(contents.values())) if contents else {}
    except Exception as error:  # noqa: BLE001 - whatever it is, the unreadable ones are settled
        failures = dict.fromkeys(range(len(contents)), error)
    positions = list(contents)
    errors |= {positions[index]: error for index, error in failures.items()}
    settle = [_raiser_of(errors.get(position)) for position in range(len(records))]
    return _failures(
        record["messageId"]
        for record, settle_one in zip(records, settle, strict=True)
        if not _handle_one(record, settle_one, redelivery)
    )


def relay_in_order(
    records: Sequence[Record],
    relay: Callable[[Record], Iterable[OutgoingMessage]],
    send: Callable[[Sequence[OutgoingMessage]], set[int]],
    parking: StreamRecordParking,
) -> BatchAnswer:
    """Makes messages from stream records with `relay`, and sends them. Gives the id of the first record that failed.

    The stream then delivers that record and all later ones again, so the records keep their order. During an outage the
    records wait, for hours if necessary. A record that fails for a reason other than an outage is parked, if `parking`
    says so. Raises NothingRelayed if a record failed and no message was sent.
    """
    relayed, failed = _relay_until_one_fails(records, relay, parking)
    unsent = send([message for _, message in relayed])
    failed |= {relayed[index][0] for index in unsent}
    if failed and len(unsent) == len(relayed):
        raise NothingRelayed(f"not one message of {len(records)} records left: all of them come again")
    return _failures(records[position]["dynamodb"]["SequenceNumber"] for position in sorted(failed)[:1])


def _raiser_of(error: Exception | None) -> Callable[[Record], None]:
    """Makes a handler that raises the error. If there is no error, the handler does nothing.

    Several messages may have the same error. The error's traceback is reset before each raise, so that the traceback
    does not grow.
    """
    came_from = error.__traceback__ if error else None

    def settle(record: Record) -> None:
        if error:
            raise error.with_traceback(came_from)

    return settle


def _relay_until_one_fails(
    records: Sequence[Record], relay: Callable[[Record], Iterable[OutgoingMessage]], parking: StreamRecordParking
) -> tuple[list[tuple[int, OutgoingMessage]], set[int]]:
    """Relays records until one fails and is not parked. Parks a failed record if `parking` says so.

    Gives the messages, each with its record's position, and the position of the record that failed.
    """
    relayed: list[tuple[int, OutgoingMessage]] = []
    for position, record in enumerate(records):
        try:
            relayed += [(position, message) for message in relay(record)]
        except Exception as error:  # noqa: BLE001 - whatever it is, what came before it goes out
            if not _try_to_park_record(record, error, parking):
                return relayed, {position}
    return relayed, set()


def _try_to_park_record(record: Record, error: Exception, parking: StreamRecordParking) -> bool:
    """Logs a record's failure, and parks the record if `parking` says so. False if it is to be delivered again."""
    record_id = record["dynamodb"]["SequenceNumber"]
    try:
        if not parking.count_failure_and_tell_whether_to_park(record, error):
            log.error("record failed, to be delivered again", record_id=record_id, exc_info=error)
            return False
        parking.park(record, str(error) if isinstance(error, PermanentFailure) else repr(error))
    except Exception:  # noqa: BLE001 - then it is not passed over
        log.exception("record could not be parked, to be delivered again", record_id=record_id)
        return False
    log.error("record put aside among the stream failures", record_id=record_id, exc_info=error)
    return True


def _handle_one(record: Record, handle: Callable[[Record], None], redelivery: RedeliveryOfFailedMessages) -> bool:
    """Handles a message. If that fails, retries it later, defers or parks it. True if its queue may delete it."""
    try:
        handle(record)
    except PermanentFailure as error:
        return _try_to_park_message(record, redelivery, str(error))
    except RetryLater as error:
        return _try_to_defer(record, redelivery, error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other records go on
        log.exception("message failed", record_id=record["messageId"])
        if redelivery.is_last_attempt(record):
            return _try_to_park_message(record, redelivery, repr(error))
        return _put_off(record, redelivery)
    return True


def _try_to_park_message(record: Record, redelivery: RedeliveryOfFailedMessages, reason: str) -> bool:
    """Parks a message in its dead-letter queue, and logs this. Gives True if it is parked, so that it can be deleted
    from its own queue. Never raises."""
    try:
        redelivery.send_copy_to_dlq(record, reason)
    except Exception:  # noqa: BLE001 - then SQS itself parks it, without the reason
        log.exception("message could not be parked", record_id=record["messageId"])
        return False
    log.error("message parked in its dead-letter queue", record_id=record["messageId"], reason=reason)
    return True


def _try_to_defer(record: Record, redelivery: RedeliveryOfFailedMessages, error: RetryLater) -> bool:
    """Defers a message, or parks it if it was deferred too often. Gives True if either is done, so that the message can
    be deleted from its own queue."""
    log.info("message deferred", record_id=record["messageId"], reason=str(error))
    try:
        if redelivery.defer_by_copy_unless_too_often(record, error.least_seconds, error.most_seconds):
            return True
    except Exception:  # noqa: BLE001 - then it comes again as any other that failed
        log.exception("message could not be deferred", record_id=record["messageId"])
        return _put_off(record, redelivery)
    return _try_to_park_message(record, redelivery, f"deferred too often: {error}")


def _put_off(record: Record, redelivery: RedeliveryOfFailedMessages) -> bool:
    try:
        redelivery.retry_later(record)
    except Exception:  # noqa: BLE001 - then it comes again when its visibility ends
        log.exception("message could not be put off", record_id=record["messageId"])
    return False


def _failures(record_ids: Iterable[str]) -> BatchAnswer:
    return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in record_ids]}
