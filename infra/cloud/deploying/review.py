"""Shows what a deployment would change, and in prod has somebody agree to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .changes import Plan
from .stacks import DeploymentError, Say

PRODUCTION = "prod"

Review = Callable[[Plan], None]
"""Is called with each stack's plan before the plan is executed. Raises DeploymentError if it must not be executed."""


def no_review(_: Plan) -> None:
    """Agrees to every plan and prints nothing: for `make run` and tests, whose stages are rebuilt all the time."""


def ask_at_terminal(question: str) -> bool:
    """Asks a question, and tells whether the answer is yes."""
    return input(question).strip().lower() in ("y", "yes")


@dataclass(frozen=True, slots=True)
class PrintedReview:
    """Prints each plan. In prod asks for agreement at the terminal, and refuses without a terminal."""

    stage: str
    sure: bool
    at_terminal: bool
    ask: Callable[[str], bool] = ask_at_terminal
    say: Say = print

    def __call__(self, plan: Plan) -> None:
        if not plan.resources and not plan.lines:
            self.say(f"{plan.stack}: nothing to change")
            return
        self.say(f"{plan.stack}: {'creates' if plan.is_new else 'changes'}")
        for line in plan.lines:
            self.say(f"  {line}")
        if self.stage == PRODUCTION and not self.sure:
            self._require_agreement(plan)

    def _require_agreement(self, plan: Plan) -> None:
        if not self.at_terminal:
            raise DeploymentError(
                f"{plan.stack} was left as it is: these changes of {self.stage} have to be agreed to. There is no"
                " terminal to ask at: agree with YES=1 (--yes)."
            )
        if not self.ask(f"Change this in {self.stage}? [y/N] "):
            raise DeploymentError(f"{plan.stack} was left as it is.")
