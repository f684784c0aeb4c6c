"""The operator's command line on real queues: dead letters found, looked at, given back; a stage at one look."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from mypy_boto3_sqs import SQSClient

from infra.command import UNHEARD
from infra.ops.__main__ import REFUSED, main
from infra.processes import ROOT, free_port
from tests.integration.conftest import Said

DEADLINE_SECONDS = 20
MAX_RECEIVES = 2
HANDLERS_VERDICT: Any = {
    "reason": {"DataType": "String", "StringValue": "unknown version 9"},
    "receives": {"DataType": "Number", "StringValue": "1"},
}
ORIGIN: Any = {"origin": {"DataType": "String", "StringValue": "rows"}}


@dataclass(frozen=True)
class Stage:
    """A stage of its own: one queue with its DLQ, and an on-failure queue."""

    name: str
    sqs: SQSClient
    source: str
    dead_letters: str
    orphans: str

    def depth(self, url: str) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(map(int, self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))

    def poison(self, body: str) -> None:
        """Sends a message and receives it until SQS itself moves it to the DLQ."""
        before = self.depth(self.dead_letters)
        self.sqs.send_message(QueueUrl=self.source, MessageBody=body, MessageAttributes=ORIGIN)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self.depth(self.dead_letters) == before:
            assert time.monotonic() < deadline, "it has not come to the DLQ"
            self.sqs.receive_message(QueueUrl=self.source, VisibilityTimeout=0)

    def given_up(self, body: str) -> None:
        """Sends a message to the DLQ as its handler does that gives it up."""
        self.sqs.send_message(QueueUrl=self.dead_letters, MessageBody=body, MessageAttributes=ORIGIN | HANDLERS_VERDICT)

    def received_from_source(self) -> list[Any]:
        answer = self.sqs.receive_message(QueueUrl=self.source, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return list(answer.get("Messages", []))


@pytest.fixture
def stage(emulator: str) -> Iterator[Stage]:
    name = f"ops{uuid.uuid4().hex[:10]}"
    sqs = boto3.client("sqs")
    dead_letters = sqs.create_queue(QueueName=f"cinema-{name}-work-dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES})
    source = sqs.create_queue(QueueName=f"cinema-{name}-work", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    orphans = sqs.create_queue(QueueName=f"cinema-{name}-orphans-dlq")["QueueUrl"]
    yield Stage(name, sqs, source, dead_letters, orphans)
    for url in (source, dead_letters, orphans):
        sqs.delete_queue(QueueUrl=url)


Ops = Callable[..., Said]


@pytest.fixture
def ops(stage: Stage, emulator: str, capsys: pytest.CaptureFixture[str]) -> Ops:
    def run(*words: str) -> Said:
        status = main([*words, "--stage", stage.name, "--endpoint", emulator])
        return Said(status, *capsys.readouterr())

    return run


def test_dead_letters_are_listed_with_their_depth_and_source(stage: Stage, ops: Ops) -> None:
    stage.poison("{}")
    stage.given_up("{}")

    listed = ops("dlq", "list", "--json").data

    assert [(one["name"], one["depth"], one["sources"]) for one in listed] == [
        ("orphans-dlq", 0, []),
        ("work-dlq", 2, ["work"]),
    ]
    assert "work-dlq" in ops("dlq", "list").out


def test_a_letter_is_shown_with_its_reason_and_stays(stage: Stage, ops: Ops) -> None:
    stage.given_up('{"version": 9, "seats": ["A1"]}')

    first, second = ops("dlq", "show", "work"), ops("dlq", "show", "work", "--json")

    assert "reason    unknown version 9" in first.out
    assert '    "A1"' in first.out
    (dead_letter,) = second.data["messages"]
    assert (dead_letter["reason"], dead_letter["receives"]) == ("unknown version 9", 1)
    assert dead_letter["body"] == {"version": 9, "seats": ["A1"]}
    assert dead_letter["attributes"] == {"origin": "rows"}
    assert dead_letter["sent_at"].endswith("Z")
    assert stage.depth(stage.dead_letters) == 1


def test_what_sqs_itself_moved_has_no_reason(stage: Stage, ops: Ops) -> None:
    stage.poison("not json")

    (dead_letter,) = ops("dlq", "show", "work-dlq", "--json").data["messages"]

    assert (dead_letter["body"], dead_letter["reason"], dead_letter["receives"]) == ("not json", None, None)
    assert "received too often" in ops("dlq", "show", "work-dlq").out


def test_more_than_one_batch_can_be_looked_at_and_limited(stage: Stage, ops: Ops) -> None:
    for number in range(13):
        stage.given_up(str(number))

    everything = ops("dlq", "show", f"cinema-{stage.name}-work-dlq", "--limit", "50", "--json").data
    three = ops("dlq", "show", f"cinema-{stage.name}-work", "--limit", "3", "--json").data

    assert {dead_letter["body"] for dead_letter in everything["messages"]} == set(range(13))
    assert len(three["messages"]) == 3


def test_redrive_gives_back_without_the_verdict_and_empties_the_dlq(stage: Stage, ops: Ops) -> None:
    stage.poison("poisoned")
    stage.given_up("given up")

    said = ops("dlq", "redrive", "work", "--json")

    assert (said.status, said.data["moved"], said.data["left"]) == (0, 2, 0)
    assert "moved 2 of 2" in said.err
    assert stage.depth(stage.dead_letters) == 0
    returned = stage.received_from_source()
    assert {message["Body"] for message in returned} == {"poisoned", "given up"}
    assert [message["MessageAttributes"] for message in returned] == [ORIGIN, ORIGIN]


def test_redrive_can_be_tried_with_one_message(stage: Stage, ops: Ops) -> None:
    for number in range(3):
        stage.given_up(str(number))

    assert "Moved 1 message" in ops("dlq", "redrive", "work", "--limit", "1").out

    assert (stage.depth(stage.source), stage.depth(stage.dead_letters)) == (1, 2)


def test_purge_wants_to_be_sure(stage: Stage, ops: Ops) -> None:
    stage.given_up("{}")

    refused = ops("dlq", "purge", "work")

    assert refused.status == REFUSED
    assert "--yes" in refused.err
    assert stage.depth(stage.dead_letters) == 1

    assert "Deleted 1 message" in ops("dlq", "purge", "work", "--yes").out
    assert stage.depth(stage.dead_letters) == 0


def test_dead_letters_without_a_source_can_be_shown_but_not_redriven(stage: Stage, ops: Ops) -> None:
    stage.sqs.send_message(QueueUrl=stage.orphans, MessageBody='{"requestContext": {}}')

    assert len(ops("dlq", "show", "orphans-dlq", "--json").data["messages"]) == 1
    refused = ops("dlq", "redrive", "orphans-dlq")

    assert refused.status == REFUSED
    assert "no source queue" in refused.err
    assert stage.depth(stage.orphans) == 1


def test_an_unknown_queue_is_told_which_there_are(ops: Ops) -> None:
    refused = ops("dlq", "show", "nonsense")

    assert refused.status == REFUSED
    assert "no queue 'nonsense'" in refused.err
    assert "work-dlq" in refused.err


def test_an_unknown_stage_is_told_how_to_deploy_it(emulator: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["status", "--stage", "nowhere", "--endpoint", emulator])

    assert status == REFUSED
    assert f"AWS_ENDPOINT_URL={emulator} make deploy STAGE=nowhere" in capsys.readouterr().err


def test_an_endpoint_that_does_not_answer_is_said_in_a_sentence(
    emulator: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")

    assert main(["status"]) == REFUSED

    assert "Nothing answers at http://127.0.0.1:" in capsys.readouterr().err


def test_status_is_1_while_there_are_dead_letters(stage: Stage, ops: Ops) -> None:
    assert ops("status").status == 0
    stage.given_up("{}")

    said = ops("status", "--json")

    assert said.status == 1
    queues = {queue["name"]: queue for queue in said.data["queues"]}
    assert queues["work"]["dead_letters"] == queues["work-dlq"]["visible"] == 1
    assert f"dlq show work-dlq --stage {stage.name}" in ops("status").out


def test_status_counts_what_waits_and_what_is_being_worked_on(stage: Stage, ops: Ops) -> None:
    for delay in (0, 0, 600):
        stage.sqs.send_message(QueueUrl=stage.source, MessageBody="{}", DelaySeconds=delay)
    stage.sqs.receive_message(QueueUrl=stage.source, VisibilityTimeout=60)

    queues = {queue["name"]: queue for queue in ops("status", "--json").data["queues"]}

    assert [queues["work"][state] for state in ("visible", "in_flight", "delayed")] == [1, 1, 1]


def test_status_shows_the_tables_with_streams_and_ttl(data_stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["status", "--json", "--stage", "test"])

    tables = {table["name"]: table for table in json.loads(capsys.readouterr().out)["tables"]}
    assert tables["rows"]["stream"] == "NEW_AND_OLD_IMAGES"
    assert (tables["sessions"]["stream"], tables["sessions"]["ttl"]) == (None, None)
    assert tables["reservations"]["ttl"] == "ttl"
    assert tables["sessions"]["items"] >= 0


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[int], dict[str, Any]]:
    """Gives a function that runs the doctor; it gives the findings by what was checked."""

    def run(api_port: int) -> dict[str, Any]:
        monkeypatch.setenv("PORT", str(api_port))
        main(["doctor", "--json", "--stage", "test"])
        return {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}

    return run


def test_doctor_finds_a_deployed_stage_and_its_api_well(
    server: str, data_stack: str, doctor: Callable[[int], dict[str, Any]]
) -> None:
    found = doctor(int(server.rpartition(":")[2]))

    well = ["emulator", f"stack {data_stack}-data", f"table {data_stack}-reservations", "queues", "API"]
    assert {what: found[what]["state"] for what in well} == dict.fromkeys(well, "ok")
    assert found["Python"]["state"] == "ok"


def test_doctor_says_the_remedy_of_all_that_it_finds(data_stack: str, doctor: Callable[[int], dict[str, Any]]) -> None:
    found = doctor(free_port())

    assert found["API"]["state"] == found["events"]["state"] == "WRONG"
    assert all(finding["remedy"].endswith(".") for finding in found.values() if finding["state"] != "ok")


def test_doctor_without_an_emulator_ends_with_status_1(
    emulator: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")

    assert main(["doctor"]) == 1

    assert "emulator: nothing answers" in capsys.readouterr().out


def test_it_runs_as_a_command(stage: Stage, emulator: str) -> None:
    command = [sys.executable, "-m", "infra.ops", "dlq", "list", "--json", "--stage", stage.name]
    command += ["--endpoint", emulator]

    ended = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True, timeout=60)

    assert [one["name"] for one in json.loads(ended.stdout)] == ["orphans-dlq", "work-dlq"]


def test_a_status_whose_reader_has_gone_ends_quietly(stage: Stage, emulator: str) -> None:
    command = [sys.executable, "-m", "infra.ops", "status", "--stage", stage.name, "--endpoint", emulator]
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as unread:
        ended = subprocess.run(command, cwd=ROOT, env=os.environ, stdout=unread, stderr=subprocess.PIPE, timeout=60)

    assert (ended.returncode, ended.stderr) == (UNHEARD, b"")
