"""Answers DynamoDB's protocol with canned answers: `python -m benchmarks.client.canned PORT`.

It stores nothing, so that nearly all CPU of a measurement is the client's. It runs in a process of its own, so that
the client's CPU can be told from its own.
"""

import contextlib
import socket
import sys
import threading

from infra.processes import HOST

HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: Server\r\nDate: Fri, 27 Nov 2026 05:00:00 GMT\r\n"
    b"Content-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\nConnection: keep-alive\r\n"
    b"x-amzn-RequestId: 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGHIJ\r\nx-amz-crc32: 2745614147\r\n\r\n"
)
"""The headers of an answer of DynamoDB, in their number and their lengths."""

WRITTEN = b"{}"
WRITTEN_ITEM = (
    b'{"Attributes":{"id":{"S":"550e8400-e29b-41d4-a716-446655440000#A1"},"holder":{"S":"res-7d4f0a2b9c8e4f1a"},'
    b'"expires":{"N":"1795756830000"},"version":{"N":"2"}}}'
)
"""The answers to a write, and to one that asks for the item."""

LONGEST_READ = 65_536


def main() -> int:
    with socket.create_server((HOST, int(sys.argv[1])), backlog=128) as server:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=answer_all, args=(connection,), daemon=True).start()


def answer_all(connection: socket.socket) -> None:
    """Answers each request of a connection as a write that took effect, until the client leaves."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    with connection, contextlib.suppress(ConnectionError):
        while chunk := connection.recv(LONGEST_READ):
            received += chunk
            while (length := request_length(received)) and len(received) >= length:
                answer = WRITTEN_ITEM if b'"ALL_NEW"' in received[:length] else WRITTEN
                connection.sendall(HEAD % len(answer) + answer)
                received = received[length:]


def request_length(received: bytes) -> int:
    """Gives the length of the request that begins with these bytes; 0 while its headers are not complete."""
    head, end, _ = received.partition(b"\r\n\r\n")
    if not end:
        return 0
    length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    return len(head) + len(end) + int(length or 0)


if __name__ == "__main__":
    sys.exit(main())
