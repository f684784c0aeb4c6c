"""Webhooks and numbered events, as the use cases rely on them, wherever they are kept; and the costs of numbering."""

import random
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from benchmarks.budgets import EVENT_NUMBERED, TEN_EVENTS_NUMBERED
from chalicelib.domain.events import Event
from chalicelib.domain.ports import Notifications, Webhooks
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.webhooks import Notification, Subscriber
from chalicelib.infrastructure.dynamodb.events.notifications import (
    LARGEST_NUMBER,
    MOST_NUMBERED,
    NUMBER_ATTEMPTS,
    DynamoNotifications,
)
from chalicelib.infrastructure.dynamodb.events.webhooks import DynamoWebhooks
from tests.builders import NOW, a_webhook
from tests.contract.conftest import Backend, Dynamo
from tests.facts import Facts
from tests.fakes import Crash, FakeNotifications, FakeWebhooks, crash, interposed, sent_twice
from tests.injected import (
    CONFLICT,
    NOTHING_WRONG,
    Answer,
    Pauses,
    answering,
    cancelled,
    counting,
    error,
    hooked,
    unreachable,
)

FAILED = {"Code": "ConditionalCheckFailed"}


def dynamo_notifications(dynamo: Dynamo, pause: Callable[[float], None] = lambda _: None) -> DynamoNotifications:
    return DynamoNotifications(client=dynamo.client, table_name=f"{dynamo.prefix}-notifications", sleep=pause)


def dynamo_webhooks(dynamo: Dynamo) -> DynamoWebhooks:
    return DynamoWebhooks(dynamo.client, f"{dynamo.prefix}-webhooks")


@pytest.fixture
def webhooks(backend: Backend) -> Webhooks:
    return dynamo_webhooks(backend) if isinstance(backend, Dynamo) else FakeWebhooks()


@pytest.fixture
def notifications(backend: Backend) -> Notifications:
    return dynamo_notifications(backend) if isinstance(backend, Dynamo) else FakeNotifications()


@pytest.fixture
def session_id() -> str:
    return str(uuid.uuid4())


def events_of(session_id: str, count: int) -> list[Event]:
    return [Facts(session_id).created() for _ in range(count)]


def numbers(notifications: Notifications, session_id: str) -> list[int]:
    return [one.sequence for one in notifications.list_after(session_id, 0, 1000)]


# Subscriptions


def test_a_webhook_is_found_as_it_was_added(webhooks: Webhooks) -> None:
    plain, special = (
        a_webhook(),
        a_webhook("PaymentConfirmed", "SeatReleased").with_rotated_secret("new", NOW, timedelta(hours=1)),
    )
    for webhook in (plain, special):
        webhooks.put(webhook)

    assert webhooks.find(plain.id) == plain
    assert webhooks.find(special.id) == special
    assert {plain, special} <= set(webhooks.list_all())
    for webhook in (plain, special):
        assert webhooks.remove(webhook.id)


@pytest.mark.parametrize("webhook_id", ["", "unknown", "é", "x" * 3000])
def test_what_is_no_id_of_ours_is_not_found(webhooks: Webhooks, webhook_id: str) -> None:
    assert webhooks.find(webhook_id) is None


def test_a_webhook_that_is_gone_is_not_made_again_by_a_change(webhooks: Webhooks) -> None:
    webhook = a_webhook()
    webhooks.put(webhook)

    assert webhooks.remove(webhook.id)

    assert not webhooks.remove(webhook.id)
    assert not webhooks.disable_for_reason_or_enable_if_exists(webhook.id, "why")
    assert not webhooks.change_secrets(webhook.id, webhook.secrets)
    assert webhooks.find(webhook.id) is None


def test_changes_touch_nothing_else(webhooks: Webhooks) -> None:
    webhook = a_webhook("PaymentConfirmed")
    webhooks.put(webhook)
    rotated = webhook.with_rotated_secret("new", NOW, timedelta(hours=1))

    assert webhooks.disable_for_reason_or_enable_if_exists(webhook.id, "it answered 410 Gone")
    assert webhooks.change_secrets(webhook.id, rotated.secrets)
    assert webhooks.find(webhook.id) == replace(rotated, disabled="it answered 410 Gone")
    assert webhooks.disable_for_reason_or_enable_if_exists(webhook.id, None)
    assert webhooks.find(webhook.id) == rotated
    webhooks.remove(webhook.id)


def test_subscribers_are_listed_with_what_they_want_and_whether_they_are_called(webhooks: Webhooks) -> None:
    called, silenced = a_webhook("PaymentConfirmed"), a_webhook()
    for webhook in (called, silenced):
        webhooks.put(webhook)
    webhooks.disable_for_reason_or_enable_if_exists(silenced.id, "it answered 410 Gone")

    known = {one.id: one for one in webhooks.list_all_subscribers_without_urls_and_secrets()}

    assert known[called.id] == called.without_url_and_secrets
    assert known[silenced.id] == Subscriber(
        id=silenced.id, event_types_or_empty_for_all=frozenset(), disabled="it answered 410 Gone"
    )
    for webhook in (called, silenced):
        assert webhooks.remove(webhook.id)


# Numbers


def test_events_are_numbered_in_the_order_in_which_they_come(notifications: Notifications, session_id: str) -> None:
    events = events_of(session_id, 12)

    numbered = [notifications.assign_number_in_session(event) for event in events]

    assert [one.sequence for one in numbered] == list(range(1, 13))
    assert [one.event for one in notifications.list_after(session_id, 0, 100)] == events


def test_an_event_keeps_its_number(notifications: Notifications, session_id: str) -> None:
    first, second = events_of(session_id, 2)
    numbered = notifications.assign_number_in_session(first)
    notifications.assign_number_in_session(second)

    assert notifications.assign_number_in_session(first) == numbered
    assert numbers(notifications, session_id) == [1, 2]


def test_each_screening_has_its_own_numbers(notifications: Notifications, session_id: str) -> None:
    (event,) = events_of(session_id, 1)
    notifications.assign_number_in_session(Facts(f"{session_id[:-1]}x").created())

    assert notifications.assign_number_in_session(event).sequence == 1


def test_a_notification_says_which_numbers_came_before_it(notifications: Notifications, session_id: str) -> None:
    reservation = Facts(session_id)
    numbered = [
        notifications.assign_number_in_session(event)
        for event in (reservation.created(), reservation.paid(), reservation.released())
    ]

    assert [dict(one.latest_before_by_type) for one in numbered] == [
        {},
        {"ReservationCreated": 1},
        {"ReservationCreated": 1, "PaymentConfirmed": 2},
    ]


def test_a_notification_is_found_by_its_number(notifications: Notifications, session_id: str) -> None:
    numbered: Notification = notifications.assign_number_in_session(Facts(session_id).paid())

    assert notifications.find(session_id, 1) == numbered
    assert notifications.find(session_id, 2) is None
    assert notifications.find("unknown", 1) is None


@pytest.mark.parametrize(
    ("after", "limit", "found"),
    [
        (0, 2, [1, 2]),
        (2, 2, [3, 4]),
        (9, 5, [10, 11]),
        (11, 5, []),
        (LARGEST_NUMBER, 5, []),
        (LARGEST_NUMBER - 1, 5, []),
    ],
)
def test_those_after_a_number_come_in_order(
    notifications: Notifications, session_id: str, after: int, limit: int, found: list[int]
) -> None:
    for event in events_of(session_id, 11):
        notifications.assign_number_in_session(event)

    assert [one.sequence for one in notifications.list_after(session_id, after, limit)] == found


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_write_makes_neither_gap_nor_repeat(
    notifications: Notifications, session_id: str, moment: str
) -> None:
    first, second = events_of(session_id, 2)
    crashing: Any = {moment: crash}
    with pytest.raises(Crash):
        interposed(notifications, "assign_number_in_session", **crashing).assign_number_in_session(first)

    notifications.assign_number_in_session(second)
    notifications.assign_number_in_session(first)

    assert sorted(one.event.id for one in notifications.list_after(session_id, 0, 9)) == sorted([first.id, second.id])
    assert numbers(notifications, session_id) == [1, 2]


def test_a_write_that_is_sent_twice_numbers_once(notifications: Notifications, session_id: str) -> None:
    assert (
        sent_twice(notifications, "assign_number_in_session")
        .assign_number_in_session(Facts(session_id).paid())
        .sequence
        == 1
    )
    assert numbers(notifications, session_id) == [1]


# Numbers for many at once


def test_many_events_are_numbered_in_their_order_and_one_that_occurs_twice_once(
    notifications: Notifications, session_id: str
) -> None:
    reservation = Facts(session_id)
    events = [reservation.created(), reservation.paid(), Facts(session_id).created(), reservation.released()]

    numbered = notifications.assign_numbers_in_session([*events, events[1], events[0]])

    assert [one.sequence for one in numbered] == [1, 2, 3, 4, 2, 1]
    assert [dict(one.latest_before_by_type) for one in numbered[:4]] == [
        {},
        {"ReservationCreated": 1},
        {"ReservationCreated": 1, "PaymentConfirmed": 2},
        {"ReservationCreated": 3, "PaymentConfirmed": 2},
    ]
    assert notifications.list_after(session_id, 0, 9) == numbered[:4]


def test_among_many_those_that_have_a_number_keep_it(notifications: Notifications, session_id: str) -> None:
    events = events_of(session_id, 5)
    earlier = [notifications.assign_number_in_session(events[3]), notifications.assign_number_in_session(events[1])]

    numbered = notifications.assign_numbers_in_session(events)

    assert [one.sequence for one in numbered] == [3, 2, 4, 1, 5]
    assert [numbered[3], numbered[1]] == earlier
    assert [dict(one.latest_before_by_type) for one in (numbered[0], numbered[4])] == [
        {"ReservationCreated": 2},
        {"ReservationCreated": 4},
    ]


def test_many_after_others_go_on_from_their_number(notifications: Notifications, session_id: str) -> None:
    notifications.assign_numbers_in_session(events_of(session_id, 3))

    assert [one.sequence for one in notifications.assign_numbers_in_session(events_of(session_id, 3))] == [4, 5, 6]


def test_more_than_a_transaction_takes_are_numbered_by_several(notifications: Notifications, session_id: str) -> None:
    numbered = notifications.assign_numbers_in_session(events_of(session_id, MOST_NUMBERED + 3))

    assert [one.sequence for one in numbered] == list(range(1, MOST_NUMBERED + 4))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_write_of_many_makes_neither_gap_nor_repeat(
    notifications: Notifications, session_id: str, moment: str
) -> None:
    events = events_of(session_id, 6)
    crashing: Any = {moment: crash}
    with pytest.raises(Crash):
        interposed(notifications, "assign_numbers_in_session", **crashing).assign_numbers_in_session(events[:3])

    notifications.assign_numbers_in_session(events[2:])
    notifications.assign_numbers_in_session(events)

    assert {one.event.id for one in notifications.list_after(session_id, 0, 9)} == {event.id for event in events}
    assert numbers(notifications, session_id) == list(range(1, 7))


def test_a_write_of_many_that_is_sent_twice_numbers_once(notifications: Notifications, session_id: str) -> None:
    sent_twice(notifications, "assign_numbers_in_session").assign_numbers_in_session(events_of(session_id, 3))

    assert numbers(notifications, session_id) == [1, 2, 3]


# Races and costs, on an emulator that takes and reckons writes as DynamoDB does.


def test_many_events_from_many_workers_with_duplicates_get_exactly_the_numbers_one_to_n(
    emulated: Dynamo, session_id: str
) -> None:
    """As many workers as domain/consumers.py allows."""
    events = events_of(session_id, 60)
    deliveries = events + random.sample(events, k=20)
    random.shuffle(deliveries)
    notifications = DynamoNotifications(emulated.client, f"{emulated.prefix}-notifications")

    with ThreadPoolExecutor(max_workers=5) as workers:
        numbered = list(workers.map(_stubbornly(notifications), deliveries))

    assert numbers(notifications, session_id) == list(range(1, 61))
    assert {one.event.id: one.sequence for one in notifications.list_after(session_id, 0, 99)} == {
        one.event.id: one.sequence for one in numbered
    }


def _stubbornly(notifications: Notifications) -> Callable[[Event], Notification]:
    """Makes a call that tries again after BackendUnavailable, five times in all, as the queue does."""

    def number(event: Event) -> Notification:
        for _ in range(4):
            try:
                return notifications.assign_number_in_session(event)
            except BackendUnavailable:
                continue
        return notifications.assign_number_in_session(event)

    return number


def test_batches_with_the_same_events_in_them_from_many_workers_get_exactly_the_numbers_one_to_n(
    emulated: Dynamo, session_id: str
) -> None:
    events = events_of(session_id, 120)
    deliveries = events + random.sample(events, k=40)
    random.shuffle(deliveries)
    batches = [deliveries[start : start + 10] for start in range(0, len(deliveries), 10)]
    notifications = DynamoNotifications(emulated.client, f"{emulated.prefix}-notifications")

    with ThreadPoolExecutor(max_workers=5) as workers:
        numbered = [one for some in workers.map(_many_stubbornly(notifications), batches) for one in some]

    assert numbers(notifications, session_id) == list(range(1, 121))
    assert {one.event.id: one.sequence for one in notifications.list_after(session_id, 0, 999)} == {
        one.event.id: one.sequence for one in numbered
    }
    assert len(numbered) == len(deliveries)


def _many_stubbornly(notifications: Notifications) -> Callable[[Sequence[Event]], Sequence[Notification]]:
    def number(events: Sequence[Event]) -> Sequence[Notification]:
        for _ in range(4):
            try:
                return notifications.assign_numbers_in_session(events)
            except BackendUnavailable:
                continue
        return notifications.assign_numbers_in_session(events)

    return number


def test_the_same_event_from_eight_workers_has_one_number(emulated: Dynamo, session_id: str) -> None:
    event = Facts(session_id).paid()

    with ThreadPoolExecutor(max_workers=8) as workers:
        numbered = list(workers.map(_stubbornly(dynamo_notifications(emulated)), [event] * 24))

    assert {one.sequence for one in numbered} == {1}


DYNAMODB_LOCALS_UNITS = "DynamoDB Local (1.25.1) reckons 4 units for each table of a transaction, whatever is in it"


def test_numbering_costs_one_read_and_six_write_units(emulated: Dynamo, session_id: str) -> None:
    with counting(emulated) as calls:
        dynamo_notifications(emulated).assign_number_in_session(Facts(session_id).paid())

    assert [call.operation for call in calls] == list(EVENT_NUMBERED.calls)
    units = [call.write_units for call in calls]
    if units == [0, 4]:
        pytest.skip(DYNAMODB_LOCALS_UNITS)
    assert units == [0, EVENT_NUMBERED.write_units]


def test_ten_numbers_cost_one_read_and_fortytwo_write_units(emulated: Dynamo, session_id: str) -> None:
    with counting(emulated) as calls:
        dynamo_notifications(emulated).assign_numbers_in_session(events_of(session_id, 10))

    assert [call.operation for call in calls] == list(TEN_EVENTS_NUMBERED.calls)
    units = [call.write_units for call in calls]
    if units == [0, 4]:
        pytest.skip(DYNAMODB_LOCALS_UNITS)
    assert units == [0, TEN_EVENTS_NUMBERED.write_units]


def test_events_that_have_numbers_are_read_and_left_out_of_the_next_transaction(
    emulated: Dynamo, session_id: str
) -> None:
    notifications, events = dynamo_notifications(emulated), events_of(session_id, 4)
    notifications.assign_numbers_in_session(events[:2])

    with counting(emulated) as calls:
        notifications.assign_numbers_in_session(events)

    tried = ["GetItem", "TransactWriteItems"]
    assert [call.operation for call in calls] == [*tried, "BatchGetItem", "BatchGetItem", *tried]


# Faults, injected into the client.


@pytest.mark.parametrize(
    "answers",
    [
        (cancelled(NOTHING_WRONG, CONFLICT, NOTHING_WRONG),),
        (cancelled(NOTHING_WRONG, FAILED, FAILED), cancelled(CONFLICT, CONFLICT, CONFLICT)),
        (cancelled(FAILED, CONFLICT, CONFLICT),),
        (cancelled(CONFLICT, {"Code": "ThrottlingError"}, NOTHING_WRONG),),
    ],
    ids=[
        "a conflict",
        "another was faster, then a conflict",
        "its own entry, beside a conflict",
        "throttled, beside one",
    ],
)
def test_meeting_another_event_is_tried_again(moto: Dynamo, session_id: str, answers: tuple[Answer, ...]) -> None:
    pauses = Pauses()

    with answering(moto, "TransactWriteItems", *answers) as scripted:
        numbered = dynamo_notifications(moto, pauses).assign_number_in_session(Facts(session_id).paid())

    assert numbered.sequence == 1
    assert scripted.calls == len(answers) + 1
    assert len(pauses.seconds) == len(answers)
    assert max(pauses.seconds) <= 0.32


def test_a_rush_that_does_not_end_is_left_to_the_queue(moto: Dynamo, session_id: str) -> None:
    rush = [cancelled(NOTHING_WRONG, FAILED, NOTHING_WRONG)] * NUMBER_ATTEMPTS
    notifications = dynamo_notifications(moto)

    with answering(moto, "TransactWriteItems", *rush), pytest.raises(BackendUnavailable):
        notifications.assign_number_in_session(Facts(session_id).paid())

    assert numbers(notifications, session_id) == []


@pytest.mark.parametrize(
    "answer",
    [
        cancelled(NOTHING_WRONG, {"Code": "ThrottlingError"}, NOTHING_WRONG),
        error("ThrottlingException"),
    ],
    ids=["throttled item", "throttled"],
)
def test_an_overloaded_table_is_left_to_the_queue(moto: Dynamo, session_id: str, answer: Answer) -> None:
    notifications = dynamo_notifications(moto)

    with answering(moto, "TransactWriteItems", *[answer] * 3), pytest.raises(BackendUnavailable):
        notifications.assign_number_in_session(Facts(session_id).paid())

    assert notifications.assign_number_in_session(Facts(session_id).paid()).sequence == 1


def test_a_mistake_of_ours_stays_loud(moto: Dynamo, session_id: str) -> None:
    wrong = cancelled(NOTHING_WRONG, NOTHING_WRONG, NOTHING_WRONG)
    loud = error("ValidationException")

    with answering(moto, "TransactWriteItems", loud), pytest.raises(moto.client.exceptions.ClientError):
        dynamo_notifications(moto).assign_number_in_session(Facts(session_id).paid())
    with answering(moto, "TransactWriteItems", wrong), pytest.raises(BackendUnavailable):
        dynamo_notifications(moto).assign_number_in_session(Facts(session_id).paid())


@pytest.mark.parametrize("operation", ["GetItem", "TransactWriteItems", "Query", "Scan", "DeleteItem", "UpdateItem"])
def test_a_table_that_does_not_answer_is_unavailable(moto: Dynamo, session_id: str, operation: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "GetItem": lambda: dynamo_webhooks(moto).find("wh-1"),
        "TransactWriteItems": lambda: dynamo_notifications(moto).assign_number_in_session(Facts(session_id).paid()),
        "Query": lambda: dynamo_notifications(moto).list_after(session_id, 0, 1),
        "Scan": lambda: dynamo_webhooks(moto).list_all(),
        "DeleteItem": lambda: dynamo_webhooks(moto).remove("wh-1"),
        "UpdateItem": lambda: dynamo_webhooks(moto).disable_for_reason_or_enable_if_exists("wh-1", None),
    }
    with hooked(moto, f"before-call.dynamodb.{operation}", unreachable), pytest.raises(BackendUnavailable):
        calls[operation]()


def test_who_lists_subscribers_reads_no_secret_and_no_address(moto: Dynamo) -> None:
    found = dynamo_webhooks(moto)
    found.put(webhook := a_webhook("PaymentConfirmed"))
    answers: list[str] = []

    with hooked(moto, "after-call.dynamodb.Scan", lambda parsed, **_: answers.append(repr(parsed["Items"]))):
        found.list_all_subscribers_without_urls_and_secrets()

    assert webhook.id in answers[0]
    assert webhook.url not in answers[0]
    assert all(secret.key not in answers[0] for secret in webhook.secrets)
    found.remove(webhook.id)


# One worker between another's read and its write, without threads: found by tests/mutants


@pytest.mark.parametrize("earlier", [0, 1], ids=["first", "later"])
def test_an_event_that_was_numbered_meanwhile_takes_no_number_of_another(
    moto: Dynamo, session_id: str, earlier: int
) -> None:
    notifications = dynamo_notifications(moto)
    mine, other, *before = events_of(session_id, 2 + earlier)
    for event in before:
        notifications.assign_number_in_session(event)
    others = iter([other])

    def number_the_other(**_: Any) -> None:
        if event := next(others, None):
            dynamo_notifications(moto).assign_number_in_session(event)

    with hooked(notifications, "before-call.dynamodb.TransactWriteItems", number_the_other):
        numbered = notifications.assign_number_in_session(mine)

    assert numbered.sequence == earlier + 2
    assert numbers(notifications, session_id) == list(range(1, earlier + 3))
