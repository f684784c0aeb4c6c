"""The local server answers whatever comes over a socket in the contract's form, and keeps connections right."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import pytest
from chalice.app import Chalice, Response

from infra.local import server
from infra.local.api_gateway import MAX_BODY_BYTES

TOO_LARGE = MAX_BODY_BYTES + 1


def add_echoes(app: Chalice) -> None:
    """Adds routes that answer with what they were asked."""

    @app.route("/echo/{word}", methods=["POST"], content_types=["application/json"])
    def echo(word: str) -> dict[str, Any]:
        request = app.current_request
        assert request is not None
        body = request.raw_body
        return {"word": word, "body": body if isinstance(body, str) else body.decode(errors="replace")}

    @app.route("/event")
    def event() -> dict[str, Any]:
        assert app.current_request is not None
        sent: dict[str, Any] = app.current_request.to_original_event()
        return sent


def add_odd_answers(app: Chalice) -> None:
    """Adds routes whose answers have no body, or cannot be sent."""

    @app.route("/nothing")
    def nothing() -> Response:
        return Response(body=None, status_code=204)

    @app.route("/unchanged")
    def unchanged() -> Response:
        return Response(body="", status_code=304, headers={"ETag": '"1"'})

    @app.route("/unsendable")
    def unsendable() -> Response:
        return Response(body="x", headers={"X-Arrow": "\N{RIGHTWARDS ARROW}"})


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    app = Chalice("server-test", configure_logs=False)
    add_echoes(app)
    add_odd_answers(app)
    with server.serve_app(app) as url:
        parts = urlsplit(url)
        yield str(parts.hostname), int(parts.port or 0)


def ask(address: tuple[str, int], raw: bytes, method: str = "GET") -> tuple[int, Any, bool]:
    """Sends these bytes; gives the status, the parsed body and whether the server ends the connection."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(raw)
        with HTTPResponse(connection, method=method) as answer:
            answer.begin()
            body = answer.read()
            return answer.status, json.loads(body) if body else None, answer.will_close


def post(head: bytes, body: bytes = b"", path: bytes = b"/echo/a") -> bytes:
    return (
        b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + head + b"\r\n" + body
    )


@pytest.mark.parametrize(
    ("raw", "status", "code", "hangs_up"),
    [
        pytest.param(b"GET /nowhere HTTP/1.1\r\n\r\n", 404, "NOT_FOUND", False, id="unknown path"),
        pytest.param(
            b"GET /nowhere HTTP/1.1\r\nAuthorization: \xff\r\n\r\n", 404, "NOT_FOUND", False, id="odd credentials"
        ),
        pytest.param(b"GET http://[::1/x HTTP/1.1\r\n\r\n", 404, "NOT_FOUND", False, id="address that is none"),
        pytest.param(post(b"", path=b"/echo/%zz"), 400, "MALFORMED_REQUEST", False, id="bad escape"),
        pytest.param(b"BREW /echo/a HTTP/1.1\r\n\r\n", 405, "METHOD_NOT_ALLOWED", True, id="unknown method"),
        pytest.param(post(b"Content-Length: many\r\n"), 400, "MALFORMED_REQUEST", True, id="length in words"),
        pytest.param(post(b"Content-Length: -1\r\n"), 400, "MALFORMED_REQUEST", True, id="negative length"),
        pytest.param(
            post(b"Content-Length: 1\r\nContent-Length: 2\r\n", b"ab"), 400, "MALFORMED_REQUEST", True, id="two lengths"
        ),
        pytest.param(
            post(b"Content-Length: %d\r\n" % TOO_LARGE, b"x" * TOO_LARGE),
            413,
            "PAYLOAD_TOO_LARGE",
            True,
            id="too large",
        ),
        pytest.param(
            post(b"Transfer-Encoding: chunked\r\n", b"zz\r\n"), 400, "MALFORMED_REQUEST", True, id="chunk of no size"
        ),
        pytest.param(
            post(b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", b"0\r\n\r\n"),
            400,
            "MALFORMED_REQUEST",
            True,
            id="chunks and a length",
        ),
        pytest.param(post(b"Transfer-Encoding: gzip\r\n"), 400, "MALFORMED_REQUEST", True, id="unknown encoding"),
        pytest.param(b"GET / HTTP/3.0\r\n\r\n", 400, "MALFORMED_REQUEST", True, id="HTTP of the future"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, "MALFORMED_REQUEST", True, id="TLS"),
        pytest.param(
            b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 400, "MALFORMED_REQUEST", True, id="long address"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", 400, "MALFORMED_REQUEST", True, id="long header"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 400, "MALFORMED_REQUEST", True, id="many headers"
        ),
        pytest.param(b"GET /unsendable HTTP/1.1\r\n\r\n", 500, "INTERNAL_ERROR", False, id="unsendable answer"),
    ],
)
def test_what_the_gateway_refuses_has_the_contracts_form(
    address: tuple[str, int], raw: bytes, status: int, code: str, hangs_up: bool
) -> None:
    answered, body, closes = ask(address, raw)

    assert (answered, body["error"], closes) == (status, code, hangs_up)
    assert body["message"]


@pytest.mark.parametrize(
    "name", [b"localhost", b"LOCALHOST:8000", b"localhost.", b"127.0.0.1:8000", b"[::1]:8000", b"[::1]"]
)
def test_it_answers_to_the_names_of_this_machine(address: tuple[str, int], name: bytes) -> None:
    assert ask(address, b"GET /nothing HTTP/1.1\r\nHost: " + name + b"\r\n\r\n")[0] == 204


@pytest.mark.parametrize(
    "names",
    [
        pytest.param((b"evil.example",), id="rebound by DNS"),
        pytest.param((b"evil.example:8000",), id="with our port"),
        pytest.param((b"localhost.evil.example",), id="beginning as ours"),
        pytest.param((b"evil-localhost",), id="ending as ours"),
        pytest.param((b"localhost:8000@evil.example",), id="with a user"),
        pytest.param((b"localhost:evil",), id="port that is none"),
        pytest.param((b"192.168.1.2",), id="another address"),
        pytest.param((b"",), id="no name"),
        pytest.param((b"localhost", b"evil.example"), id="two names"),
    ],
)
def test_a_page_whose_name_was_made_to_lead_here_is_refused(address: tuple[str, int], names: tuple[bytes, ...]) -> None:
    head = b"".join(b"Host: " + name + b"\r\n" for name in names)
    asked = b"POST /echo/a HTTP/1.1\r\n" + head + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    status, body, closes = ask(address, asked)

    assert (status, body["error"], closes) == (421, "MISDIRECTED_REQUEST", False)


def test_a_body_may_come_in_chunks(address: tuple[str, int]) -> None:
    chunks = b'6\r\n{"a": \r\n2;note=x\r\n1}\r\n0\r\nTrailer: t\r\n\r\n'

    assert ask(address, post(b"Transfer-Encoding: chunked\r\n", chunks))[1]["body"] == '{"a": 1}'


def test_a_body_that_is_not_utf8_is_for_the_application_to_refuse(address: tuple[str, int]) -> None:
    assert ask(address, post(b"Content-Length: 2\r\n", b"\xff\xfe"))[0] == 200


def test_path_parameters_arrive_as_they_were_sent_as_from_aws(address: tuple[str, int]) -> None:
    answer = ask(address, post(b"Content-Length: 0\r\n", path=b"/echo/Jos%C3%A9%2F7%25+@\xc3\xa9"))

    assert answer[1]["word"] == "Jos%C3%A9%2F7%25+@%C3%A9"


def test_the_last_of_several_headers_and_parameters_counts_and_all_are_there(address: tuple[str, int]) -> None:
    raw = b"GET /event?a=1&b=x+y%2B&a=2&c HTTP/1.1\r\nHost: localhost\r\nX-Seen: one\r\nX-Seen: two\r\n\r\n"
    event = ask(address, raw)[1]

    assert event["queryStringParameters"] == {"a": "2", "b": "x y+", "c": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["x y+"], "c": [""]}
    assert (event["headers"]["X-Seen"], event["multiValueHeaders"]["X-Seen"]) == ("two", ["one", "two"])


def test_one_connection_carries_many_answers_at_once(address: tuple[str, int]) -> None:
    """The stock server takes 44 ms for each: 40 of them would be nearly two seconds."""
    connection = HTTPConnection(*address, timeout=10)
    start = perf_counter()
    for path in ["/nothing", "/nowhere"] * 20:
        connection.request("GET", path)
        connection.getresponse().read()
    took = perf_counter() - start
    connection.close()

    assert took < 1


def test_head_has_no_body_and_leaves_the_connection_in_step(address: tuple[str, int]) -> None:
    connection = HTTPConnection(*address, timeout=10)
    connection.request("HEAD", "/nowhere")
    head = connection.getresponse()
    head_body = head.read()
    connection.request("GET", "/nothing")
    after = connection.getresponse().status
    connection.close()

    assert (head.status, head_body, after) == (404, b"", 204)


def test_an_answer_that_has_no_body_says_nothing_about_its_length(address: tuple[str, int]) -> None:
    connection = HTTPConnection(*address, timeout=10)
    connection.request("GET", "/unchanged")
    unchanged = connection.getresponse()
    unchanged.read()
    connection.request("GET", "/nothing")
    after = connection.getresponse().status
    connection.close()

    assert (unchanged.status, unchanged.headers["Content-Length"], after) == (304, None, 204)


def test_a_client_that_is_asked_to_wait_is_told_to_go_on(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(post(b"Expect: 100-continue\r\nContent-Length: 2\r\n"))

        assert connection.recv(64).startswith(b"HTTP/1.1 100")

        connection.sendall(b"{}")
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
