"""Webhooks through real queues to a real receiver: signed, tried again, given up with a reason, replayed."""

import json
import random
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mypy_boto3_sqs import SQSClient

from chalicelib.api.batches import handle_messages_in_parallel, handle_messages_together
from chalicelib.application.consumers.webhooks import DeliverOrDisableIfGone, NumberEventsAndQueueDeliveries
from chalicelib.domain.addresses import UrlRefused
from chalicelib.domain.events import Event, EventType, OutgoingMessage
from chalicelib.domain.signatures import is_signed, sign_body
from chalicelib.domain.webhooks import DeliveryFailed, Secret, Webhook
from chalicelib.infrastructure.breakers import POLICIES, Breaker
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.events.notifications import DynamoNotifications
from chalicelib.infrastructure.dynamodb.events.webhooks import DynamoWebhooks
from chalicelib.infrastructure.ids import buyer_partition_of_user
from chalicelib.infrastructure.sqs import queues
from chalicelib.infrastructure.sqs.envelopes import event_in, webhook_delivery_in
from chalicelib.infrastructure.sqs.queues import MOST_RECEIVES, QueueUrls, RedeliveryOfFailedMessages, SqsOutbox
from chalicelib.infrastructure.webhooks.sender import HttpWebhookSender, WebhookSenderWithBreakerPerWebhook
from infra.local.pump import Pump, QueueSource, queue_source
from infra.ops.__main__ import main
from infra.processes import free_port
from tests.facts import Facts
from tests.fakes import Ticks, alone
from tests.http_api import Answer, Api
from tests.integration.conftest import drain_until
from tests.receiver import Receiver, receiver
from tests.wire import Fault, Wire

DEADLINE_SECONDS = 60
SHORT_SECONDS = 0.5
"""The time of a delivery in tests of receivers that do not answer, instead of five seconds."""


@dataclass
class Office:
    """The two consumers on queues of a stage of their own; a message that failed comes again at once."""

    stage: str
    sqs: SQSClient
    urls: QueueUrls
    webhooks: DynamoWebhooks
    notifications: DynamoNotifications
    courier: HttpWebhookSender
    subscribed: list[Webhook]

    def subscribe(self, url: str, *event_types: str, key: str = "whsec_1") -> Webhook:
        now = utc_now()
        webhook = Webhook(f"wh-{uuid.uuid4()}", url, (Secret(key, now),), frozenset(event_types), now)
        self.webhooks.put(webhook)
        self.subscribed.append(webhook)
        return webhook

    @property
    def outbox(self) -> SqsOutbox:
        return SqsOutbox(self.sqs, f"cinema-{self.stage}", self.urls)

    @property
    def redelivery(self) -> RedeliveryOfFailedMessages:
        return RedeliveryOfFailedMessages(self.sqs, self.urls, pause=lambda receives: 0)

    def announcing(self) -> QueueSource:
        announce = NumberEventsAndQueueDeliveries(self.notifications, self.webhooks, self.outbox, utc_now)

        def handle(event: Any, _: Any) -> Any:
            return handle_messages_together(event["Records"], event_in, announce, self.redelivery)

        return self._source("notification", handle)

    def delivering(self) -> QueueSource:
        courier = WebhookSenderWithBreakerPerWebhook(self.courier, partial(Breaker, "webhooks", POLICIES["webhooks"]))
        deliver = DeliverOrDisableIfGone(self.notifications, self.webhooks, courier, utc_now)

        def handle(event: Any, _: Any) -> Any:
            return handle_messages_in_parallel(
                event["Records"], lambda r: deliver(webhook_delivery_in(r)), self.redelivery
            )

        return self._source("webhooks", handle)

    def _source(self, queue: str, handle: Callable[[Any, Any], Any]) -> QueueSource:
        return queue_source(queue, handle, self.sqs, f"cinema-{self.stage}-{queue}", 10)

    def tell(self, *events: Event) -> None:
        assert (
            self.outbox.send_and_list_unsent_positions(
                [OutgoingMessage("notification", event) for event in events], utc_now()
            )
            == set()
        )

    def work(self) -> None:
        """Until both queues are empty: all is delivered, or parked."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        sources = [self.announcing(), self.delivering()]
        while any(self.left(source.url) for source in sources):
            assert time.monotonic() < deadline, "the queues have not become empty"
            for source in sources:
                source.feed()

    def left(self, url: str) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(map(int, self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))

    def dead(self) -> int:
        return self.left(self.urls[f"cinema-{self.stage}-webhooks-dlq"])


def impatient_sender() -> HttpWebhookSender:
    return HttpWebhookSender(local=True, seconds=SHORT_SECONDS)


def create_queue_with_dead_letters(sqs: SQSClient, name: str) -> None:
    dead = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MOST_RECEIVES})
    sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive})


@pytest.fixture
def office(data_stack: str) -> Iterator[Office]:
    stage = f"hooks{uuid.uuid4().hex[:10]}"
    with ExitStack() as stack:
        sqs = stack.enter_context(closing(boto3.client("sqs")))
        client = stack.enter_context(closing(connection.new_dynamodb_client()))
        for queue in ("notification", "webhooks"):
            create_queue_with_dead_letters(sqs, f"cinema-{stage}-{queue}")
        made = Office(
            stage,
            sqs,
            QueueUrls(sqs),
            DynamoWebhooks(client, f"{data_stack}-webhooks"),
            DynamoNotifications(client, f"{data_stack}-notifications"),
            HttpWebhookSender(local=True),
            [],
        )
        yield made
        for webhook in made.subscribed:
            made.webhooks.remove(webhook.id)
        for queue in ("notification", "notification-dlq", "webhooks", "webhooks-dlq"):
            sqs.delete_queue(QueueUrl=made.urls[f"cinema-{stage}-{queue}"])


@pytest.fixture
def theirs() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def others() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def facts() -> Facts:
    return Facts(str(uuid.uuid4()))


def events_of(facts: Facts, count: int) -> list[Event]:
    return [Facts(facts.session_id).created() for _ in range(count)]


def with_fingerprint(event: Event) -> Event:
    """Adds to its data what is no receiver's business."""
    return replace(event, data={**event.data, "fingerprint": "f"})


def test_a_delivery_says_what_happened_with_its_number_signed(office: Office, theirs: Receiver, facts: Facts) -> None:
    webhook = office.subscribe(theirs.url)
    office.tell(with_fingerprint(facts.paid()))

    office.work()

    (got,) = theirs.got
    assert got.path == "/hooks?of=cinema"
    assert got.body == {
        "version": 1,
        "id": facts.paid().id,
        "type": "PaymentConfirmed",
        "occurredAt": "2044-02-15T18:00:00.123Z",
        "sessionId": facts.session_id,
        "sequence": 1,
        "previousSequence": 0,
        "reservationId": facts.reservation_id,
        "userId": buyer_partition_of_user("user-1"),
        "seats": ["A1", "A2"],
        "data": {"amountCents": 5000, "saleId": "sale-1"},
    }
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == theirs.url.split("/")[2]
    assert got.delivery == f"{webhook.id}.{facts.session_id}.1"
    assert is_signed(got.signature, got.raw, ["whsec_1"], utc_now())


def test_while_a_secret_is_rotated_both_verify_and_afterwards_only_the_new_one(
    office: Office, theirs: Receiver, facts: Facts
) -> None:
    webhook = office.subscribe(theirs.url, key="whsec_old")
    rotated = webhook.with_rotated_secret("whsec_new", utc_now(), timedelta(hours=1))
    office.webhooks.change_secrets(webhook.id, rotated.secrets)
    office.tell(facts.created())
    office.work()
    expired = replace(rotated.secrets[1], expires_at=utc_now())
    office.webhooks.change_secrets(webhook.id, (rotated.secrets[0], expired))
    office.tell(facts.paid())
    office.work()

    verified = [
        [key for key in ("whsec_new", "whsec_old") if is_signed(got.signature, got.raw, [key], utc_now())]
        for got in theirs.got
    ]
    assert verified == [["whsec_new", "whsec_old"], ["whsec_new"]]


def test_what_was_not_accepted_comes_again_as_the_same_delivery(office: Office, theirs: Receiver, facts: Facts) -> None:
    office.subscribe(theirs.url)
    theirs.statuses = [500, 302, 404]
    office.tell(facts.created())

    office.work()

    assert [got.path for got in theirs.got] == ["/hooks?of=cinema"] * 4, "no redirect is followed"
    assert len({got.delivery for got in theirs.got}) == len({got.raw for got in theirs.got}) == 1
    assert office.dead() == 0


def test_a_dead_receiver_ends_in_the_dead_letters_and_the_others_get_theirs(
    office: Office, theirs: Receiver, facts: Facts, emulator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    office.subscribe(theirs.url)
    gone = office.subscribe(f"http://127.0.0.1:{free_port()}/")
    office.tell(*events_of(facts, 3))

    office.work()

    assert sorted(theirs.numbers()) == [1, 2, 3]
    assert main(["dlq", "show", "webhooks", "--json", "--stage", office.stage, "--endpoint", emulator]) == 0
    letters = json.loads(capsys.readouterr().out)["messages"]
    assert {letter["body"]["webhookId"] for letter in letters} == {gone.id}
    assert sorted(letter["body"]["sequence"] for letter in letters) == [1, 2, 3]
    assert {letter["receives"] for letter in letters} == {MOST_RECEIVES}
    assert all(f"webhook {gone.id} was not reached" in letter["reason"] for letter in letters)


def test_what_was_given_up_is_delivered_once_it_is_redriven(
    office: Office, theirs: Receiver, facts: Facts, emulator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    office.subscribe(theirs.url)
    theirs.statuses = [503] * MOST_RECEIVES
    office.tell(facts.created())
    office.work()
    assert office.dead() == 1

    assert main(["dlq", "redrive", "webhooks", "--stage", office.stage, "--endpoint", emulator]) == 0
    office.work()

    assert len(theirs.got) == MOST_RECEIVES + 1
    assert len({got.delivery for got in theirs.got}) == 1
    assert office.dead() == 0


def test_events_that_come_twice_keep_their_numbers(office: Office, theirs: Receiver, facts: Facts) -> None:
    office.subscribe(theirs.url)
    events = events_of(facts, 5)
    for event in events:
        office.tell(event)
        office.work()
    office.tell(*events)
    office.work()

    assert sorted(theirs.numbers()) == sorted([1, 2, 3, 4, 5] * 2)
    assert len({(got.body["id"], got.body["sequence"]) for got in theirs.got}) == 5


def test_many_events_with_duplicates_through_several_workers_are_numbered_from_one_to_n(
    office: Office, theirs: Receiver, facts: Facts
) -> None:
    """As many workers as domain/consumers.py lets be."""
    office.subscribe(theirs.url)
    events = events_of(facts, 50)
    deliveries = events + random.sample(events, k=10)
    random.shuffle(deliveries)
    office.tell(*deliveries)

    def worked(source: QueueSource) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while office.left(source.url):
            assert time.monotonic() < deadline, "the queue has not become empty"
            source.feed()

    with ThreadPoolExecutor(max_workers=5) as workers:
        list(workers.map(worked, [office.announcing() for _ in range(5)]))
    office.work()

    assert [one.sequence for one in office.notifications.list_after(facts.session_id, 0, 99)] == list(range(1, 51))
    assert len({(got.body["id"], got.body["sequence"]) for got in theirs.got}) == 50
    assert set(theirs.numbers()) == set(range(1, 51))
    previous = {got.body["sequence"]: got.body["previousSequence"] for got in theirs.got}
    assert previous == {number: number - 1 for number in range(1, 51)}


def test_gone_disables_the_webhook(office: Office, theirs: Receiver, facts: Facts) -> None:
    webhook = office.subscribe(theirs.url)
    theirs.statuses = [410]
    office.tell(facts.created())
    office.work()
    office.tell(facts.paid())
    office.work()

    assert len(theirs.got) == 1
    found = office.webhooks.find(webhook.id)
    assert found
    assert found.disabled == "it answered 410 Gone"
    assert [one.sequence for one in office.notifications.list_after(facts.session_id, 0, 9)] == [1, 2]


def test_a_message_that_is_no_delivery_is_parked_at_once(office: Office) -> None:
    for body in ('{"version": 9}', "not JSON", '{"version": 1, "webhookId": "wh-1"}', "[" * 100_000):
        office.sqs.send_message(QueueUrl=office.urls[f"cinema-{office.stage}-webhooks"], MessageBody=body)

    office.work()

    assert office.dead() == 4


# Receivers that behave badly


def trickling(handler: BaseHTTPRequestHandler) -> None:
    """A byte of a header now and then: no single read ever times out."""
    for _ in range(2000):
        handler.wfile.write(b"X")
        handler.wfile.flush()
        ended: Any = handler.server.receiver.ended  # type: ignore[attr-defined]
        if ended.wait(0.02):
            return


def hanging(handler: BaseHTTPRequestHandler) -> None:
    handler.server.receiver.ended.wait(30)  # type: ignore[attr-defined]


def huge(handler: BaseHTTPRequestHandler) -> None:
    """Says that a gigabyte follows, and sends of it until nobody listens."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(1000):
        handler.wfile.write(b"x" * 1_000_000)


def endless_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(1000):
        handler.wfile.write(b"X-More: " + b"x" * 60_000 + b"\r\n")


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def closing_at_once(_: BaseHTTPRequestHandler) -> None: ...


@pytest.mark.parametrize("behaviour", [trickling, hanging, endless_headers, nonsense, closing_at_once])
def test_a_receiver_that_gives_no_answer_costs_its_time_and_no_more(
    office: Office, theirs: Receiver, facts: Facts, behaviour: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    webhook = office.subscribe(theirs.url)
    theirs.answering = behaviour
    notification = office.notifications.assign_number_in_session(facts.created())
    started = time.monotonic()

    with pytest.raises(DeliveryFailed, match=webhook.id):
        impatient_sender().post_and_get_status(webhook, notification, utc_now())

    assert time.monotonic() - started < 10 * SHORT_SECONDS


def test_a_huge_answer_is_not_read(office: Office, theirs: Receiver, facts: Facts) -> None:
    webhook = office.subscribe(theirs.url)
    theirs.answering = huge
    notification = office.notifications.assign_number_in_session(facts.created())
    started = time.monotonic()

    assert impatient_sender().post_and_get_status(webhook, notification, utc_now()) == 200

    assert time.monotonic() - started < 10 * SHORT_SECONDS


def test_who_hangs_does_not_hold_up_the_others_of_its_batch(
    office: Office, theirs: Receiver, others: Receiver, facts: Facts
) -> None:
    """Nine deliveries of a batch hang: the batch takes the time of one of them."""
    office.courier = impatient_sender()
    office.subscribe(others.url, EventType.RESERVATION_CREATED)
    others.answering = hanging
    office.subscribe(theirs.url, EventType.PAYMENT_CONFIRMED)
    office.tell(*events_of(facts, 9), facts.paid())
    announcing, delivering = office.announcing(), office.delivering()
    while office.left(announcing.url):
        announcing.feed()
    assert office.left(delivering.url) == 10
    delivered = 0
    started = time.monotonic()
    while delivered < 10:
        delivered += delivering.feed().delivered

    assert time.monotonic() - started < 5 * 9 * SHORT_SECONDS / 2
    assert len(theirs.got) == 1


def test_who_hangs_is_put_off_without_being_called_and_called_again_half_a_minute_later(
    office: Office, theirs: Receiver, others: Receiver, facts: Facts
) -> None:
    ticks = Ticks()
    guarded = WebhookSenderWithBreakerPerWebhook(
        impatient_sender(), partial(Breaker, "webhooks", POLICIES["webhooks"], monotonic=ticks)
    )
    webhook, other = office.subscribe(theirs.url), office.subscribe(others.url)
    notification = office.notifications.assign_number_in_session(facts.created())
    theirs.answering = hanging
    for _ in range(5):
        with pytest.raises(DeliveryFailed):
            guarded.post_and_get_status(webhook, notification, utc_now())
    assert len(theirs.got) == 3
    assert guarded.post_and_get_status(other, notification, utc_now()) == 204

    theirs.answering = None
    ticks.now = 30

    assert [guarded.post_and_get_status(webhook, notification, utc_now()) for _ in range(2)] == [204, 204]


# Where a webhook may lead


def test_in_production_no_name_leads_into_our_network(office: Office, theirs: Receiver, facts: Facts) -> None:
    notification = office.notifications.assign_number_in_session(facts.created())
    port = theirs.url.split(":")[2].split("/")[0]
    for url in (theirs.url, f"https://127.0.0.1:{port}/", f"https://localhost:{port}/"):
        webhook = office.subscribe(url)
        with pytest.raises(DeliveryFailed, match="may not have its URL"):
            HttpWebhookSender(local=False).post_and_get_status(webhook, notification, utc_now())

    assert theirs.got == []


def test_a_name_that_also_leads_into_our_network_is_refused() -> None:
    courier = HttpWebhookSender(local=False, resolve=lambda host, port: ["93.184.215.14", "169.254.169.254"])

    with pytest.raises(UrlRefused, match="not a public address"):
        courier.check_url("https://rebinding.example.com/")


def test_the_address_that_was_checked_is_the_one_that_is_called(office: Office, theirs: Receiver, facts: Facts) -> None:
    """The name is resolved once: what it leads to a moment later does not matter."""
    answers = iter([["127.0.0.1"], ["192.0.2.1"]])
    courier = HttpWebhookSender(local=True, resolve=lambda host, port: next(answers))
    webhook = office.subscribe(theirs.url.replace("127.0.0.1", "rebinding.example.com"))

    assert (
        courier.post_and_get_status(webhook, office.notifications.assign_number_in_session(facts.created()), utc_now())
        == 204
    )

    (got,) = theirs.got
    assert got.headers["host"].startswith("rebinding.example.com:")


def a_certificate(name: str, folder: Path) -> Path:
    """Self-signed, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = utc_now()
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / f"{name}.pem"
    file.write_bytes(plain + made.public_bytes(Encoding.PEM))
    return file


@pytest.mark.parametrize(("host", "accepted"), [("hooks.example.com", True), ("other.example.com", False)])
def test_the_certificate_must_be_the_names_though_a_checked_address_is_called(
    office: Office, facts: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, accepted: bool
) -> None:
    file = a_certificate("hooks.example.com", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    courier = HttpWebhookSender(local=True, resolve=lambda host, port: ["127.0.0.1"])
    with receiver(tls) as theirs:
        webhook = office.subscribe(theirs.url.replace("127.0.0.1", host))
        notification = office.notifications.assign_number_in_session(facts.created())
        if accepted:
            assert courier.post_and_get_status(webhook, notification, utc_now()) == 204
        else:
            with pytest.raises(DeliveryFailed, match="SSLError"):
                courier.post_and_get_status(webhook, notification, utc_now())
        assert len(theirs.got) == accepted


def test_a_receiver_that_speaks_no_tls_is_not_reached(office: Office, theirs: Receiver, facts: Facts) -> None:
    webhook = office.subscribe(theirs.url.replace("http://", "https://"))

    with pytest.raises(DeliveryFailed, match="not reached"):
        office.courier.post_and_get_status(
            webhook, office.notifications.assign_number_in_session(facts.created()), utc_now()
        )

    assert theirs.got == []


# The whole way, and the replay endpoint


@pytest.fixture
def api(server: str) -> Api:
    return Api(server)


@dataclass(frozen=True)
class Subscriber:
    api: Api
    webhook: Webhook

    def replay(self, body: object, key: str = "whsec_1", seconds_ago: int = 0, webhook_id: str = "") -> Answer:
        raw = json.dumps(body).encode()
        header = sign_body([key], raw, utc_now() - timedelta(seconds=seconds_ago))
        return self.send(raw, webhook_id, Cinema_Signature=header)

    def send(self, raw: bytes, webhook_id: str = "", **headers: str) -> Answer:
        path = f"/api/webhooks/{webhook_id or self.webhook.id}/replay"
        return self.api.send("POST", path, raw, Content_Type="application/json", **headers)


@pytest.fixture
def subscriber(office: Office, theirs: Receiver, api: Api) -> Subscriber:
    return Subscriber(api, office.subscribe(theirs.url))


def test_what_happens_to_a_screening_reaches_its_subscriber_and_is_replayed_when_it_asks(
    subscriber: Subscriber, theirs: Receiver, pump: Pump
) -> None:
    api, session_id = subscriber.api, subscriber.api.schedule()
    api.confirm(api.hold(session_id, "A1").body["reservationId"])
    api.delete(f"/api/reservations/{api.hold(session_id, 'A2').body['reservationId']}")

    def ours() -> list[Any]:
        return [got for got in theirs.got if got.body["sessionId"] == session_id]

    drain_until(pump, lambda: len(ours()) >= 5)
    assert sorted(got.body["sequence"] for got in ours()) == [1, 2, 3, 4, 5]
    types = ["PaymentConfirmed", "ReservationCancelled", "ReservationCreated", "ReservationCreated", "SeatReleased"]
    assert sorted(got.body["type"] for got in ours()) == types
    assert all(is_signed(got.signature, got.raw, ["whsec_1"], utc_now()) for got in ours())

    answer = subscriber.replay({"sessionId": session_id, "afterSequence": 3})

    assert (answer.status, answer.body) == (202, {"sessionId": session_id, "queued": 2})
    drain_until(pump, lambda: len(ours()) >= 7)
    assert sorted(got.body["sequence"] for got in ours()) == [1, 2, 3, 4, 4, 5, 5]
    assert len({got.delivery for got in ours()}) == 5


def test_one_call_replays_a_hundred_numbers_and_says_where_to_go_on(
    subscriber: Subscriber, office: Office, facts: Facts, pump: Pump
) -> None:
    for event in events_of(facts, 103):
        office.notifications.assign_number_in_session(event)

    first = subscriber.replay({"sessionId": facts.session_id, "afterSequence": 1})
    second = subscriber.replay({"sessionId": facts.session_id, "afterSequence": 101})

    assert first.body == {"sessionId": facts.session_id, "queued": 100, "nextAfterSequence": 101}
    assert second.body == {"sessionId": facts.session_id, "queued": 2}
    pump.drain(deadline_seconds=240)


def test_an_unsigned_late_or_wrongly_signed_replay_is_401_as_is_an_unknown_webhook(subscriber: Subscriber) -> None:
    body = {"sessionId": "any", "afterSequence": 0}
    raw = json.dumps(body).encode()
    answers = [
        subscriber.send(raw),
        subscriber.send(raw, Cinema_Signature="nonsense"),
        subscriber.replay(body, key="whsec_other"),
        subscriber.replay(body, seconds_ago=301),
        subscriber.replay(body, seconds_ago=-330),
        subscriber.send(raw + b" ", Cinema_Signature=sign_body(["whsec_1"], raw, utc_now())),
        subscriber.replay(body, webhook_id="unknown"),
        subscriber.replay(body, webhook_id="x" * 3000),
    ]

    assert {answer.status for answer in answers} == {401}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].body["error"] == "SIGNATURE_INVALID"
    assert subscriber.replay(body, seconds_ago=290).status == 202


def test_a_refusal_is_told_in_portuguese_too(subscriber: Subscriber) -> None:
    raw = b'{"sessionId": "any", "afterSequence": 0}'

    assert subscriber.send(raw, Accept_Language="pt-BR").body["message"].startswith("A assinatura")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"sessionId": "any"},
        {"sessionId": "", "afterSequence": 0},
        {"sessionId": "any", "afterSequence": -1},
        {"sessionId": "any", "afterSequence": "1"},
        {"sessionId": "any", "afterSequence": 10**12},
        {"sessionId": "any", "afterSequence": 0.5},
    ],
)
def test_a_malformed_replay_is_400(subscriber: Subscriber, body: object) -> None:
    answer = subscriber.replay(body)

    assert (answer.status, answer.body["error"]) == (400, "VALIDATION_ERROR")


def test_a_replay_that_is_too_large_is_413(subscriber: Subscriber) -> None:
    assert subscriber.send(b'{"a": "' + b"x" * 70_000 + b'"}').status == 413


def test_a_disabled_webhook_is_told_so(subscriber: Subscriber, office: Office) -> None:
    office.webhooks.disable_for_reason_or_enable_if_exists(subscriber.webhook.id, "it answered 410 Gone")

    answer = subscriber.replay({"sessionId": "any", "afterSequence": 0})

    assert (answer.status, answer.body["error"]) == (409, "WEBHOOK_DISABLED")


# Faults at each call, and costs, on the wire


@pytest.fixture(scope="module")
def wired(wire: Wire) -> Iterator[tuple[Any, Any]]:
    """Clients of DynamoDB and SQS whose calls go over the wire, of which the queues' addresses are known."""
    with (
        closing(boto3.client("dynamodb", endpoint_url=wire.url, config=connection.CONFIG)) as database,
        closing(boto3.client("sqs", endpoint_url=wire.url, config=queues.CONFIG)) as sqs,
    ):
        yield database, sqs


@pytest.fixture
def announce(office: Office, wired: tuple[Any, Any], wire: Wire) -> Callable[[Event], None]:
    database, sqs = wired
    url = office.urls[f"cinema-{office.stage}-webhooks"]
    on_the_wire = QueueUrls(sqs, {f"cinema-{office.stage}-webhooks": wire.url + urlsplit(url).path})
    announce_together = NumberEventsAndQueueDeliveries(
        DynamoNotifications(database, office.notifications.table_name),
        DynamoWebhooks(database, office.webhooks.table_name),
        SqsOutbox(sqs, f"cinema-{office.stage}", on_the_wire),
        utc_now,
    )
    return alone(announce_together)


ANNOUNCING = ["GetItem", "TransactWriteItems", "Scan", "SendMessageBatch"]


def test_announcing_an_event_costs_four_calls(
    office: Office, announce: Callable[[Event], None], theirs: Receiver, wire: Wire, facts: Facts
) -> None:
    office.subscribe(theirs.url)
    with wire.counting() as calls:
        announce(facts.created())

    assert [call.operation for call in calls] == ANNOUNCING


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST_ONCE, Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
@pytest.mark.parametrize("call", range(1, len(ANNOUNCING) + 1))
def test_announcing_survives_any_fault(
    office: Office,
    announce: Callable[[Event], None],
    theirs: Receiver,
    wire: Wire,
    facts: Facts,
    fault: Fault,
    call: int,
) -> None:
    webhook = office.subscribe(theirs.url)
    with wire.broken(fault, call), suppress(Exception):
        announce(facts.created())
    announce(facts.created())
    announce(facts.paid())

    office.work()

    assert [one.sequence for one in office.notifications.list_after(facts.session_id, 0, 9)] == [1, 2]
    assert {got.delivery for got in theirs.got} == {f"{webhook.id}.{facts.session_id}.{n}" for n in (1, 2)}
    assert office.dead() == 0


@pytest.fixture
def wired_subscriber(office: Office, theirs: Receiver, wired_api: Api, facts: Facts) -> Subscriber:
    """Of two events; its API process knows the queue already."""
    for event in (facts.created(), facts.paid()):
        office.notifications.assign_number_in_session(event)
    subscriber = Subscriber(wired_api, office.subscribe(theirs.url))
    subscriber.replay({"sessionId": facts.session_id, "afterSequence": 0})
    return subscriber


def test_a_replay_costs_two_reads_and_a_message_for_each(
    wired_subscriber: Subscriber, wire: Wire, facts: Facts
) -> None:
    with wire.counting() as calls:
        wired_subscriber.replay({"sessionId": facts.session_id, "afterSequence": 0})
    with wire.counting() as refused:
        wired_subscriber.replay({"sessionId": facts.session_id, "afterSequence": 0}, key="whsec_other")

    assert [call.operation for call in calls][:2] == ["GetItem", "Query"]
    assert {call.operation for call in calls[2:]} <= {"SendMessageBatch"}
    assert [call.operation for call in refused] == ["GetItem"]


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.ANSWER_LOST_ONCE])
@pytest.mark.parametrize("call", [1, 2])
def test_a_replay_survives_any_fault(
    wired_subscriber: Subscriber, wire: Wire, facts: Facts, fault: Fault, call: int
) -> None:
    body = {"sessionId": facts.session_id, "afterSequence": 0}
    with wire.broken(fault, call):
        first = wired_subscriber.replay(body)

    assert first.status in (202, 500, 503)
    assert wired_subscriber.replay(body).body == {"sessionId": facts.session_id, "queued": 2}


def test_a_throttled_table_is_503(wired_subscriber: Subscriber, wire: Wire, facts: Facts) -> None:
    with wire.broken(Fault.THROTTLED, 1):
        answer = wired_subscriber.replay({"sessionId": facts.session_id, "afterSequence": 0})

    assert (answer.status, answer.body["error"]) == (503, "TEMPORARILY_UNAVAILABLE")
