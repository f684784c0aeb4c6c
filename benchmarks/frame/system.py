"""The system that benchmarks measure: an emulator with the tables, and the API; nothing lapses meanwhile."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chalicelib.settings import MAX_HOLD_SECONDS
from infra.cloud import deploy
from infra.local import emulator as machine
from infra.races import crowd, instances

STAGE = "bench"
PREFIX = f"cinema-{STAGE}"
LASTING = {"HOLD_SECONDS": str(MAX_HOLD_SECONDS), "RATE_LIMITS": "off"}
"""Settings with which no hold lapses during a measurement, even on a slow machine."""


@contextmanager
def run_tables(scratch: Path, *, stage: str = STAGE, **settings: str) -> Iterator[str]:
    """Runs an emulator with the stage's tables and gives its URL. This process and its children have the settings."""
    with machine.run_emulator(run_dir=scratch) as emulator:
        os.environ |= {
            **machine.CREDENTIALS,
            "STAGE": "test",
            "TABLE_PREFIX": f"cinema-{stage}",
            "AWS_ENDPOINT_URL": emulator.endpoint,
            "LOG_LEVEL": "ERROR",
            **LASTING,
            **settings,
        }
        deploy.deploy_data(stage)
        yield emulator.endpoint


@contextmanager
def run_api(scratch: Path, **settings: str) -> Iterator[tuple[str, crowd.Crowd]]:
    """Runs the tables and one instance of the API with these settings. Gives its URL and a client of it."""
    with (
        run_tables(scratch, **settings),
        instances.run_instances(1, os.environ, run_dir=scratch) as urls,
        crowd.Crowd(urls, 1) as client,
    ):
        yield urls[0], client
