"""The connection to a cluster: found out by itself, redirects, lost nodes, slots that move; and what /ready says."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot
from redis.exceptions import ClusterDownError

from chalicelib.domain.rate_limits import Quota, Verdict
from chalicelib.infrastructure import probes
from chalicelib.infrastructure.breakers import Breaker, BreakerPolicy, BreakerState
from chalicelib.infrastructure.redis import answers
from chalicelib.infrastructure.redis.connection import RedisConnection, RedisUnavailable
from chalicelib.infrastructure.redis.keys import Keys
from chalicelib.infrastructure.redis.rate_limits import RedisRateLimiter
from chalicelib.infrastructure.redis.seat_cache import SeatCache
from infra.local import redis_server
from tests.builders import NOW, a_hold
from tests.effort import mostly_thorough
from tests.redis_cluster import Machine, OwnCluster, own_cluster, own_nodes

KEYS = [f"test:{{{number}}}" for number in range(60)]
"""Keys of as many slots, on all nodes."""

DEADLINE_SECONDS = 30


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Client:
    """A connection with breakers whose pause ends when the test says so. `asked` counts the questions that were put to
    some node."""

    url: str
    clock: Clock = field(default_factory=Clock)
    asked: int = 0

    def __post_init__(self) -> None:
        policy = BreakerPolicy(failures=1, pause_seconds=60, longest_pause_seconds=60)
        self.connection = RedisConnection(self.url, Breaker("redis", policy, monotonic=self.clock))

    def set(self, key: str) -> bool:
        def question(redis: Any) -> Any:
            self.asked += 1
            return redis.set(key, "1", px=60_000)

        return self.connection.ask(key, question, answers.was_set)

    def has_set(self, key: str) -> bool:
        try:
            return self.set(key)
        except RedisUnavailable:
            return False

    def make_at_home(self) -> "Client":
        """Connects to all nodes. On a busy machine that may take longer than a question has."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not all(self.has_set(key) for key in KEYS):
            assert time.monotonic() < deadline, "the cluster can't be reached"
            self.forgive()
        self.asked = 0
        return self

    def forgive(self) -> None:
        """Lets the pause of every breaker end."""
        self.clock.now += 61


@pytest.fixture(scope="module")
def cluster(run_dir: Path) -> Iterator[OwnCluster]:
    with own_cluster(run_dir) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: OwnCluster) -> Client:
    return Client(cluster.url).make_at_home()


def keys_of(node: Machine) -> list[str]:
    return [key for key in KEYS if node.has(key_slot(key.encode()))]


def count_redirects(cluster: OwnCluster) -> int:
    return sum(node.count_redirects() for node in cluster.nodes)


# Finding out.


def test_a_cluster_is_found_out_by_itself_and_every_key_asked_for_at_its_node(cluster: OwnCluster) -> None:
    client = Client(cluster.url).make_at_home()

    for node in cluster.nodes:
        assert len(keys_of(node)) > 1
        assert node.run("DBSIZE") >= len(keys_of(node))
    assert not client.connection.combined_breaker_status().trips


def test_once_it_is_known_no_question_is_redirected(cluster: OwnCluster, client: Client) -> None:
    before = count_redirects(cluster)

    assert all(client.set(key) for key in KEYS)

    assert client.asked == len(KEYS)
    assert count_redirects(cluster) == before


def test_threads_that_find_it_out_at_the_same_time_share_its_nodes(cluster: OwnCluster) -> None:
    client = Client(cluster.url)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(client.has_set, KEYS))

    client.make_at_home()

    assert len(client.connection._driver_and_cluster[1]._nodes) == len(cluster.nodes)


def test_a_question_about_several_slots_is_refused_so_the_cluster_is_one(cluster: OwnCluster, client: Client) -> None:
    with pytest.raises(RedisUnavailable, match="ClusterCrossSlotError"):
        client.connection.ask(KEYS[0], lambda redis: redis.mget(KEYS[:2]), answers.list_of_values(2))


def test_what_cache_and_limits_ask_is_answered_whichever_slot_the_screening_has(cluster: OwnCluster) -> None:
    connection = Client(cluster.url).make_at_home().connection
    cache, limiter = SeatCache(connection, "test", b"for tests"), RedisRateLimiter(connection, NoOther(), "test")
    for number in range(20):
        hold = a_hold("A1", "A2", fingerprint="f")
        cache.record_hold(hold, NOW)
        assert set(cache.read_known_seats_and_whether_id_was_seen(hold, NOW).occupancy) == {"A1", "A2"}
        quotas = {f"user-{number}": Quota(2, 60), f"address-{number}": Quota(2, 60)}
        assert [limiter.take_if_all_admit(quotas, NOW).admitted for _ in range(3)] == [True, True, False]


class NoOther:
    """The fallback of a limiter that must not need one: it fails the test."""

    def take_if_all_admit(self, quotas: Mapping[str, Quota], now: datetime) -> Verdict:
        pytest.fail("Redis was not asked, or did not answer")


def test_a_certificate_that_nobody_vouches_for_is_no_redis(cluster: OwnCluster) -> None:
    stranger = Client(cluster.url.partition("?")[0])

    with pytest.raises(RedisUnavailable, match="certificate verify failed"):
        stranger.set(KEYS[0])


# A lost node.


@contextmanager
def killed(node: Machine) -> Iterator[None]:
    node.kill()
    try:
        yield
    finally:
        node.start()


@contextmanager
def frozen(node: Machine) -> Iterator[None]:
    with node.frozen():
        yield


Trouble = Callable[[Machine], AbstractContextManager[None]]


@pytest.mark.parametrize("lost", mostly_thorough(range(3), 3))
@pytest.mark.parametrize("trouble", [killed, frozen])
def test_a_lost_node_costs_one_wait_and_the_other_slots_go_on(
    cluster: OwnCluster, client: Client, lost: int, trouble: Trouble
) -> None:
    keys = keys_of(cluster.nodes[lost])
    others = [key for key in KEYS if key not in keys]
    with trouble(cluster.nodes[lost]):
        assert not any(client.has_set(key) for key in keys)
        assert client.asked == 1
        assert client.connection.combined_breaker_status().state is BreakerState.OPEN
        assert all(client.set(key) for key in others)

    cluster.wait_until_whole()
    client.forgive()
    client.make_at_home()
    assert client.connection.combined_breaker_status().state is BreakerState.CLOSED


def test_a_process_that_starts_while_another_node_is_lost_finds_the_rest(cluster: OwnCluster) -> None:
    lost = cluster.nodes[2]
    keys = keys_of(lost)
    others = [key for key in KEYS if key not in keys]
    with killed(lost):
        client = Client(cluster.url)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not all(client.has_set(key) for key in others):
            assert time.monotonic() < deadline
            client.forgive()
        assert not client.has_set(keys[0])
    cluster.wait_until_whole()


# Slots that move.


@contextmanager
def moving(cluster: OwnCluster, key: str) -> Iterator[tuple[Machine, Machine]]:
    """Begins to move the key's slot from its node to another, and takes it back at the end."""
    slot = key_slot(key.encode())
    old = cluster.node_of(key)
    new = next(node for node in cluster.nodes if node is not old)
    old.run("DEL", key)  # what is there is answered by the old node as ever
    new.run("CLUSTER SETSLOT", slot, "IMPORTING", old.name)
    old.run("CLUSTER SETSLOT", slot, "MIGRATING", new.name)
    try:
        yield old, new
    finally:
        for node in (new, old):
            node.run("CLUSTER SETSLOT", slot, "STABLE")


def test_a_question_about_a_slot_that_is_moving_is_put_to_its_new_node(cluster: OwnCluster, client: Client) -> None:
    key = KEYS[0]

    def both(redis: Any) -> Any:
        with redis.pipeline(transaction=False) as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 60)
            return pipeline.execute(raise_on_error=False)

    with moving(cluster, key) as (old, new):
        assert client.set(key)
        assert client.asked == 2
        assert client.connection.ask(key, both, answers.list_of_integers(2)) == [2, 1]

        counts = [int(node.run("CLUSTER COUNTKEYSINSLOT", key_slot(key.encode()))) for node in (old, new)]
        assert counts == [0, 1]
    client.make_at_home()


def test_a_slot_that_has_moved_is_found_at_its_new_node_and_remembered(cluster: OwnCluster, client: Client) -> None:
    key = KEYS[1]
    slot = key_slot(key.encode())
    old = cluster.node_of(key)
    new = next(node for node in cluster.nodes if node is not old)
    give(cluster, slot, old, new)
    try:
        assert client.set(key)
        assert client.asked == 2
        assert client.set(key)
        assert client.asked == 3
    finally:
        give(cluster, slot, new, old)
        cluster.wait_until_whole()


def give(cluster: OwnCluster, slot: int, giver: Machine, taker: Machine) -> None:
    """Gives a slot away, with no key in it."""
    giver.run("FLUSHALL")
    name = taker.name
    taker.run("CLUSTER SETSLOT", slot, "IMPORTING", giver.name)
    giver.run("CLUSTER SETSLOT", slot, "MIGRATING", name)
    for node in (taker, giver, *cluster.nodes):
        node.run("CLUSTER SETSLOT", slot, "NODE", name)


def test_after_a_node_has_failed_the_map_is_read_again_from_another(cluster: OwnCluster, client: Client) -> None:
    """As after a failover: the slots have a new node, and the old one, which would say so, is gone."""
    lost = cluster.nodes[1]
    key = keys_of(lost)[0]
    slot = key_slot(key.encode())
    taker = cluster.nodes[2]
    with killed(lost):
        for node in (taker, cluster.nodes[0]):
            node.run("CLUSTER SETSLOT", slot, "NODE", taker.name)
        assert not client.has_set(key)

        assert client.set(key)

        assert client.asked == 2
    lost.run("CLUSTER BUMPEPOCH")
    cluster.wait_until(lambda: all(lost.has(slot, as_said_by=node) for node in cluster.nodes))


# What /ready says.


def check(url: str) -> tuple[bool, str]:
    """Gives whether /ready says "up", and the reason if not, in the third of three tries at most: machines are busy."""
    probe = probes.new_redis_probe(Client(url).connection, Keys("test"))
    state = next((state for state in (probe() for _ in range(3)) if state.up), None) or probe()
    return state.up, state.reason


def test_ready_says_up_when_every_node_does_what_requests_ask(cluster: OwnCluster) -> None:
    assert check(cluster.url) == (True, "")
    assert redis_server.diagnose_redis(cluster.url) == ""


@pytest.mark.parametrize("lost", mostly_thorough(range(3), 3))
def test_ready_says_down_when_any_node_is_lost(cluster: OwnCluster, lost: int) -> None:
    with killed(cluster.nodes[lost]):
        assert check(cluster.url)[0] is False
    cluster.wait_until_whole()


def test_a_cluster_without_slots_answers_a_ping_and_is_down(run_dir: Path) -> None:
    with own_nodes(run_dir, 1) as cluster:
        assert cluster.nodes[0].answers()
        assert check(cluster.url) == (False, ClusterDownError.__name__)
        assert redis_server.diagnose_redis(cluster.url).startswith(ClusterDownError.__name__)

        client = Client(cluster.url)
        assert not client.has_set(KEYS[0])
        assert client.connection.combined_breaker_status().state is BreakerState.OPEN
