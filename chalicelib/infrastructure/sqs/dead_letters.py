"""Dead letters: reading them without consuming them, and sending them back to the queue that they came from.

The command line (infra/ops/dlq.py) and the operator's board use these functions.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.board import DeadLetter

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

SQS_BATCH = 10
HIDDEN_SECONDS = 30
"""How long a message is hidden while we read or move it. If this process dies, the message is back in its queue after
this time."""
WAIT_SECONDS = 1
"""How long a receive waits for messages. With 0, SQS asks only some of its servers and may miss messages."""
ABOUT_THE_FAILURE = ("reason", "receives")
"""Message attributes that a handler adds when it gives up; they are not sent back with the message."""

Progress = Callable[[int], None]


@dataclass
class RedriveInterrupted(Exception):
    """A call of SQS failed after `moved` messages were moved. All other messages are still in the DLQ."""

    moved: int


def peek(sqs: "SQSClient", url: str, most: int) -> list[DeadLetter]:
    """Reads up to `most` visible messages of the queue, and makes them visible again. No message is consumed."""
    seen: list[MessageTypeDef] = []
    try:
        while len(seen) < most and (batch := receive_and_hide_up_to_ten(sqs, url, most - len(seen))):
            seen += batch
    finally:
        try_make_visible(sqs, url, seen)
    return [_dead_letter_from(message) for message in seen]


def redrive(sqs: "SQSClient", url: str, source_url: str, most: int, progress: Progress = lambda _: None) -> int:
    """Moves up to `most` messages back to their source queue. Gives the number moved. Raises RedriveInterrupted.

    `most` should be at most the number of messages at the beginning. A message that fails again immediately comes back
    to the end of the queue. With a larger `most` it would be moved again and again.

    `StartMessageMoveTask` is not used. Not every emulator has it. It would also keep the attributes `reason` and
    `receives`, which belong to a dead letter.
    """
    moved = 0
    try:
        while moved < most and (batch := receive_and_hide_up_to_ten(sqs, url, most - moved)):
            for position, message in enumerate(batch):
                try:
                    _move(sqs, message, url, source_url)
                except (BotoCoreError, ClientError):
                    try_make_visible(sqs, url, batch[position:])
                    raise
                moved += 1
            progress(moved)
    except (BotoCoreError, ClientError) as error:
        raise RedriveInterrupted(moved) from error
    return moved


def receive_and_hide_up_to_ten(sqs: "SQSClient", url: str, most: int) -> list["MessageTypeDef"]:
    """Receives at most ten messages, and at most `most`. Hides them from other receivers for HIDDEN_SECONDS."""
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=min(most, SQS_BATCH),
        VisibilityTimeout=HIDDEN_SECONDS,
        WaitTimeSeconds=WAIT_SECONDS,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return answer.get("Messages", [])


def try_make_visible(sqs: "SQSClient", url: str, messages: Sequence["MessageTypeDef"]) -> None:
    """Makes received messages visible again. Never raises: after HIDDEN_SECONDS they are visible anyway."""
    with suppress(BotoCoreError, ClientError):
        for message in messages:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)


def _move(sqs: "SQSClient", message: "MessageTypeDef", url: str, source_url: str) -> None:
    """Sends the message to the source queue, then deletes it here. A crash in between delivers the message twice."""
    attributes: dict[str, Any] = {
        name: {part: value[part] for part in ("DataType", "StringValue", "BinaryValue") if part in value}
        for name, value in message.get("MessageAttributes", {}).items()
        if name not in ABOUT_THE_FAILURE
    }
    sqs.send_message(QueueUrl=source_url, MessageBody=message["Body"], MessageAttributes=attributes)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def _dead_letter_from(message: "MessageTypeDef") -> DeadLetter:
    system: dict[str, str] = {str(name): value for name, value in message.get("Attributes", {}).items()}
    attributes = {
        name: value.get("StringValue", f"({len(value.get('BinaryValue', b''))} bytes)")
        for name, value in message.get("MessageAttributes", {}).items()
    }
    receives = attributes.pop("receives", "")
    return DeadLetter(
        id=message["MessageId"],
        sent_at=datetime.fromtimestamp(int(system["SentTimestamp"]) / 1000, UTC),
        reason=attributes.pop("reason", None),
        receives=int(receives) if receives.isdecimal() else None,
        received_here=int(system["ApproximateReceiveCount"]),
        attributes=attributes,
        body=message["Body"],
    )
