"""The document is a contract for other people's tools: they read it without an error, and what they make works."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.docs import api_docs
from infra.local.tools import api_tools
from infra.processes import CannotRunError
from tests.http_api import Api

DOCUMENT = api_docs.HERE / "openapi.json"
COLLECTION = api_docs.HERE / "cinema-tickets.postman_collection.json"
SECONDS = 120
"""They take some seconds each; the machine may have other things to do."""

STRICTLY = ("--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "--lib", "es2022")

BUY = """
import sys, uuid
from datetime import UTC, datetime

from cinema_tickets_client import Client
from cinema_tickets_client.api.reservations import confirm_reservation, hold_seats, list_purchases
from cinema_tickets_client.api.screenings import schedule_session
from cinema_tickets_client.models import HoldRequest, ConfirmationRequest, SessionRequest

user = f"qa+{uuid.uuid4()}@example.com"
with Client(base_url=sys.argv[1], raise_on_unexpected_status=True) as client:
    screening = SessionRequest("Oppenheimer", datetime(2030, 2, 15, 19, tzinfo=UTC), "A1", 16, 25.0)
    session = schedule_session.sync(client=client, body=screening, idempotency_key=user)
    held = hold_seats.sync(client=client, body=HoldRequest(session.session_id, ["A1", "A2"], user_id=user))
    sale = confirm_reservation.sync(held.reservation_id, client=client, body=ConfirmationRequest("card", f"tx-{user}"))
    bought = list_purchases.sync(user, client=client)
    refused = hold_seats.sync(client=client, body=HoldRequest(session.session_id, ["A1"], user_id="late"))
assert [purchase.sale_id for purchase in bought.purchases] == [sale.sale_id], bought
assert refused.conflicting_seats == ["A1"], refused
"""


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    try:
        api_tools.install()
    except CannotRunError as reason:
        pytest.skip(str(reason))


def run(program: str | Path, *arguments: object, within: Path, **environment: str) -> str:
    """Runs a tool and gives its output. Fails when the tool fails."""
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(
        command, cwd=within, env=quietly(environment), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, f"{command[0]} says:\n{done.stdout}{done.stderr}"
    return done.stdout


def quietly(environment: Mapping[str, str]) -> dict[str, str]:
    """Keeps the tools from reporting their use and from looking for newer versions."""
    silent = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}
    return {**os.environ, **silent, **environment}


def test_spectral_finds_nothing(tmp_path: Path) -> None:
    rules = api_tools.FOLDER / "spectral.yaml"
    run(api_tools.program("spectral"), "lint", DOCUMENT, "--ruleset", rules, "--fail-severity", "hint", within=tmp_path)


def test_redocly_finds_nothing(tmp_path: Path) -> None:
    run(
        api_tools.program("redocly"),
        "lint",
        DOCUMENT,
        "--config",
        api_tools.FOLDER / "redocly.yaml",
        within=tmp_path,
    )


def test_types_for_typescript_are_made_and_a_buyers_way_compiles_with_them(tmp_path: Path) -> None:
    (tmp_path / "buy.ts").write_text((api_tools.FOLDER / "buy.ts").read_text())

    run(api_tools.program("openapi-typescript"), DOCUMENT, "-o", "api.ts", within=tmp_path)
    run(api_tools.program("tsc"), *STRICTLY, "buy.ts", within=tmp_path)


def test_a_client_for_python_is_made_without_a_warning_and_buys_seats(server: str, tmp_path: Path) -> None:
    programs = Path(sys.executable).parent
    make = ("generate", "--path", DOCUMENT, "--output-path", "client", "--fail-on-warning")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"

    run(programs / "openapi-python-client", *make, within=tmp_path, PATH=path)
    run(sys.executable, "-W", "error", "-c", BUY, server, within=tmp_path, PYTHONPATH=str(tmp_path / "client"))


def test_newman_runs_the_collection_and_every_answer_is_as_expected(server: str, tmp_path: Path) -> None:
    run(
        api_tools.program("newman"),
        *("run", COLLECTION, "--env-var", f"baseUrl={server}", "--ignore-redirects", "--bail", "folder"),
        *("--reporters", "cli,json", "--reporter-json-export", "said.json"),
        within=tmp_path,
    )
    said = json.loads((tmp_path / "said.json").read_text())["run"]["stats"]

    requests = len(Api(server).get("/openapi.json").body["paths"])
    assert said["requests"]["total"] >= requests
    assert said["assertions"]["total"] >= 2 * requests
    assert said["assertions"]["failed"] == said["requests"]["failed"] == 0
