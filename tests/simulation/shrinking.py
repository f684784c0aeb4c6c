"""Shrinks a failing run: fewer turns, then fewer commands, then fewer faults, as long as a promise breaks.

A run draws the same chances whatever is left out, as far as its schedule stays the same. So most of what does not
matter can simply be left out, and what is left is the smallest run that we find, not the smallest there is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .seeds import Result, run
from .world import Plan

MOST_RUNS = 400


@dataclass
class Shrinking:
    """`best` is the smallest failing run so far."""

    best: Result
    runs: int = 0

    def still_fails(self, plan: Plan) -> bool:
        """Runs a smaller plan, and keeps it if any promise breaks. Tells whether one did."""
        if self.runs >= MOST_RUNS:
            return False
        self.runs += 1
        result = run(plan)
        if not result.found:
            return False
        self.best = result
        return True

    def leave_out_turns(self) -> None:
        """Ends the schedule earlier: by halves, then by less."""
        step = self.best.turns
        while step := step // 2:
            while self.best.turns > step and self.still_fails(replace(self.best.plan, turns=self.best.turns - step)):
                pass

    def leave_out(
        self, happened: Callable[[Result], Sequence[int]], only: Callable[[Plan, frozenset[int]], Plan]
    ) -> None:
        """Leaves out numbered occasions: large groups first, then one at a time."""
        size = len(happened(self.best))
        while size:
            start = 0
            while start < len(happened(self.best)):
                numbers = happened(self.best)
                left = frozenset((*numbers[:start], *numbers[start + size :]))
                if not self.still_fails(only(self.best.plan, left)):
                    start += size
            size //= 2


def shrunk(failed: Result) -> Result:
    """Gives a failing run that is smaller, or the same."""
    shrinking = Shrinking(failed)
    size = None
    while size != _count_occasions(shrinking.best):
        size = _count_occasions(shrinking.best)
        shrinking.leave_out_turns()
        shrinking.leave_out(lambda result: result.asked, lambda plan, left: replace(plan, commands=left))
        shrinking.leave_out(lambda result: result.struck, lambda plan, left: replace(plan, faults=left))
    return shrinking.best


def _count_occasions(result: Result) -> int:
    return result.turns + len(result.asked) + len(result.struck)
