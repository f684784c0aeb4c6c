"""An endpoint of DynamoDB that answers by a script, and two clients of it that differ only in their way."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from botocore.config import Config
from botocore.credentials import Credentials
from botocore.loaders import create_loader
from botocore.session import Session
from mypy_boto3_dynamodb import DynamoDBClient

from chalicelib.infrastructure.dynamodb.connection import CONFIG
from chalicelib.infrastructure.dynamodb.lean.endpoint import LeanEndpoint, make_client_lean_if_possible
from infra.processes import HOST

READ_TIMEOUT, PATIENCE = 0.2, 20.0
"""The time-outs of clients that are to give up, and of all others, on however slow a machine."""
KEY = Credentials("AKIDEXAMPLE", "secret")


MODELS: Any = create_loader()
"""botocore's models of the services, which all clients read once."""


@dataclass(frozen=True)
class Say:
    """An answer: these bytes, `after` so many seconds, and `then` the end of the connection or not."""

    sent: bytes
    after: float = 0.0
    hang_up: bool = False
    reset: bool = False
    """Whether the end is a reset instead of a close."""


def answer(body: bytes = b"{}", status: int = 200, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", "Content-Type: application/x-amz-json-1.0", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "x-amzn-RequestId: REQUEST", "", ""]).encode() + body


def failure(code: str, status: int = 400, **more: str) -> bytes:
    facts = "".join(f',"{name}":{value}' for name, value in more.items())
    return answer(f'{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"no"{facts}}}'.encode(), status)


DONE = Say(answer())


@dataclass
class Scripted:
    """The endpoint: gives the answers of its script in turn, and the last one again and again."""

    script: Sequence[Say] = (DONE,)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    tls: ssl.SSLContext | None = None

    def serve(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=self._serve_one, args=(connection,), daemon=True).start()

    def _serve_one(self, connection: socket.socket) -> None:
        self.connections += 1
        with suppress(OSError):
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                while request := _read_request(connection):
                    self.requests.append(request)
                    said = self.script[min(len(self.requests), len(self.script)) - 1]
                    time.sleep(said.after)
                    connection.sendall(said.sent)
                    if said.reset:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    if said.hang_up or said.reset:
                        return


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (part := connection.recv(65_536)):
            return b""
        received += part
    head, _, _ = received.partition(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    while len(received) < len(head) + 4 + length:
        received += connection.recv(65_536)
    return received


@contextmanager
def scripted(*script: Say, tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    with socket.create_server((HOST, 0)) as listening:
        scheme, port = "https" if tls else "http", listening.getsockname()[1]
        endpoint = Scripted(script or (DONE,), url=f"{scheme}://{HOST}:{port}", tls=tls)
        serving = threading.Thread(target=endpoint.serve, args=(listening,), daemon=True)
        serving.start()
        yield endpoint
        listening.shutdown(socket.SHUT_RDWR)


def new_client(
    url: str,
    *,
    lean: bool,
    credentials: Any = KEY,
    attempts: int = 3,
    read_timeout: float = PATIENCE,
    **more: Any,
) -> DynamoDBClient:
    session: Any = Session()
    session.register_component("data_loader", MODELS)
    session._credentials = credentials
    given = {"read_timeout": read_timeout, "connect_timeout": PATIENCE, **more}
    config = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts}, **given))
    made: Any = session.create_client("dynamodb", "eu-west-1", endpoint_url=url, config=config)
    if lean:
        make_client_lean_if_possible(made)
        assert isinstance(made._endpoint, LeanEndpoint)
    client: DynamoDBClient = made
    return client
