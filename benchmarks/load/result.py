"""The result of a run: how the requests ended, and how long each step took. Read from the load generator's file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

OUTCOMES = ("accepted", "held", "sold", "refused", "limited", "failed")
"""Answers 2xx, of which holds and of which sales; 402, 409 and 410; 429; any other answer, or none."""
STEPS = ("look", "hold", "start_payment", "pay", "give_back", "purchases")
TIMES = ("p50", "p95", "p99", "max")


@dataclass(frozen=True, slots=True)
class Result:
    seconds: float
    outcomes: Mapping[str, int]
    steps: Mapping[str, Mapping[str, float]]
    """The requests of each step: `count`, and p50, p95, p99 and max of their milliseconds."""
    missed: int = 0
    """Arrivals for which no virtual user was left: the generator could not keep its rate."""
    crossed: Sequence[str] = field(default_factory=list)
    """The thresholds that did not hold."""

    @classmethod
    def read(cls, path: Path) -> "Result":
        return cls(**json.loads(path.read_text()))

    @property
    def requests(self) -> int:
        return sum(self.outcomes[name] for name in ("accepted", "refused", "limited", "failed"))

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def printed(result: Result) -> str:
    """Makes the table for a terminal."""
    lines = [f"  {'':16}{'requests':>10}" + "".join(f"{f'{name} ms':>10}" for name in TIMES)]
    for step, measured in result.steps.items():
        times = "".join(f"{measured[name]:10.0f}" for name in TIMES)
        lines.append(f"  {step.replace('_', ' '):16}{measured['count']:10.0f}{times}")
    lines.append(f"  {'all':16}{result.requests:10}   {result.requests_per_second:.0f}/s in {result.seconds:.0f} s")
    lines += ["", *(f"  {name:16}{result.outcomes[name]:10}" for name in OUTCOMES)]
    if result.missed:
        lines.append(f"  {'not begun':16}{result.missed:10}   no virtual user was free: this machine is too slow")
    return "\n".join([*lines, *(f"  ✗ threshold: {each}" for each in result.crossed)])
