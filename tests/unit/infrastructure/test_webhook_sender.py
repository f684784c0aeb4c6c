"""Webhooks that hang: after three time-outs in a row one is left alone for half a minute, and no other is."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import Barrier

import pytest

from chalicelib import wiring
from chalicelib.domain.webhooks import DeliveryFailed, DeliveryTimedOut, Notification, Webhook
from chalicelib.infrastructure.breakers import POLICIES, Breaker, BreakerChange, BreakerState
from chalicelib.infrastructure.webhooks.sender import WebhookSenderWithBreakerPerWebhook
from tests.builders import NOW, a_webhook, an_event
from tests.fakes import FakeWebhookSender, Ticks

HANGS = DeliveryTimedOut("hangs")
PAUSE_SECONDS = POLICIES["webhooks"].pause_seconds
WEBHOOK = a_webhook(webhook_id="wh-1")
NOTIFICATION = Notification(event=an_event("event-1"), sequence=1, latest_before_by_type={})


@dataclass
class Office:
    """A guarded sender, the sender that it guards, and the changes of its breakers."""

    inner: FakeWebhookSender = field(default_factory=FakeWebhookSender)
    ticks: Ticks = field(default_factory=Ticks)
    changes: list[BreakerChange] = field(default_factory=list)

    def guarded(self, most: int = 10) -> WebhookSenderWithBreakerPerWebhook:
        policy, on_change = POLICIES["webhooks"], (self.changes.append,)
        return WebhookSenderWithBreakerPerWebhook(
            sender=self.inner,
            new_breaker=partial(Breaker, "webhooks", policy, on_change, self.ticks),
            most_breakers=most,
        )


@pytest.fixture
def office() -> Office:
    return Office()


def tried(guarded: WebhookSenderWithBreakerPerWebhook, webhook: Webhook = WEBHOOK) -> int | str:
    """Delivers to the webhook. Gives the status, or the name of the error."""
    try:
        return guarded.post_and_get_status(webhook, NOTIFICATION, NOW)
    except DeliveryTimedOut:
        return "hangs"
    except DeliveryFailed as failure:
        return "left alone" if "left alone" in str(failure) else "not reached"


@pytest.fixture
def hanging(office: Office) -> WebhookSenderWithBreakerPerWebhook:
    """Makes an office that has waited for the webhook in vain, three times."""
    office.inner.answers = [HANGS]
    guarded = office.guarded()
    assert [tried(guarded) for _ in range(3)] == ["hangs"] * 3
    office.inner.posted.clear()
    return guarded


def test_who_hangs_three_times_is_left_alone_for_half_a_minute(
    office: Office, hanging: WebhookSenderWithBreakerPerWebhook
) -> None:
    office.inner.answers = [204]
    office.ticks.now = 29.9
    with pytest.raises(DeliveryFailed, match="wh-1 is left alone"):
        hanging.post_and_get_status(WEBHOOK, NOTIFICATION, NOW)
    assert office.inner.posted == []

    office.ticks.now = 30

    assert tried(hanging) == 204
    assert [(change.name, change.state) for change in office.changes] == [
        ("webhooks", BreakerState.OPEN),
        ("webhooks", BreakerState.CLOSED),
    ]


def test_who_still_hangs_then_is_left_alone_at_once_and_for_no_longer(
    office: Office, hanging: WebhookSenderWithBreakerPerWebhook
) -> None:
    for _ in range(3):
        office.ticks.now += PAUSE_SECONDS
        assert [tried(hanging), tried(hanging)] == ["hangs", "left alone"]


def test_others_are_called_meanwhile(office: Office, hanging: WebhookSenderWithBreakerPerWebhook) -> None:
    office.inner.answers = [204]

    assert tried(hanging, a_webhook(webhook_id="wh-2")) == 204
    assert office.inner.posted == [("wh-2", 1)]


def test_an_answer_ends_the_row_and_a_refusal_is_one(office: Office) -> None:
    office.inner.answers = [HANGS, HANGS, 500, HANGS, HANGS, 204]
    guarded = office.guarded()

    assert [tried(guarded) for _ in range(6)] == ["hangs", "hangs", 500, "hangs", "hangs", 204]


def test_who_is_not_reached_at_all_costs_no_time_and_is_tried_each_time(office: Office) -> None:
    office.inner.answers = [DeliveryFailed("connection refused")]
    guarded = office.guarded()

    assert [tried(guarded) for _ in range(5)] == ["not reached"] * 5


@dataclass
class WaitingSender:
    """A sender whose deliveries of one batch all time out at the same time."""

    together: Barrier

    def post_and_get_status(self, webhook: Webhook, notification: Notification, now: datetime) -> int:
        self.together.wait()
        raise HANGS


def test_the_time_outs_of_one_batch_count_together(office: Office) -> None:
    together = Barrier(3, timeout=20)
    guarded = WebhookSenderWithBreakerPerWebhook(WaitingSender(together), office.guarded().new_breaker)

    with ThreadPoolExecutor(3) as batch:
        assert list(batch.map(lambda _: tried(guarded), range(3))) == ["hangs"] * 3

    assert tried(guarded) == "left alone"


def test_who_was_called_longest_ago_is_forgotten_first(office: Office) -> None:
    hung, quiet, third = (a_webhook(webhook_id=name) for name in ("hung", "quiet", "third"))
    office.inner.answers = [204, HANGS, HANGS, HANGS, 204]
    guarded = office.guarded(most=2)
    assert tried(guarded, quiet) == 204
    assert [tried(guarded, hung) for _ in range(3)] == ["hangs"] * 3

    assert tried(guarded, third) == 204
    assert tried(guarded, hung) == "left alone"
    assert [tried(guarded, other) for other in (quiet, third)] == [204, 204]
    assert tried(guarded, hung) == 204, "two others were called since"


@pytest.mark.usefixtures("app")  # which loads the settings, with the tests' names
def test_the_courier_in_use_guards_each_webhook_by_itself() -> None:
    in_use = wiring.webhooks.webhook_sender()

    assert isinstance(in_use, WebhookSenderWithBreakerPerWebhook)
    assert in_use.new_breaker() is not in_use.new_breaker()
