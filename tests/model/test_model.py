"""The model finds what a missing guard breaks, and nothing with all of them. All of it: `make model`."""

from pathlib import Path

import pytest

from tests.effort import PROVING

from .configurations import BROKEN, EXHAUSTED, Configuration
from .spin import REMEDY, check, find_missing

needs_spin = pytest.mark.skipif(bool(find_missing()), reason=f"the model of a row {REMEDY}")


def chosen(configurations: tuple[Configuration, ...]) -> list[object]:
    """Gives the quick ones; while proving, all but those that take minutes."""
    some = (each for each in configurations if each.is_quick or (PROVING and not each.takes_minutes))
    return [pytest.param(each, id=each.name) for each in some]


@needs_spin
@pytest.mark.parametrize("configuration", chosen(EXHAUSTED))
def test_every_promise_is_kept_in_every_state(configuration: Configuration, tmp_path: Path) -> None:
    verdict = check(configuration, tmp_path)

    assert verdict.is_exhausted, f"{verdict.violated}\n{verdict.trail}"
    assert verdict.states > 100_000


@needs_spin
@pytest.mark.parametrize("configuration", chosen(BROKEN))
def test_a_guard_that_is_taken_out_breaks_a_promise(configuration: Configuration, tmp_path: Path) -> None:
    verdict = check(configuration, tmp_path)

    assert verdict.violated == configuration.breaks
    assert verdict.trail
