"""Proves in about an hour, part by part, and prints one table: `python -m tests.prove [--only NAME]`.

A part is a command. It has proved what it should when it exits with 0 and says how much it did: tests that are all
skipped, for want of a tool, prove nothing. The number beside it is the last line of its output that says one. Logs are
in build/prove.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.processes import ROOT, say

LOGS = ROOT / "build" / "prove"
PYTEST = ("pytest", "-q", "-p", "no:cacheprovider")


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    says: str
    """What it shows."""
    module: tuple[str, ...]
    """The Python module to run, and its arguments."""
    minutes: int
    """After so many it is ended, and has proved nothing."""
    counted: str = r"\d+ passed.*"
    """The pattern of the line that says how much was done."""


PARTS = (
    Part("model", "no state of the model breaks a promise", (*PYTEST, "tests/model"), 5),
    Part(
        "schedules",
        "no schedule of the simulated system does",
        ("tests.simulation", "--seeds", "40000"),
        10,
        r"[\d,]+ seeds from.*",
    ),
    Part("planted faults", "each guard that is taken out is missed", (*PYTEST, "tests/simulation/test_planted.py"), 5),
    Part(
        "mutants",
        "each change of a guard fails a test",
        ("tests.mutants", "--minutes", "11"),
        13,
        r"\d+ of \d+; .*",
    ),
    Part(
        "mutmut",
        "nine in ten changes of domain and application fail a test",
        ("tests.mutmut", "--minutes", "5"),
        9,
        r"\d+ of \d+ mutants killed.*",
    ),
    Part("races", "one winner over HTTP, and a control that has two", (*PYTEST, "tests/concurrency"), 8),
    Part(
        "histories",
        "each seat's history over HTTP is a legal one, with faults",
        ("tests.histories", "--operations", "100000"),
        45,
        r"[\d,]+ operations.*",
    ),
    Part(
        "soak",
        "after load with faults and restarts all agrees, and memory is flat",
        ("tests.soak", "--minutes", "5"),
        8,
        r"[\d,]+ operations.*",
    ),
    Part(
        "events and money",
        "crashing consumers handle each event once",
        (*PYTEST, "tests/integration/events/test_events.py", "tests/integration/events/test_money.py"),
        10,
    ),
    Part("disasters", "what was lost is rebuilt as the drill says", (*PYTEST, "tests/integration/disasters"), 4),
    Part("parsers", "no bytes of strangers surprise what parses them", ("tests.fuzzing",), 3, r"\d+ parsers.*"),
    Part(
        "requests",
        "made-up requests are answered as documented",
        (*PYTEST, "tests/api/test_fuzzing.py", "tests/api/test_state_machine.py"),
        13,
    ),
    Part(
        "pages",
        "each request of the page can be refused with each code",
        (*PYTEST, "tests/browser/test_states.py", "tests/browser/test_access.py"),
        5,
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=__doc__)
    parser.add_argument("--only", choices=[part.name for part in PARTS], action="append")
    only = parser.parse_args(arguments).only
    results = list(prove([part for part in PARTS if not only or part.name in only]))
    say("")
    for line in _table(results):
        say(line)
    return 0 if all(result.is_proved for result in results) else 1


@dataclass(frozen=True, slots=True)
class Result:
    part: Part
    status: int | None
    """The exit status; None if it took too long."""
    seconds: float
    count: str

    @property
    def is_proved(self) -> bool:
        return self.status == 0 and bool(self.count)

    @property
    def verdict(self) -> str:
        if self.status is None:
            return "too slow"
        if self.status:
            return "FAILED"
        return "proved" if self.is_proved else "NOT RUN"


def prove(parts: Sequence[Part], logs: Path = LOGS) -> Iterator[Result]:
    """Runs the parts one after the other. What each prints goes to a file in the folder `logs`."""
    logs.mkdir(parents=True, exist_ok=True)
    for part in parts:
        say(f"{part.name}: {part.says} (at most {part.minutes} min) …")
        result = _run(part, logs / f"{part.name.replace(' ', '-')}.log")
        say(f"  {result.verdict} in {result.seconds:.0f} s: {result.count or 'see its log'}")
        yield result


def _run(part: Part, log: Path) -> Result:
    began = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *part.module],
            cwd=ROOT,
            env={**os.environ, "PROVE": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        status = None
        try:
            status = process.wait(part.minutes * 60)
        except subprocess.TimeoutExpired:
            _end(process)
    counted = re.findall(part.counted, log.read_text())
    return Result(part, status, time.monotonic() - began, counted[-1].strip(" =") if counted else "")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupts a part, so that it stops its processes; kills it when it does not stop."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _table(results: Sequence[Result]) -> Iterator[str]:
    wide = max(len(result.part.name) for result in results)
    for result in results:
        name = result.part.name.ljust(wide)
        yield f"{name}  {result.verdict:8}  {result.seconds:5.0f} s  {result.part.says}: {result.count}"


if __name__ == "__main__":
    sys.exit(main())
