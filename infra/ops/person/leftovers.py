"""Failures that name a person: dead letters, and records that a stream's handler gave up.

Both are kept with the names taken out, so that they can still be redriven and replayed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.domain.people.person import Person
from chalicelib.domain.people.stores import Store, StoreKind, stores_by_name
from chalicelib.domain.times import to_iso
from chalicelib.infrastructure.sqs import dead_letters
from infra.ops.connection import OpsError
from infra.ops.find import Item as PlainItem
from infra.ops.queues import Queue
from infra.ops.text import counted

from .tables import ids_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

BUCKETS = stores_by_name(StoreKind.BUCKET)
PARTS = ("DataType", "StringValue", "BinaryValue")


class MessageCounts(NamedTuple):
    """SQS's approximate counts of a queue's messages."""

    visible: int
    hidden: int


@dataclass(frozen=True)
class PersonsDeadLetters:
    """The messages of one dead-letter queue. Messages that another process has received are hidden."""

    sqs: "SQSClient"
    queue: Queue
    store: Store

    def find(self, person: Person) -> Iterator[PlainItem]:
        for letter in dead_letters.peek(self.sqs, self.queue.url, self._read_message_counts().visible):
            found = {"body": _parse(letter.body), "reason": letter.reason, "attributes": dict(letter.attributes)}
            if _is_about(person, letter.body, found):
                yield {"id": letter.id, "sentAt": to_iso(letter.sent_at), **found}

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        """Sends each message again without the person's names, then deletes the old one. A crash between leaves both.

        Raises OpsError while another process has received messages.
        """
        left, hidden = self._read_message_counts()
        if hidden:
            raise OpsError(
                f"{counted(hidden, 'message')} of {self.queue.name} can't be seen, for somebody is looking at them: run"
                " the command again in a minute, it goes on where it stopped."
            )
        others: list[MessageTypeDef] = []
        erased = 0
        try:
            while left > 0 and (batch := dead_letters.receive_and_hide_up_to_ten(self.sqs, self.queue.url, left)):
                left -= len(batch)
                for message in batch:
                    if self._erase_if_named(message, person):
                        erased += 1
                    else:
                        others.append(message)
        finally:
            dead_letters.try_make_visible(self.sqs, self.queue.url, others)
        return erased

    def _erase_if_named(self, message: "MessageTypeDef", person: Person) -> bool:
        """Replaces the message by one without the person's names. False, without a change, if it does not have them."""
        given: Any = message.get("MessageAttributes", {})
        attributes = {name: {part: one[part] for part in PARTS if part in one} for name, one in given.items()}
        before = {"body": message["Body"], "attributes": attributes}
        if not person.is_named_in(before):
            return False
        erased = person.copy_with_person_erased(before)
        self.sqs.send_message(
            QueueUrl=self.queue.url, MessageBody=erased["body"], MessageAttributes=erased["attributes"]
        )
        self.sqs.delete_message(QueueUrl=self.queue.url, ReceiptHandle=message["ReceiptHandle"])
        return True

    def _read_message_counts(self) -> MessageCounts:
        """Reads SQS's counts, which may be a minute old.

        A dead letter that came since then is found by a run an hour later. That run is needed anyway, because access
        tokens stay valid for an hour.
        """
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.sqs.get_queue_attributes(QueueUrl=self.queue.url, AttributeNames=names)["Attributes"]
        visible, hidden = (int(counts[name]) for name in names)
        return MessageCounts(visible, hidden)


@dataclass(frozen=True)
class PersonsStreamFailures:
    """The files of records that could not be relayed, in all their versions."""

    s3: "S3Client"
    bucket: str
    store: Store = BUCKETS["failures"]

    def find(self, person: Person) -> Iterator[PlainItem]:
        for key, version in self._versions():
            text = self._read(key, version)
            if _is_about(person, text, content := _parse(text)):
                yield {"key": key, "version": version, "content": content}

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        """Writes each file again without the person's names, then deletes its other versions."""
        erased = 0
        for key in sorted({key for key, _ in self._versions()}):
            content = _parse(self._read(key))
            if person.is_named_in(content):
                body = json.dumps(person.copy_with_person_erased(content)).encode()
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")
                erased += 1
        for key, version in self._older_versions():
            if person.is_named_in(_parse(self._read(key, version))):
                self.s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version)
        return erased

    def _read(self, key: str, version: str = "") -> str:
        which: Any = {"VersionId": version} if version else {}
        answer = self.s3.get_object(Bucket=self.bucket, Key=key, **which)
        return answer["Body"].read().decode(errors="replace")

    def _versions(self) -> Iterator[tuple[str, str]]:
        return ((one["Key"], one["VersionId"]) for one in self._listed())

    def _older_versions(self) -> list[tuple[str, str]]:
        return [(one["Key"], one["VersionId"]) for one in self._listed() if not one["IsLatest"]]

    def _listed(self) -> Iterator[Any]:
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket)
        return (one for page in pages for one in page.get("Versions", []))


def _is_about(person: Person, text: str, content: Any) -> bool:
    return ids_of(person) in text or person.is_named_in(content)


def _parse(text: str) -> Any:
    """Gives the value of JSON, or the text of anything else."""
    try:
        return json.loads(text)
    except ValueError:
        return text
