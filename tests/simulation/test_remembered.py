"""What a run remembers changes nothing: not its steps, and not what is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.infrastructure.dynamodb import payments

from . import world
from .remembered import KEYS, remembering
from .seeds import Result, run
from .world import Plan

SEEDS = range(40)


def traced(seed: int) -> tuple[Result, list[str]]:
    trace: list[str] = []
    return run(Plan(seed), trace), trace


def test_a_run_is_the_same_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered = [traced(seed) for seed in SEEDS]

    @contextmanager
    def forgetting() -> Iterator[None]:
        yield

    monkeypatch.setattr(world, "remembering", forgetting)

    assert [traced(seed) for seed in SEEDS] == remembered


def test_what_is_remembered_is_what_a_second_reading_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has changed an item, a message or a result since it was read."""
    memories: list[Any] = []

    @contextmanager
    def watched() -> Iterator[None]:
        with remembering() as memory:
            memories.append(memory)
            yield

    monkeypatch.setattr(world, "remembering", watched)
    for seed in SEEDS:
        run(Plan(seed))

    assert all(sum(len(memory[function]) for memory in memories) for function in KEYS)
    for memory in memories:
        for function, known in memory.items():
            assert [function(argument) for argument, _ in known.values()] == [result for _, result in known.values()]


def test_after_a_run_all_is_as_before() -> None:
    before = payments.payment_from_item
    with remembering():
        assert payments.payment_from_item is not before

    assert payments.payment_from_item is before
