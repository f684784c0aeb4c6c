"""Schemathesis makes requests from the document, good and bad, and follows its links: answers are as it says.

With access control off, and on, where each request is an operator's and must be refused without its token.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.local.identity_provider import Person, run_provider
from infra.processes import ROOT
from tests.conftest import ApiServers
from tests.effort import effort, thorough
from tests.http_api import signed_in

EXAMPLES = effort(8, 240)
"""Requests per operation and phase; the seed is fixed, so that a failure can be repeated."""

SECONDS = 600 + 20 * EXAMPLES
"""When it hangs. It has no other limit of time: on a busy machine that would leave out most requests."""

WALKS = effort(20, 60)
"""From answer to request along the document's links."""

FEWEST_REQUESTS = 25 * EXAMPLES

LEFT_OUT = {
    "positive_data_acceptance": "no schema can say: a cursor of ours, two decimals, a hold that is still alive",
    "unsupported_method": "it asks by TRACE, which no gateway passes on; test_bad_input.py asks by the others",
    "allow_header_conformance": "as above",
}

WITHOUT_ACCESS_CONTROL = ("--generation-with-security-parameters=false", "ignored_auth")
"""Without a token all is answered: so it makes none up, and does not look whether one was ignored."""


@dataclass(frozen=True, slots=True)
class Report:
    """The output of a run, with its numbers of requests and of links that were followed."""

    said: str
    passed: bool
    requests: int
    links: int


def made_up_requests(server: str, folder: Path, left_out: Sequence[str], *options: str) -> Report:
    """Runs Schemathesis against the server, in this folder."""
    command = [
        *(str(Path(sys.executable).with_name("st")), "run", f"{server}/openapi.json", f"--url={server}"),
        *(f"--max-examples={EXAMPLES}", "--seed=1", "--no-color", *options),
        *("--checks=all", f"--exclude-checks={','.join(left_out)}", "--warnings=off"),
    ]
    (folder / "schemathesis.toml").write_text(f"[phases.stateful.generation]\nmax-examples = {WALKS}\n")
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.api.fuzzing_formats", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    made, links = (re.search(form, done.stdout) for form in (r"(\d+) generated", r"API Links:\s+(\d+) covered"))
    assert made, done.stdout + done.stderr
    return Report(done.stdout, done.returncode == 0, int(made[1]), int(links[1]) if links else 0)


@pytest.fixture(scope="module")
def guarded(api_servers: ApiServers) -> Iterator[tuple[str, str]]:
    """An API process with access control on, and the header of an operator."""
    with run_provider() as provider:
        settings = {"AUTH": "on", "AUTH_ISSUER": provider.issuer, "AUTH_CLIENT_ID": provider.client_id}
        token = provider.access_token(Person("operator", "olga"))
        yield api_servers(1, **settings)[0], f"Authorization: Bearer {token}"


@thorough
def test_answers_to_made_up_requests_are_as_documented_and_never_5xx(server: str, tmp_path: Path) -> None:
    security, ignored = WITHOUT_ACCESS_CONTROL
    operator = [f"--header={name}:{value}" for name, value in signed_in(None).items()]

    report = made_up_requests(server, tmp_path, [*LEFT_OUT, ignored], security, *operator)

    assert report.passed, report.said
    assert report.requests >= FEWEST_REQUESTS
    assert report.links >= 8, "screenings that were made must have been booked"


@thorough
def test_with_access_control_they_are_as_documented_too_and_refused_without_a_token(
    guarded: tuple[str, str], tmp_path: Path
) -> None:
    server, header = guarded

    report = made_up_requests(server, tmp_path, list(LEFT_OUT), f"--header={header}")

    assert report.passed, report.said
    assert report.requests >= FEWEST_REQUESTS
