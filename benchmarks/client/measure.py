"""Measures the CPU of calls against canned answers, in turn: stock boto3, stock pynamodb, our client, a whole hold."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

import boto3

from benchmarks.client import paths
from benchmarks.frame.pairs import interleave, ratio
from benchmarks.frame.plots import Bars
from benchmarks.frame.run import Run
from infra.local.emulator import CREDENTIALS
from infra.processes import HOST, free_port, port_is_free, run_child, wait_until

ROUNDS = 40
CALLS = 60
"""The calls of each path in a round: some hundredths of a second."""

STOCK, PYNAMODB, OURS, HOLD = "stock boto3", "stock pynamodb", "our client", "our hold"
CALLS_OF_HOLD = 3


def measure(run: Run) -> None:
    with run_canned(run) as url:
        os.environ |= {**CREDENTIALS, "AWS_ENDPOINT_URL": url, "STAGE": "test", "TABLE_PREFIX": "bench"}
        samples = interleave(
            {name: repeat(call) for name, call in make_paths().items()}, rounds=ROUNDS, seconds_left=run.seconds_left
        )
    per_call = dict.fromkeys(samples, 1) | {HOLD: CALLS_OF_HOLD}
    stock = samples[STOCK]
    shares = {name: ratio([each / per_call[name] for each in taken], stock) for name, taken in samples.items()}
    run.record("call", shares[OURS], samples=samples)
    run.record("hold", shares[HOLD], note=f"{CALLS_OF_HOLD} calls")
    run.record("pynamodb", shares[PYNAMODB])
    run.plot("cpu", Bars("CPU of one call, × stock boto3", {name: share.value for name, share in shares.items()}))


@contextlib.contextmanager
def run_canned(run: Run) -> Iterator[str]:
    """Runs the canned DynamoDB and gives its URL."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.client.canned", str(port)]
    with run_child("canned-dynamodb", command, os.environ, run_dir=run.scratch) as child:
        wait_until(lambda: not port_is_free(port), child, "The canned DynamoDB")
        yield f"http://{HOST}:{port}"


def repeat(call: Callable[[], object]) -> Callable[[], None]:
    def repeated() -> None:
        for _ in range(CALLS):
            call()

    return repeated


def make_paths() -> dict[str, Callable[[], object]]:
    """Makes the paths to measure, which all write what a hold of one seat writes."""
    return {
        STOCK: paths.update_with(boto3.client("dynamodb")),
        PYNAMODB: paths.pynamodb_update(),
        OURS: paths.update_with(paths.our_client()),
        HOLD: paths.hold(),
    }
