"""Circuit breakers: when they open, which calls they let through, and the changes that they report."""

import io
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.email import EmailNotConfirmed, EmailRefused, RenderedEmail
from chalicelib.domain.payments import RefundNotConfirmed
from chalicelib.infrastructure.breakers import (
    POLICIES,
    Breaker,
    BreakerChange,
    BreakerOpen,
    BreakerPolicy,
    BreakerState,
)
from chalicelib.infrastructure.email.ses import CircuitBreakerEmailSender
from chalicelib.infrastructure.metrics import Metrics
from chalicelib.infrastructure.payments.guarded_gateway import CircuitBreakerGateway, GatewaySilent
from tests.fakes import FakeGateway, Ticks


class Dead(Exception):
    """The dependency did not answer."""


class Refused(Exception):
    """The dependency answered no."""


def failing() -> None:
    raise Dead


def refusing() -> None:
    raise Refused


def fine() -> str:
    return "fine"


def tried(breaker: Breaker, ask: Callable[[], object]) -> str:
    """Makes a call. Gives how it ended."""
    try:
        breaker.call(ask, (Dead,))
    except (Dead, Refused, BreakerOpen) as error:
        return type(error).__name__
    return "fine"


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def breaker(ticks: Ticks) -> Breaker:
    return Breaker("redis", BreakerPolicy(failures=3, pause_seconds=1, longest_pause_seconds=4), monotonic=ticks)


def opened(breaker: Breaker) -> Breaker:
    while breaker.trips == 0:
        tried(breaker, failing)
    return breaker


def test_a_call_gives_what_the_dependency_gives(breaker: Breaker) -> None:
    assert breaker.call(fine, (Dead,)) == "fine"


def test_it_opens_at_the_last_of_so_many_failures_in_a_row(breaker: Breaker) -> None:
    assert [tried(breaker, failing) for _ in range(4)] == ["Dead", "Dead", "Dead", "BreakerOpen"]
    assert (breaker.state, breaker.trips) == (BreakerState.OPEN, 1)


def test_a_success_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    for ask in (failing, failing, fine, failing, failing):
        tried(breaker, ask)

    assert breaker.state is BreakerState.CLOSED


def test_a_refusal_is_an_answer(breaker: Breaker) -> None:
    for ask in (failing, failing, refusing, failing, failing):
        tried(breaker, ask)

    assert breaker.state is BreakerState.CLOSED


def test_while_it_is_open_nobody_asks_the_dependency(breaker: Breaker, ticks: Ticks) -> None:
    opened(breaker)
    ticks.now = 0.999

    with pytest.raises(BreakerOpen):
        breaker.call(lambda: pytest.fail("it was asked"), (Dead,))


def test_after_its_pause_a_success_closes_it(breaker: Breaker, ticks: Ticks) -> None:
    opened(breaker)
    ticks.now = 1
    assert breaker.state is BreakerState.HALF_OPEN

    tried(breaker, fine)
    assert str(breaker.state) == "closed"


def test_a_failed_probe_doubles_the_pause_up_to_the_longest(breaker: Breaker, ticks: Ticks) -> None:
    opened(breaker)
    for pause in (1, 2, 4, 4):
        ticks.now += pause - 0.001
        assert tried(breaker, failing) == "BreakerOpen"
        ticks.now += 0.001
        assert tried(breaker, failing) == "Dead"
    assert breaker.trips == 1


def test_once_closed_it_is_as_patient_as_at_first(breaker: Breaker, ticks: Ticks) -> None:
    opened(breaker)
    for pause in (1, 2):
        ticks.now += pause
        tried(breaker, failing)
    ticks.now += 4
    tried(breaker, fine)

    assert [tried(breaker, failing) for _ in range(3)] == ["Dead"] * 3
    ticks.now += 1
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.trips == 2


def test_one_probe_at_a_time_is_let_through(breaker: Breaker, ticks: Ticks) -> None:
    opened(breaker)
    ticks.now = 1
    asked, answered = threading.Event(), threading.Event()

    def slow() -> None:
        asked.set()
        assert answered.wait(5)

    with ThreadPoolExecutor(1) as other:
        probe = other.submit(tried, breaker, slow)
        assert asked.wait(5)
        assert [tried(breaker, fine) for _ in range(3)] == ["BreakerOpen"] * 3
        answered.set()
        assert probe.result(5) == "fine"
    assert tried(breaker, fine) == "fine"


def test_calls_that_were_under_way_when_it_opened_change_nothing(ticks: Ticks) -> None:
    breaker = Breaker("redis", BreakerPolicy(failures=1, pause_seconds=1, longest_pause_seconds=4), monotonic=ticks)
    both, tripped = threading.Barrier(3, timeout=5), threading.Event()

    def late(ask: Callable[[], object]) -> Callable[[], object]:
        def wait() -> object:
            both.wait()
            assert tripped.wait(5)
            return ask()

        return wait

    with ThreadPoolExecutor(2) as others:
        under_way = [others.submit(tried, breaker, late(ask)) for ask in (fine, failing)]
        both.wait()
        tried(breaker, failing)
        tripped.set()
        assert [call.result(5) for call in under_way] == ["fine", "Dead"]

    assert (breaker.state, breaker.trips) == (BreakerState.OPEN, 1)
    ticks.now = 1
    assert breaker.state is BreakerState.HALF_OPEN, "the pause was doubled for a failure of before"


@given(st.lists(st.sampled_from([fine, failing, refusing, None])))
def test_whatever_happens_it_opens_on_failures_only_and_always_probes_in_the_end(
    story: list[Callable[[], object] | None],
) -> None:
    ticks = Ticks()
    breaker = Breaker("redis", POLICIES["redis"], monotonic=ticks)
    for ask in story:
        if ask is None:
            ticks.now += 0.1
        else:
            tried(breaker, ask)
    assert (breaker.trips == 0) <= (breaker.state is BreakerState.CLOSED)
    assert breaker.trips <= sum(ask is failing for ask in story)
    ticks.now += POLICIES["redis"].longest_pause_seconds
    assert tried(breaker, fine) == "fine"


class MailOf:
    """A service that fails with the next of these errors, or takes every email."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.asked = list(failures), 0

    def send(self, message: RenderedEmail) -> None:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)


def test_letters_that_ses_refuses_keep_it_in_use_and_those_it_leaves_unanswered_do_not(ticks: Ticks) -> None:
    policy = POLICIES["ses"]
    mail = MailOf(*[EmailRefused("bad address")] * 20, *[EmailNotConfirmed("timed out")] * policy.failures)
    guarded = CircuitBreakerEmailSender(mail, Breaker("ses", policy, monotonic=ticks))
    message = RenderedEmail(
        to="ana@example.com", language="en", subject="Your seats", text="Text", html="<p>HTML</p>", reference="event-1"
    )
    for _ in range(20):
        with pytest.raises(EmailRefused):
            guarded.send(message)
    for _ in range(policy.failures + 3):
        with pytest.raises(EmailNotConfirmed):
            guarded.send(message)
    assert mail.asked == 20 + policy.failures

    ticks.now = policy.pause_seconds
    guarded.send(message)
    assert guarded.breaker.state is BreakerState.CLOSED


def test_who_wants_to_know_is_told_of_trips_failed_probes_and_closings(ticks: Ticks) -> None:
    on_change: list[BreakerChange] = []
    breaker = Breaker(
        "redis", BreakerPolicy(failures=2, pause_seconds=1, longest_pause_seconds=4), [on_change.append], ticks
    )
    for ask in (failing, failing, failing):
        tried(breaker, ask)
    ticks.now = 1
    tried(breaker, failing)
    ticks.now = 3
    tried(breaker, refusing)

    assert on_change == [
        BreakerChange("redis", BreakerState.OPEN, was_closed=True, trips=1, stays_open_seconds=1),
        BreakerChange("redis", BreakerState.OPEN, was_closed=False, trips=1, stays_open_seconds=2),
        BreakerChange("redis", BreakerState.CLOSED, was_closed=False, trips=1, stays_open_seconds=0),
    ]


def test_each_change_is_one_line_in_cloudwatchs_embedded_metric_format(ticks: Ticks) -> None:
    out = io.StringIO()
    policy = BreakerPolicy(failures=1, pause_seconds=1, longest_pause_seconds=4)
    breaker = Breaker("redis", policy, [Metrics("dev", out).write_breaker_change], ticks)
    for ask in (fine, failing, failing):
        tried(breaker, ask)
    ticks.now = 1
    tried(breaker, fine)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(line["BreakerOpen"], line["trips"]) for line in lines] == [(1, 1), (0, 1)]
    assert lines[0]["Stage"] == "dev"
    assert lines[0]["Dependency"] == "redis"
    described = lines[0]["_aws"]
    assert described["Timestamp"] > 1_700_000_000_000
    assert described["CloudWatchMetrics"] == [
        {
            "Namespace": "CinemaTickets",
            "Dimensions": [["Stage", "Dependency"]],
            "Metrics": [{"Name": "BreakerOpen", "Unit": "Count"}],
        }
    ]


@dataclass
class SilentGateway(FakeGateway):
    asked: int = 0

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        self.asked += 1
        raise GatewaySilent("no answer") if transaction_id == "tx-1" else RefundNotConfirmed("declined")


def test_a_gateway_that_does_not_answer_is_left_alone_for_a_while_and_one_that_declines_is_not() -> None:
    gateway, policy = SilentGateway(), BreakerPolicy(failures=2, pause_seconds=5, longest_pause_seconds=60)
    guarded = CircuitBreakerGateway(gateway, Breaker("payments", policy, monotonic=lambda: 0.0))

    for transaction_id in ("tx-2", "tx-2", "tx-2", "tx-1", "tx-1", "tx-1"):
        with pytest.raises(RefundNotConfirmed):
            guarded.refund(transaction_id, 100, "key")

    assert gateway.asked == 5
