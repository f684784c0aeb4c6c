"""Dead letters: looked at without consuming them, and given back to where they came from.

The command line (infra/ops/dlq.py) and the operator's board do it with what is here.
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
"""How long a message is ours while we look at it or move it. If we die it is back in its queue after that time."""
WAIT_SECONDS = 1
"""Asking without waiting sees only some of SQS's servers, and may find nothing where there is something."""
ABOUT_THE_FAILURE = ("reason", "receives")
"""Message attributes that the handler gives a message when it gives up; they do not go back with it."""

Progress = Callable[[int], None]


@dataclass
class Interrupted(Exception):
    """A call failed after so many messages had been moved. Nothing is lost: the others are where they were."""

    moved: int


def look(sqs: "SQSClient", url: str, most: int) -> list[DeadLetter]:
    """Up to `most` of the queue's visible messages, given back at once: nothing is consumed."""
    seen: list[MessageTypeDef] = []
    try:
        while len(seen) < most and (batch := receive(sqs, url, most - len(seen))):
            seen += batch
    finally:
        give_back(sqs, url, seen)
    return [_letter(message) for message in seen]


def redrive(sqs: "SQSClient", url: str, source_url: str, most: int, progress: Progress = lambda _: None) -> int:
    """Gives up to `most` messages back to their source; how many it were. Raises Interrupted.

    Say how many there are as it begins: one that fails again at once comes back behind them, and would be moved in
    circles. Not `StartMessageMoveTask`: not every emulator knows it, and it would take `reason` and `receives` along.
    """
    moved = 0
    try:
        while moved < most and (batch := receive(sqs, url, most - moved)):
            for position, message in enumerate(batch):
                try:
                    _move(sqs, message, url, source_url)
                except (BotoCoreError, ClientError):
                    give_back(sqs, url, batch[position:])
                    raise
                moved += 1
            progress(moved)
    except (BotoCoreError, ClientError) as error:
        raise Interrupted(moved) from error
    return moved


def receive(sqs: "SQSClient", url: str, most: int) -> list["MessageTypeDef"]:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=min(most, SQS_BATCH),
        VisibilityTimeout=HIDDEN_SECONDS,
        WaitTimeSeconds=WAIT_SECONDS,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return answer.get("Messages", [])


def give_back(sqs: "SQSClient", url: str, messages: Sequence["MessageTypeDef"]) -> None:
    """What can't be given back comes back by itself after HIDDEN_SECONDS."""
    with suppress(BotoCoreError, ClientError):
        for message in messages:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)


def _move(sqs: "SQSClient", message: "MessageTypeDef", url: str, source_url: str) -> None:
    """Sent first, deleted afterwards: dying in between delivers it twice, which every consumer tolerates."""
    attributes: dict[str, Any] = {
        name: {part: value[part] for part in ("DataType", "StringValue", "BinaryValue") if part in value}
        for name, value in message.get("MessageAttributes", {}).items()
        if name not in ABOUT_THE_FAILURE
    }
    sqs.send_message(QueueUrl=source_url, MessageBody=message["Body"], MessageAttributes=attributes)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def _letter(message: "MessageTypeDef") -> DeadLetter:
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
