"""Fakeredis as a server, for machines without a redis-server."""

from fakeredis import TcpFakeServer
from fakeredis._clients._tcp_server import TCPFakeRequestHandler
from redis import ResponseError

from infra.processes import HOST


class Handler(TCPFakeRequestHandler):
    """Serves one connection.

    After a refused command, reads the next one, as Redis does. Fakeredis would close the connection.
    """

    def setup(self) -> None:
        super().setup()
        read = self.current_client.read_response

        def read_response() -> object:
            try:
                return read()
            except ResponseError as refusal:
                return refusal

        self.current_client.read_response = read_response  # type: ignore[method-assign, assignment] # of this one


class Server(TcpFakeServer):
    """Serves each connection in a thread."""

    request_queue_size = 128
    """The largest number of connections that wait to be accepted. With socketserver's default of 5, many connections at
    once wait longer than 50 ms."""


def serve_fake_redis(port: int) -> None:
    """Serves on 127.0.0.1 until the process is ended."""
    with Server((HOST, port), server_type="redis") as server:
        server.RequestHandlerClass = Handler
        server.serve_forever()
