"""Moving dead letters when things go wrong in the middle; reading requirement files; aligning columns."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.ops import dlq
from infra.ops.connection import OpsError
from infra.ops.doctor import read_pins, unmet_requirements
from infra.ops.queues import Queue
from infra.ops.text import aligned, format_duration, format_size


@dataclass
class FakeSqs:
    """Two queues, `work` and `work-dlq`. A received message is hidden until it is given back."""

    dead_letters: list[str]
    work: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    fails_at_once: bool = False
    """Whoever works on `work` gives up on each message before we ask again."""
    sends_before_trouble: int = 1000
    deletes_before_trouble: int = 1000

    def receive_message(self, *, MaxNumberOfMessages: int, **_: Any) -> Any:  # noqa: N803 - as SQS has it
        taken, self.dead_letters = self.dead_letters[:MaxNumberOfMessages], self.dead_letters[MaxNumberOfMessages:]
        self.hidden += taken
        return {"Messages": [{"MessageId": body, "ReceiptHandle": body, "Body": body} for body in taken]}

    def send_message(self, *, MessageBody: str, **_: Any) -> None:  # noqa: N803 - the same
        self.sends_before_trouble = _counted_down(self.sends_before_trouble)
        (self.dead_letters if self.fails_at_once else self.work).append(MessageBody)

    def delete_message(self, *, ReceiptHandle: str, **_: Any) -> None:  # noqa: N803 - the same
        self.deletes_before_trouble = _counted_down(self.deletes_before_trouble)
        self.hidden.remove(ReceiptHandle)

    def change_message_visibility(self, *, ReceiptHandle: str, **_: Any) -> None:  # noqa: N803 - the same
        self.hidden.remove(ReceiptHandle)
        self.dead_letters.append(ReceiptHandle)


def _counted_down(left: int) -> int:
    if not left:
        raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "come back later"}}, "SendMessage")
    return left - 1


def redrive(sqs: FakeSqs, progress: Callable[[int, int], None] = lambda *_: None) -> Any:
    dead_letters = Queue("cinema-x-work-dlq", "work-dlq", "", len(sqs.dead_letters), 0, 0, None)
    source = Queue("cinema-x-work", "work", "", 0, 0, 0, dead_letters.name)
    client: Any = sqs
    return dlq.redrive_dead_letters(client, dead_letters, source, None, progress).data


def test_redrive_tells_its_progress_batch_by_batch() -> None:
    progress: list[tuple[int, int]] = []

    redrive(FakeSqs([str(i) for i in range(23)]), lambda moved, most: progress.append((moved, most)))

    assert progress == [(10, 23), (20, 23), (23, 23)]


def test_a_failure_in_the_middle_loses_nothing_and_is_told() -> None:
    sqs = FakeSqs([str(i) for i in range(5)], sends_before_trouble=2)

    with pytest.raises(OpsError, match=r"Moved 2 of 5 messages .* come back later"):
        redrive(sqs)

    assert (sqs.work, sqs.dead_letters, sqs.hidden) == (["0", "1"], ["2", "3", "4"], [])


def test_a_message_that_was_sent_but_not_deleted_is_kept_rather_than_lost() -> None:
    sqs = FakeSqs(["0", "1"], deletes_before_trouble=1)

    with pytest.raises(OpsError, match="Moved 1 of 2"):
        redrive(sqs)

    assert (sqs.work, sqs.dead_letters) == (["0", "1"], ["1"])


def test_a_message_that_fails_again_at_once_is_not_moved_in_circles() -> None:
    sqs = FakeSqs(["0", "1", "2"], fails_at_once=True)

    assert redrive(sqs)["moved"] == 3

    assert sqs.dead_letters == ["0", "1", "2"]


def test_requirements_are_compared_with_what_is_installed(tmp_path: Path) -> None:
    (tmp_path / "base.txt").write_text("Boto3==1.0\n# a comment\nmissing_one==2\n")
    wanted = tmp_path / "dev.txt"
    wanted.write_text("-r base.txt\n\nstubs[sqs,s3]==3.1\ntypes-X\n")

    assert read_pins(wanted) == {"boto3": "1.0", "missing-one": "2", "stubs": "3.1", "types-x": None}
    assert unmet_requirements({"boto3": "1.0", "stubs": "3.0", "types-x": "9"}, wanted) == [
        "missing-one 2 (missing)",
        "stubs 3.1 (not 3.0)",
    ]


def test_a_requirement_for_other_machines_is_not_missed_on_this_one(tmp_path: Path) -> None:
    wanted = tmp_path / "dev.txt"
    wanted.write_text('ours==1; python_version >= "3.11"\ntheirs==2; sys_platform == "win32"\n')

    assert read_pins(wanted) == {"ours": "1"}


def test_numbers_stand_to_the_right_and_what_is_unknown_is_a_dash() -> None:
    assert aligned(("NAME", "COUNT"), [["a", 5], ["bcdef", None]]) == "NAME   COUNT\na          5\nbcdef      -"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (90, "90 s"), (240, "4 min"), (7200, "2 h"), (172800, "2 d")]
)
def test_durations_are_said_in_their_largest_unit(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said


def test_sizes_are_said_in_their_unit() -> None:
    assert [format_size(count) for count in (999, 1500, 2_000_000)] == ["999 B", "1.5 kB", "2.0 MB"]
