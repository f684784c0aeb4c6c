"""The whole system of a run: emulator, Redis, gateway, three API instances and two relays, with faulting wires between.

Everything is this run's own, and ends with it.
"""

import contextlib
import os
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from infra import processes
from infra.local import emulator, payment_gateway
from tests.histories import wires
from tests.histories.faults import OUTAGES, Faults, Kind
from tests.histories.processes import Process, api_instance, relay
from tests.redis_machine import OwnRedis, own_redis

STAGE = "test"
PREFIX = f"cinema-{STAGE}"
INSTANCES, RELAYS = 3, 2
VISIBILITY_SECONDS = 6
"""For how long a message is hidden from the other relay. On AWS it is minutes: here a killed relay's come back soon."""
SETTINGS = {
    "STAGE": STAGE,
    "TABLE_PREFIX": PREFIX,
    "MAX_LIVE_HOLDS": "2",
    "RATE_LIMITS": "off",
    "PAYMENTS_CONFIRMED_BY": "gateway",
    "LOG_LEVEL": "WARNING",
}


@dataclass
class Cinema:
    """A running system. `doors` are the addresses of the wires to the instances."""

    faults: Faults
    hold_seconds: int
    gateway: payment_gateway.Gateway
    redis: OwnRedis
    instances: list[Process]
    relays: list[Process]
    doors: list[str]
    all_wires: list[wires.Wire]

    def watch(self) -> None:
        """Raises AssertionError when a process has ended by itself."""
        for process in (*self.instances, *self.relays):
            assert not process.has_ended, f"{process.name} has ended by itself: see {process.run_dir}"

    def heal(self) -> None:
        """Ends all faults: stopped processes go on, killed ones are started, services answer."""
        self.faults.calm = True
        self.faults.out.clear()
        self.redis.thaw()
        if self.redis.child is None:
            self.redis.start()
        for process in (*self.instances, *self.relays):
            process.go_on()
            if process.pid is None:
                process.start()

    @property
    def calls_on_their_way(self) -> int:
        return sum(wire.late for wire in self.all_wires)


@contextlib.contextmanager
def run_cinema(faults: Faults, hold_seconds: int, run_dir: Path, without: str = "") -> Iterator[Cinema]:
    """Starts everything and stops it at the end. Sets this process's environment to it.

    `without` names a guard that the instances leave out. Raises CannotRunError where a part does not start.
    """
    with contextlib.ExitStack() as stack:
        machine = stack.enter_context(emulator.run_ministack(processes.free_port(), run_dir=run_dir))
        gateway = payment_gateway.Gateway(slow_seconds=1.0)
        url, _ = stack.enter_context(payment_gateway.run_gateway(gateway=gateway))
        redis = stack.enter_context(own_redis(run_dir))
        _set_environment(machine.endpoint, url, hold_seconds)
        _deploy()
        aws = stack.enter_context(wires.wire_to(machine.endpoint, faults, wires.name_aws, wires.faults_of_aws))
        paid = stack.enter_context(wires.wire_to(url, faults, _named("payments"), wires.faults_of_http))
        there = {**os.environ, "AWS_ENDPOINT_URL": aws[0], "PAYMENTS_URL": paid[0]}
        there["REDIS_URL"] = "" if without else redis.url  # no gate may do what the guard should
        ports = [processes.free_port() for _ in range(INSTANCES)]
        instances = [api_instance(number, port, there, run_dir, without) for number, port in enumerate(ports)]
        relays = [relay(number, there, run_dir) for number in range(RELAYS)]
        doors = [stack.enter_context(_door(port, faults)) for port in ports]
        gateway.messenger.url, gateway.messenger.pause_seconds = f"{doors[0][0]}/api/payments/webhook", 0.2
        _start(stack, instances, relays, ports)
        all_wires = [wire for _, wire in (aws, paid, *doors)]
        where = [address for address, _ in doors]
        yield Cinema(faults, hold_seconds, gateway, redis, instances, relays, where, all_wires)


def _set_environment(endpoint: str, payments_url: str, hold_seconds: int) -> None:
    """Sets this process's environment to the emulator itself and the gateway itself, past the wires."""
    here = {"AWS_ENDPOINT_URL": endpoint, "PAYMENTS_URL": payments_url, "REDIS_URL": ""}
    os.environ.update({**emulator.CREDENTIALS, **SETTINGS, **here, "HOLD_SECONDS": str(hold_seconds)})


def _start(stack: contextlib.ExitStack, instances: list[Process], relays: list[Process], ports: list[int]) -> None:
    """Starts all, and waits until the instances answer."""
    for process in (*instances, *relays):
        stack.callback(process.end)
        process.start()
    for process, port in zip(instances, ports, strict=True):
        assert process.child
        processes.wait_for_http(f"http://{processes.HOST}:{port}/health", process.child, process.name)


def _door(port: int, faults: Faults) -> contextlib.AbstractContextManager[tuple[str, wires.Wire]]:
    return wires.wire_to(f"http://{processes.HOST}:{port}", faults, _named("api"), wires.faults_of_http)


def _named(service: str) -> wires.Name:
    return lambda method, path, headers, body: (service, method)


def _deploy() -> None:
    """Deploys tables and queues, and lets a message that its handler did not finish come again soon."""
    from infra.cloud import deploy

    deploy.deploy_data(STAGE)
    sqs = boto3.client("sqs")
    for queue in sqs.list_queues(QueueNamePrefix=PREFIX).get("QueueUrls", []):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)})


# What is done to the processes and services.


@dataclass
class Harm:
    """One thing that is broken now, and when it is mended."""

    kind: Kind
    until: float
    target: Any


@dataclass
class Nemesis:
    """Kills, stops and cuts off, one kind after the other, each of them before any comes again.

    Call it from the main thread. One relay is never killed, and one instance neither: their memory is looked at.
    """

    cinema: Cinema
    chance: random.Random
    pause_seconds: float
    left: list[Kind] = field(default_factory=list)
    harms: list[Harm] = field(default_factory=list)
    next_at: float = field(default_factory=time.monotonic)

    def act(self) -> None:
        """Mends what is due, and breaks the next thing if it is time."""
        now = time.monotonic()
        for harm in [one for one in self.harms if one.until <= now]:
            self.harms.remove(harm)
            self.mend(harm)
        if now >= self.next_at:
            self.next_at = now + self.pause_seconds * self.chance.uniform(0.6, 1.4)
            self._break_next()

    def mend_all(self) -> None:
        while self.harms:
            self.mend(self.harms.pop())

    def _break_next(self) -> None:
        if not self.left:
            self.left = [*BREAKS, *OUTAGES.values()]
            self.chance.shuffle(self.left)
        kind = self.left.pop()
        target, seconds = self._target_of(kind)
        if any(harm.target is target or harm.target == target for harm in self.harms):
            self.left.insert(0, kind)
            return
        self.cinema.faults.count(kind)
        self._harm(kind, target)
        self.harms.append(Harm(kind, time.monotonic() + seconds, target))

    def _target_of(self, kind: Kind) -> tuple[Any, float]:
        """Chooses who is met, and for how many seconds. Some stops are longer than a hold."""
        cinema, hold = self.cinema, self.cinema.hold_seconds
        short, long = self.chance.uniform(0.3, 2.0), self.chance.uniform(0.5, hold * 1.3)
        if kind is Kind.INSTANCE_KILLED:
            return self.chance.choice(cinema.instances[1:]), short
        if kind is Kind.INSTANCE_STOPPED:
            return self.chance.choice(cinema.instances), long
        if kind is Kind.RELAY_KILLED:
            return self.chance.choice(cinema.relays[1:]), short
        if kind is Kind.RELAY_STOPPED:
            return self.chance.choice(cinema.relays), long
        if kind in (Kind.REDIS_KILLED, Kind.REDIS_STOPPED):
            return cinema.redis, short
        return next(service for service, outage in OUTAGES.items() if outage is kind), short

    def _harm(self, kind: Kind, target: Any) -> None:
        if kind in BREAKS:
            BREAKS[kind](target)
        else:
            self.cinema.faults.out.add(target)

    def mend(self, harm: Harm) -> None:
        if harm.kind in BREAKS:
            MENDS[harm.kind](harm.target)
        else:
            self.cinema.faults.out.discard(harm.target)


BREAKS: Mapping[Kind, Any] = {
    Kind.INSTANCE_KILLED: Process.kill,
    Kind.INSTANCE_STOPPED: Process.stop,
    Kind.RELAY_KILLED: Process.kill,
    Kind.RELAY_STOPPED: Process.stop,
    Kind.REDIS_KILLED: OwnRedis.kill,
    Kind.REDIS_STOPPED: OwnRedis.freeze,
}
MENDS: Mapping[Kind, Any] = {
    Kind.INSTANCE_KILLED: Process.start,
    Kind.INSTANCE_STOPPED: Process.go_on,
    Kind.RELAY_KILLED: Process.start,
    Kind.RELAY_STOPPED: Process.go_on,
    Kind.REDIS_KILLED: OwnRedis.start,
    Kind.REDIS_STOPPED: OwnRedis.thaw,
}
