"""Measures the CPU of calls against canned answers, in turn: stock boto3, stock pynamodb, our client, a whole hold."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from benchmarks.client import paths
from benchmarks.client.instructions import count_instructions
from benchmarks.frame.pairs import interleave, ratio
from benchmarks.frame.plots import Bars
from benchmarks.frame.run import Run
from infra.local.emulator import CREDENTIALS
from infra.processes import HOST, free_port, is_port_free, run_child, wait_until

ROUNDS = 40
CALLS = 60
"""The calls of each path in a round: some hundredths of a second."""

FIGURES = {"hold": paths.HOLD, "call": paths.OURS, "options": paths.BY_BOTOCORE, "pynamodb": paths.PYNAMODB}


def measure(run: Run) -> None:
    with run_canned(run) as url:
        os.environ |= {**CREDENTIALS, "AWS_ENDPOINT_URL": url, "STAGE": "test", "TABLE_PREFIX": "bench"}
        count(run)
        compare(run)


def count(run: Run) -> None:
    """Counts instructions."""
    run.say("counting instructions by callgrind")
    counted = count_instructions(run.scratch, run.seconds_left())
    if counted is None:
        run.leave_out("instructions: there is no valgrind, or not enough time")
        return
    run.keep("instructions", counted)
    stock = counted[paths.STOCK]
    for figure, name in FIGURES.items():
        share = counted[name] / paths.CALLS[name] / stock
        run.record(
            f"{figure}, instructions",
            share,
            note=f"{counted[name] / paths.CALLS[name] / 1e6:.2f} of {stock / 1e6:.2f} million a call",
        )


def compare(run: Run) -> None:
    """Measures CPU seconds, in turn."""
    walked = {name: repeat(call) for name, call in paths.make_paths().items()}
    samples = interleave(walked, rounds=ROUNDS, seconds_left=run.seconds_left)
    stock = samples[paths.STOCK]
    shares = {name: ratio([each / paths.CALLS[name] for each in taken], stock) for name, taken in samples.items()}
    for figure, name in FIGURES.items():
        run.record(f"{figure}, CPU", shares[name], samples=samples if name == paths.HOLD else None)
    run.plot("cpu", Bars("CPU of one call, × stock boto3", {name: share.value for name, share in shares.items()}))


@contextlib.contextmanager
def run_canned(run: Run) -> Iterator[str]:
    """Runs the canned DynamoDB and gives its URL."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.client.canned", str(port)]
    with run_child("canned-dynamodb", command, os.environ, run_dir=run.scratch) as child:
        wait_until(lambda: not is_port_free(port), child, "The canned DynamoDB")
        yield f"http://{HOST}:{port}"


def repeat(call: Callable[[], object]) -> Callable[[], None]:
    def repeated() -> None:
        for _ in range(CALLS):
            call()

    return repeated
