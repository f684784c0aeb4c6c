"""A benchmark that could not measure says so in a sentence, and its holds last as long as it does."""

from http.client import RemoteDisconnected
from pathlib import Path

import pytest

from benchmarks.frame import child, system
from benchmarks.frame.run import Run
from benchmarks.registry import BENCHMARKS
from infra.processes import CannotRunError
from infra.races.crowd import UnexpectedAnswer


@pytest.mark.parametrize("trouble", [TimeoutError(), UnexpectedAnswer("one was 201"), RemoteDisconnected("gone")])
def test_what_could_not_be_measured_is_said_in_a_sentence(trouble: Exception, tmp_path: Path) -> None:
    def measure(run: Run) -> None:
        raise trouble

    with pytest.raises(CannotRunError, match=r"^Not measured: .+\. Run it again when this machine has less to do\.$"):
        child.run_measurement(measure, Run(BENCHMARKS[0], tmp_path))


def test_no_hold_of_a_benchmark_lapses_while_it_runs() -> None:
    assert system.LASTING["HOLD_SECONDS"] == "900"
