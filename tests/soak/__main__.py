"""`python -m tests.soak --minutes 10`: constant load with faults and restarts, reconciled, with flat memory."""

import argparse
import os
import sys
import time
from collections.abc import Sequence

from infra.command import as_command
from infra.processes import ROOT, CannotRunError, say
from tests.histories.campaign import Plan, run
from tests.histories.cinema import Cinema
from tests.soak.memory import Memory

MINUTES = 10.0
SAMPLED_EACH_SECONDS = 2.0
ALL_OPERATIONS = 10**9
PAUSE_SECONDS = 0.8
"""Eight buyers then make up to ten operations a second: less than 2 cores can do, so that the load is constant."""
HARM_EACH_SECONDS = 5.0
GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Settings of glibc's allocator with which a process gives back what it frees: its resident set is what it uses. The
soak that was flat had them; whether it is flat without them was not tried."""


class Watch:
    """Samples the memory of instances, relays and Redis. The emulator's is left out: it keeps all data in memory."""

    def __init__(self) -> None:
        self.memory, self.looked = Memory(), 0.0

    def __call__(self, cinema: Cinema, seconds: float) -> None:
        if seconds - self.looked < SAMPLED_EACH_SECONDS:
            return
        self.looked = seconds
        ours = [(f"{one.name}-{one.starts}", one.pid) for one in (*cinema.instances, *cinema.relays)]
        redis = cinema.redis.child.process.pid if cinema.redis.child else None
        self.memory.look(seconds, [*ours, (f"redis-{redis}", redis)])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"default {MINUTES:.0f}")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    started, watch = time.monotonic(), Watch()
    os.environ |= GIVES_BACK
    plan = Plan(
        ALL_OPERATIONS,
        options.minutes * 60,
        options.seed,
        harm_each_seconds=HARM_EACH_SECONDS,
        pause_seconds=PAUSE_SECONDS,
    )
    path = ROOT / "build" / "soak" / f"seed-{options.seed}.jsonl"
    result = run(plan, path, lambda text: say(f"[{time.monotonic() - started:5.0f} s] {text}"), watch)
    lives = watch.memory.lives()
    growing = [life for life in lives if not life.is_flat]
    for violation in (*result.violations, *result.verdict.broken):
        say(f"VIOLATION {violation}")
    for life in growing:
        say(f"GROWS {life}")
    say(f"memory: {'; '.join(map(str, lives)) or 'too short to say: nothing is shown'}")
    say(f"seed {options.seed}: {result.summary()}")
    return 0 if result.is_clean and lives and not growing else 1


if __name__ == "__main__":
    as_command(lambda: main(sys.argv[1:]), CannotRunError)
