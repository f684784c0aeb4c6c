"""Who is told what, with which number; what becomes of a delivery; and who may ask for which again."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Barrier

import pytest

from chalicelib.api.batches import handle_messages_in_parallel
from chalicelib.application.consumers.numbering import number_by_series_else_singly
from chalicelib.application.consumers.webhooks import (
    DeliverOrDisableIfGone,
    NumberEventsAndQueueDeliveries,
    ReplayNotificationsCommand,
    ReplayResult,
    VerifySignatureAndEnqueueReplay,
)
from chalicelib.domain.events import Event, EventType, UnreadableMessage
from chalicelib.domain.refusals import BackendUnavailable, WebhookAuthenticationFailed, WebhookDisabled
from chalicelib.domain.signatures import sign_body
from chalicelib.domain.webhooks import MOST_SECRETS, Delivery, DeliveryFailed, DeliveryTimedOut, Notification, Secret
from chalicelib.infrastructure.dynamodb.events.webhooks import SUBSCRIBERS_SECONDS, CachedSubscribers
from chalicelib.infrastructure.ttl_cache import TtlCache
from tests.builders import NOW, a_webhook
from tests.facts import Facts
from tests.fakes import (
    Crash,
    FakeNotifications,
    FakeOutbox,
    FakeWebhooks,
    FakeWebhookSender,
    MovableClock,
    Ticks,
    alone,
    crash,
    interposed,
)

PAID = EventType.PAYMENT_CONFIRMED
HOUR = timedelta(hours=1)


@dataclass
class Office:
    """Everything that webhooks need, on the fakes."""

    webhooks: FakeWebhooks = field(default_factory=FakeWebhooks)
    notifications: FakeNotifications = field(default_factory=FakeNotifications)
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    webhook_sender: FakeWebhookSender = field(default_factory=FakeWebhookSender)
    clock: MovableClock = field(default_factory=lambda: MovableClock(NOW))

    @property
    def announce_together(self) -> NumberEventsAndQueueDeliveries:
        return NumberEventsAndQueueDeliveries(self.notifications, self.webhooks, self.outbox, self.clock)

    @property
    def announce(self) -> Callable[[Event], None]:
        return alone(self.announce_together)

    @property
    def deliver(self) -> DeliverOrDisableIfGone:
        return DeliverOrDisableIfGone(self.notifications, self.webhooks, self.webhook_sender, self.clock)

    @property
    def replay(self) -> VerifySignatureAndEnqueueReplay:
        return VerifySignatureAndEnqueueReplay(self.notifications, self.webhooks, self.outbox, self.clock, most=3)

    def queued(self) -> list[tuple[str, int]]:
        """Webhook and number of each delivery, in order."""
        contents = [message.content for message, _ in self.outbox.sent]
        return [(one.webhook_id, one.sequence) for one in contents if isinstance(one, Delivery)]


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def facts() -> Facts:
    return Facts("session-1")


# Numbers


def test_events_of_a_screening_are_numbered_from_one(office: Office, facts: Facts) -> None:
    office.webhooks.put(a_webhook(webhook_id="all"))
    for event in (facts.created(), facts.paid(), Facts("session-2").created()):
        office.announce(event)

    assert office.queued() == [("all", 1), ("all", 2), ("all", 1)]


def test_each_webhook_is_told_what_it_wants(office: Office, facts: Facts) -> None:
    office.webhooks.put(a_webhook(webhook_id="all"))
    office.webhooks.put(a_webhook(PAID, webhook_id="sales"))
    office.webhooks.put(replace(a_webhook(webhook_id="gone"), disabled="it answered 410 Gone"))
    for event in (facts.created(), facts.paid()):
        office.announce(event)

    assert sorted(office.queued()) == [("all", 1), ("all", 2), ("sales", 2)]


def test_a_second_delivery_of_an_event_has_the_same_number(office: Office, facts: Facts) -> None:
    office.webhooks.put(a_webhook(webhook_id="all"))
    for event in (facts.created(), facts.paid(), facts.created()):
        office.announce(event)

    assert office.queued() == [("all", 1), ("all", 2), ("all", 1)]


def test_a_crash_between_numbering_and_queueing_is_finished_by_the_redelivery(office: Office, facts: Facts) -> None:
    office.webhooks.put(a_webhook(webhook_id="all"))
    with pytest.raises(Crash):
        alone(
            replace(
                office.announce_together,
                outbox=interposed(office.outbox, "send_and_list_unsent_positions", before=crash),
            )
        )(facts.created())

    office.announce(facts.created())

    assert office.queued() == [("all", 1)]


def test_deliveries_that_the_queue_did_not_take_make_the_event_come_again(office: Office, facts: Facts) -> None:
    office.webhooks.put(a_webhook())
    office.outbox.deaf.add("webhooks")

    with pytest.raises(BackendUnavailable):
        office.announce(facts.created())


def test_events_of_a_batch_are_numbered_each_in_its_screening_and_one_that_occurs_twice_once(
    office: Office, facts: Facts
) -> None:
    office.webhooks.put(a_webhook(webhook_id="all"))
    events = [facts.created(), Facts("session-2").created(), facts.paid(), facts.created()]

    assert office.announce_together(events) == {}

    deliveries = [message.content for message, _ in office.outbox.sent if isinstance(message.content, Delivery)]
    assert Counter((one.session_id, one.sequence) for one in deliveries) == {
        ("session-1", 1): 2,
        ("session-1", 2): 1,
        ("session-2", 1): 1,
    }


@dataclass
class PickyNotifications(FakeNotifications):
    """Takes no event of an id, as a table does not take what is too large; or none of a screening, which is busy."""

    poison: str = ""
    busy: str = ""

    def assign_number_in_session(self, event: Event) -> Notification:
        if event.id == self.poison:
            raise ValueError("too large")
        return super().assign_number_in_session(event)

    def assign_numbers_in_session(self, events: Sequence[Event]) -> Sequence[Notification]:
        if any(event.session_id == self.busy for event in events):
            raise BackendUnavailable("TransactWriteItems")
        return super().assign_numbers_in_session(events)


def test_an_event_that_the_store_can_not_take_fails_alone(office: Office, facts: Facts) -> None:
    office.webhooks.put(a_webhook(webhook_id="all"))
    office.notifications = PickyNotifications(poison="too large")
    events = [facts.created(), replace(Facts("session-1").created(), id="too large"), facts.paid()]

    failures = office.announce_together(events)

    assert {position: type(failure) for position, failure in failures.items()} == {1: ValueError}
    assert office.queued() == [("all", 1), ("all", 2)]


def test_a_screening_that_is_too_busy_delays_no_other(office: Office, facts: Facts) -> None:
    office.webhooks.put(a_webhook(webhook_id="all"))
    office.notifications = PickyNotifications(busy="session-2")
    events = [facts.created(), Facts("session-2").created(), facts.paid(), Facts("session-2").paid()]

    failures = office.announce_together(events)

    assert {position: type(failure) for position, failure in failures.items()} == dict.fromkeys(
        (1, 3), BackendUnavailable
    )
    assert office.queued() == [("all", 1), ("all", 2)]


def test_in_an_outage_a_series_is_asked_for_once() -> None:
    outage, asked = BackendUnavailable("numbers"), []

    def assign(items: Sequence[str]) -> Sequence[int]:
        asked.append(items)
        raise outage

    assert number_by_series_else_singly({4: "a", 7: "b"}, lambda _: "one series", assign) == (
        {},
        {4: outage, 7: outage},
    )
    assert asked == [["a", "b"]]


def test_of_a_batch_only_events_whose_deliveries_were_not_taken_come_again(office: Office, facts: Facts) -> None:
    office.webhooks.put(a_webhook(PAID, webhook_id="sales"))
    office.outbox.deaf.add("webhooks")

    failures = office.announce_together([facts.created(), facts.paid(), facts.released()])

    assert {position: type(failure) for position, failure in failures.items()} == {1: BackendUnavailable}


def test_a_delivery_names_the_last_number_that_its_receiver_got(office: Office, facts: Facts) -> None:
    everything, sales = a_webhook(), a_webhook(PAID)
    told = [
        office.notifications.assign_number_in_session(event)
        for event in (facts.paid(), facts.created(), Facts("session-1").paid())
    ]

    assert [notification.previous_sequence_for(everything) for notification in told] == [0, 1, 2]
    assert [notification.previous_sequence_for(sales) for notification in (told[0], told[2])] == [0, 1]


# Deliveries


@pytest.fixture
def delivery(office: Office, facts: Facts) -> Delivery:
    webhook = a_webhook()
    office.webhooks.put(webhook)
    return Delivery(
        webhook.id, facts.session_id, office.notifications.assign_number_in_session(facts.created()).sequence
    )


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_a_receiver_accepts_with_any_2xx(office: Office, delivery: Delivery, status: int) -> None:
    office.webhook_sender.answers = [status]

    office.deliver(delivery)

    assert office.webhook_sender.posted == [(delivery.webhook_id, 1)]


@pytest.mark.parametrize("status", [100, 199, 300, 302, 400, 401, 404, 429, 500, 503])
def test_anything_else_is_tried_again(office: Office, delivery: Delivery, status: int) -> None:
    office.webhook_sender.answers = [status]

    with pytest.raises(DeliveryFailed, match=str(status)):
        office.deliver(delivery)


def test_410_ends_it_until_an_operator_enables_it(office: Office, delivery: Delivery) -> None:
    office.webhook_sender.answers = [410]

    office.deliver(delivery)
    office.deliver(delivery)

    assert len(office.webhook_sender.posted) == 1
    assert office.webhooks.known[delivery.webhook_id].disabled == "it answered 410 Gone"
    office.webhooks.disable_for_reason_or_enable_if_exists(delivery.webhook_id, None)
    office.deliver(delivery)
    assert len(office.webhook_sender.posted) == 2


def test_what_was_for_a_removed_webhook_is_dropped(office: Office, delivery: Delivery) -> None:
    office.webhooks.remove(delivery.webhook_id)

    office.deliver(delivery)

    assert office.webhook_sender.posted == []


def test_a_delivery_of_nothing_is_unreadable(office: Office, delivery: Delivery) -> None:
    with pytest.raises(UnreadableMessage, match="no notification 9"):
        office.deliver(replace(delivery, sequence=9))


def test_a_delivery_has_one_id_for_ever(delivery: Delivery) -> None:
    assert delivery.id == f"{delivery.webhook_id}.session-1.1"


def test_who_does_not_answer_in_time_is_tried_again(office: Office, delivery: Delivery) -> None:
    office.webhook_sender.answers = [DeliveryTimedOut("hangs"), 204]
    with pytest.raises(DeliveryTimedOut):
        office.deliver(delivery)

    office.deliver(delivery)

    assert len(office.webhook_sender.posted) == 2


# A batch


class BreakerPolicy:
    """Puts nothing off and parks nothing."""

    def retry_later(self, record: object) -> None: ...

    def is_last_attempt(self, record: object) -> bool:
        return False

    def send_copy_to_dlq(self, record: object, reason: str) -> None: ...

    def defer_by_copy_unless_too_often(self, record: object, least_seconds: float, most_seconds: float) -> bool:
        return False


def test_deliveries_of_a_batch_wait_at_the_same_time() -> None:
    """Each waits until all have begun: one after the other they would wait for ever."""
    together = Barrier(10, timeout=20)
    records = [{"messageId": str(number)} for number in range(10)]

    def wait(_: object) -> None:
        together.wait()

    answer = handle_messages_in_parallel(records, wait, BreakerPolicy())

    assert answer == {"batchItemFailures": []}


def test_of_a_batch_only_what_failed_comes_again() -> None:
    def fails_on_even(record: object) -> None:
        if int(record["messageId"]) % 2 == 0:  # type: ignore[index] # a mapping
            raise DeliveryFailed

    records = [{"messageId": str(number)} for number in range(4)]

    answer = handle_messages_in_parallel(records, fails_on_even, BreakerPolicy())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "2"}]}
    assert handle_messages_in_parallel([], fails_on_even, BreakerPolicy()) == {"batchItemFailures": []}


# Replays

BODY = b'{"sessionId": "session-1", "afterSequence": 0}'
Ask = Callable[..., ReplayResult]


@pytest.fixture
def ask(office: Office, facts: Facts) -> Ask:
    """Asks as the webhook "mine"; five events have happened, of which the first two were sales."""
    office.webhooks.put(a_webhook(webhook_id="mine", key="whsec_mine"))
    for event in (facts.paid(), Facts("session-1").paid(), *(Facts("session-1").created() for _ in range(3))):
        office.notifications.assign_number_in_session(event)

    def asked(
        after: int = 0, webhook_id: str = "mine", session_id: str = "session-1", header: str = ""
    ) -> ReplayResult:
        header = header or sign_body(["whsec_mine"], BODY, NOW)
        return office.replay(ReplayNotificationsCommand(webhook_id, session_id, after, BODY, header))

    return asked


def test_what_came_after_a_number_is_queued_again(office: Office, ask: Ask) -> None:
    assert ask(after=2) == ReplayResult("session-1", queued=3, next_after_sequence=None)
    assert office.queued() == [("mine", 3), ("mine", 4), ("mine", 5)]


def test_one_call_queues_so_many_at_most_and_says_where_to_go_on(office: Office, ask: Ask) -> None:
    first = ask()

    assert first == ReplayResult("session-1", queued=3, next_after_sequence=3)
    assert ask(after=3) == ReplayResult("session-1", queued=2, next_after_sequence=None)
    assert [number for _, number in office.queued()] == [1, 2, 3, 4, 5]


def test_only_what_the_webhook_wants_is_queued_again(office: Office, ask: Ask) -> None:
    office.webhooks.put(a_webhook(PAID, webhook_id="mine", key="whsec_mine"))

    assert ask() == ReplayResult("session-1", queued=2, next_after_sequence=3)
    assert office.queued() == [("mine", 1), ("mine", 2)]


def test_a_screening_of_which_nothing_was_told_has_nothing_to_replay(ask: Ask) -> None:
    assert ask(session_id="unknown") == ReplayResult("unknown", queued=0, next_after_sequence=None)


def test_with_another_signature_nothing_is_queued(office: Office, ask: Ask) -> None:
    for wrong in (
        sign_body(["whsec_other"], BODY, NOW),
        sign_body(["whsec_mine"], BODY + b" ", NOW),
        sign_body(["whsec_mine"], BODY, NOW - timedelta(minutes=6)),
        sign_body(["whsec_mine"], BODY, NOW + timedelta(minutes=6)),
        "nonsense",
    ):
        with pytest.raises(WebhookAuthenticationFailed):
            ask(header=wrong)

    assert office.queued() == []


def test_an_unknown_webhook_is_told_the_same(ask: Ask) -> None:
    with pytest.raises(WebhookAuthenticationFailed):
        ask(webhook_id="unknown")


def test_a_disabled_webhook_learns_it_only_with_its_secret(office: Office, ask: Ask) -> None:
    office.webhooks.disable_for_reason_or_enable_if_exists("mine", "why not")

    with pytest.raises(WebhookDisabled):
        ask()
    with pytest.raises(WebhookAuthenticationFailed):
        ask(header="nonsense")


# Secrets


def test_a_rotated_secret_signs_beside_the_new_one_until_it_expires(office: Office, ask: Ask) -> None:
    rotated = office.webhooks.known["mine"].with_rotated_secret("whsec_new", NOW, HOUR)
    office.webhooks.put(rotated)

    assert rotated.signing_keys(NOW) == ("whsec_new", "whsec_mine")
    assert ask().queued == 3
    office.clock.forward(hours=1)
    assert rotated.signing_keys(office.clock()) == ("whsec_new",)
    with pytest.raises(WebhookAuthenticationFailed):
        ask(header=sign_body(["whsec_mine"], BODY, office.clock()))


def test_without_overlap_the_old_secret_ends_at_once() -> None:
    assert a_webhook(key="old").with_rotated_secret("new", NOW, timedelta(0)).secrets == (Secret("new", NOW),)


def test_rotating_again_never_prolongs_an_older_secret_and_keeps_three_at_most() -> None:
    webhook = a_webhook(key="0")
    for number in range(1, 6):
        webhook = webhook.with_rotated_secret(str(number), NOW, number * HOUR)

    assert [secret.key for secret in webhook.secrets] == ["5", "4", "3"]
    assert len(webhook.secrets) == MOST_SECRETS
    assert [secret.expires_at for secret in webhook.secrets] == [None, NOW + 5 * HOUR, NOW + 4 * HOUR]


def test_neither_secrets_nor_urls_are_in_what_is_logged() -> None:
    webhook = a_webhook(key="whsec_secret", url="https://example.com/?token=secret")

    assert "secret" not in repr(webhook).replace("secrets=(Secret(", "")


# The list of subscribers, which is kept for some seconds.


def test_a_new_subscriber_is_told_after_five_seconds_and_a_removed_one_nothing_from_at_once(
    office: Office, facts: Facts
) -> None:
    ticks = Ticks()
    subscribers = CachedSubscribers(office.webhooks, TtlCache(SUBSCRIBERS_SECONDS, seconds=ticks))
    announce = alone(NumberEventsAndQueueDeliveries(office.notifications, subscribers, office.outbox, office.clock))
    office.webhooks.put(a_webhook(webhook_id="wh-old"))
    announce(Facts(facts.session_id).created())
    office.webhooks.put(a_webhook(webhook_id="wh-new"))
    office.webhooks.remove("wh-old")

    announce(Facts(facts.session_id).created())
    ticks.now = SUBSCRIBERS_SECONDS
    announce(Facts(facts.session_id).created())

    assert office.queued() == [("wh-old", 1), ("wh-old", 2), ("wh-new", 3)]
    office.deliver(Delivery("wh-old", facts.session_id, 2))
    assert office.webhook_sender.posted == []
