"""Receivers that hang: after three time-outs in a row one is left alone for half a minute, and nobody else is."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import Barrier

import pytest

from chalicelib import wiring
from chalicelib.domain.webhooks import DeliveryFailed, NoAnswerInTime, Notification, Webhook
from chalicelib.infrastructure.breakers import POLICIES, Breaker, Change, State
from chalicelib.infrastructure.webhooks.sender import GuardedWebhookSender
from tests.builders import NOW, a_webhook, an_event
from tests.fakes import FakeWebhookSender, Ticks

HANGS = NoAnswerInTime("hangs")
PAUSE_SECONDS = POLICIES["webhooks"].pause_seconds
WEBHOOK = a_webhook(webhook_id="wh-1")
NOTIFICATION = Notification(an_event("event-1"), 1, {})


@dataclass
class WebhookSender:
    """A guarded courier, what it guards, and what its breakers told."""

    inner: FakeWebhookSender = field(default_factory=FakeWebhookSender)
    ticks: Ticks = field(default_factory=Ticks)
    told: list[Change] = field(default_factory=list)

    def guarded(self, most: int = 10) -> GuardedWebhookSender:
        patience, told = POLICIES["webhooks"], (self.told.append,)
        return GuardedWebhookSender(self.inner, partial(Breaker, "webhooks", patience, told, self.ticks), most)


@pytest.fixture
def courier() -> WebhookSender:
    return WebhookSender()


def tried(guarded: GuardedWebhookSender, webhook: Webhook = WEBHOOK) -> int | str:
    """The status, or why there is none."""
    try:
        return guarded.deliver(webhook, NOTIFICATION, NOW)
    except NoAnswerInTime:
        return "hangs"
    except DeliveryFailed as failure:
        return "left alone" if "left alone" in str(failure) else "not reached"


@pytest.fixture
def hanging(courier: WebhookSender) -> GuardedWebhookSender:
    """Has waited for the webhook in vain three times, and no longer than that."""
    courier.inner.answers = [HANGS]
    guarded = courier.guarded()
    assert [tried(guarded) for _ in range(3)] == ["hangs"] * 3
    courier.inner.posted.clear()
    return guarded


def test_who_hangs_three_times_is_left_alone_for_half_a_minute(
    courier: WebhookSender, hanging: GuardedWebhookSender
) -> None:
    courier.inner.answers = [204]
    courier.ticks.now = 29.9
    with pytest.raises(DeliveryFailed, match="wh-1 is left alone"):
        hanging.deliver(WEBHOOK, NOTIFICATION, NOW)
    assert courier.inner.posted == []

    courier.ticks.now = 30

    assert tried(hanging) == 204
    assert [(change.name, change.state) for change in courier.told] == [
        ("webhooks", State.OPEN),
        ("webhooks", State.CLOSED),
    ]


def test_who_still_hangs_then_is_left_alone_at_once_and_for_no_longer(
    courier: WebhookSender, hanging: GuardedWebhookSender
) -> None:
    for _ in range(3):
        courier.ticks.now += PAUSE_SECONDS
        assert [tried(hanging), tried(hanging)] == ["hangs", "left alone"]


def test_others_are_called_meanwhile(courier: WebhookSender, hanging: GuardedWebhookSender) -> None:
    courier.inner.answers = [204]

    assert tried(hanging, a_webhook(webhook_id="wh-2")) == 204
    assert courier.inner.posted == [("wh-2", 1)]


def test_an_answer_ends_the_row_and_a_refusal_is_one(courier: WebhookSender) -> None:
    courier.inner.answers = [HANGS, HANGS, 500, HANGS, HANGS, 204]
    guarded = courier.guarded()

    assert [tried(guarded) for _ in range(6)] == ["hangs", "hangs", 500, "hangs", "hangs", 204]


def test_who_is_not_reached_at_all_costs_no_time_and_is_tried_each_time(courier: WebhookSender) -> None:
    courier.inner.answers = [DeliveryFailed("connection refused")]
    guarded = courier.guarded()

    assert [tried(guarded) for _ in range(5)] == ["not reached"] * 5


@dataclass
class WaitingCourier:
    """Gives up on all of a batch at the same time."""

    together: Barrier

    def deliver(self, webhook: Webhook, notification: Notification, now: datetime) -> int:
        self.together.wait()
        raise HANGS


def test_the_time_outs_of_one_batch_count_together(courier: WebhookSender) -> None:
    together = Barrier(3, timeout=20)
    guarded = GuardedWebhookSender(WaitingCourier(together), courier.guarded().new_breaker)

    with ThreadPoolExecutor(3) as batch:
        assert list(batch.map(lambda _: tried(guarded), range(3))) == ["hangs"] * 3

    assert tried(guarded) == "left alone"


def test_who_was_called_longest_ago_is_forgotten_first(courier: WebhookSender) -> None:
    hung, quiet, third = (a_webhook(webhook_id=name) for name in ("hung", "quiet", "third"))
    courier.inner.answers = [204, HANGS, HANGS, HANGS, 204]
    guarded = courier.guarded(most=2)
    assert tried(guarded, quiet) == 204
    assert [tried(guarded, hung) for _ in range(3)] == ["hangs"] * 3

    assert tried(guarded, third) == 204
    assert tried(guarded, hung) == "left alone"
    assert [tried(guarded, other) for other in (quiet, third)] == [204, 204]
    assert tried(guarded, hung) == 204, "two others were called since"


@pytest.mark.usefixtures("app")  # which loads the settings, with the tests' names
def test_the_courier_in_use_guards_each_webhook_by_itself() -> None:
    in_use = wiring.webhooks.webhook_sender()

    assert isinstance(in_use, GuardedWebhookSender)
    assert in_use.new_breaker() is not in_use.new_breaker()
