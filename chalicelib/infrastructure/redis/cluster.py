"""Finds the server that has a key. There is one server, until a redirect shows that it is a node of a cluster.

    question ──► server of REDIS_URL ──► answer: one Redis, or a cluster behind one endpoint, as ElastiCache Serverless
                      │ MOVED: a cluster
                      ▼
                 CLUSTER SLOTS ──► map of the slots ──► the key's node ──► answer
                                        ▲                 │ MOVED: the map is old       │ fails
                                        └─────────────────┘                             ▼
                                        ▲                          its breaker opens; the next question about its slots
                                        └───────────────────────── reads the map from another node

So nothing needs to be set, and one Redis is asked no question more. Each node has a breaker of its own: a dead node
takes the keys of its slots with it and no others. All answers to one question share one deadline, those of redirects
too.

This module imports the driver: import it only inside of the functions that use it.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from redis import Redis
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, InvalidResponse, MovedError, ResponseError
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import TimeoutError as TooLate

from chalicelib.infrastructure.breakers import Breaker, BreakerState, BreakerStatus

from . import wire
from .answers import MalformedRedisAnswer, Shape, integer, value_or_none

T = TypeVar("T")

Question = Callable[["Redis"], Any]

FAILING = (ConnectionLost, TooLate, InvalidResponse, ClusterDownError, OSError, MalformedRedisAnswer)
"""The errors that open a node's breaker. Other errors with which Redis refuses a command do not open it: a Redis that
is full, for example, is still alive."""

SLOTS = 16_384
MOST_NODES = 500
"""The largest number of nodes of a cluster: ElastiCache allows no more."""
MOST_REDIRECTS = 3
MOST_ASKED_FOR_MAP = 2
"""The largest number of other nodes that are asked for the cluster's map when the node of a key has failed."""

LONGEST_HOST = 255


class Address(NamedTuple):
    host: str
    port: int


class SlotRange(NamedTuple):
    first: int
    last: int
    owner: Address


class Node:
    """One Redis server behind its own breaker.

    `is_doubted` is true after a call to the server failed. Another server may have taken over its slots, so the cluster
    asks which server has which slots.
    """

    def __init__(self, url: str, address: Address | None, breaker: Breaker, options: Mapping[str, Any]) -> None:
        self.breaker, self.is_doubted = breaker, False
        self._url, self._options = url, options
        self._client = self._connect(address, sends_asking=False)
        found = self._client.connection_pool.connection_kwargs
        self.address = address or Address(str(found.get("host", "localhost")), int(found.get("port", 6379)))

    def ask_through_breaker(self, question: Question, shape: Shape[T], *, sends_asking: bool = False) -> T:
        """Asks the question through the breaker. Raises BreakerOpen, the driver's errors, MalformedRedisAnswer.

        With `sends_asking`, sends ASKING before each command, because the slot is still moving to this node. Without
        ASKING, the node would redirect.
        """
        try:
            return self.breaker.call(lambda: self.ask_past_breaker(question, shape, sends_asking=sends_asking), FAILING)
        except FAILING:
            self.is_doubted = True
            raise

    def ask_past_breaker(self, question: Question, shape: Shape[T], *, sends_asking: bool = False) -> T:
        client = self._asking_client if sends_asking else self._client
        try:
            answer = question(client)
            _raise_redirect_in(answer)
            return shape(answer)
        except MalformedRedisAnswer:
            # Whose answer this was nobody knows, nor what else is under way: no idle connection is used again.
            client.connection_pool.disconnect(inuse_connections=False)
            raise

    def close_idle_connections(self) -> None:
        self._client.connection_pool.disconnect(inuse_connections=False)

    @cached_property
    def _asking_client(self) -> Redis:
        return self._connect(self.address, sends_asking=True)

    def _connect(self, address: Address | None, *, sends_asking: bool) -> Redis:
        """Makes the driver's client of one node. The client connects on first use."""
        client = Redis(
            connection_pool=wire.new_pool_limiting_answer_time_and_size(
                self._url, address, sends_asking=sends_asking, **self._options
            )
        )
        client.response_callbacks.clear()
        return client


class Cluster:
    """The nodes of a Redis cluster, or a single Redis server. Thread-safe."""

    def __init__(self, url: str, breaker: Breaker, timeout_seconds: float, options: Mapping[str, Any]) -> None:
        self._url, self._seconds, self._options = url, timeout_seconds, options
        self._first = Node(url, None, breaker, options)
        self._nodes = {self._first.address: self._first}
        self._owners: list[Address | None] = []
        """The address of each slot's node; empty as long as no redirect has told of a cluster."""
        self._lock = Lock()

    def ask(self, key: str, question: Question, shape: Shape[T]) -> T:
        """Asks the node that has the key, and follows redirects.

        Raises BreakerOpen, the driver's errors, MalformedRedisAnswer.
        """
        slot = key_slot(key.encode())
        with wire.redis_time_budget(self._seconds) as budget:
            node = self._node_to_ask(slot, budget)
            return self._follow_redirects(slot, node, budget, question, shape, Node.ask_through_breaker)

    def ask_one_and_ping_all_nodes(self, key: str, question: Question, shape: Shape[object]) -> None:
        """Asks the node that has the key, then pings all nodes. Ignores the breakers. Raises the first error."""
        slot = key_slot(key.encode())
        with wire.redis_time_budget(self._seconds) as budget:
            self._follow_redirects(slot, self._owner(slot), budget, question, shape, Node.ask_past_breaker)
        with wire.redis_time_budget(self._seconds):
            self._find_nodes()
        for node in list(self._nodes.values()):
            with wire.redis_time_budget(self._seconds):
                node.ask_past_breaker(lambda redis: redis.ping(), _check_pong)

    def combined_breaker_status(self) -> BreakerStatus:
        """Gives the worst state of all nodes' breakers, and the sum of their trips. Open is worse than half-open."""
        statuses = [node.breaker.status() for node in list(self._nodes.values())]
        states = {status.state for status in statuses}
        worst = (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED)
        return BreakerStatus(next(each for each in worst if each in states), sum(each.trips for each in statuses))

    def _follow_redirects(
        self, slot: int, node: Node, budget: wire.SharedSecondsLeft, question: Question, shape: Shape[T], ask: Any
    ) -> T:
        sends_asking = False
        for _ in range(MOST_REDIRECTS + 1):
            if not budget.left:
                raise TooLate("no time is left to ask another node")
            try:
                answer: T = ask(node, question, shape, sends_asking=sends_asking)
            except MovedError as moved:
                node, sends_asking = self._new_owner(slot, _address(moved.host, moved.port, node), node), False
            except AskError as moving:
                node, sends_asking = self._node_at(_address(moving.host, moving.port, node)), True
            else:
                return answer
        raise MalformedRedisAnswer("redirects without end")

    # The map.

    def _owner(self, slot: int) -> Node:
        address = self._owners[slot] if self._owners else None
        return self._nodes.get(address, self._first) if address else self._first

    def _node_to_ask(self, slot: int, budget: wire.SharedSecondsLeft) -> Node:
        """Gives the slot's node.

        If this node has failed since the map was last read, reads the map from another node first.
        """
        node = self._owner(slot)
        if not (node.is_doubted and self._owners):
            return node
        node.is_doubted = False
        alive = (each for each in list(self._nodes.values()) if each.breaker.state is BreakerState.CLOSED)
        for other in islice((each for each in alive if each is not node), MOST_ASKED_FOR_MAP):
            with contextlib.suppress(ResponseError, *FAILING):
                self._read_map(other)
                break
            if not budget.left:
                break
        return self._owner(slot)

    def _new_owner(self, slot: int, address: Address, teller: Node) -> Node:
        """Records and gives the slot's owner after a redirect. `teller` is the node that redirected.

        If the owner is a new node, reads the map from `teller`.
        """
        if address not in self._nodes:
            with contextlib.suppress(ResponseError):  # it may keep its map from us: then we learn slot by slot
                self._read_map(teller)
        node = self._node_at(address)
        self._owners = self._owners or [None] * SLOTS
        self._owners[slot] = address
        return node

    def _read_map(self, node: Node) -> None:
        self._adopt_map(node.ask_through_breaker(_ask_for_slots, lambda answer: _ranges_in(answer, node)))

    def _find_nodes(self) -> None:
        """Finds the nodes of a cluster before the first redirect. Does nothing if one node has all slots."""
        if not self._owners:
            with contextlib.suppress(ResponseError):  # no cluster
                ranges = self._first.ask_past_breaker(_ask_for_slots, lambda answer: _ranges_in(answer, self._first))
                if len({each.owner for each in ranges}) > 1:
                    self._adopt_map(ranges)

    def _adopt_map(self, ranges: Sequence[SlotRange]) -> None:
        owners: list[Address | None] = [None] * SLOTS
        for each in ranges:
            owners[each.first : each.last + 1] = [each.owner] * (each.last + 1 - each.first)
        self._owners = owners
        self._keep_only({self._first.address, *(each.owner for each in ranges)})

    def _keep_only(self, named: set[Address]) -> None:
        """Makes nodes for new addresses. Removes the nodes whose addresses are not named, and closes their idle
        connections."""
        with self._lock:
            gone = [self._nodes.pop(address) for address in set(self._nodes) - named]
        for address in named:
            self._node_at(address)
        for node in gone:
            node.close_idle_connections()

    def _node_at(self, address: Address) -> Node:
        with self._lock:
            if address not in self._nodes:
                if len(self._nodes) > MOST_NODES:
                    raise MalformedRedisAnswer("too many nodes")
                self._nodes[address] = Node(self._url, address, self._first.breaker.closed_copy(), self._options)
            return self._nodes[address]


def _ask_for_slots(redis: Redis) -> Any:
    return redis.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call] # the driver's


def _check_pong(answer: Any) -> None:
    if answer != b"PONG":
        raise MalformedRedisAnswer("no PONG")


def _raise_redirect_in(answer: Any) -> None:
    """Raises the first ASK redirect or CLUSTERDOWN error among the answers to a pipeline."""
    for each in answer if type(answer) is list else ():
        if isinstance(each, AskError | ClusterDownError):
            raise each


def _ranges_in(answer: Any, said_by: Node) -> list[SlotRange]:
    """Reads the slot ranges from the answer to CLUSTER SLOTS. Raises MalformedRedisAnswer."""
    if type(answer) is not list:
        raise MalformedRedisAnswer("no list")
    ranges = [_range_in(each, said_by) for each in answer]
    if len({each.owner for each in ranges}) > MOST_NODES:
        raise MalformedRedisAnswer("too many nodes")
    return ranges


def _range_in(entry: Any, said_by: Node) -> SlotRange:
    """Reads one range of slots and its primary. Ignores replicas. Raises MalformedRedisAnswer."""
    if type(entry) is not list or len(entry) < 3 or type(entry[2]) is not list or len(entry[2]) < 2:
        raise MalformedRedisAnswer("no range of slots")
    first, last, (host, port) = integer(entry[0]), integer(entry[1]), entry[2][:2]
    if not 0 <= first <= last < SLOTS:
        raise MalformedRedisAnswer("a slot that can't be")
    return SlotRange(
        first, last, _address((value_or_none(host) or b"").decode(errors="replace"), integer(port), said_by)
    )


def _address(host: str, port: int, said_by: Node) -> Address:
    """Checks an address from a node's answer. `said_by` is that node. If the address has an empty host, takes the host
    of `said_by` instead. Raises MalformedRedisAnswer."""
    if len(host) > LONGEST_HOST or not host.isascii() or not host.isprintable() or not 0 < port < 65_536:
        raise MalformedRedisAnswer("no address")
    return Address(host or said_by.address.host, port)
