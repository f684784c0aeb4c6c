"""A person who really bought is exported and erased: every table, queue, bucket and log is searched for the names."""

import io
import json
import logging
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
import redis
from jsonschema import Draft202012Validator
from pypdf import PdfReader

from chalicelib.application.person import ErasureResult
from chalicelib.domain.people.person import ERASED, Person
from chalicelib.domain.people.stores import STORES, ErasureEffect, Store, StoreKind
from chalicelib.domain.ports import PersonalStore
from chalicelib.domain.webhooks import Secret, Webhook
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.events.webhooks import DynamoWebhooks
from chalicelib.infrastructure.ids import buyer_partition_of_user
from chalicelib.infrastructure.sqs import dead_letters
from chalicelib.infrastructure.streams.failures import PARKED, S3StreamFailures
from infra.local import mailbox
from infra.local.payment_gateway import Gateway
from infra.local.pump import Pump
from infra.ops.__main__ import REFUSED, main
from infra.ops.connection import Connection
from infra.ops.person.accounts import PersonsAccounts
from infra.ops.person.records import PARTITION
from infra.ops.person.stage import People
from infra.ops.queues import read_queues
from infra.ops.stream_failures import StreamFailures
from infra.processes import ROOT
from tests.conftest import STAGE, build_anew
from tests.effort import thorough
from tests.http_api import Api
from tests.integration.conftest import Said, connection_over, drain_until
from tests.receiver import Receiver, receiver
from tests.wire import Wire, write_units

SCHEMA = ROOT / "docs" / "examples" / "person-export.schema.json"
POLICY = ROOT / "docs" / "examples" / "operator-policy-person.json"
ALL_LIVE_HOLDS_LAPSE = timedelta(minutes=20)

Ops = Callable[..., Said]


@dataclass(frozen=True)
class Canary:
    """Somebody whose names are found nowhere else."""

    user: str
    email: str

    @property
    def person(self) -> Person:
        return Person(self.user)

    @property
    def reservations(self) -> str:
        """The beginning of the ids of the canary's reservations."""
        return f"res-{buyer_partition_of_user(self.user)}"

    def is_named_in(self, text: str) -> bool:
        plain = re.sub(r"\\+u([0-9a-f]{4})", lambda escaped: chr(int(escaped[1], 16)), text).casefold()
        return self.user.casefold() in plain or self.email.casefold() in plain


@pytest.fixture
def canary() -> Canary:
    mark = uuid.uuid4().hex
    return Canary(f"Zoë-Kanarie-{mark}", f"Zoe.Kanarie.{mark}@example.com")


@pytest.fixture
def api(server: str) -> Api:
    return Api(server)


@pytest.fixture
def ops(data_stack: str, capsys: pytest.CaptureFixture[str]) -> Ops:
    def run(*words: str) -> Said:
        capsys.readouterr()
        return Said(main(["person", *words, "--stage", STAGE]), *capsys.readouterr())

    return run


# All that a stage has, read past the application


@dataclass(frozen=True)
class Stage:
    prefix: str

    def texts(self) -> dict[tuple[StoreKind, str], str]:
        """Reads every table, every queue and every version of every file."""
        kinds = {StoreKind.TABLE: self._tables(), StoreKind.QUEUE: self._queues(), StoreKind.BUCKET: self._buckets()}
        return {(kind, name): text for kind, found in kinds.items() for name, text in found}

    def named(self, canary: Canary) -> set[tuple[StoreKind, str]]:
        return {store for store, text in self.texts().items() if canary.is_named_in(text)}

    def _tables(self) -> Iterator[tuple[str, str]]:
        client = boto3.client("dynamodb")
        names = [name for page in client.get_paginator("list_tables").paginate() for name in page["TableNames"]]
        for name in names:
            if name.startswith(self.prefix):
                pages = client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
                yield name.removeprefix(self.prefix), "\n".join(str(page["Items"]) for page in pages)

    def _queues(self) -> Iterator[tuple[str, str]]:
        sqs = boto3.client("sqs")
        for queue in read_queues(Connection.to(STAGE)):
            yield queue.short_name, str(dead_letters.peek(sqs, queue.url, queue.visible))

    def _buckets(self) -> Iterator[tuple[str, str]]:
        s3 = boto3.client("s3")
        for bucket in (one["Name"] for one in s3.list_buckets()["Buckets"]):
            if bucket.startswith(self.prefix):
                pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
                kept = [(one["Key"], one["VersionId"]) for page in pages for one in page.get("Versions", [])]
                bodies = [s3.get_object(Bucket=bucket, Key=key, VersionId=version) for key, version in kept]
                text = "\n".join(shown(each["Body"].read()) for each in bodies)
                yield bucket.removeprefix(self.prefix).partition("-")[0], text


def shown(body: bytes) -> str:
    """Gives the text of a file; of a PDF, what it shows. Other tests of the same worker file what is none."""
    if not body.startswith(b"%PDF") or b"%%EOF" not in body:
        return body.decode(errors="replace")
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(body)).pages).replace("\n", "")


def redis_text(url: str) -> str:
    """Reads every key of Redis with its value."""
    with closing(redis.Redis.from_url(url)) as client:
        kinds: dict[Any, Any] = {key: client.type(key) for key in client.keys("*")}
        read: dict[bytes, Any] = {b"string": client.get, b"hash": client.hgetall}
        return str({key: read.get(kind, client.dump)(key) for key, kind in kinds.items()})


class Listening(logging.Handler):
    """Keeps all that the event handlers log in this process, with its fields."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.getMessage()} {vars(record)}")


@pytest.fixture
def heard() -> Iterator[Listening]:
    listening = Listening()
    loggers = [logging.getLogger(), logging.getLogger("cinema-tickets")]
    for logger in loggers:
        logger.addHandler(listening)
    yield listening
    for logger in loggers:
        logger.removeHandler(listening)


@pytest.fixture
def stage(data_stack: str) -> Stage:
    return Stage(f"{data_stack}-")


@pytest.fixture
def subscriber(data_stack: str) -> Iterator[Receiver]:
    """A webhook of every event, which the handlers know from now on."""
    webhooks, now = DynamoWebhooks(boto3.client("dynamodb"), f"{data_stack}-webhooks"), utc_now()
    with receiver() as theirs:
        webhook = Webhook(f"wh-{uuid.uuid4()}", theirs.url, (Secret("whsec_1", now),), frozenset(), now)
        webhooks.put(webhook)
        build_anew()
        yield theirs
        webhooks.remove(webhook.id)
    build_anew()


# A life: what the canary does, and what goes wrong meanwhile


@dataclass(frozen=True)
class Life:
    api: Api
    pump: Pump
    canary: Canary
    prefix: str
    endpoint: str
    gateway: Gateway

    def live(self) -> str:
        """Buys, cancels, and is refunded, with letters of both. Gives the id of the reservation that stays bought."""
        bought, cancelled = self.buy("A1"), self.api.schedule()
        returned = self.buy("A1", session_id=cancelled)
        given_back = self.hold(self.api.schedule(), "A1")
        assert self.api.delete(f"/api/reservations/{given_back}").status in (200, 204)
        assert main(["cancel", cancelled, "--yes", "--stage", STAGE]) == 0
        drain_until(self.pump, lambda: self._has_all(bought, returned))
        assert len(self.api.get(f"/api/users/{quote(self.canary.user)}/purchases").body["purchases"]) == 2
        return bought

    def live_with_mishaps(self) -> None:
        """Does all that, and leaves traces where something went wrong."""
        bought = self.live()
        self.leave_old_traces()
        self.pump.drain()
        self.lose_a_record(bought)

    def hold(self, session_id: str, *seats: str) -> str:
        key = {"Idempotency_Key": str(uuid.uuid4())}
        answer = self.api.hold(session_id, *seats, user=self.canary.user, email=self.canary.email, **key)
        return str(answer.body["reservationId"])

    def buy(self, *seats: str, session_id: str = "") -> str:
        reservation, transaction = self.hold(session_id or self.api.schedule(), *seats), f"tx-{uuid.uuid4()}"
        self.gateway.charge(transaction, reservation, 2500)
        assert self.api.confirm(reservation, transaction).status == 200
        return reservation

    def _has_all(self, bought: str, returned: str) -> bool:
        """Tells whether tickets, invoices, letters and the refund have come."""
        papers = [self.api.get(f"/api/reservations/{bought}/{paper}").status for paper in ("tickets", "invoice")]
        gone = self.api.get(f"/api/reservations/{returned}").body
        letters = [each for each in mailbox.read_emails(self.endpoint) if self.canary.email in each.to]
        return papers == [200, 303] and "refundedAt" in gone and len(letters) >= 2

    def leave_old_traces(self) -> None:
        """Leaves what an older version has left: events with the user's id, also where they could not be handled."""
        dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
        event = {
            "id": f"ReservationCreated:{self.canary.reservations}",
            "type": "ReservationCreated",
            "reservationId": f"{self.canary.reservations}{'x' * 22}",
            "userId": self.canary.user,
            "data": {"amountCents": 2500, "fingerprint": "0123456789ab"},
        }
        for table in ("events", "notifications"):
            key = {"session_id": {"S": str(uuid.uuid4())}, "position": {"S": f"number#{uuid.uuid4()}"}}
            item: Any = {**key, "number": {"N": "1"}, "event": {"S": json.dumps(event)}}
            dynamodb.put_item(TableName=f"{self.prefix}-{table}", Item=item)
        for store in STORES:
            if store.kind is StoreKind.QUEUE and not store.name.endswith("-dlq"):
                url = sqs.get_queue_url(QueueName=f"{self.prefix}-{store.name}")["QueueUrl"]
                sqs.send_message(
                    QueueUrl=url, MessageBody=json.dumps({"version": 0, **event, "bounce": self._report()})
                )

    def _report(self) -> dict[str, Any]:
        """Gives a report of a bounce that can't be read, because its moment is missing."""
        diagnosis = f"smtp; 550 5.1.1 <{self.canary.email.upper()}>... User unknown"
        recipient = {"emailAddress": self.canary.email.upper(), "diagnosticCode": diagnosis}
        return {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [recipient]}

    def lose_a_record(self, reservation_id: str) -> None:
        """Parks a record of the reservations' stream, as its handler does."""
        key = {"buyer": {"S": reservation_id[4:15]}, "id": {"S": reservation_id}}
        item = boto3.client("dynamodb").get_item(TableName=f"{self.prefix}-reservations", Key=key)["Item"]
        change = {"Keys": key, "NewImage": item, "SequenceNumber": f"{uuid.uuid4().int}"}
        record = {
            "eventSourceARN": f"arn:aws:dynamodb:us-east-1:000000000000:table/{self.prefix}-reservations/stream/x",
            "eventName": "INSERT",
            "dynamodb": {**change, "ApproximateCreationDateTime": utc_now().timestamp()},
        }
        bucket = StreamFailures.of(Connection.to(STAGE)).bucket
        S3StreamFailures(lambda: boto3.client("s3"), bucket, utc_now).put([record], PARKED, "a test")


@pytest.fixture
def life(api: Api, pump: Pump, canary: Canary, data_stack: str, emulator: str, simulated_gateway: Gateway) -> Life:
    return Life(api, pump, canary, data_stack, emulator, simulated_gateway)


def rows(at_erasure: ErasureEffect) -> set[tuple[StoreKind, str]]:
    """Names the tables, queues and buckets of which STORES says so."""
    return {
        (store.kind, store.name) for store in STORES if store.at_erasure is at_erasure and store.kind != StoreKind.OTHER
    }


def test_an_erasure_visits_each_store_whose_row_says_that_it_changes(data_stack: str) -> None:
    visited = {(one.store.kind, one.store.name) for one in People.of(Connection.to(STAGE)).erase.stores}

    assert rows(ErasureEffect.DELETES) | rows(ErasureEffect.TAKES_NAMES_OUT) <= visited, (
        "write its store in infra/ops/person/"
    )


@dataclass(frozen=True)
class Witnesses:
    """Who hears of people outside of the stores: a subscriber, the logs, Redis."""

    subscriber: Receiver
    heard: Listening
    redis_url: str
    run_dir: Path

    def texts(self, canary: Canary) -> list[str]:
        """Gives all that they know. The control: subscriber and logs know of the canary's reservations."""
        told = [delivery.raw.decode() for delivery in self.subscriber.got]
        logged = [*self.heard.said, *(path.read_text() for path in self.run_dir.glob("api-*.log"))]
        for texts in (told, logged):
            assert any(canary.reservations in text for text in texts)
        return [*told, *logged, redis_text(self.redis_url)]


@pytest.fixture
def witnesses(subscriber: Receiver, heard: Listening, redis_url: str, run_dir: Path) -> Witnesses:
    return Witnesses(subscriber, heard, redis_url, run_dir)


def stores_in(exported: Any) -> set[tuple[StoreKind, str]]:
    """Names the stores in which something was found. The export must be as its schema says."""
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(exported)
    return {(StoreKind(store["kind"]), store["name"]) for store in exported["stores"]}


# The canary


def test_who_is_erased_is_named_nowhere_but_where_the_law_keeps_it(
    life: Life, canary: Canary, stage: Stage, ops: Ops, witnesses: Witnesses
) -> None:
    """The control is what is found before: there the canary is named in each store that STORES says names people."""
    life.live_with_mishaps()

    before = stage.named(canary)
    exported = ops("export", canary.user).data
    said = ops("erase", canary.user, "--yes")
    after = stage.named(canary)
    again = ops("erase", canary.user, "--yes", "--json").data

    assert before == rows(ErasureEffect.TAKES_NAMES_OUT) | rows(ErasureEffect.KEEPS)
    assert after == rows(ErasureEffect.KEEPS)
    assert (said.status, said.err) == (0, "")
    assert "Kept: an invoice that was issued is kept unchanged" in said.out
    assert (again["complete"], again["left"]) == (True, {})
    assert again["erased"].keys() <= {"table live-holds"}, "only holds that have lapsed meanwhile"
    assert stores_in(exported) == before | {(StoreKind.TABLE, "live-holds"), (StoreKind.TABLE, "tickets")}
    for text in (*witnesses.texts(canary), said.out, json.dumps(again)):
        assert not canary.is_named_in(text), text[:500]


def test_the_audit_knows_of_an_erasure_and_names_nobody(life: Life, canary: Canary, ops: Ops, data_stack: str) -> None:
    life.buy("A1")
    life.pump.drain()
    record = ops("erase", canary.user, "--yes", "--json").data["record"]

    key = {"session_id": {"S": PARTITION}, "position": {"S": record}}
    item = boto3.client("dynamodb").get_item(TableName=f"{data_stack}-events", Key=key)["Item"]

    event = json.loads(item["event"]["S"])
    assert (event["type"], event["buyer"]) == ("PersonErased", buyer_partition_of_user(canary.user))
    assert event["by"].startswith("arn:")
    assert event["occurredAt"] <= event["endedAt"]
    assert (event["erased"]["table reservations"], event["left"]) == (1, {})
    assert not canary.is_named_in(str(item))


@thorough
def test_counts_of_live_holds_are_deleted_once_the_holds_have_lapsed(
    life: Life, canary: Canary, stage: Stage, ops: Ops
) -> None:
    table = (StoreKind.TABLE, "live-holds")
    life.buy("A1")
    life.pump.drain()
    assert ops("erase", canary.user, "--yes").status == 0
    assert canary.reservations in stage.texts()[table], "a hold that counts still counts"

    later = People.of(Connection.to(STAGE), lambda: utc_now() + ALL_LIVE_HOLDS_LAPSE)
    later.erase(canary.person)

    assert canary.reservations not in stage.texts()[table]


@thorough
def test_nothing_is_erased_while_seats_are_held_or_money_is_on_its_way(
    life: Life, canary: Canary, stage: Stage, ops: Ops
) -> None:
    held = life.hold(life.api.schedule(), "A1")
    while_held = ops("erase", canary.user, "--yes")
    life.gateway.charge(transaction := f"tx-{uuid.uuid4()}", held, 2500)
    assert life.api.confirm(held, transaction).status == 200
    while_claimed = ops("erase", canary.user, "--yes")
    named = stage.named(canary)
    life.pump.drain()
    settled = ops("erase", canary.user, "--yes")

    assert (while_held.status, while_claimed.status, settled.status) == (REFUSED, REFUSED, 0)
    assert f"{held} holds seats until " in while_held.err
    assert f"payment {transaction} is claimed" in while_claimed.err
    assert named == {(StoreKind.TABLE, "reservations"), (StoreKind.TABLE, "payments")}
    assert life.api.get(f"/api/reservations/{held}").body["userId"] == ERASED


def test_without_yes_it_says_what_would_become_of_what_is_stored(life: Life, canary: Canary, ops: Ops) -> None:
    life.buy("A1")
    life.pump.drain()

    said = ops("erase", canary.user)

    assert (said.status, said.out) == (REFUSED, "")
    assert re.search(r"table +reservations +1 +the names are taken out", said.err)
    assert re.search(r"bucket +invoices +1 +kept", said.err)
    assert not canary.is_named_in(said.err)


@dataclass(frozen=True)
class Interposed:
    """A store, of which something happens first when it is to be erased."""

    inner: PersonalStore
    happens: Callable[[], object]

    @property
    def store(self) -> Store:
        return self.inner.store

    def find(self, person: Person) -> Iterator[Any]:
        return self.inner.find(person)

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        self.happens()
        return self.inner.delete_or_anonymize_items_not_in_use(person)


@thorough
def test_what_is_bought_meanwhile_is_lost_nowhere_and_the_next_run_erases_it(
    life: Life, canary: Canary, stage: Stage, ops: Ops
) -> None:
    first = life.buy("A1")
    life.pump.drain()
    erase = People.of(Connection.to(STAGE)).erase
    bought: list[str] = []
    *others, reservations = erase.stores

    meanwhile = Interposed(reservations, lambda: bought.append(life.buy("A1")))
    erasure: ErasureResult = replace(erase, stores=(*others, meanwhile))(canary.person)
    life.pump.drain()
    second = ops("erase", canary.user, "--yes")

    assert {store.name for store in erasure.left} == {"payments"}, "its payment was not sold yet"
    assert not erasure.is_complete
    assert second.status == 0
    assert stage.named(canary) == rows(ErasureEffect.KEEPS)
    shown = [life.api.get(f"/api/reservations/{each}").body for each in (first, *bought)]
    assert [(each["status"], each["userId"]) for each in shown] == [("confirmed", ERASED)] * 2
    assert life.api.get(f"/api/reservations/{bought[0]}/invoice").status == 303


@thorough
def test_an_erasure_that_dies_at_a_store_is_finished_by_the_next(
    life: Life, canary: Canary, stage: Stage, ops: Ops
) -> None:
    """Here with the real stores; tests/unit/people lets it die at each item of each."""
    erase = People.of(Connection.to(STAGE)).erase
    life.lose_a_record(life.buy("A1"))
    life.pump.drain()
    dying = [Interposed(each, _die) if each.store.name == "payments" else each for each in erase.stores]

    with pytest.raises(KeyboardInterrupt):
        replace(erase, stores=dying)(canary.person)
    finished = ops("erase", canary.user, "--yes")

    assert finished.status == 0
    assert stage.named(canary) == rows(ErasureEffect.KEEPS)


def _die() -> None:
    raise KeyboardInterrupt


def test_after_an_erasure_the_tables_are_still_what_the_log_says(
    life: Life, canary: Canary, ops: Ops, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id = life.api.schedule()
    life.buy("A1", session_id=session_id)
    life.pump.drain()
    assert ops("erase", canary.user, "--yes").status == 0

    status = main(["rebuild", session_id, "--stage", STAGE])

    assert (status, capsys.readouterr().err) == (0, "")


@thorough
def test_a_refund_after_the_erasure_finds_its_money(life: Life, canary: Canary, stage: Stage, ops: Ops) -> None:
    session_id = life.api.schedule()
    bought = life.buy("A1", session_id=session_id)
    life.pump.drain()
    assert ops("erase", canary.user, "--yes").status == 0

    assert main(["cancel", session_id, "--yes", "--stage", STAGE]) == 0
    drain_until(life.pump, lambda: "refundedAt" in life.api.get(f"/api/reservations/{bought}").body)

    assert stage.named(canary) == rows(ErasureEffect.KEEPS)


@thorough
def test_letters_that_were_given_up_can_still_be_redriven(life: Life, canary: Canary, ops: Ops, stage: Stage) -> None:
    life.leave_old_traces()
    life.pump.drain()
    assert ops("erase", canary.user, "--email", canary.email, "--yes").status == 0

    for queue in ("audit", "bounces"):
        assert main(["dlq", "redrive", queue, "--stage", STAGE]) == 0
    life.pump.drain()

    assert stage.named(canary) == set()


@thorough
def test_a_dead_letter_in_somebodys_hands_is_waited_for(life: Life, canary: Canary, ops: Ops, stage: Stage) -> None:
    life.leave_old_traces()
    life.pump.drain()
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{life.prefix}-audit-dlq")["QueueUrl"]
    held = dead_letters.receive_and_hide_up_to_ten(sqs, url, 10)
    refused = ops("erase", canary.user, "--email", canary.email, "--yes")
    dead_letters.try_make_visible(sqs, url, held)

    assert refused.status == REFUSED
    assert "cinema-test-audit-dlq can't be seen" in refused.err
    assert ops("erase", canary.user, "--email", canary.email, "--yes").status == 0
    assert stage.named(canary) == set()


def test_the_account_of_the_user_pool_is_exported_and_deleted(emulator: str, canary: Canary) -> None:
    with closing(boto3.client("cognito-idp", endpoint_url=emulator)) as cognito:
        pool = cognito.create_user_pool(PoolName=f"cinema-{uuid.uuid4()}", UsernameAttributes=["email"])
        accounts = PersonsAccounts(cognito, pool["UserPool"]["Id"])
        subjects = [_signed_up(accounts, email) for email in (canary.email, "somebody-else@example.com")]
        mine, other = map(Person, subjects)

        (account,) = accounts.find(mine)
        erased = [
            accounts.delete_or_anonymize_items_not_in_use(mine),
            accounts.delete_or_anonymize_items_not_in_use(mine),
        ]

        assert account["attributes"]["email"] == canary.email
        assert (erased, list(accounts.find(mine)), len(list(accounts.find(other)))) == ([1, 0], [], 1)
        cognito.delete_user_pool(UserPoolId=accounts.user_pool)


def _signed_up(accounts: PersonsAccounts, email: str) -> str:
    attributes = [{"Name": "email", "Value": email}]
    made = accounts.cognito.admin_create_user(
        UserPoolId=accounts.user_pool, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS"
    )
    return next(str(one["Value"]) for one in made["User"]["Attributes"] if one["Name"] == "sub")


# What it costs, and the rights that it takes


@pytest.mark.usefixtures("redis_keeps_all_keys")
def test_erasing_a_purchase_costs_a_write_for_each_item_that_names_somebody(
    life: Life, canary: Canary, wire: Wire
) -> None:
    life.buy("A1")
    life.pump.drain()
    people = People.of(connection_over(wire))

    with wire.counting() as calls:
        assert people.erase(canary.person).is_complete

    of_tables = Counter(call.operation for call in calls if call.service.startswith("DynamoDB"))
    assert of_tables == {
        "Query": 4,  # the reservations: for what is open, the addresses, the erasure, the second look
        "Scan": 1 + 2 * 5 + 1,  # payments for what is open; each table twice; the invoices for their files
        "UpdateItem": 1 + 1 + 2 + 1,  # reservation, payment, its creation in both logs, the record's end
        "DeleteItem": 1,
        "PutItem": 1,
        "GetItem": 2,
    }
    assert write_units(calls) <= 12, "the reservation's is also in the index of purchases"


SENT = {"ListObjectVersions": "ListBucketVersions"}
"""The actions of S3 that are not called as the operation is."""


def _action_and_resource(service: str, operation: str, asked: dict[str, Any]) -> tuple[str, str]:
    """Gives the action and the resource that IAM asks about for a call."""
    match service:
        case "s3":
            of_version = "Version" if "VersionId" in asked else ""
            key = f"/{asked['Key']}" if "Key" in asked else ""
            return f"s3:{SENT.get(operation, operation)}{of_version}", f"arn:aws:s3:::{asked['Bucket']}{key}"
        case "dynamodb":
            return f"dynamodb:{operation}", f"arn:aws:dynamodb:us-east-1:1:table/{asked['TableName']}"
        case "sqs":
            name = asked.get("QueueUrl", "/*").rpartition("/")[2]
            return f"sqs:{operation}", "*" if name == "*" else f"arn:aws:sqs:us-east-1:1:{name}"
        case "cloudformation":
            return f"cloudformation:{operation}", f"arn:aws:cloudformation:us-east-1:1:stack/{asked['StackName']}/1"
    return f"{service}:{operation}", "*"


def test_the_policy_in_the_documents_allows_all_that_it_does_and_no_more_actions(life: Life, canary: Canary) -> None:
    life.lose_a_record(life.buy("A1"))
    life.leave_old_traces()
    life.pump.drain()
    connection, done = Connection.to(STAGE), set[tuple[str, str]]()

    def note(params: dict[str, Any], event_name: str, **_: Any) -> None:
        service, operation = event_name.split(".")[1:]
        done.add(_action_and_resource(service, operation, params))

    connection.session.events.register("before-parameter-build", note)
    people = People.of(connection, lambda: utc_now() + ALL_LIVE_HOLDS_LAPSE)
    people.export(canary.person)
    people.erase(canary.person)

    allowed = allowed_pairs()
    done.discard(("sts:GetCallerIdentity", "*"))  # that needs no right
    of_versions_and_accounts = {"s3:DeleteObjectVersion", "cognito-idp:ListUsers", "cognito-idp:AdminDeleteUser"}
    assert {one for one in done if not any(is_allowed(*one, *pair) for pair in allowed)} == set()
    assert {action for action, _ in allowed} - {action for action, _ in done} == of_versions_and_accounts


def allowed_pairs() -> list[tuple[str, str]]:
    """Gives each action of the policy with each of its resources."""
    statements = json.loads(POLICY.read_text())["Statement"]
    return [pair for one in statements for pair in product(_all(one["Action"]), _all(one["Resource"]))]


def is_allowed(action: str, resource: str, allowed: str, pattern: str) -> bool:
    return action == allowed and fnmatchcase(resource, pattern)


def _all(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("user", ["", ERASED])
def test_what_stands_for_an_erased_name_is_nobody(user: str, ops: Ops) -> None:
    assert ops("erase", user, "--yes").status == REFUSED
