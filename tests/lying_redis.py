"""A Redis that lies: it accepts every question, and answers each with the same lie."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from infra.processes import HOST

Lie = bytes | Callable[[socket.socket], None]

DRIP_SECONDS = 0.03
"""Shorter than one waits for an answer, so that each byte would begin the wait anew."""
DEADLINE_SECONDS = 10

MOST_SENT_BYTES = 256 * 1024 * 1024
"""What is endless ends here, for the sake of the machine."""


def bulk(value: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(value), value)


def array(*answers: bytes) -> bytes:
    return b"*%d\r\n%s" % (len(answers), b"".join(answers))


def dripping(answer: bytes) -> Lie:
    def lie(client: socket.socket) -> None:
        for byte in answer:
            client.sendall(bytes([byte]))
            time.sleep(DRIP_SECONDS)

    return lie


def endless(start: bytes, more: bytes) -> Lie:
    """Makes a lie that is sent until the client hangs up."""

    def lie(client: socket.socket) -> None:
        client.sendall(start)
        chunk, sent = more * (65_536 // len(more)), 0
        while sent < MOST_SENT_BYTES:
            client.sendall(chunk)
            sent += len(chunk)

    return lie


def silent(_: socket.socket) -> None:
    """Reads nothing and never answers."""


def broken_off(answer: bytes) -> Lie:
    def lie(client: socket.socket) -> None:
        client.sendall(answer)
        client.shutdown(socket.SHUT_RDWR)

    return lie


YEARS_US = b":31536000000000000\r\n"

LIES: Mapping[str, Lie] = {
    "one": b":1\r\n",
    "zero": b":0\r\n",
    "less than zero": b":-7\r\n",
    "a number of 32 digits": b":99999999999999999999999999999999\r\n",
    "a number of 5,000 digits": b":" + b"9" * 5000 + b"\r\n",
    "a number with letters": b":12ab\r\n",
    "a number with an underscore": b":1_000\r\n",
    "no number": b":\r\n",
    "OK": b"+OK\r\n",
    "a word": b"+QUEUED\r\n",
    "an empty word": b"+\r\n",
    "nothing": b"$-1\r\n",
    "no array": b"*-1\r\n",
    "an empty array": b"*0\r\n",
    "an array too short": array(b":1\r\n"),
    "an array too long": array(*[b":0\r\n"] * 100),
    "an array of empty values": array(*[bulk(b"")] * 2),
    "an array of arrays": array(array(b":1\r\n"), array(b":0\r\n")),
    "arrays in arrays without end": b"*1\r\n" * 5000,
    "an array of errors": array(b"-ERR a\r\n", b"-ERR b\r\n"),
    "refused for years": array(b":0\r\n", YEARS_US),
    "refused for nothing": array(b":0\r\n", b":0\r\n"),
    "let in for less than nothing": array(b":1\r\n", b":-5\r\n"),
    "let in twice": array(b":2\r\n", b":0\r\n"),
    "a text of a float": bulk(b"1.5"),
    "a text": bulk(b"nonsense"),
    "a text that is no UTF-8": bulk(b"\xff\xfe\x00"),
    "a text of half a megabyte": bulk(b"x" * 500_000),
    "a text longer than it says": b"$3\r\nabcdef\r\n",
    "a text of less than nothing": b"$-5\r\n",
    "a text of a length with letters": b"$1e9\r\n",
    "a text of a length beyond all memory": b"$99999999999999999\r\nabc",
    "a gigabyte of text": endless(b"$1000000000\r\n", b"x"),
    "an array beyond all memory": b"*99999999999999999\r\n:1\r\n",
    "an array of a million": endless(b"*1000000\r\n", b"$-1\r\n"),
    "a line without an end": endless(b"+", b"x"),
    "answers without an end": endless(b"", b"+OK\r\n"),
    "two answers": b"+OK\r\n+OK\r\n",
    "an error": b"-ERR nonsense\r\n",
    "an error without a word": b"-\r\n",
    "an error that is no UTF-8": b"-\xff\xff\r\n",
    "moved to nowhere": b"-MOVED x\r\n",
    "moved to a dead server": b"-MOVED 1 127.0.0.1:9\r\n",
    "moved here, to no port": b"-MOVED 1 :0\r\n",
    "moved to a name that is none": b"-MOVED 1 \xff\x01:9\r\n",
    "ask nobody": b"-ASK\r\n",
    "ask a dead server": b"-ASK 1 127.0.0.1:9\r\n",
    "a cluster that is down": b"-CLUSTERDOWN The cluster is down\r\n",
    "several slots": b"-CROSSSLOT Keys in request don't hash to the same slot\r\n",
    "a map of slots": array(array(b":0\r\n", b":16383\r\n", array(bulk(b"127.0.0.1"), b":9\r\n"))),
    "loading for ever": b"-LOADING Redis is loading the dataset in memory\r\n",
    "no password": b"-NOAUTH Authentication required.\r\n",
    "a float of RESP3": b",1.5\r\n",
    "a boolean of RESP3": b"#t\r\n",
    "a null of RESP3": b"_\r\n",
    "a map of RESP3": b"%1\r\n+a\r\n:1\r\n",
    "a set of RESP3": b"~1\r\n:1\r\n",
    "a push of RESP3": b">2\r\n+invalidate\r\n:1\r\n",
    "a big number of RESP3": b"(3492890328409238509324850943850943825024385\r\n",
    "a verbatim text of RESP3": b"=7\r\ntxt:abc\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "rubbish": bytes(range(256)),
    "only ends of lines": b"\r\n\r\n",
    "nothing, dripping": dripping(b"$1000\r\n" + b"x" * 500),
    "an array, dripping": dripping(b"*500\r\n" + b":1\r\n" * 500),
    "a line, dripping": dripping(b"+" + b"x" * 500),
    "silence": silent,
    "hung up": broken_off(b""),
    "hung up in the middle": broken_off(b"*2\r\n$10\r\nabc"),
}


@dataclass
class LyingRedis:
    port: int
    lie: Lie = b"+OK\r\n"
    answered: int = 0
    """How many questions were answered so."""
    open_sockets: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def was_asked_since(self, answered: int) -> bool:
        """Whether a question has come since. Waits for it: on a busy machine it is read late."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self.answered <= answered and time.monotonic() < deadline:
            time.sleep(0.001)
        return self.answered > answered


@contextlib.contextmanager
def lying_redis() -> Iterator[LyingRedis]:
    with socket.create_server((HOST, 0), backlog=128) as server:
        liar = LyingRedis(server.getsockname()[1])
        threading.Thread(target=_accept, args=(server, liar), daemon=True).start()
        try:
            yield liar
        finally:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            for client in liar.open_sockets:
                client.close()


def _accept(server: socket.socket, liar: LyingRedis) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            liar.open_sockets.append(client)
            threading.Thread(target=_lie_to, args=(client, liar), daemon=True).start()


def _lie_to(client: socket.socket, liar: LyingRedis) -> None:
    with contextlib.suppress(OSError), client, client.makefile("rb") as asked:
        while _read_command(asked.readline, asked.read):
            liar.answered += 1
            if callable(liar.lie):
                liar.lie(client)
            else:
                client.sendall(liar.lie)


def _read_command(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> bool:
    """Reads one question, which is an array of texts. False when there is none."""
    parts = readline()[1:].strip()
    for _ in range(int(parts or 0)):
        read(int(readline()[1:]) + 2)
    return bool(parts)
