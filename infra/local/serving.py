"""Serves HTTP from a thread of this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from threading import Thread

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def is_loopback(host: str) -> bool:
    """Tells whether a `Host` header names this machine, with or without a port."""
    name, colon, port = host.strip().rpartition(":")
    if not colon or not port.isdecimal():
        name, port = host.strip(), ""
    return name.lower().removesuffix(".") in LOOPBACK_NAMES


@contextmanager
def serve(server: HTTPServer) -> Iterator[str]:
    """Serves until the block is left, then closes the server for good. Gives the base URL."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{server.server_address[0]!s}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
