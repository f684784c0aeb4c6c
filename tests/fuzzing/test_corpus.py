"""The corpus is replayed, and some thousand changes of it. For longer: `make fuzz SECONDS=60`."""

import random

import pytest

from tests.effort import effort

from .__main__ import changed
from .corpus import CORPUS, inputs_of
from .targets import TARGETS

CHANGES = effort(30, 1000)
"""Of each input; the seed is fixed, so that a failure can be repeated."""


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_refuses_only_as_it_documents(name: str) -> None:
    inputs = list(inputs_of(name))
    assert inputs, f"no corpus for {name}"

    for file, data in inputs:
        chance = random.Random(file)
        for each in (data, *(changed(data, chance) for _ in range(CHANGES))):
            TARGETS[name](each)


def test_each_folder_of_the_corpus_is_a_targets() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


def test_some_of_each_corpus_gets_through() -> None:
    """A corpus of which all is refused at the first byte would test little."""
    refused_always = {"forged_ticket", "access_token"}
    for name in TARGETS.keys() - refused_always:
        assert any(gets_through(name, data) for _, data in inputs_of(name)), name


def gets_through(name: str, data: bytes) -> bool:
    try:
        TARGETS[name].parse(data)
    except TARGETS[name].refusals:
        return False
    return True
