"""Batches of stream and queue records: each handled by itself, so that a bad one fails alone."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .answers import log

Record = Mapping[str, Any]
BatchAnswer = dict[str, list[dict[str, str]]]


def each_message(records: Iterable[Record], handle: Callable[[Record], None]) -> BatchAnswer:
    """Queue messages: the failed ones come again, by themselves, until the queue's redrive policy parks them."""
    return _failures(record["messageId"] for record in records if not _handled(record, record["messageId"], handle))


def each_change(records: Iterable[Record], handle: Callable[[Record], None]) -> BatchAnswer:
    """Stream records keep their order: from the first failure on, the batch comes again."""
    for record in records:
        sequence_number = record["dynamodb"]["SequenceNumber"]
        if not _handled(record, sequence_number, handle):
            return _failures([sequence_number])
    return _failures([])


def _handled(record: Record, record_id: str, handle: Callable[[Record], None]) -> bool:
    try:
        handle(record)
    except Exception:  # noqa: BLE001 - whatever it is, the other records go on; this one ends in the DLQ
        log.exception("record failed, to be delivered again", record_id=record_id)
        return False
    return True


def _failures(record_ids: Iterable[str]) -> BatchAnswer:
    return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in record_ids]}
