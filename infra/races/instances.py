"""Runs several instances of the API on free ports, with all guards or without one."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from infra import processes


@contextlib.contextmanager
def run_instances(
    count: int, environment: Mapping[str, str], *, run_dir: Path, without: str = ""
) -> Iterator[list[str]]:
    """Runs instances of the API. Gives their base URLs once they answer. Leaves out the guard `without` of
    unguarded.py."""
    module = ["infra.races.unguarded", "--without", without] if without else ["infra.local.server"]
    with contextlib.ExitStack() as stack:
        started: list[tuple[str, processes.Child]] = []
        for _ in range(count):
            port = processes.free_port()
            command = [sys.executable, "-m", *module, "--port", str(port)]
            child = processes.run_child(f"api-{port}", command, environment, run_dir=run_dir)
            started.append((f"http://{processes.HOST}:{port}", stack.enter_context(child)))
        for url, server in started:
            processes.wait_for_http(f"{url}/health", server, "An API instance")
        try:
            yield [url for url, _ in started]
        finally:
            for _, server in started:  # all at once, for each takes a moment to end
                server.process.terminate()
