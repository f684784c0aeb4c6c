"""Many seeds, on several processes, that stop and go on."""

from pathlib import Path

import pytest

from . import campaign
from .campaign import PORTION, Done, Portion, resumed, run_all

FIRST, SEEDS = 0, 2 * PORTION + 10


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(campaign, "STATE", tmp_path)
    return tmp_path


def a_portion(first: int, **failed: str) -> Portion:
    return Portion(first, failed, {"a fault": 2}, steps=10, seconds=1.0)


def test_what_was_run_is_not_run_again(state: Path) -> None:
    before = resumed(FIRST, SEEDS)
    before.add(a_portion(PORTION))
    before.save()

    after = resumed(FIRST, SEEDS)

    assert [some.start for some in after.left()] == [0, 2 * PORTION]
    assert [len(some) for some in after.left()] == [PORTION, 10]
    assert (after.count, after.happened, after.steps) == (PORTION, {"a fault": 2}, 10)


def test_after_a_change_of_the_code_all_is_run_anew(state: Path) -> None:
    before = Done(FIRST, SEEDS, code="another")
    before.add(a_portion(0))
    before.save()

    assert resumed(FIRST, SEEDS).count == 0


def test_failures_are_kept_by_their_seeds(state: Path) -> None:
    done = resumed(FIRST, SEEDS)
    done.add(a_portion(0, **{"17": "a promise"}))
    done.save()

    assert resumed(FIRST, SEEDS).failed == {"17": "a promise"}


def test_a_campaign_runs_every_seed(state: Path) -> None:
    done = resumed(FIRST, 6)

    run_all(done, processes=1)

    assert (done.count, done.failed, list(done.left())) == (6, {}, [])
    assert done.steps > 0
    assert resumed(FIRST, 6).count == 6
