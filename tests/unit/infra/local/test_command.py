"""Commands end well when nobody reads on, when they are interrupted, and loudly when something is really wrong."""

import os
import signal
import subprocess
import sys

import pytest

from infra.command import INTERRUPTED, UNHEARD
from infra.processes import ROOT

BUFFERED = {**os.environ, "PYTHONUNBUFFERED": ""}
RUN = "from infra.command import as_command\n"


def ended(*arguments: str, unread: bool = False) -> tuple[int, str]:
    """Runs Python and gives its status and standard error; `unread`: nobody reads its standard output."""
    reader, writer = os.pipe()
    if unread:
        os.close(reader)
    try:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=BUFFERED, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writer)
        if not unread:
            os.close(reader)
    return done.returncode, done.stderr


@pytest.mark.parametrize("module", ["infra.ops", "infra.races.demo"])
def test_a_command_whose_reader_has_gone_ends_quietly_as_other_tools_do(module: str) -> None:
    assert ended("-m", module, "--help", unread=True) == (UNHEARD, "")
    assert ended("-m", module, "--help") == (0, "")


@pytest.mark.parametrize("characters", [1, 1_000_000], ids=["within the buffer", "past the buffer"])
@pytest.mark.parametrize("flush", [True, False])
def test_however_much_it_prints(characters: int, flush: bool) -> None:
    script = f"{RUN}as_command(lambda: print('x' * {characters}, flush={flush}) or 0)"

    assert ended("-c", script, unread=True) == (UNHEARD, "")


def test_another_broken_pipe_stays_loud() -> None:
    status, said = ended("-c", f"{RUN}def main(): raise BrokenPipeError('a socket')\nas_command(main)")

    assert status == 1
    assert said.endswith("BrokenPipeError: a socket\n")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("return 2", 2, ""),
        ("raise KeyError('make it')", 1, "'make it'\n"),
        ("raise KeyboardInterrupt", INTERRUPTED, ""),
        ("raise SystemExit('usage')", 1, "usage\n"),
    ],
)
def test_a_command_ends_with_its_status_and_a_refusal_with_its_sentence(body: str, status: int, said: str) -> None:
    assert ended("-c", f"{RUN}def main(): {body}\nas_command(main, KeyError)") == (status, said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_interrupted_or_terminated_unwinds_even_where_it_was_started_with_sigint_ignored(
    number: signal.Signals,
) -> None:
    """Shells start commands in the background so."""
    waiting = f"os.kill(os.getpid(), {int(number)}); time.sleep(60)"
    body = f"try: {waiting}\n finally: print('stopped', file=sys.stderr)"
    script = f"import os, sys, time\n{RUN}def main():\n {body}\nas_command(main)"
    ignoring = f"trap '' INT; exec {sys.executable} -c \"$0\""
    done = subprocess.run(["sh", "-c", ignoring, script], cwd=ROOT, capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stderr) == (INTERRUPTED, "stopped\n")


def test_what_the_network_does_not_give_has_a_status_of_its_own() -> None:
    script = (
        f"{RUN}from infra.processes import UnavailableError as U\ndef main(): raise U('no index')\nas_command(main, U)"
    )

    assert ended("-c", script) == (69, "no index\n")
