"""What a process keeps in memory for some seconds: how old it may be, how much of it, and who makes it forget."""

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from threading import Event, Thread
from time import monotonic, sleep
from types import FrameType

import pytest

from chalicelib.infrastructure.ttl_cache import TtlCache
from tests.fakes import Ticks


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def kept(ticks: Ticks) -> TtlCache[int]:
    return TtlCache(1.0, max_entries=2, seconds=ticks)


@pytest.fixture
def reading() -> "Iterator[int]":
    """How often it was read: 1, 2, 3, …"""
    return count(1)


def test_who_asks_within_its_time_gets_what_was_read(kept: TtlCache[int], ticks: Ticks, reading: Iterator[int]) -> None:
    read = reading.__next__
    assert kept.get_or_read("a", read) == 1
    ticks.now = 0.999
    assert kept.get_or_read("a", read) == 1
    ticks.now = 1.0
    assert kept.get_or_read("a", read) == 2


def test_an_answer_is_as_old_as_its_question(kept: TtlCache[int], ticks: Ticks) -> None:
    """What took 0.9 s to be read may have been true only at its beginning."""

    def slowly() -> int:
        ticks.now += 0.9
        return 1

    kept.get_or_read("a", slowly)
    ticks.now += 0.1

    assert kept.get_or_read("a", lambda: 2) == 2


def test_what_is_empty_is_an_answer_too(ticks: Ticks) -> None:
    kept: TtlCache[list[int]] = TtlCache(1.0, seconds=ticks)
    kept.get_or_read("a", list)

    assert kept.get_or_read("a", lambda: [1]) == []


def test_each_question_has_its_answer_and_the_oldest_makes_room(kept: TtlCache[int], reading: Iterator[int]) -> None:
    read = reading.__next__
    assert [kept.get_or_read(question, read) for question in "abab"] == [1, 2, 1, 2]
    assert [kept.get_or_read(question, read) for question in "cbca"] == [3, 2, 3, 4]


def test_a_change_is_seen_at_once_where_it_was_made(kept: TtlCache[int], reading: Iterator[int]) -> None:
    read = reading.__next__
    kept.get_or_read("a", read)
    kept.clear()

    assert kept.get_or_read("a", read) == 2


def test_what_was_being_read_during_a_change_is_not_kept(kept: TtlCache[int], reading: Iterator[int]) -> None:
    def read_while_it_changes() -> int:
        kept.clear()
        return next(reading)

    assert kept.get_or_read("a", read_while_it_changes) == 1
    assert kept.get_or_read("a", reading.__next__) == 2


def test_a_failure_is_not_kept(kept: TtlCache[int]) -> None:
    with pytest.raises(ZeroDivisionError):
        kept.get_or_read("a", lambda: 1 // 0)

    assert kept.get_or_read("a", lambda: 1) == 1


class SlowRead:
    """An answer that is being read until somebody lets it end, with a failure if there is one."""

    def __init__(self, answer: int, failure: Exception | None = None) -> None:
        self.answer, self.failure = answer, failure
        self.began, self.may_end = Event(), Event()

    def __call__(self) -> int:
        self.began.set()
        assert self.may_end.wait(10)
        if self.failure:
            raise self.failure
        return self.answer


def ask_while_read(kept: TtlCache[int], read: SlowRead, threads: ThreadPoolExecutor, others: int) -> list[Future[int]]:
    """Has one thread read, and others ask the same while it does; then lets it end."""
    asked = [threads.submit(kept.get_or_read, "a", read)]
    assert read.began.wait(10)
    asked += [threads.submit(kept.get_or_read, "a", lambda: 1 // 0) for _ in range(others)]
    deadline = monotonic() + 10
    while len(waiting(threads)) < others and monotonic() < deadline:
        sleep(0.001)
    return asked


def waiting(threads: ThreadPoolExecutor) -> list[Thread]:
    """Gives the pool's threads that wait for another one's answer."""
    gc.disable()  # CPython 3.11 may deadlock if it collects in the call
    try:
        frames = sys._current_frames()
    finally:
        gc.enable()
    inside = {thread: frames.get(thread.ident or 0) for thread in threads._threads}
    return [thread for thread, frame in inside.items() if "_Reading.wait" in calls_of(frame)]


def calls_of(frame: FrameType | None) -> set[str]:
    names = set()
    while frame:
        names.add(frame.f_code.co_qualname)
        frame = frame.f_back
    return names


def test_threads_that_ask_at_once_share_one_read(kept: TtlCache[int]) -> None:
    read = SlowRead(1)
    with ThreadPoolExecutor(8) as threads:
        asked = ask_while_read(kept, read, threads, others=7)
        read.may_end.set()
        assert [one.result(10) for one in asked] == [1] * 8


def test_threads_that_waited_for_a_failure_are_told_of_it_and_the_next_reads(kept: TtlCache[int]) -> None:
    read = SlowRead(1, failure=LookupError())
    with ThreadPoolExecutor(4) as threads:
        asked = ask_while_read(kept, read, threads, others=3)
        read.may_end.set()
        assert {type(one.exception(10)) for one in asked} == {LookupError}

    assert kept.get_or_read("a", lambda: 2) == 2


def test_who_asks_after_a_change_does_not_wait_for_what_was_read_before_it(kept: TtlCache[int]) -> None:
    read = SlowRead(1)
    with ThreadPoolExecutor(1) as threads:
        asked = ask_while_read(kept, read, threads, others=0)
        kept.clear()
        assert kept.get_or_read("a", lambda: 2) == 2
        read.may_end.set()
        assert asked[0].result(10) == 1

    assert kept.get_or_read("a", lambda: 3) == 2


def test_a_read_that_a_change_has_outdated_ends_no_other(kept: TtlCache[int]) -> None:
    outdated, read = SlowRead(1), SlowRead(2)
    with ThreadPoolExecutor(2) as threads:
        before = ask_while_read(kept, outdated, threads, others=0)
        kept.clear()
        after = ask_while_read(kept, read, threads, others=0)
        outdated.may_end.set()
        assert before[0].result(10) == 1
        read.may_end.set()
        assert after[0].result(10) == 2

    assert kept.get_or_read("a", lambda: 3) == 2
