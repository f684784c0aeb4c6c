"""Shares are added up, run once, and end with the time."""

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.histories import shares
from tests.histories.__main__ import main
from tests.histories.shares import Counts, Plan, run_all


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Gives the seeds that were run, each of which makes its operations and finds nothing."""
    seeds: list[str] = []

    def run(command: list[str], **_: Any) -> None:
        options = dict(zip(command[3::2], command[4::2], strict=True))
        seeds.append(options["--seed"])
        if options["--seed"] != "9000":
            made = int(options["--operations"])
            Counts(made, 1.0, {"hold:201": 5}, {"throttled": 1}, {"sales": 2}).save(Path(options["--result"]))

    monkeypatch.setattr(subprocess, "run", run)
    return seeds


def plan(folder: Path, seed: int = 7, seconds: float = 60.0) -> Plan:
    return Plan(13, seconds, seed, share=5, at_once=1, folder=folder)


def test_all_shares_are_added_up(ran: list[str], tmp_path: Path) -> None:
    counts = run_all(plan(tmp_path), print)

    assert ran == ["7000", "7001", "7002"]
    assert counts == Counts(13, 3.0, {"hold:201": 15}, {"throttled": 3}, {"sales": 6})
    assert counts.is_clean
    assert "13 operations (hold:201=15); faults: answer dropped 0" in counts.summary(7)


def test_fewer_operations_than_asked_for_prove_nothing(
    ran: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shares, "Plan", partial(Plan, folder=tmp_path))
    asked = ["--share", "5", "--at-once", "1", "--seed", "7", "--operations"]

    assert main([*asked, "13"]) == 0
    assert main([*asked, "14", "--seconds", "0"]) == 1
    assert "after 10 of 14 operations" in capsys.readouterr().out


def test_a_share_that_was_run_is_not_run_again(ran: list[str], tmp_path: Path) -> None:
    before = run_all(plan(tmp_path), print)

    assert run_all(plan(tmp_path), print) == before
    assert len(ran) == 3


def test_a_share_that_time_cut_short_is_run_again(ran: list[str], tmp_path: Path) -> None:
    Counts(2, 1.0).save(plan(tmp_path).result_of(7001, 5))

    assert run_all(plan(tmp_path), print).operations == 13
    assert ran == ["7000", "7001", "7002"]


def test_after_a_change_of_the_code_all_is_run_anew(
    ran: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_all(plan(tmp_path), print)
    monkeypatch.setattr(shares, "code_digest", lambda rooms: "another")
    run_all(plan(tmp_path), print)

    assert len(ran) == 6


def test_no_share_begins_after_the_time(ran: list[str], tmp_path: Path) -> None:
    counts = run_all(plan(tmp_path, seconds=0), print)

    assert not ran
    assert not counts.is_clean


def test_a_share_without_a_verdict_is_no_success(ran: list[str], tmp_path: Path) -> None:
    assert run_all(plan(tmp_path, seed=9), print).violations == ["the share of seed 9000 has ended without a verdict"]
