"""Subscriptions from the operator's command line, and the receiver for development."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from chalicelib.domain.signatures import is_signed, sign_body
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.events.webhooks import DynamoWebhooks
from infra.local.serving import serve
from infra.ops import webhooks as commands
from infra.ops.__main__ import REFUSED, main
from infra.ops.listen import LARGEST_BODY_BYTES, Listener, make_server
from infra.processes import ROOT, free_port
from tests.builders import a_webhook
from tests.conftest import STAGE
from tests.integration.conftest import Said
from tests.receiver import Receiver, receiver

DEADLINE_SECONDS = 30
Webhooks = Callable[..., Said]


@pytest.fixture
def store(data_stack: str) -> Iterator[DynamoWebhooks]:
    """Gives the stage's webhooks; removes those that a test has added."""
    found = DynamoWebhooks(boto3.client("dynamodb"), f"{data_stack}-webhooks")
    before = {webhook.id for webhook in found.list_all()}
    yield found
    for webhook in found.list_all():
        if webhook.id not in before:
            found.remove(webhook.id)


@pytest.fixture
def webhooks(store: DynamoWebhooks, capsys: pytest.CaptureFixture[str]) -> Webhooks:
    def run(*words: str) -> Said:
        status = main(["webhooks", *words, "--stage", STAGE])
        return Said(status, *capsys.readouterr())

    return run


@pytest.fixture
def theirs() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def test_a_secret_is_shown_once(webhooks: Webhooks, theirs: Receiver) -> None:
    added = webhooks("add", theirs.url, "--events", "PaymentConfirmed,SeatReleased", "--json").data

    listed = webhooks("list")
    (shown,) = [one for one in webhooks("list", "--json").data if one["id"] == added["id"]]

    assert added["secret"].startswith("whsec_")
    assert len(added["secret"]) > 40
    assert added["secret"] not in listed.out + json.dumps(shown)
    assert f"…{added['secret'][-4:]}" in listed.out
    assert shown["events"] == ["PaymentConfirmed", "SeatReleased"]
    assert (shown["url"], shown["disabled"]) == (theirs.url, None)
    assert "whsec_" in webhooks("add", theirs.url).out


def test_a_rotated_secret_and_the_one_before_it_both_sign(webhooks: Webhooks, theirs: Receiver) -> None:
    added = webhooks("add", theirs.url, "--json").data
    rotated = webhooks("rotate", added["id"], "--overlap", "1", "--json").data

    assert webhooks("test", added["id"]).status == 0

    (got,) = theirs.got
    assert rotated["secret"] != added["secret"]
    assert is_signed(got.signature, got.raw, [rotated["secret"]], utc_now())
    assert is_signed(got.signature, got.raw, [added["secret"]], utc_now())
    assert [one["expires_at"] is None for one in rotated["secrets"]] == [True, False]
    assert len(webhooks("rotate", added["id"], "--overlap", "0", "--json").data["secrets"]) == 1


def test_a_test_says_whether_the_receiver_accepts_it(webhooks: Webhooks, theirs: Receiver) -> None:
    webhook_id = webhooks("add", theirs.url, "--json").data["id"]
    theirs.statuses = [503]

    refused = webhooks("test", webhook_id)
    accepted = webhooks("test", webhook_id, "--json")

    assert (refused.status, "did not accept it: 503" in refused.out) == (1, True)
    assert (accepted.status, accepted.data["status"], accepted.data["accepted"]) == (0, 204, True)
    assert theirs.got[0].body["type"] == "WebhookTest"


def test_a_test_of_a_receiver_that_is_away_ends_with_1(webhooks: Webhooks) -> None:
    webhook_id = webhooks("add", f"http://127.0.0.1:{free_port()}/", "--json").data["id"]

    said = webhooks("test", webhook_id)

    assert said.status == 1
    assert "was not reached" in said.out


def test_a_disabled_webhook_is_shown_with_its_reason_and_enabled_again(
    webhooks: Webhooks, theirs: Receiver, store: DynamoWebhooks
) -> None:
    webhook_id = webhooks("add", theirs.url, "--json").data["id"]
    store.disable_for_reason_or_enable_if_exists(webhook_id, "it answered 410 Gone")

    assert "disabled: it answered 410 Gone" in webhooks("list").out
    assert webhooks("enable", webhook_id).status == 0
    found = store.find(webhook_id)
    assert found
    assert found.disabled is None


def test_a_removed_webhook_is_gone(webhooks: Webhooks, theirs: Receiver, store: DynamoWebhooks) -> None:
    webhook_id = webhooks("add", theirs.url, "--json").data["id"]

    assert webhooks("remove", webhook_id).status == 0

    assert store.find(webhook_id) is None
    for command in ("remove", "rotate", "enable", "test"):
        said = webhooks(command, webhook_id)
        assert said.status == REFUSED
        assert "There is no webhook" in said.err


@pytest.mark.parametrize(
    "url", ["http://example.com/", "ftp://127.0.0.1/", "https://me:secret@example.com/", "nonsense", "https://"]
)
def test_a_url_that_no_webhook_may_have_is_refused(webhooks: Webhooks, url: str, store: DynamoWebhooks) -> None:
    before = store.list_all()

    said = webhooks("add", url)

    assert said.status == REFUSED
    assert "can't be" in said.err
    assert store.list_all() == before


def test_in_another_stage_than_a_laptops_this_machine_is_refused(
    emulator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for url in ("http://127.0.0.1:9000/", "https://127.0.0.1:9000/", "https://localhost/"):
        assert main(["webhooks", "add", url, "--stage", "prod"]) == REFUSED

    assert capsys.readouterr().err.count("This URL can't be a webhook's") == 3


def test_there_is_an_end_to_webhooks(webhooks: Webhooks, theirs: Receiver, store: DynamoWebhooks) -> None:
    for _ in range(commands.MOST_WEBHOOKS - len(store.list_all()) - 1):
        store.put(a_webhook(url=theirs.url))
    assert webhooks("add", theirs.url).status == 0

    said = webhooks("add", theirs.url)

    assert said.status == REFUSED
    assert "remove one first" in said.err


@pytest.mark.parametrize("words", [["rotate", "wh-1", "--overlap", "soon"], ["listen", "--port", "0"], ["add"]])
def test_what_makes_no_sense_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit, match=str(REFUSED)):
        main(["webhooks", *words])


# The receiver for development


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def listening(said: list[str]) -> Iterator[str]:
    """Serves a listener that knows one secret; gives its address."""
    with serve(make_server(free_port(), Listener(lambda: ["whsec_dev"], said.append))) as url:
        yield urlsplit(url).netloc


def post(address: str, body: bytes, **headers: str) -> int:
    connection = HTTPConnection(address, timeout=10)
    try:
        connection.request("POST", "/", body, {name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse().status
    finally:
        connection.close()


def post_event(address: str, sequence: int, previous: int, key: str = "whsec_dev") -> int:
    """Posts a signed event with these numbers; gives the status."""
    content = {"type": "SeatReleased", "sessionId": "s", "sequence": sequence, "previousSequence": previous}
    body = json.dumps(content).encode()
    return post(address, body, Cinema_Signature=sign_body([key], body, utc_now()))


def test_what_is_signed_is_printed_and_a_gap_told(listening: str, said: list[str]) -> None:
    assert [post_event(listening, *numbers) for numbers in ((1, 0), (2, 1), (5, 4), (4, 3))] == [204] * 4

    lines = [text.splitlines()[0] for text in said]
    assert lines == [
        "SeatReleased 1 of s",
        "SeatReleased 2 of s",
        "SeatReleased 5 of s (a gap: nothing seen since 2)",
        "SeatReleased 4 of s (seen before, or late)",
    ]
    assert '"sequence": 1' in said[0]


def test_what_is_not_signed_is_refused(listening: str, said: list[str]) -> None:
    assert post_event(listening, 1, 0, key="whsec_other") == 401
    assert post(listening, b"{}") == 401

    assert all(text.startswith("REFUSED") for text in said)


def test_a_body_that_is_too_large_or_of_no_length_is_not_read(listening: str, said: list[str]) -> None:
    assert post(listening, b"", Content_Length=str(LARGEST_BODY_BYTES + 1)) == 413
    assert post(listening, b"", Content_Length="nonsense") == 411
    assert said == []


def test_a_taken_port_is_said_in_a_sentence(listening: str, webhooks: Webhooks) -> None:
    refused = webhooks("listen", "--port", listening.split(":")[1])

    assert refused.status == REFUSED
    assert "choose another with --port" in refused.err


def test_it_listens_as_a_command_to_webhooks_that_lead_to_it(webhooks: Webhooks, tmp_path: Any) -> None:
    port = free_port()
    webhook = webhooks("add", f"http://127.0.0.1:{port}/", "--json").data
    command = [sys.executable, "-m", "infra.ops", "webhooks", "listen", "--port", str(port), "--stage", STAGE]
    out = tmp_path / "out"
    with out.open("w") as file, subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=file) as child:
        try:
            _until(lambda: "Ctrl-C ends it." in out.read_text())
            assert webhooks("test", webhook["id"]).status == 0
            _until(lambda: "WebhookTest" in out.read_text())
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=DEADLINE_SECONDS) == 130
        finally:
            child.kill()
    assert webhook["secret"] not in out.read_text()


def _until(come: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not come():
        assert time.monotonic() < deadline, "it has not come"
        time.sleep(0.05)
