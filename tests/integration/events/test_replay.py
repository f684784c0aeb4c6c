"""An outage of what the streams' handlers need; and sent again: what they could not relay, a screening's events."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
import pytest
from chalice.app import Chalice, DynamoDBEventConfig

from chalicelib import wiring
from chalicelib.infrastructure.clock import utc_now
from chalicelib.wiring.shared.process import database
from chalicelib.wiring.shared.queues import sqs
from infra.local.pump import Pump, Record, StreamSource, stream_record
from infra.ops import replay as replaying
from infra.ops.__main__ import REFUSED, main
from infra.ops.connection import Connection
from infra.ops.stream_failures import StreamFailures
from tests.conftest import STAGE
from tests.fakes import MovableClock
from tests.http_api import Api
from tests.injected import hooked, unreachable
from tests.integration.conftest import Said

Replay = Callable[..., Said]


@pytest.fixture
def replay(data_stack: str, capsys: pytest.CaptureFixture[str]) -> Replay:
    def run(*words: str) -> Said:
        status = main(["replay", *words, "--stage", STAGE])
        return Said(status, *capsys.readouterr())

    return run


@dataclass
class Lost:
    """The stage's bucket of stream failures, and what a screening's streams have told."""

    failures: StreamFailures
    streams: Any
    pump: Pump
    read_to: Mapping[tuple[str, str], str]
    """An iterator for each stream's shards, behind all that other tests have done."""

    def records(self, table: str, session_id: str) -> list[Record]:
        """Of this screening, as Lambda gives them, in the order in which they happened."""
        return [record for record in self._read(table) if session_id in str(record)]

    def _read(self, table: str) -> Iterator[Record]:
        """From these iterators on; shards without one from their beginning."""
        arn = self.arn(table)
        for shard in self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            shard_id, empty = shard["ShardId"], 0
            iterator: str | None = self.read_to.get((arn, shard_id)) or self._beginning(arn, shard_id)
            while iterator and empty < 20:
                page = self.streams.get_records(ShardIterator=iterator)
                yield from (stream_record(record, arn) for record in page["Records"])
                empty = 0 if page["Records"] else empty + 1
                iterator = page.get("NextShardIterator")

    def _beginning(self, arn: str, shard_id: str) -> str:
        answer = self.streams.get_shard_iterator(StreamArn=arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON")
        return str(answer["ShardIterator"])

    def arn(self, table: str) -> str:
        return next(source.arn for source in streams_of(self.pump) if f"-{table}/" in source.arn)

    def give_up(self, stream: str, records: Sequence[Record]) -> None:
        """As Lambda tells it in a bucket."""
        self.put(
            {
                "requestContext": {
                    "requestId": str(uuid.uuid4()),
                    "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:cinema-{STAGE}-app-OnChanged-1A2B",
                    "condition": "RecordAgeExceeded",
                    "approximateInvokeCount": 4000,
                },
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
                "version": "1.0",
                "timestamp": "2026-11-23T18:00:00.000Z",
                "DDBStreamBatchInfo": {
                    "shardId": "shardId-00000001573689847184-864758bb",
                    "startSequenceNumber": records[0]["dynamodb"]["SequenceNumber"],
                    "endSequenceNumber": records[-1]["dynamodb"]["SequenceNumber"],
                    "approximateArrivalOfFirstRecord": "2026-11-23T06:00:00Z",
                    "approximateArrivalOfLastRecord": "2026-11-23T06:00:00Z",
                    "batchSize": len(records),
                    "streamArn": stream,
                },
                "payload": json.dumps({"Records": list(records)}),
            }
        )

    def put(self, body: object) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        key = f"aws/lambda/{uuid.uuid4()}/shard/2026/11/23/2026-11-23T18.00.00-{uuid.uuid4()}"
        self.failures.s3.put_object(Bucket=self.failures.bucket, Key=key, Body=text.encode())

    def count(self) -> int:
        return len(self.failures.list_keys())

    def empty(self) -> None:
        for key in self.failures.list_keys():
            self.failures.delete(key)


def streams_of(pump: Pump) -> list[StreamSource]:
    """Those whose handlers relay."""
    return [source for source in pump.sources if isinstance(source, StreamSource) and source.failures]


@pytest.fixture
def lost(data_stack: str, pump: Pump) -> Iterator[Lost]:
    read = [(source.arn, shard) for source in streams_of(pump) for shard in source.shards.values()]
    read_to = {(arn, shard.id): shard.iterator for arn, shard in read if shard.iterator}
    found = Lost(StreamFailures.of(Connection.to(STAGE)), boto3.client("dynamodbstreams"), pump, read_to)
    found.empty()
    yield found
    found.empty()


@pytest.fixture
def api(server: str) -> Api:
    return Api(server)


@pytest.fixture
def sold(api: Api, lost: Lost) -> str:
    """A screening with one sale, of which the streams' handlers have seen nothing: the pump has passed it over."""
    session_id = api.schedule()
    api.confirm(api.hold(session_id, "A1").body["reservationId"])
    lost.pump.skip()
    return session_id


def log_of(api: Api, session_id: str) -> list[str]:
    return [event["type"] for event in api.get(f"/api/sessions/{session_id}/events?limit=100").body["events"]]


def given_up(lost: Lost, table: str, session_id: str) -> None:
    lost.give_up(lost.arn(table), lost.records(table, session_id))


def written_by_hand(lost: Lost, session_id: str, *rows: str) -> None:
    """Rows with an event that this version doesn't understand."""
    client, table = boto3.client("dynamodb"), lost.arn("rows").split("/")[1]
    strange = {"M": {"type": {"S": "SeatsPainted"}, "reservation": {"S": "r"}, "seats": {"L": []}, "at": {"N": "1"}}}
    for row in rows:
        client.put_item(
            TableName=table, Item={"id": {"S": f"{session_id}#{row}"}, "seats": {"M": {}}, "event": strange}
        )


# An outage


@dataclass
class Service:
    client: Any


def feed_for_eleven_hours(streams: Sequence[StreamSource], clock: MovableClock) -> None:
    """Has each stream read every half an hour."""
    for _ in range(22):
        for source in streams:
            source.feed()
        clock.forward(minutes=30)


@pytest.mark.parametrize("calls", ["sqs.SendMessageBatch", "dynamodb"])
def test_an_outage_costs_time_only_however_long_it_lasts(
    lost: Lost, api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], calls: str
) -> None:
    """Five tries used to be all. The streams' handlers find nobody for eleven hours, then each event is told."""
    clock, streams = MovableClock(utc_now()), streams_of(lost.pump)
    for source in streams:
        monkeypatch.setattr(source, "clock", clock)
    session_id = api.schedule()
    api.confirm(api.hold(session_id, "A1", "B1").body["reservationId"])
    api.delete(f"/api/reservations/{api.hold(session_id, 'A2').body['reservationId']}")
    service = Service(sqs() if calls.startswith("sqs") else database())
    with hooked(service, f"before-call.{calls}", unreachable):
        feed_for_eleven_hours(streams, clock)
    assert log_of(api, session_id) == []

    lost.pump.drain()

    told = log_of(api, session_id)
    assert sorted(told) == sorted(
        ["ReservationCreated"] * 2 + ["PaymentConfirmed", "ReservationCancelled", "SeatReleased"]
    )
    assert lost.count() == 0
    assert main(["rebuild", session_id, "--stage", STAGE]) == 0, capsys.readouterr().out


# Parked by its handler


def test_a_record_that_nobody_can_read_is_parked_and_those_after_it_are_told(
    lost: Lost, api: Api, replay: Replay
) -> None:
    strange, session_id = str(uuid.uuid4()), api.schedule()
    written_by_hand(lost, strange, "A")
    api.confirm(api.hold(session_id, "A1").body["reservationId"])

    lost.pump.drain()

    assert log_of(api, session_id) == ["ReservationCreated", "PaymentConfirmed"]
    (found,) = replay("stream-failures", "--look", "--json").data
    assert (found["table"], found["records"]) == (f"cinema-{STAGE}-rows", 1)
    assert "unknown event 'SeatsPainted'" in found["reason"]
    assert replay("stream-failures").status == 1
    assert lost.count() == 1


def test_a_record_that_is_parked_twice_lies_there_once(lost: Lost) -> None:
    session_id = str(uuid.uuid4())
    written_by_hand(lost, session_id, "A")
    lost.pump.skip()
    (record,) = lost.records("rows", session_id)

    for _ in range(2):
        wiring.streams.stream_record_parking().park(record, "twice")

    assert lost.count() == 1
    (key,) = lost.failures.list_keys()
    assert lost.failures.read_batch(key).records == [record]


# Replayed


def test_records_that_a_handler_gave_up_on_are_relayed_and_their_object_deleted(
    lost: Lost, sold: str, api: Api, replay: Replay
) -> None:
    assert log_of(api, sold) == []
    given_up(lost, "reservations", sold)

    said = replay("stream-failures", "--json")

    assert said.status == 0, said.out
    assert (said.data["replayed"], said.data["left"]) == (1, 0)
    (batch,) = said.data["batches"]
    assert (batch["table"], batch["records"], batch["replayed"]) == (f"cinema-{STAGE}-reservations", 2, 2)
    assert "replayed 1 of 1 object" in said.err
    assert lost.count() == 0
    lost.pump.drain()
    assert log_of(api, sold) == ["ReservationCreated", "PaymentConfirmed"]


def test_what_a_stream_has_forgotten_long_ago_is_relayed_all_the_same(
    lost: Lost, sold: str, api: Api, replay: Replay
) -> None:
    """Its table has another stream by now, say: the object holds all that the records said."""
    forgotten = lost.arn("reservations").rpartition("/")[0] + "/2019-01-01T00:00:00.000"
    records = [{**record, "eventSourceARN": forgotten} for record in lost.records("reservations", sold)]
    lost.give_up(forgotten, records)

    assert replay("stream-failures").status == 0

    lost.pump.drain()
    assert log_of(api, sold) == ["ReservationCreated", "PaymentConfirmed"]


def test_replaying_what_had_gone_through_changes_nothing(lost: Lost, sold: str, api: Api, replay: Replay) -> None:
    given_up(lost, "rows", sold)
    given_up(lost, "reservations", sold)
    assert replay("stream-failures", "--json").data["replayed"] == 2
    lost.pump.drain()
    before = log_of(api, sold)
    given_up(lost, "reservations", sold)

    assert replay("stream-failures").status == 0

    lost.pump.drain()
    assert log_of(api, sold) == before
    assert api.get(f"/api/sessions/{sold}/analytics").body["totals"]["sales"] == 1


def test_a_limit_leaves_the_others(lost: Lost, sold: str, replay: Replay) -> None:
    for _ in range(3):
        given_up(lost, "rows", sold)

    assert replay("stream-failures", "--limit", "1", "--json").data["replayed"] == 1
    assert lost.count() == 2


def test_looking_relays_nothing(lost: Lost, sold: str, replay: Replay) -> None:
    given_up(lost, "rows", sold)
    lost.put("not JSON")

    said = replay("stream-failures", "--look")

    assert said.status == 0
    assert "RecordAgeExceeded" in said.out
    assert "describes no batch" in said.out
    assert lost.count() == 2


@pytest.mark.parametrize(
    "body", ["not JSON", "{}", '{"DDBStreamBatchInfo": {}, "payload": "{}"}', "[]", '{"payload": null}', "\ufffd"]
)
def test_what_is_no_description_of_a_batch_stays(lost: Lost, replay: Replay, body: str) -> None:
    lost.put(body)

    said = replay("stream-failures", "--json")

    assert said.status == 1
    assert "describes no batch" in said.data["batches"][0]["outcome"]
    assert lost.count() == 1


def test_what_fails_again_stays_with_its_object_and_holds_up_nothing(
    lost: Lost, sold: str, api: Api, replay: Replay
) -> None:
    strange = str(uuid.uuid4())
    written_by_hand(lost, strange, "A")
    lost.pump.skip()
    (bad,) = lost.records("rows", strange)
    lost.give_up(lost.arn("reservations"), [bad, *lost.records("reservations", sold)])

    said = replay("stream-failures", "--json")

    assert said.status == 1
    (batch,) = said.data["batches"]
    assert (batch["records"], batch["replayed"], batch["done"]) == (3, 2, False)
    assert "failed again: not readable" in batch["outcome"]
    assert lost.count() == 1
    text = replay("stream-failures").out
    assert "repair the cause" in text
    assert f"python -m infra.ops rebuild SESSION --stage {STAGE}" in text
    lost.pump.drain()
    assert log_of(api, sold) == ["ReservationCreated", "PaymentConfirmed"]


def test_what_meets_an_outage_as_it_is_replayed_stays(lost: Lost, sold: str, replay: Replay) -> None:
    given_up(lost, "reservations", sold)

    with hooked(Service(sqs()), "before-call.sqs.SendMessageBatch", unreachable):
        said = replay("stream-failures", "--json")

    assert said.status == 1
    assert (said.data["batches"][0]["replayed"], said.data["left"]) == (0, 1)
    assert "did not answer" in said.data["batches"][0]["outcome"]
    assert replay("stream-failures").status == 0
    assert lost.count() == 0


def test_another_stages_batch_stays(lost: Lost, sold: str, replay: Replay) -> None:
    records = lost.records("rows", sold)
    lost.give_up(lost.arn("rows").replace(f"cinema-{STAGE}-rows", "cinema-other-rows"), records)

    said = replay("stream-failures", "--json")

    assert "none that this stage relays" in said.data["batches"][0]["outcome"]
    assert lost.count() == 1


def test_without_stream_failures_there_is_nothing_to_do(lost: Lost, replay: Replay) -> None:
    said = replay("stream-failures")

    assert (said.status, said.out) == (0, "There are no stream failures to replay.\n")


def test_stream_failures_are_told_by_the_status_and_the_doctor(
    lost: Lost, sold: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given_up(lost, "rows", sold)

    assert main(["status", "--stage", STAGE]) == 1
    assert "1 stream failure. Look at them:" in capsys.readouterr().out
    main(["doctor", "--stage", STAGE])
    assert "stream failures: 1 not relayed" in capsys.readouterr().out


def test_a_stage_without_a_bucket_is_told_to_be_deployed(emulator: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "stream-failures", "--stage", "nowhere", "--endpoint", emulator]) == REFUSED
    assert "no bucket of stream failures" in capsys.readouterr().err


def test_every_stream_whose_records_count_can_be_replayed(app: Chalice, data_stack: str) -> None:
    replays = replaying.Replay.of(Connection.to(STAGE), StreamFailures.of(Connection.to(STAGE)))
    streams = [config for config in app.event_sources if isinstance(config, DynamoDBEventConfig)]
    counted = {config.stream_arn for config in streams if config.starting_position == "TRIM_HORIZON"}
    assert {f"stream:{table.removeprefix(f'{data_stack}-')}" for table in replays.relays} == counted


# Events


@pytest.fixture
def told(api: Api, pump: Pump) -> str:
    """A screening with a sale and a cancellation, all told."""
    session_id = api.schedule()
    api.confirm(api.hold(session_id, "A1").body["reservationId"])
    api.delete(f"/api/reservations/{api.hold(session_id, 'A2').body['reservationId']}")
    pump.drain()
    return session_id


def test_events_are_only_counted_without_yes(told: str, replay: Replay) -> None:
    said = replay("events", told, "--to", "analytics")

    assert said.status == 0
    assert "would send 5 events" in said.out
    assert "--yes" in said.out


def test_events_are_sent_to_one_consumer_which_tolerates_them(told: str, api: Api, pump: Pump, replay: Replay) -> None:
    before = api.get(f"/api/sessions/{told}/analytics").body["totals"]

    said = replay("events", told, "--to", "analytics", "--yes", "--json")

    assert said.data == {"session": told, "consumer": "analytics", "events": 5, "sent": 5}
    assert "sent 5 of 5" in said.err
    assert pump.drain() >= 5, "five, and what has lapsed meanwhile"
    assert api.get(f"/api/sessions/{told}/analytics").body["totals"] == before


def test_events_can_be_chosen_by_type_and_moment(told: str, api: Api, replay: Replay) -> None:
    def count(*words: str) -> int:
        return int(replay("events", told, "--to", "notification", "--json", *words).data["events"])

    moments = [event["occurredAt"] for event in api.get(f"/api/sessions/{told}/events").body["events"]]
    assert count("--types", "PaymentConfirmed") == 1
    assert count("--types", "PaymentConfirmed,ReservationCreated") == 3
    assert count("--from", moments[0]) == 5
    assert count("--until", moments[0]) == 0
    later = [moment for moment in moments if datetime.fromisoformat(moment) >= datetime.fromisoformat(moments[2])]
    assert count("--from", moments[2]) == len(later)


def test_an_unknown_screening_consumer_type_or_moment_is_refused(told: str, replay: Replay) -> None:
    assert "There is no screening" in replay("events", str(uuid.uuid4()), "--to", "audit").err
    unknown = replay("events", told, "--to", "nobody")
    assert unknown.status == REFUSED
    assert "analytics, audit" in unknown.err
    for words in (["--types", "Nonsense"], ["--from", "yesterday"], ["--until", "2026-11-23T18:00:00"]):
        with pytest.raises(SystemExit, match=str(REFUSED)):
            replay("events", told, "--to", "audit", *words)
