"""Schemathesis makes requests from the document, good and bad, and follows its links: answers are as it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from infra.processes import ROOT
from tests.effort import effort

SECONDS = 600
"""When it hangs. It has no other limit of time: on a busy machine that would leave out most requests."""

EXAMPLES = effort(8, 25)
"""Requests per operation and phase; the seed is fixed, so that a failure can be repeated."""

WALKS = effort(20, 60)
"""From answer to request along the document's links."""

FEWEST_REQUESTS = effort(230, 700)

LEFT_OUT = {
    "positive_data_acceptance": "no schema can say: a cursor of ours, two decimals, a hold that is still alive",
    "unsupported_method": "it asks by TRACE, which no gateway passes on; test_bad_input.py asks by the others",
    "allow_header_conformance": "as above",
    "ignored_auth": "the server of these tests has access control off; test_access.py is about it",
}


def test_answers_to_made_up_requests_are_as_documented_and_never_5xx(server: str, tmp_path: Path) -> None:
    command = [
        *(str(Path(sys.executable).with_name("st")), "run", f"{server}/openapi.json", f"--url={server}"),
        *(f"--max-examples={EXAMPLES}", "--seed=1", "--no-color"),
        "--generation-with-security-parameters=false",  # access control is off here: without a token all is answered
        *("--checks=all", f"--exclude-checks={','.join(LEFT_OUT)}", "--warnings=off"),
    ]
    (tmp_path / "schemathesis.toml").write_text(f"[phases.stateful.generation]\nmax-examples = {WALKS}\n")
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.api.fuzzing_formats", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    made = re.search(r"(\d+) generated", done.stdout)
    assert made, done.stdout
    assert int(made[1]) >= FEWEST_REQUESTS
    links = re.search(r"API Links:\s+(\d+) covered", done.stdout)
    assert links, done.stdout
    assert int(links[1]) >= 8, "screenings that were made must have been booked"
