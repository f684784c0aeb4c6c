"""A screening held against its log on the emulator: proved equal, damaged by hand, its numbers made anew."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.application.consumers.analytics import CountEvent
from chalicelib.application.consumers.audit import RecordEvent
from chalicelib.domain.events import Event
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.events.analytics import DynamoAnalytics, shard_of
from chalicelib.infrastructure.dynamodb.events.event_log import DynamoEventLog
from chalicelib.infrastructure.dynamodb.events.processed_events import DynamoProcessedEvents
from infra.local.pump import Pump
from infra.ops import rebuild as rebuilding
from infra.ops.__main__ import REFUSED, main
from infra.ops.connection import Connection
from tests.conftest import SETTINGS, STAGE
from tests.facts import Facts
from tests.http_api import Api
from tests.injected import CONFLICT, NOTHING_WRONG, Pauses, answering, cancelled
from tests.integration.conftest import DEADLINE_SECONDS, Said, Tables, drain_until

COUNTED = {"holds": 4, "seats_in_holds": 6, "sales": 2, "seats_in_sales": 3, "revenue_cents": 7500}
GIVEN_BACK = {"expiries": 1, "cancellations": 1, "seats_given_back": 3}
RETURNED = {"refunds": 0, "refunded_cents": 0, "refunded_revenue_cents": 0}


Rebuild = Callable[..., Said]


@pytest.fixture
def rebuild(data_stack: str, capsys: pytest.CaptureFixture[str]) -> Rebuild:
    def run(*words: str) -> Said:
        status = main(["rebuild", *words, "--stage", STAGE])
        return Said(status, *capsys.readouterr())

    return run


@dataclass(frozen=True)
class Screening:
    """Two sales, a cancellation, a lapsed hold; a hold refused, a key sent twice; all told and counted."""

    id: str
    sold: str
    tables: Tables

    def change_row(self, expression: str, **values: Any) -> None:
        """Of seat A1."""
        given = {"ExpressionAttributeValues": values} if values else {}
        self.tables.client.update_item(
            TableName=f"{self.tables.prefix}-rows",
            Key={"id": {"S": f"{self.id}#A"}},
            UpdateExpression=expression,
            ExpressionAttributeNames={"#seat": "A1"},
            **{name: {f":{key}": value for key, value in some.items()} for name, some in given.items()},
        )

    def counters(self) -> list[Any]:
        return list(
            self.tables.client.query(
                TableName=f"{self.tables.prefix}-analytics",
                KeyConditionExpression="session_id = :session",
                ExpressionAttributeValues={":session": {"S": self.id}},
            )["Items"]
        )

    def delete_counters(self) -> None:
        for item in self.counters():
            key = {name: item[name] for name in ("session_id", "bucket")}
            self.tables.client.delete_item(TableName=f"{self.tables.prefix}-analytics", Key=key)

    def double_counters(self) -> None:
        for item in self.counters():
            doubled = {n: {"N": str(2 * int(v["N"]))} if "N" in v else v for n, v in item.items()}
            self.tables.client.put_item(TableName=f"{self.tables.prefix}-analytics", Item=doubled)


@pytest.fixture(scope="module")
def screenings(request: pytest.FixtureRequest, server: str, quick: Api, every_event_handler: Pump) -> list[Screening]:
    """One for each test that wants one, so that the lapse of a hold is waited for once."""
    here = [item for item in request.session.items if item.path == request.path]
    wanted = sum("screening" in getattr(item, "fixturenames", ()) for item in here)
    tables = Tables(connection.new_dynamodb_client(), SETTINGS["TABLE_PREFIX"])
    every_event_handler.skip()
    told = [booked(Api(server), quick) for _ in range(wanted)]
    lapsing = [lapsing for _, _, lapsing in told]
    drain_until(every_event_handler, lambda: {tables.state(each) for each in lapsing} == {"expired"})
    every_event_handler.drain()
    return [Screening(session_id, sold, tables) for session_id, sold, _ in told]


@pytest.fixture
def screening(screenings: list[Screening], pump: Pump) -> Screening:
    return screenings.pop()


def booked(api: Api, quick: Api) -> tuple[str, str, str]:
    """The screening, the first reservation that was sold, and the one that lapses."""
    session_id = api.schedule()
    sent = {"user": "ana", "idempotency_key": session_id}
    sold = api.hold(session_id, "A1", "A10", **sent).body["reservationId"]
    assert api.hold(session_id, "A1", "A10", **sent).body["reservationId"] == sold
    assert api.confirm(sold).status == 200
    assert api.hold(session_id, "A1", user="bia").status == 409
    assert api.confirm(api.hold(session_id, "B1", user="bia").body["reservationId"]).status == 200
    cancelled = api.hold(session_id, "A2", "B2", user="caio").body["reservationId"]
    assert api.delete(f"/api/reservations/{cancelled}").status < 300
    return session_id, sold, quick.hold(session_id, "A3", user="davi").body["reservationId"]


def test_a_screening_is_proved_to_be_what_its_log_says(screening: Screening, rebuild: Rebuild) -> None:
    said = rebuild(screening.id)

    assert (said.status, said.err) == (0, "")
    assert "of 4 reservations" in said.out
    assert "rows and reservations are what the log says" in said.out
    data = rebuild(screening.id, "--json").data
    assert (data["equal"], data["differences"], data["on_their_way"], data["reservations"]) == (True, [], 0, 4)


def test_a_damaged_row_is_named_and_ends_with_1(screening: Screening, rebuild: Rebuild) -> None:
    screening.change_row("REMOVE seats.#seat")

    said = rebuild(screening.id, "--wait", "0")

    assert said.status == 1
    assert "1 difference." in said.out
    (difference,) = rebuild(screening.id, "--wait", "0", "--json").data["differences"]
    assert (difference["what"], difference["table"]) == ("seat A1", "free")
    assert difference["log"].endswith(f"to {screening.sold}")


def test_a_seat_sold_to_somebody_whom_no_event_knows_is_named(screening: Screening, rebuild: Rebuild) -> None:
    screening.change_row("SET seats.#seat = :entry", entry={"M": {"r": {"S": "res-x"}, "s": {"S": "sale-x"}}})

    said = rebuild(screening.id, "--wait", "0.3")

    assert said.status == 1
    assert "sold by sale-x to res-x" in said.out


def test_a_missing_and_an_unknown_reservation_are_named(
    screening: Screening, server: str, pump: Pump, tables: Tables, rebuild: Rebuild
) -> None:
    tables.delete_reservation(screening.sold)
    api = Api(server)
    untold = api.hold(screening.id, "B3", user="eva").body["reservationId"]
    api.delete(f"/api/reservations/{untold}")
    pump.skip()

    found = {one["what"]: one for one in rebuild(screening.id, "--wait", "0", "--json").data["differences"]}

    assert found.keys() == {f"reservation {screening.sold}", f"reservation {untold}"}
    assert found[f"reservation {screening.sold}"]["table"] == "nothing"
    assert found[f"reservation {untold}"]["log"] == "nothing"


def test_events_on_their_way_are_waited_for(screening: Screening, server: str, pump: Pump, rebuild: Rebuild) -> None:
    """The pump works while the command looks again, as the functions do."""
    Api(server).confirm(Api(server).hold(screening.id, "B4").body["reservationId"])
    assert rebuild(screening.id, "--wait", "0").status == 1

    with ThreadPoolExecutor() as beside:
        drained = beside.submit(pump.drain)
        said = rebuild(screening.id, "--wait", str(DEADLINE_SECONDS), "--json")

    assert drained.result()
    assert (said.status, said.data["equal"]) == (0, True)


@pytest.mark.parametrize("damage", [lambda _: None, Screening.delete_counters, Screening.double_counters])
def test_the_numbers_are_made_anew_from_the_log(
    screening: Screening, rebuild: Rebuild, damage: Callable[[Screening], None], server: str
) -> None:
    damage(screening)

    said = rebuild(screening.id, "--projections", "--json")

    assert said.status == 0
    assert said.data["numbers"]["settled"]
    assert said.data["numbers"]["after"] == COUNTED | GIVEN_BACK | RETURNED
    assert "counters" in said.err
    assert Api(server).get(f"/api/sessions/{screening.id}/analytics").body["totals"]["sales"] == 2
    again = rebuild(screening.id, "--projections", "--json").data["numbers"]
    assert again["before"] == again["after"] == COUNTED | GIVEN_BACK | RETURNED


def test_the_numbers_are_shown_before_and_after(screening: Screening, rebuild: Rebuild) -> None:
    screening.double_counters()

    said = rebuild(screening.id, "--projections")

    assert re.search(r"^sales +4 +2$", said.out, re.MULTILINE)
    assert "The numbers are the sum of the log." in said.out


def test_the_numbers_are_left_alone_while_tables_and_log_differ(screening: Screening, rebuild: Rebuild) -> None:
    screening.change_row("REMOVE seats.#seat")
    screening.double_counters()
    before = screening.counters()

    said = rebuild(screening.id, "--projections", "--wait", "0")

    assert said.status == 1
    assert "left alone" in said.out
    assert screening.counters() == before


# Events that arrive while the numbers are made.


@dataclass(frozen=True)
class Consumers:
    """Both consumers of an event, each at the moment that a test wants."""

    record: RecordEvent
    count: CountEvent


@pytest.fixture
def consumers(data_stack: str) -> Consumers:
    client = connection.new_dynamodb_client()
    ledger = DynamoProcessedEvents(client, f"{data_stack}-ledger", "analytics", utc_now)
    analytics = DynamoAnalytics(client, f"{data_stack}-analytics", ledger)
    return Consumers(RecordEvent(DynamoEventLog(client, f"{data_stack}-events")), CountEvent(analytics))


@pytest.fixture
def numbers(server: str, data_stack: str) -> rebuilding.CounterRebuild:
    """Of an empty screening."""
    return rebuilding.CounterRebuild.of(rebuilding.Screening.of(Connection.to(STAGE), Api(server).schedule()))


def sums(numbers: rebuilding.CounterRebuild) -> tuple[int, int]:
    counted = numbers.read_counters().values()
    return sum(tally.holds for tally in counted), sum(tally.sales for tally in counted)


def settled(numbers: rebuilding.CounterRebuild) -> bool:
    return numbers.wait_until_settled(time.monotonic() + DEADLINE_SECONDS)


def silent(_: str) -> None:
    pass


def facts(numbers: rebuilding.CounterRebuild) -> Facts:
    return Facts(numbers.screening.session.id)


def test_an_event_in_the_log_that_still_waits_to_be_counted_counts_once(
    numbers: rebuilding.CounterRebuild, consumers: Consumers
) -> None:
    waiting = facts(numbers).paid()
    consumers.record(waiting)

    numbers.count_all(silent)
    consumers.count(waiting)

    assert settled(numbers)
    assert sums(numbers) == (0, 1)


def test_an_event_that_was_counted_before_it_came_to_the_log_counts_once(
    numbers: rebuilding.CounterRebuild, consumers: Consumers
) -> None:
    """Its count is lost with the counter, and made again once the log has it."""
    early, known = facts(numbers).paid(), facts(numbers).created()
    consumers.count(early)
    consumers.count(known)
    consumers.record(known)

    numbers.count_all(silent)
    assert sums(numbers) == (1, 0)
    consumers.record(early)

    assert settled(numbers)
    assert sums(numbers) == (1, 1)


def test_an_event_counted_after_its_counter_was_made_but_not_in_the_log_yet_is_waited_for(
    numbers: rebuilding.CounterRebuild, consumers: Consumers
) -> None:
    numbers.count_all(silent)
    ahead = facts(numbers).paid()
    consumers.count(ahead)

    assert not numbers.wait_until_settled(time.monotonic())
    assert sums(numbers) == (0, 1)
    consumers.record(ahead)
    assert settled(numbers)
    assert sums(numbers) == (0, 1)


def test_an_interrupted_rebuild_is_finished_by_the_next(
    numbers: rebuilding.CounterRebuild, consumers: Consumers
) -> None:
    events: list[Event] = [event for _ in range(5) for event in (facts(numbers).created(), facts(numbers).paid())]
    for event in events:
        consumers.record(event)
        consumers.count(event)
    keys = sorted(numbers.read_counters())
    for key in keys[:3]:
        numbers._delete_counter(key, [event.id for event in events])

    numbers.count_all(silent)

    assert settled(numbers)
    assert sums(numbers) == (5, 5)


def test_a_counter_of_more_events_than_one_transaction_takes(
    numbers: rebuilding.CounterRebuild, consumers: Consumers
) -> None:
    numbers = replace(numbers, transaction_writes=3)
    events = [event for _ in range(500) if shard_of((event := facts(numbers).created()).id) < 2]
    for event in events:
        consumers.record(event)
        consumers.count(event)

    numbers.count_all(silent)

    assert settled(numbers)
    assert len(numbers.read_counters()) == 2
    assert sums(numbers) == (len(events), 0)


def test_who_writes_the_same_counter_or_too_much_is_waited_for(
    numbers: rebuilding.CounterRebuild, consumers: Consumers
) -> None:
    event, pauses = facts(numbers).paid(), Pauses()
    consumers.record(event)
    consumers.count(event)
    in_the_way = cancelled(CONFLICT, NOTHING_WRONG), cancelled(NOTHING_WRONG, {"Code": "ThrottlingError"})

    with answering(numbers.screening, "TransactWriteItems", *in_the_way):
        replace(numbers, sleep=pauses).count_all(silent)

    assert len(pauses.seconds) == 2
    assert settled(numbers)
    assert sums(numbers) == (0, 1)


def test_what_stays_in_the_way_for_seconds_is_an_outage(
    numbers: rebuilding.CounterRebuild, consumers: Consumers
) -> None:
    consumers.count(facts(numbers).paid())
    pauses, always = Pauses(), [cancelled(CONFLICT)] * rebuilding.DELETE_ATTEMPTS

    with answering(numbers.screening, "TransactWriteItems", *always) as scripted, pytest.raises(BackendUnavailable):
        replace(numbers, sleep=pauses).count_all(silent)

    assert scripted.calls == rebuilding.DELETE_ATTEMPTS
    assert 1 < sum(pauses.seconds) < 10


def test_an_unknown_screening_and_a_wrong_wait_are_refused(rebuild: Rebuild) -> None:
    said = rebuild("550e8400-e29b-41d4-a716-446655440000")

    assert said.status == REFUSED
    assert "There is no screening" in said.err
    with pytest.raises(SystemExit, match=str(REFUSED)):
        rebuild("550e8400-e29b-41d4-a716-446655440000", "--wait", "soon")
