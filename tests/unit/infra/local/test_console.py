"""The local server prints a line for each request, without colours where nobody can see them."""

import io
import json
import logging
import re
import sys

import pytest

from infra.local.console import Console, WithoutMetrics, log_as_lines, may_colour, redirect_loggers

TIME = re.compile(r"^\d\d:\d\d:\d\d  ")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(out: io.StringIO) -> list[str]:
    """Gives each line without its time."""
    return [TIME.sub("", line) for line in out.getvalue().splitlines()]


def test_a_request_is_one_short_line() -> None:
    Console(out := io.StringIO(), colours=False).print_request(
        "POST", "/api/reservations?x=1", 201, 0.0123, b'{"error": 1}'
    )

    assert said(out) == ["201  POST    /api/reservations  12 ms"]


def test_a_users_id_is_not_printed() -> None:
    Console(out := io.StringIO(), colours=False).print_request("GET", "/api/users/ana%40x/purchases?u=ana", 200, 0.001)

    assert said(out) == ["200  GET     /api/users/{userId}/purchases  1 ms"]


def test_a_refused_request_says_its_code() -> None:
    Console(out := io.StringIO(), colours=False).print_request("POST", "/a", 409, 0.009, b'{"error": "TOO_MANY_HOLDS"}')

    assert said(out) == ["409  POST    /a  TOO_MANY_HOLDS  9 ms"]


@pytest.mark.parametrize("body", [b"", b"<p>", b"[]", b"\xff"])
def test_an_error_without_a_code_is_a_line_all_the_same(body: bytes) -> None:
    Console(out := io.StringIO(), colours=False).print_request("GET", "/a", 500, 0.001, body)

    assert said(out)[0].startswith("500  GET     /a")


def test_nothing_in_a_path_steers_the_terminal_and_a_long_one_is_cut() -> None:
    console = Console(out := io.StringIO(), colours=False)

    console.print_request("GET", "/\x1b[2J\n\u202e", 200, 0)
    console.print_request("GET", "/" + "a" * 500, 200, 0)

    assert all(line.isprintable() and len(line) < 140 for line in out.getvalue().splitlines())


@pytest.mark.parametrize(
    ("environment", "colours"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals_that_want_them(environment: dict[str, str], colours: bool) -> None:
    assert may_colour(Terminal(), environment) is colours
    assert may_colour(io.StringIO(), environment) is False


def test_a_status_is_coloured_by_its_kind() -> None:
    Console(out := Terminal(), colours=True).print_request("GET", "/", 404, 0)

    assert "\x1b[33m404\x1b[0m" in out.getvalue()


def test_a_metric_is_a_sentence() -> None:
    console = Console(out := io.StringIO(), colours=False)

    WithoutMetrics(console).write(
        json.dumps({"_aws": {}, "Stage": "local", "Dependency": "redis", "BreakerOpen": 1}) + "\n"
    )

    assert said(out) == ["circuit breaker of redis: open"]


def test_warnings_are_sentences_with_their_facts_and_what_a_request_came_to_is_not_said_twice() -> None:
    log = logging.getLogger("console-test")
    log.propagate = False
    log.setLevel(logging.INFO)
    with log_as_lines(out := io.StringIO()) as console:
        redirect_loggers(console, log.name)
        log.info("hold_seats", extra={"status": 201, "ms": 3})
        log.warning("store unavailable", extra={"operation": "UpdateItem"})
        sys.stdout.write("printed\n")

    assert said(out) == ["store unavailable  operation=UpdateItem", "printed"]


def test_an_exception_keeps_its_traceback() -> None:
    with log_as_lines(out := io.StringIO()):
        try:
            dict[str, int]()["seat"]
        except KeyError:
            logging.getLogger("of-the-root").exception("unexpected")

    assert "Traceback" in out.getvalue()
    assert "KeyError: 'seat'" in out.getvalue()
