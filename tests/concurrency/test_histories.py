"""A portion of `make histories`: kills, outages and a faulting wire, and what clients were told of it, checked."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.processes import ROOT
from tests.conftest import EMBEDDED
from tests.effort import thorough
from tests.histories.faults import Kind

SECONDS, LONGEST_SECONDS, SEED = 14, 150, 3
MUST_COME = ("answer dropped", "throttled", "late duplicate", "instance killed", "redis killed", "outage of dynamodb")
THEIR_OWN = ("AWS_ENDPOINT_URL", "REDIS_URL", "PAYMENTS_URL", "TABLE_PREFIX", "STAGE", "AUTH")
"""What a run sets itself: it has an emulator of its own, which it may cut off."""


@thorough
@pytest.mark.skipif(not EMBEDDED, reason="it kills and cuts off an emulator of its own")
def test_a_short_history_with_every_kind_of_trouble_is_legal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.histories", "--seconds", str(SECONDS), "--seed", str(SEED)]
    options = ["--harm-each", "1.0", "--out", str(tmp_path / "history.jsonl")]
    environment = {name: value for name, value in os.environ.items() if name not in THEIR_OWN}
    done = subprocess.run(
        [*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    summary = done.stdout.splitlines()[-1]
    counts = {kind: int(found[1]) for kind in Kind if (found := re.search(rf"{kind} (\d+)", summary))}
    assert set(counts) == set(Kind), summary
    assert all(counts[Kind(kind)] for kind in MUST_COME), summary
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) > 100, summary
