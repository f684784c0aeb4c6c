"""The load generators, k6 and Locust: each installed once, in a virtual environment of its own, and run with a plan."""

import os
import subprocess
from pathlib import Path

from benchmarks.load.plan import Plan
from benchmarks.load.result import Result
from infra.local.tools.environments import ToolEnvironment
from infra.processes import ROOT, CannotRunError

HERE = Path(__file__).parent
LOCUST = (
    "--headless",
    "--only-summary",
    "--stop-timeout",
    "30",
    "--exit-code-on-error",
    "0",
    "-f",
    str(HERE / "locustfile.py"),
)
COMMANDS = {
    "k6": ("k6", "run", "--quiet", "--no-usage-report", "--address", "127.0.0.1:0", str(HERE / "k6.js")),
    "locust": ("locust", *LOCUST),
}
"""What runs a plan, by the tool. k6's own API stays on loopback, on any free port."""
ENVIRONMENTS = {
    "k6": ToolEnvironment(
        home=ROOT / ".venv-load",
        requirements=ROOT / "requirements-load.txt",
        about="k6 into .venv-load (once, 90 MB)",
    ),
    "locust": ToolEnvironment(
        home=ROOT / ".venv-locust",
        requirements=ROOT / "requirements-locust.txt",
        about="Locust into .venv-locust (once, 100 MB)",
    ),
}
STATUS_OF_CROSSED_THRESHOLDS = 99
LONGEST_REST_SECONDS = 120
"""The longest that a run may take beyond its plan: requests are waited for, and the result is written."""


def generate_load(tool: str, plan: Plan, seconds: float, scratch: Path) -> Result:
    """Runs the plan, which takes `seconds`, and gives its result. Raises CannotRunError when the tool fails."""
    files = {"PLAN": scratch / "plan.json", "RESULT": scratch / "result.json"}
    plan.write(files["PLAN"])
    files["RESULT"].unlink(missing_ok=True)
    program, *arguments = COMMANDS[tool]
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    try:
        done = subprocess.run(
            [ENVIRONMENTS[tool].program(program), *arguments],
            env={**environment, "K6_NO_USAGE_REPORT": "true", **{name: str(path) for name, path in files.items()}},
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + LONGEST_REST_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotRunError(
            f"{tool} did not end {LONGEST_REST_SECONDS} s after its plan: this machine is busy."
        ) from error
    if done.returncode not in (0, STATUS_OF_CROSSED_THRESHOLDS) or not files["RESULT"].exists():
        raise CannotRunError(f"{tool} ended with status {done.returncode}: {(done.stderr or done.stdout)[-1500:]}")
    return Result.read(files["RESULT"])
