"""Emails, and the processed events for which they were sent: the fakes, moto and the emulator's SES do the same."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from email import message_from_string
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from chalicelib.domain.email import EmailNotConfirmed, EmailRefused, EmailThrottled, RenderedEmail
from chalicelib.domain.ports import EmailSender, SuppressedAddresses
from chalicelib.domain.ports import ProcessedEvents as ProcessedEventsPort
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.events.processed_events import DynamoProcessedEvents
from chalicelib.infrastructure.dynamodb.events.suppressed_addresses import DynamoSuppressedAddresses
from chalicelib.infrastructure.email import ses
from chalicelib.infrastructure.email.ses import SesEmailSender
from chalicelib.infrastructure.ids import RandomOrDerivedIds
from chalicelib.settings import DEFAULT_SENDER
from infra.local import mailbox
from infra.processes import HOST, free_port
from tests.builders import IDS, NOW
from tests.contract.conftest import Backend, Dynamo, open_client
from tests.fakes import FakeEmailSender, FakeProcessedEvents, FakeSuppressedAddresses

STRANGER = "stranger@nowhere.example"


@dataclass(frozen=True)
class PostOffice:
    """Sends and receives emails. `mail` gives a sender; `subjects_to` gives the emails of an address."""

    mail: Callable[[str], EmailSender]
    subjects_to: Callable[[str], list[str]]


def fake_post_office() -> Iterator[PostOffice]:
    mail = FakeEmailSender()
    yield PostOffice(
        lambda sender: replace(mail, sender=sender),
        lambda address: [message.subject for message in mail.sent if message.to == address],
    )


def moto_post_office(request: pytest.FixtureRequest) -> Iterator[PostOffice]:
    with open_client("moto", request, ses.new_ses_client) as client:
        client.verify_email_identity(EmailAddress=DEFAULT_SENDER)

        def subjects_to(address: str) -> list[str]:
            sent: Any = ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].sent_messages
            return [str(message_from_string(one.raw_data)["Subject"]) for one in sent if address in one.destinations]

        yield PostOffice(lambda sender: SesEmailSender(client, sender), subjects_to)


def emulated_post_office(request: pytest.FixtureRequest) -> Iterator[PostOffice]:
    request.getfixturevalue("data_stack")  # its deployment verifies the sender
    endpoint = request.getfixturevalue("emulator")
    with open_client("emulator", request, ses.new_ses_client) as client:
        yield PostOffice(
            lambda sender: SesEmailSender(client, sender),
            lambda address: [letter.subject for letter in mailbox.read_emails(endpoint) if address in letter.to],
        )


@pytest.fixture(scope="module", params=["fake", "moto", "emulator"])
def post_office(request: pytest.FixtureRequest) -> Iterator[PostOffice]:
    if request.param == "emulator":
        yield from emulated_post_office(request)
    else:
        yield from (moto_post_office(request) if request.param == "moto" else fake_post_office())


def a_message(subject: str = "Your seats") -> RenderedEmail:
    return RenderedEmail(
        to=f"{uuid.uuid4()}@example.com",
        language="en",
        subject=subject,
        text="Text\n",
        html="<p>HTML</p>",
        reference="event-1",
    )


def test_a_letter_reaches_its_reader_and_nobody_else(post_office: PostOffice) -> None:
    message, other = a_message("For you"), a_message("For someone else")
    post_office.mail(DEFAULT_SENDER).send(message)
    post_office.mail(DEFAULT_SENDER).send(other)

    assert post_office.subjects_to(message.to) == ["For you"]


def test_each_sending_is_a_letter(post_office: PostOffice) -> None:
    message = a_message()
    for _ in range(2):
        post_office.mail(DEFAULT_SENDER).send(message)

    assert len(post_office.subjects_to(message.to)) == 2


def test_a_sender_that_is_not_ours_is_refused_for_good(post_office: PostOffice) -> None:
    message = a_message()
    with pytest.raises(EmailRefused):
        post_office.mail(STRANGER).send(message)

    assert post_office.subjects_to(message.to) == []


# Processed events.


@pytest.fixture
def processed_events(backend: Backend) -> ProcessedEventsPort:
    if isinstance(backend, Dynamo):
        return DynamoProcessedEvents(
            client=backend.client,
            table_name=f"{backend.prefix}-ledger",
            consumer=f"email-{uuid.uuid4()}",
            clock=utc_now,
        )
    return FakeProcessedEvents()


def test_an_event_is_in_the_ledger_once_it_is_entered(processed_events: ProcessedEventsPort) -> None:
    assert not processed_events.contains("event-1")
    processed_events.add("event-1")
    processed_events.add("event-1")

    assert processed_events.contains("event-1")
    assert not processed_events.contains("event-2")


def test_consumers_do_not_see_each_others_entries(dynamo: Dynamo) -> None:
    event_id = str(uuid.uuid4())
    DynamoProcessedEvents(
        client=dynamo.client, table_name=f"{dynamo.prefix}-ledger", consumer="analytics", clock=utc_now
    ).add(event_id)

    assert not DynamoProcessedEvents(
        client=dynamo.client, table_name=f"{dynamo.prefix}-ledger", consumer="email", clock=utc_now
    ).contains(event_id)


# The addresses that must not be written to.


@pytest.fixture
def suppressed(backend: Backend) -> SuppressedAddresses:
    if isinstance(backend, Dynamo):
        return DynamoSuppressedAddresses(backend.client, f"{backend.prefix}-suppressed-addresses", IDS.address_hash)
    return FakeSuppressedAddresses()


def test_a_suppressed_address_is_known_however_it_is_written_until_it_is_allowed(
    suppressed: SuppressedAddresses,
) -> None:
    name = uuid.uuid4()
    for _ in range(2):
        suppressed.add(f"Ana.{name}@Example.com", "bounce Permanent General", NOW)

    assert suppressed.contains(f"ana.{name}@example.com")
    assert not suppressed.contains(f"bia.{name}@example.com")
    assert suppressed.remove(f"ANA.{name}@example.com")
    assert not suppressed.remove(f"ana.{name}@example.com")
    assert not suppressed.contains(f"ana.{name}@example.com")


def test_nobody_can_read_an_address_in_the_table(moto: Dynamo) -> None:
    table = f"{moto.prefix}-suppressed-addresses"
    DynamoSuppressedAddresses(moto.client, table, IDS.address_hash).add("ana@example.com", "complaint abuse", NOW)

    items = moto.client.scan(TableName=table)["Items"]
    (found,) = [item for item in items if item["id"]["S"] == IDS.address_hash("ana@example.com")]
    assert set(found) == {"id", "reason", "since"}
    assert "ana" not in str(found)
    assert RandomOrDerivedIds(b"another secret").address_hash("ana@example.com") != found["id"]["S"]


# What only SES has: its errors.


def refusal_of(code: str, said: str = "no") -> Exception:
    client = boto3.client("ses", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with closing(client), Stubber(client) as stubber:
        stubber.add_client_error("send_raw_email", code, said)
        with pytest.raises((EmailRefused, EmailThrottled, EmailNotConfirmed, ClientError)) as caught:
            SesEmailSender(client, DEFAULT_SENDER).send(a_message())
    return caught.value


@pytest.mark.parametrize("code", ["MessageRejected", "InvalidParameterValue", "MailFromDomainNotVerifiedException"])
def test_what_trying_again_can_not_help_is_refused(code: str) -> None:
    assert isinstance(refusal_of(code), EmailRefused)


@pytest.mark.parametrize("code", ["ServiceUnavailable", "AccountSendingPausedException", "AccessDenied"])
def test_anything_else_may_come_again(code: str) -> None:
    assert isinstance(refusal_of(code), EmailNotConfirmed)


@pytest.mark.parametrize(
    ("code", "said", "waits"),
    [
        ("Throttling", "Maximum sending rate exceeded.", (1, 120)),
        ("Throttling", "Rate exceeded", (1, 120)),
        ("TooManyRequestsException", "Too many requests.", (1, 120)),
        ("LimitExceededException", "Limit exceeded.", (1, 120)),
        ("Throttling", "Daily message quota exceeded.", (600, 900)),
    ],
)
def test_more_than_the_account_may_send_waits_and_for_a_daily_quota_long(
    code: str, said: str, waits: tuple[float, float]
) -> None:
    """The words are those of "SES API errors" in the developer guide of SES."""
    throttled = refusal_of(code, said)

    assert isinstance(throttled, EmailThrottled)
    assert (throttled.least_seconds, throttled.most_seconds) == waits


def test_an_email_says_by_which_configuration_set_its_bounces_are_told() -> None:
    client: Any = boto3.client("ses", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    asked: list[Any] = []
    client.meta.events.register(
        "provide-client-params.ses.SendRawEmail", lambda params, **_: asked.append(params.get("ConfigurationSetName"))
    )
    with closing(client), Stubber(client) as stubber:
        for sender in (SesEmailSender(client, DEFAULT_SENDER, "cinema-dev"), SesEmailSender(client, DEFAULT_SENDER)):
            stubber.add_response("send_raw_email", {"MessageId": "m-1"})
            sender.send(a_message())

    assert asked == ["cinema-dev", None]


@pytest.mark.parametrize("code", ["MessageRejected", "Throttling"])
def test_what_ses_says_is_told_without_the_address(code: str) -> None:
    refusal = refusal_of(code, "Email address is not verified: ana.b@example.com, <bia@example.com>")

    assert str(refusal) == f"SES: {code}: Email address is not verified: …@example.com, <…@example.com>"
    assert refusal.__cause__ is None
    assert refusal.__suppress_context__


def test_an_ses_that_does_not_answer_may_be_there_later() -> None:
    nobody = f"http://{HOST}:{free_port()}"
    keys: Any = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    once: Any = Config(connect_timeout=1, retries={"total_max_attempts": 1})
    with (
        closing(boto3.client("ses", endpoint_url=nobody, config=once, **keys)) as client,
        pytest.raises(EmailNotConfirmed, match="Could not connect"),
    ):
        SesEmailSender(client, DEFAULT_SENDER).send(a_message())


def test_five_letters_to_an_ses_that_hangs_fit_into_the_handlers_time() -> None:
    times: Any = ses.CONFIG
    attempts = times.retries["total_max_attempts"]

    assert 5 * attempts * (times.connect_timeout + times.read_timeout) < 30 - 5
