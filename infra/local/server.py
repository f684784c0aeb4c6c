"""Chalice's local server, made faster and closer to API Gateway: `python -m infra.local.server --port N`.

Differences from `chalice local`:
- answers leave in one segment and at once. The stock server waits 44 ms for a delayed ACK on each keep-alive request;
- the application gets the event that AWS sends (lambda_proxy.py);
- the gateway's own refusals (unknown path, too large, malformed HTTP) have the contract's form, as when deployed.
"""

import argparse
import contextlib
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from http.server import HTTPServer
from typing import Any, ClassVar, NoReturn

from chalice.app import Chalice
from chalice.cli.factory import CLIFactory
from chalice.cli.filewatch.stat import StatFileWatcher, StatWorkerProcess
from chalice.cli.reloader import run_with_reloader
from chalice.config import Config
from chalice.deploy.validate import validate_routes
from chalice.local import (
    ChaliceRequestHandler,
    LocalChalice,
    LocalDevServer,
    LocalGatewayException,
    ThreadedHTTPServer,
)
from chalice.utils import OSUtils

from infra.local import console as consoles
from infra.local.api_gateway import MAX_BODY_BYTES, Gateway, GatewayRefusal
from infra.local.serving import is_loopback, serve
from infra.processes import HOST, ROOT, is_port_free

MAX_DRAINED_BYTES = 64 * 1024 * 1024
"""The largest number of bytes of a too large request that are read. They are read so that the client gets our answer,
not a reset."""
IDLE_SECONDS = 75
"""The longest silence on a connection."""
WITHOUT_BODY = (204, 304)
LOGGERS = ("cinema-tickets", "cinema-tickets-app")
"""The loggers of the application and of Chalice. Each has a handler of its own."""

CHUNK_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;[^\r\n]*)?\r?\n")


class Handler(ChaliceRequestHandler):
    """Serves one connection: reads requests, passes them through the gateway, writes answers."""

    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = IDLE_SECONDS
    began = 0.0
    """The moment when the current request was read, by `time.perf_counter`."""
    server_version = "cinema-tickets-local"
    sys_version = ""

    def __init__(self, request: Any, client_address: Any, server: HTTPServer, app_object: Chalice, config: Config):
        self.local_gateway = Gateway(app_object, config, client_address[0])
        super(ChaliceRequestHandler, self).__init__(request, client_address, server)

    def _generic_handle(self) -> None:
        """Answers one request. Raises ConnectionError or TimeoutError when the client is gone."""
        request_id = str(uuid.uuid4())
        self.began = time.perf_counter()
        try:
            headers, body = self._read_request()
            self._refuse_other_names()
            response = self.local_gateway.handle_request(self.command, self.path, headers, body)
            response = self._handle_binary(response)
            self._send_http_response(
                response["statusCode"], response["headers"] | response["multiValueHeaders"], response["body"]
            )
        except LocalGatewayException as refusal:
            self._send_refusal(refusal)
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            logging.getLogger(__name__).exception("request %s failed outside the application", request_id)
            self._headers_buffer: list[bytes] = []  # the unsent rest of the failed answer
            self._send_http_response(500, {}, GatewayRefusal(500, requestId=request_id).body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _generic_handle  # noqa: N815 - http.server's names

    # Reading

    def handle_expect_100(self) -> bool:
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return bool(go_on)

    def _read_request(self) -> tuple[Any, bytes | None]:
        """Reads the headers, as pairs because names may repeat, and the body. Raises GatewayRefusal."""
        encoding = self.headers.get("transfer-encoding")
        lengths = set(self.headers.get_all("content-length", []))
        if encoding is not None:
            if lengths or encoding.strip().lower() != "chunked":
                raise GatewayRefusal(400, hang_up=True)
            body = b"".join(self._read_chunks())
        else:
            body = self._read_sized_body(lengths)
        return self.headers.items(), body or None

    def _refuse_other_names(self) -> None:
        """Raises GatewayRefusal when the request names another host.

        Otherwise a foreign page could call this server through a name that resolves to this machine (DNS rebinding).
        """
        if not all(is_loopback(name) for name in self.headers.get_all("host", [])):
            raise GatewayRefusal(421)

    def _read_sized_body(self, lengths: set[str]) -> bytes:
        """Reads a body of the length in the header. Raises GatewayRefusal."""
        length = lengths.pop().strip() if lengths else "0"
        if lengths or not (length.isascii() and length.isdigit()) or len(length) > 18:
            raise GatewayRefusal(400, hang_up=True)
        if int(length) > MAX_BODY_BYTES:
            self._discard(int(length))
            raise GatewayRefusal(413, hang_up=True)
        return self._read_bytes(int(length))

    def _read_bytes(self, length: int) -> bytes:
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError("the client left in the middle of its request")
        return bytes(body)

    def _discard(self, length: int) -> None:
        """Reads and drops up to `length` bytes."""
        left = min(length, MAX_DRAINED_BYTES)
        while left and (read := len(self.rfile.read(min(left, 64 * 1024)))):
            left -= read

    def _read_chunks(self) -> Iterator[bytes]:
        """Reads the parts of a chunked body; drops its trailers. Raises GatewayRefusal."""
        total = 0
        while size := self._read_chunk_size():
            total += size
            if total > MAX_BODY_BYTES:
                self._discard(MAX_DRAINED_BYTES)
                raise GatewayRefusal(413, hang_up=True)
            yield self._read_bytes(size)
            if self.rfile.readline(3) not in (b"\r\n", b"\n"):
                raise GatewayRefusal(400, hang_up=True)
        while self.rfile.readline(65537) not in (b"\r\n", b"\n", b""):
            pass

    def _read_chunk_size(self) -> int:
        line = CHUNK_SIZE_LINE.fullmatch(self.rfile.readline(4096))
        if not line:
            raise GatewayRefusal(400, hang_up=True)
        return int(line[1], 16)

    # Writing

    def _send_refusal(self, refusal: LocalGatewayException) -> None:
        ours = refusal if isinstance(refusal, GatewayRefusal) else GatewayRefusal(refusal.CODE)
        self.close_connection |= ours.hang_up
        self._send_http_response(ours.CODE, {}, ours.body)
        if not self._console:
            self.log_message("%s %d by the gateway", self.requestline, ours.CODE)

    def _send_http_response(self, code: int, headers: Mapping[str, Any], body: str | bytes | None) -> None:
        payload = body.encode() if isinstance(body, str) else body or b""
        fields = {
            "content-type": ("Content-Type", "application/json"),
            "x-content-type-options": ("X-Content-Type-Options", "nosniff"),
        }
        fields |= {name.lower(): (name, value) for name, value in headers.items()}
        fields.pop("content-length", None)
        self.send_response(code)
        if code not in WITHOUT_BODY and not (self.command == "HEAD" and not payload):
            self.send_header("Content-Length", str(len(payload)))
        if self.close_connection:
            self.send_header("Connection", "close")
        elif self.request_version == "HTTP/1.0":
            self.send_header("Connection", "keep-alive")
        self._send_headers(dict(fields.values()))
        if self.command != "HEAD" and code not in WITHOUT_BODY:
            self.wfile.write(payload)
        if self._console:
            self._console.print_request(self.command, getattr(self, "path", ""), code, self._seconds_taken(), payload)

    @property
    def _console(self) -> consoles.Console | None:
        return getattr(self.server, "console", None)

    def _seconds_taken(self) -> float:
        """Gives the time since the request was read; 0 before that."""
        return time.perf_counter() - self.began if self.began else 0.0

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuses a malformed request and ends the connection, because the start of the next one is unknown."""
        self.request_version = "HTTP/1.1"
        self.command = getattr(self, "command", None) or "GET"
        self._send_refusal(GatewayRefusal(code, hang_up=True))
        self.wfile.flush()
        self._discard_what_arrived()

    def _discard_what_arrived(self) -> None:
        """Reads the bytes that have arrived.

        Closing with unread bytes resets the connection, and the client would miss our answer.
        """
        self.connection.settimeout(0.05)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self._discard(MAX_DRAINED_BYTES)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Prints nothing: the application logs its requests, and refusals are logged elsewhere."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server gives it
        text = (format % args).encode("unicode_escape").decode("ascii")
        sys.stderr.write(f"{self.log_date_time_string()} {text}\n")


class Server(ThreadedHTTPServer):
    """The server of the local API: a thread for each connection."""

    console: consoles.Console | None = None
    """The console for requests, if they are to be printed."""
    request_queue_size = 1024
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints the traceback, except for a client that has left."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class LocalApp(LocalChalice):
    """A LocalChalice with a Lambda context for each thread, beside its current request for each thread."""

    _PER_THREAD: ClassVar[threading.local] = threading.local()

    @property
    def lambda_context(self) -> Any:
        """Gives the context of this thread's request."""
        return self._PER_THREAD.lambda_context

    @lambda_context.setter
    def lambda_context(self, value: Any) -> None:
        self._PER_THREAD.lambda_context = value


def create_server(app: Chalice, config: Config, port: int) -> LocalDevServer:
    """Makes a server on the port (0 for any free port), which answers once `serve_forever` runs. Makes `app`
    thread-safe."""
    validate_routes(app.routes)
    if not isinstance(app, LocalChalice):
        app.__class__ = type("LocalApp", (LocalApp, app.__class__), {})
    return LocalDevServer(app, config, HOST, port, handler_cls=Handler, server_cls=Server)


@contextlib.contextmanager
def serve_app(app: Chalice, port: int = 0) -> Iterator[str]:
    """Serves `app` from a thread of this process. Gives its base URL."""
    config = Config.create(chalice_app=app, app_name=app.app_name, project_dir=str(ROOT))
    server = create_server(app, config, port)
    with serve(server.server) as url:
        yield url


def load_server(port: int, console: consoles.Console | None = None) -> LocalDevServer:
    """Makes a server of the project's app."""
    factory = CLIFactory(str(ROOT))
    config = factory.create_config_obj(chalice_stage_name="local")
    made = create_server(factory.load_chalice_app(), config, port)
    if console:
        made.server.console = console
        consoles.redirect_loggers(console, *LOGGERS)
    return made


# Reloading


class SourceFiles(OSUtils):
    """Lists the app's own files for the reloader. If it watched the whole project, each line of a log would cause a
    restart."""

    def walk(self, path: str, followlinks: bool = False) -> Iterator[tuple[str, list[str], list[str]]]:
        yield path, [], ["app.py"]
        yield os.path.join(path, ".chalice"), [], ["config.json"]
        for folder, folders, files in os.walk(os.path.join(path, "chalicelib"), followlinks=followlinks):
            yield folder, folders, [file for file in files if not file.endswith(".pyc")]


class Worker(StatWorkerProcess):
    """Watches the app's own files only."""

    def _start_file_watcher(self, project_dir: str) -> None:
        StatFileWatcher(SourceFiles()).watch_for_file_changes(project_dir, self._on_file_change)


def _serve_reloading(port: int, console: consoles.Console | None) -> int:
    """Serves with Chalice's reloader. It runs this program as a worker, and anew when a source file changes."""
    sys.argv = sys.orig_argv
    return int(run_with_reloader(lambda: load_server(port, console), os.environ, str(ROOT), Worker))


def _refuse_taken_port(port: int) -> None:
    """Exits with a sentence when another program listens there."""
    if not is_port_free(port):
        sys.exit(f"Port {port} is taken by another program: choose another one, as in `PORT={port + 1} make run`.")


def _interrupt(*_: object) -> NoReturn:
    """Raises KeyboardInterrupt, as SIGINT does."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.server", description="Serves the HTTP routes of app.py."
    )
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--reload", action="store_true", help="start again when app.py or chalicelib changes")
    parser.add_argument(
        "--log", choices=consoles.FORMATS, default=consoles.JSON, help="how requests are told of (json)"
    )
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, _interrupt)
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # of more threads than connections are kept
    if "CHALICE_WORKER" not in os.environ:
        _refuse_taken_port(options.port)
    with contextlib.ExitStack() as stack:
        console = stack.enter_context(consoles.log_as_lines()) if options.log == consoles.LINES else None
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        if options.reload:
            return _serve_reloading(options.port, console)
        load_server(options.port, console).server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
