"""Ends TLS before servers that speak none, in a process of its own: `python -m tests.tls_proxy CERT PORT:TARGET …`."""

import asyncio
import contextlib
import ssl
import sys
from functools import partial
from pathlib import Path

from infra.processes import HOST

READ_BYTES = 65_536


async def serve(certificate: Path, targets: dict[int, int]) -> None:
    """Serves for ever: forwards the bytes of each port to the server at its target, and the answers back."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    for port, target in targets.items():
        await asyncio.start_server(partial(carry, target), HOST, port, ssl=tls, backlog=128)
    await asyncio.Event().wait()


async def carry(target: int, near: asyncio.StreamReader, near_end: asyncio.StreamWriter) -> None:
    """Carries one connection. Hangs up when the server is not there, or does."""
    try:
        far, far_end = await asyncio.open_connection(HOST, target)
    except OSError:
        near_end.transport.abort()
        return
    await asyncio.gather(copy(near, far_end), copy(far, near_end))


async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while read := await source.read(READ_BYTES):
            sink.write(read)
            await sink.drain()
    with contextlib.suppress(OSError):
        sink.close()


if __name__ == "__main__":
    pairs = (pair.split(":") for pair in sys.argv[2:])
    asyncio.run(serve(Path(sys.argv[1]), {int(port): int(target) for port, target in pairs}))
