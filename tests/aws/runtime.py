"""The packaged functions, each in a process of its own: with the package's code alone, and its template's environment.

A process is an instance of the function: it keeps its connections and breakers from one invocation to the next.
"""

import json
import select
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.settings import SSM_PREFIX
from infra.cloud.functions import FUNCTIONS
from infra.cloud.templates import load_long_forms

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
START_SECONDS = 60
LAMBDA = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "LANG": "en_US.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin/:/bin",
    "TZ": ":UTC",
}
"""Variables that Lambda sets: "Defined runtime environment variables" in the Lambda Developer Guide."""


class FunctionFailed(Exception):
    """The function raised: Lambda counts its invocation as failed."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


@dataclass(frozen=True)
class Instance:
    """A running instance of a function."""

    process: "subprocess.Popen[str]"
    log: Path
    seconds: int

    def __call__(self, event: Any) -> Any:
        """Invokes the function. Raises FunctionFailed, and TimeoutError after the function's own timeout."""
        asked = {"event": event, "requestId": str(uuid.uuid4()), "seconds": self.seconds}
        assert self.process.stdin
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answered = self._read(self.seconds)
        if "error" in answered:
            raise FunctionFailed(answered["error"]["errorType"], answered["error"]["errorMessage"])
        return answered["answer"]

    def logged(self) -> str:
        """Gives all that the instance has printed."""
        return self.log.read_text()

    def wait_until_ready(self) -> "Instance":
        assert self._read(START_SECONDS) == {"ready": True}
        return self

    def _read(self, seconds: float) -> Any:
        assert self.process.stdout
        readable, _, _ = select.select([self.process.stdout], [], [], seconds)
        if not readable:
            raise TimeoutError(f"no answer in {seconds} s: {self.logged()}")
        line = self.process.stdout.readline()
        assert line, f"the instance has ended: {self.logged()}"
        return json.loads(line)


@dataclass
class Functions:
    """The functions of one package; each has one instance, started when it is first asked for."""

    code: Path
    template: Mapping[str, Any]
    values: Mapping[str, str]
    """The deployment's values, by variable; a function gets those that the template gives it."""
    everywhere: Mapping[str, str]
    """Variables of the machine: where the endpoint is, and how the stage's tables are named there."""
    logs: Path
    running: dict[str, Instance] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    def __getitem__(self, name: str) -> Instance:
        """Gives the instance of the function of that name in infra/cloud/functions.py."""
        if name not in self.running:
            self.running[name] = self.stack.enter_context(self.new_instance(name))
        return self.running[name]

    @contextmanager
    def new_instance(self, name: str, **values: str) -> Iterator[Instance]:
        """Starts one more instance, as Lambda does for the first invocation, with these values changed.

        It ends with the block.
        """
        (function,) = (one for one in FUNCTIONS if one.name == name)
        properties = self.template["Resources"][function.logical_id]["Properties"]
        ours = {**self._environment(properties), **self.everywhere, **values}
        environment = {**LAMBDA, "AWS_LAMBDA_FUNCTION_NAME": name, "_HANDLER": properties["Handler"], **ours}
        log = self.logs / f"{name}-{uuid.uuid4()}.log"
        command = [sys.executable, "-I", "-S", str(BOOTSTRAP), str(self.code), properties["Handler"]]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with log.open("w") as errors, subprocess.Popen(command, env=environment, stderr=errors, **pipes) as process:
            try:
                yield Instance(process, log, properties["Timeout"]).wait_until_ready()
            finally:
                process.kill()

    def _environment(self, properties: Mapping[str, Any]) -> dict[str, str]:
        """Gives the variables that the template gives the function, with this deployment's values."""
        declared = properties["Environment"]["Variables"]
        return {name: self._value(name, value) for name, value in declared.items()}

    def _value(self, name: str, value: Any) -> str:
        if name in self.values:
            return self.values[name]
        if isinstance(value, str):
            return value
        if value.keys() == {"Ref"}:
            return str(self.template["Parameters"][value["Ref"]]["Default"])
        if str(value.get("Fn::Sub", "")).startswith(SSM_PREFIX):
            return str(value["Fn::Sub"]).replace("${Stage}", "prod")
        return ""  # what another resource is called: this machine has none


def read_template(path: Path) -> dict[str, Any]:
    return load_long_forms(path)
