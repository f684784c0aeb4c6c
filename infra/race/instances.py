"""Several instances of the API on free ports, as they are or with a guard left out."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from infra import emulator as machine


@contextlib.contextmanager
def running(count: int, environment: Mapping[str, str], *, run_dir: Path, without: str = "") -> Iterator[list[str]]:
    """Base URLs of instances that answer. `without` names a guard to leave out (see unguarded.py); empty: none is."""
    module = ["infra.race.unguarded", "--without", without] if without else ["infra.server"]
    with contextlib.ExitStack() as stack:
        started: list[tuple[str, machine.Child]] = []
        for _ in range(count):
            port = machine.free_port()
            command = [sys.executable, "-m", *module, "--port", str(port)]
            child = machine.child(f"api-{port}", command, environment, run_dir=run_dir)
            started.append((f"http://{machine.HOST}:{port}", stack.enter_context(child)))
        for url, server in started:
            machine.wait_for_http(f"{url}/health", server, "An API instance")
        try:
            yield [url for url, _ in started]
        finally:
            for _, server in started:  # all at once: each takes a moment to end
                server.process.terminate()
