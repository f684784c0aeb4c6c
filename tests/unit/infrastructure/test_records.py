"""Handlers read from records what was written into rows and messages."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.batches import NothingRelayed, handle_messages, handle_messages_together, relay_in_order
from chalicelib.domain.events import (
    Event,
    EventType,
    OutgoingMessage,
    RetryLater,
    RowClosed,
    RowEvent,
    SeatsHeld,
    SeatsReleased,
    SeatsSold,
    UnreadableMessage,
)
from chalicelib.domain.reservations import Hold, Sale
from chalicelib.domain.times import from_ms
from chalicelib.infrastructure.sqs.envelopes import event_in, hold_in, to_body
from chalicelib.infrastructure.streams.records import (
    payment_change,
    reservation_change,
    row_event,
    row_event_attribute_value,
)
from tests.builders import NOW, a_hold

moments = st.integers(0, 4_000_000_000_000).map(from_ms)
texts = st.text(min_size=1, max_size=20)
seats = st.lists(st.from_regex(r"[A-Z]{1,2}[1-9]", fullmatch=True), min_size=1, max_size=8).map(tuple)
sessions = st.uuids().map(str)
holds = st.builds(Hold, sessions, texts, seats, moments, st.text(max_size=12))


@st.composite
def sales(draw: st.DrawFn) -> SeatsSold:
    """Draws sales. Each is paid at the moment of its event, which has one moment for both."""
    moment = draw(moments)
    sale = Sale(id=draw(texts), transaction_id=draw(texts), payment_method=draw(texts), paid_at=moment)
    return SeatsSold(
        session_id=draw(sessions), reservation_id=draw(texts), seats=draw(seats), sale=sale, occurred_at=moment
    )


events = st.one_of(
    st.builds(SeatsHeld, holds, moments), sales(), st.builds(SeatsReleased, sessions, texts, seats, moments)
)


data = st.dictionaries(texts, st.one_of(texts, st.integers(0, 2**40)), max_size=4)
messages = st.builds(Event, texts, st.sampled_from(EventType), moments, sessions, texts, seats, data)


def record_of(event: RowEvent) -> dict[str, Any]:
    session_id = event.hold.session_id if isinstance(event, SeatsHeld) else event.session_id
    return {"dynamodb": {"NewImage": {"id": {"S": f"{session_id}#A"}, "event": row_event_attribute_value(event)}}}


@given(sessions, st.sampled_from(("A", "AB")), moments)
def test_a_closed_row_tells_who_owns_seats_in_it(session_id: str, row: str, moment: datetime) -> None:
    seats = {
        "A1": {"M": {"r": {"S": "res-2"}, "s": {"S": "sale-2"}}},
        "A2": {"M": {"r": {"S": "res-1"}, "s": {"S": "sale-1"}}},
        "A3": {"M": {"r": {"S": "res-1"}, "s": {"S": "sale-1"}}},
        "A4": {"M": {"r": {"S": "res-3"}, "x": {"N": "1"}}},
    }
    event = RowClosed(session_id=session_id, row=row, sold_reservation_ids=("res-1", "res-2"), occurred_at=moment)
    image = {"id": {"S": f"{session_id}#{row}"}, "event": row_event_attribute_value(event), "seats": {"M": seats}}

    assert row_event({"dynamodb": {"NewImage": image}}) == event


@given(events)
def test_what_a_row_tells_is_read_back_from_the_stream(event: RowEvent) -> None:
    assert row_event(record_of(event)) == event


@pytest.mark.parametrize("image", [{}, {"NewImage": {"id": {"S": "s#A"}, "seats": {"M": {}}}}])
def test_a_row_that_is_new_or_gone_tells_nothing(image: dict[str, Any]) -> None:
    assert row_event({"dynamodb": image}) is None


def test_an_event_of_an_unknown_kind_is_loud() -> None:
    record = record_of(SeatsHeld(a_hold(), NOW))
    record["dynamodb"]["NewImage"]["event"]["M"]["type"] = {"S": "SeatsPainted"}

    with pytest.raises(UnreadableMessage, match="SeatsPainted"):
        row_event(record)


@given(st.one_of(holds, messages))
def test_a_message_is_read_back_as_it_was_sent(content: Hold | Event) -> None:
    read = hold_in if isinstance(content, Hold) else event_in

    assert read({"body": to_body(content)}) == content


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[" * 5000,
        "7",
        "{}",
        '{"version": 1}',
        '{"version": 1, "type": "SeatsPainted"}',
        to_body(a_hold()).replace('"version": 1', '"version": 2'),
    ],
)
def test_a_message_that_is_not_ours_is_unreadable(body: str) -> None:
    for read in (hold_in, event_in):
        with pytest.raises(UnreadableMessage):
            read({"body": body})


@given(st.text())
def test_no_text_does_worse_than_being_unreadable(body: str) -> None:
    for read in (hold_in, event_in):
        with pytest.raises(UnreadableMessage):
            read({"body": body})


@dataclass
class Redeliveries:
    """Redeliveries that record the messages put off, and those parked with their reasons."""

    last: bool = False
    broken: bool = False
    put_off: list[str] = field(default_factory=list)
    deferred: list[str] = field(default_factory=list)
    deferrable: bool = True
    parked: dict[str, str] = field(default_factory=dict)

    def retry_later(self, record: Any) -> None:
        self._fail_if_broken()
        self.put_off.append(record["messageId"])

    def defer_by_copy_unless_too_often(self, record: Any, least_seconds: float, most_seconds: float) -> bool:
        self._fail_if_broken()
        self.deferred += [record["messageId"]] * self.deferrable
        return self.deferrable

    def is_last_attempt(self, record: Any) -> bool:
        return self.last

    def send_copy_to_dlq(self, record: Any, reason: str) -> None:
        self._fail_if_broken()
        self.parked[record["messageId"]] = reason

    def _fail_if_broken(self) -> None:
        if self.broken:
            raise OSError


def failures(*ids: str) -> dict[str, list[dict[str, str]]]:
    return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in ids]}


def refuse_bad(record: Any) -> None:
    if record["bad"]:
        raise record["bad"]


def three_messages(bad: Exception) -> list[dict[str, Any]]:
    """The second one is bad."""
    return [{"messageId": str(number), "bad": bad if number == 2 else None} for number in (1, 2, 3)]


def test_a_message_that_fails_comes_again_later_and_alone() -> None:
    redeliveries = Redeliveries()

    assert handle_messages(three_messages(ValueError("no")), refuse_bad, redeliveries) == failures("2")
    assert (redeliveries.put_off, redeliveries.parked) == (["2"], {})


def test_a_message_that_fails_for_the_last_time_is_parked_with_its_reason() -> None:
    redeliveries = Redeliveries(last=True)

    assert handle_messages(three_messages(ValueError("no")), refuse_bad, redeliveries) == failures()
    assert redeliveries.parked == {"2": "ValueError('no')"}


def test_an_unreadable_message_is_parked_at_once() -> None:
    redeliveries = Redeliveries()

    assert handle_messages(three_messages(UnreadableMessage("version 9")), refuse_bad, redeliveries) == failures()
    assert redeliveries.parked == {"2": "version 9"}


def test_a_message_whose_time_has_not_come_waits_even_on_its_last_try_and_its_queue_deletes_it() -> None:
    redeliveries = Redeliveries(last=True)

    assert handle_messages(three_messages(RetryLater("too fast", 1, 2)), refuse_bad, redeliveries) == failures()
    assert (redeliveries.deferred, redeliveries.put_off, redeliveries.parked) == (["2"], [], {})


def test_a_message_that_was_deferred_too_often_is_parked_with_its_reason() -> None:
    redeliveries = Redeliveries(deferrable=False)

    assert handle_messages(three_messages(RetryLater("too fast", 1, 2)), refuse_bad, redeliveries) == failures()
    assert redeliveries.parked == {"2": "deferred too often: too fast"}


@pytest.mark.parametrize("bad", [ValueError("no"), UnreadableMessage("version 9"), RetryLater("too fast", 1, 2)])
def test_a_message_that_can_be_neither_parked_nor_put_off_still_fails_alone(bad: Exception) -> None:
    assert handle_messages(three_messages(bad), refuse_bad, Redeliveries(broken=True)) == failures("2")


# Messages that are handled together


def read_required_number(record: Any) -> int:
    refuse_bad(record)
    return int(record["messageId"])


class Together:
    """Handles numbers with one call, which fails for `bad` ones, or for all."""

    def __init__(self, *bad: int, broken: Exception | None = None) -> None:
        self.bad, self.broken = bad, broken
        self.calls: list[Sequence[int]] = []

    def __call__(self, numbers: Sequence[int]) -> dict[int, Exception]:
        self.calls.append(numbers)
        if self.broken:
            raise self.broken
        return {position: ValueError(number) for position, number in enumerate(numbers) if number in self.bad}


def test_messages_are_handled_with_one_call_without_those_that_can_not_be_read() -> None:
    redeliveries, together = Redeliveries(), Together()
    messages = three_messages(UnreadableMessage("version 9"))

    assert handle_messages_together(messages, read_required_number, together, redeliveries) == failures()
    assert together.calls == [[1, 3]]
    assert redeliveries.parked == {"2": "version 9"}


def test_a_failure_is_that_of_its_message_though_another_before_it_could_not_be_read() -> None:
    redeliveries, together = Redeliveries(), Together(3)
    messages = three_messages(UnreadableMessage("version 9"))

    assert handle_messages_together(messages, read_required_number, together, redeliveries) == failures("3")
    assert (redeliveries.put_off, redeliveries.parked) == (["3"], {"2": "version 9"})


@pytest.mark.parametrize(
    ("broken", "answer", "settled"),
    [
        (ValueError("no"), failures("1", "2", "3"), "put_off"),
        (RetryLater("too fast", 1, 2), failures(), "deferred"),
    ],
)
def test_a_call_that_fails_has_failed_for_all(broken: Exception, answer: Any, settled: str) -> None:
    redeliveries = Redeliveries()

    together = Together(broken=broken)
    assert handle_messages_together(three_good_messages(), read_required_number, together, redeliveries) == answer
    assert getattr(redeliveries, settled) == ["1", "2", "3"]


def test_an_empty_batch_calls_nothing() -> None:
    together = Together()

    assert handle_messages_together([], read_required_number, together, Redeliveries()) == failures()
    assert together.calls == []


def three_good_messages() -> list[dict[str, Any]]:
    return [{"messageId": str(number), "bad": None} for number in (1, 2, 3)]


def changes(count: int, bad: Exception | None = None) -> list[dict[str, Any]]:
    """The second one is bad."""
    return [{"dynamodb": {"SequenceNumber": str(n)}, "bad": bad if n == 2 else None} for n in range(1, count + 1)]


@dataclass
class Aside:
    """A place to park unreadable records; it raises when it is broken."""

    broken: bool = False
    parked: dict[str, str] = field(default_factory=dict)

    def count_failure_and_tell_whether_to_park(self, record: Any, error: Exception) -> bool:
        return isinstance(error, UnreadableMessage)

    def park(self, record: Any, reason: str) -> None:
        if self.broken:
            raise RuntimeError("nor does this")
        self.parked[record["dynamodb"]["SequenceNumber"]] = reason


def relay_two(record: Any) -> list[OutgoingMessage]:
    """Relays two messages for each record."""
    refuse_bad(record)
    return [OutgoingMessage(queue, a_hold()) for queue in ("first", "second")]


def test_a_stream_comes_again_from_its_first_bad_record_and_what_was_before_it_goes_out() -> None:
    sent: list[OutgoingMessage] = []

    def send(messages: Sequence[OutgoingMessage]) -> set[int]:
        sent.extend(messages)
        return set()

    assert relay_in_order(changes(3, ValueError()), relay_two, send, Aside()) == failures("2")
    assert len(sent) == 2


def test_a_record_that_no_time_mends_is_put_aside_and_holds_up_nothing() -> None:
    sent: list[OutgoingMessage] = []
    aside = Aside()

    def send(messages: Sequence[OutgoingMessage]) -> set[int]:
        sent.extend(messages)
        return set()

    assert relay_in_order(changes(3, UnreadableMessage("no event")), relay_two, send, aside) == failures()
    assert aside.parked == {"2": "no event"}
    assert len(sent) == 4


def test_a_record_that_can_not_be_put_aside_is_not_passed_over() -> None:
    broken = Aside(broken=True)

    assert relay_in_order(changes(3, UnreadableMessage("no")), relay_two, lambda _: set(), broken) == failures("2")


def relay_nothing(record: Any) -> list[OutgoingMessage]:
    refuse_bad(record)
    return []


def nobody_takes(messages: Sequence[OutgoingMessage]) -> set[int]:
    return set(range(len(messages)))


@pytest.mark.parametrize(
    ("records", "relay"),
    [
        ([*changes(3)], relay_two),
        ([*changes(3, ValueError("no"))], relay_nothing),
    ],
    ids=["no queue takes a message", "one fails after others that tell nothing"],
)
def test_where_nothing_left_the_whole_batch_fails_aloud(records: Any, relay: Any) -> None:
    """There is no progress to report, and nothing is sent twice by trying all of it again."""
    with pytest.raises(NothingRelayed):
        relay_in_order(records, relay, nobody_takes, Aside())


@pytest.mark.parametrize(("unsent", "again"), [({5}, "3"), ({2, 5}, "2"), ({0}, "1")])
def test_a_stream_comes_again_from_the_first_record_whose_message_was_not_taken(unsent: set[int], again: str) -> None:
    assert relay_in_order(changes(3), relay_two, lambda _: unsent, Aside()) == failures(again)


def test_what_comes_after_a_record_put_aside_still_comes_again_when_its_message_was_not_taken() -> None:
    assert relay_in_order(changes(3, UnreadableMessage("no")), relay_two, lambda _: {3}, Aside()) == failures("3")


def test_a_good_batch_reports_no_failure() -> None:
    assert handle_messages(three_messages(ValueError())[:1], refuse_bad, Redeliveries()) == failures()
    assert relay_in_order(changes(2), relay_two, lambda _: set(), Aside()) == failures()
    assert relay_in_order([], relay_two, lambda _: set(), Aside()) == failures()


STRANGE_IMAGES: list[Any] = [
    {},
    {"id": {"S": "s#A"}, "event": {"M": {}}},
    {"id": {"N": "1"}, "event": {"S": "sold"}},
    {"id": {"S": "s#A"}, "event": {"M": {"type": {"S": "SeatsPainted"}, "at": {"N": "1"}}}},
    {"id": {"S": "s#A"}, "event": {"M": {"type": {"S": "RowClosed"}, "at": {"N": "1e99"}}}},
    {"buyer": {"S": "b"}, "id": {"S": "r"}, "state": {"S": "eaten"}, "seats": None},
    {"transaction_id": {"S": "t"}, "fate": {"S": "spent"}},
    None,
    "nonsense",
]


@pytest.mark.parametrize("read", [row_event, reservation_change, payment_change])
@pytest.mark.parametrize("image", STRANGE_IMAGES)
def test_whatever_can_not_be_read_of_a_stream_is_unreadable_and_nothing_else(
    read: Callable[[Any], Any], image: Any
) -> None:
    with suppress(UnreadableMessage):
        read({"dynamodb": {"NewImage": image, "ApproximateCreationDateTime": 1, "SequenceNumber": "1"}})


@pytest.mark.parametrize("read", [row_event, reservation_change, payment_change])
def test_an_image_that_is_none_is_unreadable(read: Callable[[Any], Any]) -> None:
    with pytest.raises(UnreadableMessage, match="not readable"):
        read({"dynamodb": {"NewImage": None, "ApproximateCreationDateTime": 1}})
