"""What is written into rows and messages is what handlers read out of records."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.batches import each_change, each_message
from chalicelib.domain.events import RowEvent, SeatsHeld, SeatsReleased, SeatsSold
from chalicelib.domain.reservations import Hold, Sale
from chalicelib.domain.times import from_ms
from chalicelib.infrastructure.queues import hold_in_message, hold_to_body
from chalicelib.infrastructure.streams import event_attribute, row_event
from tests.builders import NOW, a_hold

moments = st.integers(0, 4_000_000_000_000).map(from_ms)
texts = st.text(min_size=1, max_size=20)
seats = st.lists(st.from_regex(r"[A-Z]{1,2}[1-9]", fullmatch=True), min_size=1, max_size=8).map(tuple)
sessions = st.uuids().map(str)
holds = st.builds(Hold, sessions, texts, seats, moments, st.text(max_size=12))


@st.composite
def sales(draw: st.DrawFn) -> SeatsSold:
    """A sale is paid for when it happens: the event has one moment for both."""
    moment = draw(moments)
    sale = Sale(draw(texts), draw(texts), draw(texts), moment)
    return SeatsSold(draw(sessions), draw(texts), draw(seats), sale, moment)


events = st.one_of(
    st.builds(SeatsHeld, holds, moments), sales(), st.builds(SeatsReleased, sessions, texts, seats, moments)
)


def record_of(event: RowEvent) -> dict[str, Any]:
    session_id = event.hold.session_id if isinstance(event, SeatsHeld) else event.session_id
    return {"dynamodb": {"NewImage": {"id": {"S": f"{session_id}#A"}, "event": event_attribute(event)}}}


@given(events)
def test_what_a_row_tells_is_read_back_from_the_stream(event: RowEvent) -> None:
    assert row_event(record_of(event)) == event


@pytest.mark.parametrize("image", [{}, {"NewImage": {"id": {"S": "s#A"}, "seats": {"M": {}}}}])
def test_a_row_that_is_new_or_gone_tells_nothing(image: dict[str, Any]) -> None:
    assert row_event({"dynamodb": image}) is None


def test_an_event_of_an_unknown_kind_is_loud() -> None:
    record = record_of(SeatsHeld(a_hold(), NOW))
    record["dynamodb"]["NewImage"]["event"]["M"]["type"] = {"S": "SeatsPainted"}

    with pytest.raises(ValueError, match="SeatsPainted"):
        row_event(record)


@given(holds)
def test_a_hold_is_read_back_from_its_expiry_message(hold: Hold) -> None:
    assert hold_in_message({"body": json.dumps(hold_to_body(hold))}) == hold


@pytest.mark.parametrize("body", ["", "{}", '{"version": 1}', '{"version": 2}'])
def test_a_message_that_is_not_ours_is_loud(body: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        hold_in_message({"body": body})


def refuse_bad(record: Any) -> None:
    if record["bad"]:
        raise ValueError


def test_a_bad_message_fails_alone() -> None:
    messages = [{"messageId": str(number), "bad": number == 2} for number in (1, 2, 3)]

    assert each_message(messages, refuse_bad) == {"batchItemFailures": [{"itemIdentifier": "2"}]}


def test_a_stream_comes_again_from_its_first_bad_record() -> None:
    handled = []

    def handle(record: Any) -> None:
        refuse_bad(record)
        handled.append(record["dynamodb"]["SequenceNumber"])

    records = [{"dynamodb": {"SequenceNumber": str(number)}, "bad": number == 2} for number in (1, 2, 3)]

    assert each_change(records, handle) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert handled == ["1"]


def test_a_good_batch_reports_no_failure() -> None:
    assert each_message([{"messageId": "1", "bad": False}], refuse_bad) == {"batchItemFailures": []}
    assert each_change([], refuse_bad) == {"batchItemFailures": []}
