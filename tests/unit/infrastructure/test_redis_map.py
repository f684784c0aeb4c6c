"""The map of a cluster's slots, as a node tells it: what is understood, and what is no map."""

from typing import Any

import pytest

from chalicelib.infrastructure.breakers import POLICIES, Breaker, BreakerState
from chalicelib.infrastructure.redis.answers import MalformedRedisAnswer
from chalicelib.infrastructure.redis.cluster import MOST_NODES, Node, SlotRange, _ranges_in


def a_node() -> Node:
    return Node("redis://first.example.com:7000", None, Breaker("redis", POLICIES["redis"]), {})


def a_range(first: Any = 0, last: Any = 99, host: Any = b"second.example.com", port: Any = 7001) -> list[Any]:
    return [first, last, [host, port, b"name", [b"hostname", b"second"]], [b"replica.example.com", 7002, b"other", []]]


def test_the_primary_of_each_range_is_its_owner() -> None:
    ranges = _ranges_in([a_range(), a_range(100, 100, b"third.example.com", 7003)], a_node())

    assert ranges == [
        SlotRange(0, 99, ("second.example.com", 7001)),  # type: ignore[arg-type] # an address is a tuple
        SlotRange(100, 100, ("third.example.com", 7003)),  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("host", [None, b""])
def test_a_node_without_a_host_has_that_of_the_node_that_says_so(host: Any) -> None:
    (found,) = _ranges_in([a_range(host=host)], a_node())

    assert found.owner == ("first.example.com", 7001)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"OK",
        7,
        [1, 2],
        [[]],
        [[0, 99]],
        [[0, 99, b"host"]],
        [[0, 99, [b"host"]]],
        [a_range(first=-1)],
        [a_range(first=50, last=49)],
        [a_range(last=16_384)],
        [a_range(first=b"0")],
        [a_range(host=7)],
        [a_range(host=b"\xff")],
        [a_range(host=b"a\nb")],
        [a_range(host=b"x" * 256)],
        [a_range(port=0)],
        [a_range(port=65_536)],
        [a_range(port=b"7001")],
        [a_range(number, number, port=1 + number) for number in range(MOST_NODES + 1)],
    ],
)
def test_what_is_no_map_is_nonsense(answer: Any) -> None:
    with pytest.raises(MalformedRedisAnswer):
        _ranges_in(answer, a_node())


def test_another_node_has_a_closed_breaker_of_its_own_with_the_same_policy() -> None:
    first = Breaker("redis", POLICIES["redis"], monotonic=lambda: 0.0)

    def fail() -> None:
        raise OSError

    for breaker in (first, first.closed_copy()):
        assert breaker.state is BreakerState.CLOSED
        with pytest.raises(OSError):
            breaker.call(fail, (OSError,))
        assert (breaker.name, breaker.state, breaker.trips) == ("redis", BreakerState.OPEN, 1)
