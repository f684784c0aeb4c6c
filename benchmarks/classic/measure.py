"""Measures both designs in one run: what they cost, how fast they are, what they lose. See docs/comparison.md."""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from benchmarks.classic import costs, faults
from benchmarks.classic.machine import ENVIRONMENT, run_classic
from benchmarks.classic.ours import run_ours
from benchmarks.classic.sides import ClassicSide, OurSide, Side
from benchmarks.classic.throughput import Round, play_round, play_rounds
from benchmarks.frame.pairs import ratio
from benchmarks.frame.run import Run
from benchmarks.load import generators
from benchmarks.load.mixes import MIXES
from infra.local.emulator import describe_machine

INSTANCES = 2
ROUNDS = 3
SECONDS_FOR_FAULTS = 130.0


def measure(run: Run) -> None:
    """Runs both designs side by side; the one that is not measured is idle. Raises CannotRunError with a remedy."""
    ENVIRONMENT.install()
    generators.ENVIRONMENTS["k6"].install()
    with ExitStack() as stack:
        (run.scratch / "classic").mkdir()
        (run.scratch / "ours").mkdir()
        run.scratch.chmod(0o755)
        classic = stack.enter_context(run_classic(INSTANCES, run.scratch / "classic"))
        ours = stack.enter_context(run_ours(INSTANCES, run.scratch / "ours"))
        sides = (OurSide(ours), ClassicSide(classic))
        version = classic.postgres.query("SHOW server_version")[0][0]
        run.keep("machine", describe_machine(ours.environment["AWS_ENDPOINT_URL"], ours.environment["REDIS_URL"]))
        run.keep("postgres", version)
        run.say(f"both run: ours, and the old design on PostgreSQL {version}")
        run.keep("costs", [asdict(each) for each in costs.count_costs(classic)])
        found = inject_faults(run, sides, FAULTS_BEFORE)
        warm_up(run, sides)
        record_throughput(run, play_rounds(run, sides, ROUNDS, SECONDS_FOR_FAULTS))
        run.keep("faults", found | inject_faults(run, sides, FAULTS_AFTER))


def warm_up(run: Run, sides: Sequence[Side]) -> None:
    """Plays rounds that do not count: connections are opened, modules are imported by each view's first request."""
    for side in sides:
        for mix in ("checkout", "browse"):
            play_round(side, mix, "busy", run.scratch)


def record_throughput(run: Run, rounds: Sequence[Round]) -> None:
    """Keeps the rounds, and records each mix as a share of the old design's."""
    run.keep("rounds", [asdict(each) for each in rounds])
    for mix in MIXES:
        rates = {
            side: [
                each.requests_per_second for each in rounds if (each.side, each.mix, each.pace) == (side, mix, "busy")
            ]
            for side in ("ours", "classic")
        }
        run.record(f"throughput of {mix}", ratio(rates["ours"], rates["classic"]), samples=rates)
    for side in ("ours", "classic"):
        run.record(f"oversold seats, {side}", sum(each.oversold for each in rounds if each.side == side))


Faults = dict[str, Callable[[Side], Any]]

FAULTS_BEFORE: Faults = {"publishers": faults.lose_publishers}
"""Before the load: our relay reads its streams from their beginning, and would have thousands of events to hand on."""
FAULTS_AFTER: Faults = {
    "killed": lambda side: faults.lose_instance(side, "kill"),
    "frozen": lambda side: faults.lose_instance(side, "stop"),
    "redis": faults.lose_redis,
}
"""Redis last: both designs go on with an empty one."""


def inject_faults(run: Run, sides: Sequence[Side], wanted: Faults) -> dict[str, dict[str, Any]]:
    """Injects each fault into both designs and gives the findings. Records the counts of losses."""
    found: dict[str, dict[str, Any]] = {name: {} for name in wanted}
    for name, inject in wanted.items():
        for side in sides:
            result = inject(side)
            found[name][side.name] = _finite(asdict(result))
            run.say(f"{name}, {side.name}: {result}")
            if isinstance(result, faults.NotPublished):
                run.record(f"lost events, {side.name}", result.lost_events, note=f"of {result.sales} sales")
    return found


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """Writes infinity as null: JSON has none."""
    return {name: None if isinstance(each, float) and math.isinf(each) else each for name, each in values.items()}
