"""Rate limits over HTTP: on real servers that share a Redis, and on those whose Redis is gone."""

import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from chalice.app import Chalice

from chalicelib.api.http import limits
from chalicelib.domain.rate_limits import NO_LIMITS, RequesterKind
from chalicelib.infrastructure.redis.rate_limits import ProcessRateLimiter
from chalicelib.settings import RATE_LIMITS, SettingInvalid, load
from tests.builders import NOW
from tests.conftest import ApiServers
from tests.http_api import Answer, Api
from tests.wire import Wire

T = TypeVar("T")

LIMITS = (
    "*=off per address, hold_seats=3/60s per address, list_purchases=2/60s per address, show_session=2/60s per address"
)
BY_ADDRESS = "*=5/60s per address, hold_seats=3/60s per address"
BY_USER = "*=off per address, hold_seats=1/60s per user, list_purchases=1/60s per user"
TRIES = 5
HOME, OFFICE = "127.0.0.7", "127.0.0.8"


_addresses = (f"127.1.{high}.{low}" for high in range(256) for low in range(1, 255))


def a_stranger(api: Api) -> Api:
    """The same instance, asked from an address that has not asked yet."""
    return replace(api, address=next(_addresses))


@pytest.fixture(scope="module")
def instances(api_servers: ApiServers) -> list[Api]:
    return [Api(url) for url in api_servers(3, RATE_LIMITS=LIMITS)]


@pytest.fixture
def limited(instances: list[Api]) -> list[Api]:
    """Three instances, asked from one address."""
    address = next(_addresses)
    return [replace(instance, address=address) for instance in instances]


def a_user() -> str:
    return f"user-{uuid.uuid4()}"


def hold(api: Api, *seats: str, user: str = "anybody", **headers: str) -> Answer:
    """Of a screening that does not exist: 404 when it is let in."""
    return api.hold("550e8400-e29b-41d4-a716-446655440000", *(seats or ("Z9",)), user=user, **headers)


def rate_limit_headers(answer: Answer) -> dict[str, str]:
    return {
        name: value for name, value in answer.headers.items() if name.startswith("ratelimit") or name == "retry-after"
    }


def with_redis_all_the_time(instances: list[Api], play: Callable[[], T]) -> T:
    """What it came to in a try in which no instance missed Redis: on a busy machine 50 ms may be too short."""

    def trips() -> list[int]:
        states = [state for instance in instances for state in instance.ready().body["dependencies"]]
        return [state["trips"] for state in states if state["name"] == "redis" and state["breaker"] == "closed"]

    for _ in range(TRIES):
        before, outcome, after = trips(), play(), trips()
        if before == after and len(before) == len(instances):
            return outcome
    pytest.fail(f"Redis could not be reached in each of {TRIES} tries")


def test_who_asks_too_often_is_told_when_to_come_again(limited: list[Api]) -> None:
    session_id = a_stranger(limited[0]).schedule()
    held = limited[0].hold(session_id, "A1", user=a_user())
    others = [hold(limited[0]).status for _ in range(2)]
    refused = limited[0].hold(session_id, "A2", user=a_user())

    assert (held.status, others) == (201, [404, 404])
    assert rate_limit_headers(held) == {
        "ratelimit-limit": "3",
        "ratelimit-remaining": "2",
        "ratelimit-reset": "20",
        "ratelimit-policy": "3;w=60",
    }
    assert refused.status == 429
    seconds = refused.body.pop("retryAfterSeconds")
    assert 15 <= seconds <= 20
    assert refused.body == {"error": "RATE_LIMITED", "message": f"Too many requests: try again in {seconds} s."}
    assert rate_limit_headers(refused).pop("retry-after") == str(seconds)
    assert (refused.headers["ratelimit-remaining"], refused.headers["ratelimit-policy"]) == ("0", "3;w=60")
    assert limited[0].seats(session_id)["A2"] == "available"


def test_it_is_told_in_portuguese_too(limited: list[Api]) -> None:
    told = [hold(limited[0], Accept_Language="pt-BR") for _ in range(4)][-1]

    assert told.body["message"].startswith("Requisições demais: tente de novo em ")


def test_all_instances_count_together(limited: list[Api]) -> None:
    def ask_each_in_turn() -> list[int]:
        address = next(_addresses)
        return [hold(replace(limited[number % 3], address=address)).status for number in range(9)]

    assert with_redis_all_the_time(limited, ask_each_in_turn) == [404] * 3 + [429] * 6


def test_each_route_is_counted_for_itself(limited: list[Api]) -> None:
    for _ in range(4):
        hold(limited[0])

    assert [limited[0].get(f"/api/users/{a_user()}/purchases").status for _ in range(3)] == [200, 200, 429]


def test_a_resend_counts_as_any_request(limited: list[Api]) -> None:
    session_id, user = a_stranger(limited[0]).schedule(), a_user()
    statuses = [limited[0].hold(session_id, "A1", user=user, Idempotency_Key="k").status for _ in range(4)]

    assert statuses == [201, 201, 201, 429]


def test_what_is_no_hold_counts_as_one_request(limited: list[Api]) -> None:
    bodies = [
        "",
        "{}",
        "not json",
        '{"seatNumbers": 8}',
        '{"seatNumbers": []}',
        "[" * 100_000,
        '"\\ud800"',
        '{"seatNumbers":["\\ud800"]}',
    ]
    for body in bodies:
        somebody = a_stranger(limited[0])
        answers = [somebody.send("POST", "/api/reservations", body, Content_Type="application/json") for _ in range(4)]
        assert {answer.status for answer in answers[:3]} <= {400, 413}, body
        assert answers[3].status == 429, body


# What a stranger can do.


def test_a_quota_of_users_counts_for_nobody_as_long_as_nobody_can_sign_in(api_servers: ApiServers) -> None:
    (url,) = api_servers(1, RATE_LIMITS=BY_USER)
    stranger, victim = (a_stranger(Api(url)) for _ in range(2))
    user = a_user()
    for _ in range(5):
        assert hold(stranger, user=user).status == 404
        assert stranger.get(f"/api/users/{user}/purchases").status == 200

    answer = hold(victim, user=user)
    assert answer.status == 404
    assert not rate_limit_headers(answer)


def test_holds_in_somebody_elses_name_do_not_count_for_whose_name_it_is(limited: list[Api]) -> None:
    stranger, victim = a_stranger(limited[0]), a_stranger(limited[0])
    session_id, user = stranger.schedule(), a_user()
    held = [stranger.hold(session_id, seat, user=user).status for seat in ("A1", "A2", "A3")]

    assert held == [201, 201, 409], "who holds so has a limit, too"
    assert victim.hold(session_id, "B1", user=user).status == 201
    assert victim.hold(session_id, "B2", user=user).status == 201
    assert victim.hold(session_id, "B3", user=user).body["error"] == "TOO_MANY_HOLDS"


@pytest.fixture(scope="module")
def weighed(api_servers: ApiServers) -> Api:
    return Api(api_servers(1, RATE_LIMITS="*=off per address, hold_seats=20/600s per address")[0])


EIGHT = tuple(f"A{number}" for number in range(1, 9))


def test_a_hold_weighs_as_much_as_it_has_seats(weighed: Api) -> None:
    somebody = a_stranger(weighed)
    first, second, third = (hold(somebody, *EIGHT) for _ in range(3))
    small = [hold(somebody).status for _ in range(5)]

    assert [first.status, second.status, third.status] == [404, 404, 429]
    assert [first.headers["ratelimit-remaining"], second.headers["ratelimit-remaining"]] == ["12", "4"]
    assert 100 <= third.body["retryAfterSeconds"] <= 120, "four seats of 30 s are missing"
    assert small == [404] * 4 + [429]


def test_giving_seats_back_gives_no_quota_back(weighed: Api) -> None:
    somebody = a_stranger(weighed)
    session_id = somebody.schedule()
    held = []
    while (answer := somebody.hold(session_id, *EIGHT, user=a_user())).status == 201:
        held.append(answer.body["reservationId"])
        assert somebody.delete(f"/api/reservations/{held[-1]}").status == 200

    assert (len(held), answer.status) == (2, 429)


def test_one_address_keeps_no_more_seats_from_the_others_than_the_settings_say() -> None:
    """With what ships, by the limiter itself, in 300 s of holds of eight seats that are asked for without a pause."""
    quota = NO_LIMITS.with_overrides(RATE_LIMITS).quota_for(RequesterKind.ADDRESS, "hold_seats")
    assert quota
    limiter, held = ProcessRateLimiter(), list[int]()
    for tenth in range(3000):
        while limiter.take_if_all_admit(
            {"home": quota.with_clamped_weight(8)}, NOW + timedelta(seconds=tenth / 10)
        ).admitted:
            held.append(tenth)
    blocked = [8 * sum(tenth - 300 < at <= tenth for at in held) for tenth in range(3000)]

    assert max(blocked) <= 120
    assert max(blocked[600:]) <= 64, "60, and the rest of a hold"


def test_what_is_answered_from_memory_is_counted_by_each_instance_alone(limited: list[Api]) -> None:
    """A question to Redis would cost more than the answer."""
    statuses = [[instance.get("/api/sessions/unknown").status for _ in range(3)] for instance in limited]

    assert statuses == [[404, 404, 429]] * 3


def test_routes_without_a_limit_say_nothing_of_limits(limited: list[Api]) -> None:
    assert not rate_limit_headers(limited[0].get("/api/sessions"))


# Addresses.


@pytest.fixture(scope="module")
def by_address(api_servers: ApiServers) -> str:
    return api_servers(1, RATE_LIMITS=BY_ADDRESS)[0]


def test_an_address_is_counted_whatever_user_it_names_and_whatever_it_says_of_itself(by_address: str) -> None:
    home = Api(by_address, address=HOME)
    forged = [hold(home, user=a_user(), X_Forwarded_For=f"10.0.0.{number}").status for number in range(5)]

    assert forged == [404] * 3 + [429] * 2
    assert hold(Api(by_address, address=OFFICE)).status == 404


def test_every_route_and_every_method_is_limited_but_health_and_readiness(by_address: str) -> None:
    visitor = Api(by_address, address="127.0.0.9")
    for _ in range(5):
        visitor.get("/api/sessions/unknown")
        visitor.send("PUT", "/api/sessions")

    assert visitor.get("/api/sessions/unknown").status == 429
    assert visitor.send("PUT", "/api/sessions").status == 429
    for path in ("/health", "/ready"):
        answers = [visitor.get(path) for _ in range(20)]
        assert {answer.status for answer in answers} == {200}
        assert not any(map(rate_limit_headers, answers))


def test_an_answer_that_a_cache_may_give_to_others_tells_no_quota(by_address: str) -> None:
    visitor = Api(by_address, address=next(_addresses))

    assert not rate_limit_headers(visitor.get("/api/sessions"))
    assert rate_limit_headers(visitor.get("/api/sessions/unknown"))


def test_on_ones_own_machine_nobody_is_limited_unless_configured(api_servers: ApiServers) -> None:
    """With what ships: RATE_LIMITS is empty, the stage is a local one."""
    (url,) = api_servers(1, RATE_LIMITS="")

    assert {hold(Api(url), user="ana").status for _ in range(80)} == {404}


# What a refusal costs.


def test_a_refused_request_asks_no_database(api_servers: ApiServers, wire: Wire) -> None:
    api = a_stranger(Api(api_servers(1, AWS_ENDPOINT_URL=wire.url, RATE_LIMITS=LIMITS)[0]))
    session_id = api.schedule()
    for _ in range(3):
        api.hold(session_id, "A1")
    with wire.counting() as calls:
        assert api.hold(session_id, "A2").status == 429

    assert calls == []


@dataclass
class RedisWire:
    """Between an API process and Redis: counts what is asked, each question with its answer one round trip."""

    url: str
    trips: int = 0


@pytest.fixture
def redis_wire(redis_url: str) -> Iterator[RedisWire]:
    server = socket.create_server(("127.0.0.1", 0))
    wire = RedisWire(f"redis://127.0.0.1:{server.getsockname()[1]}/0")
    target = urlsplit(redis_url)

    def serve() -> None:
        with suppress(OSError):
            while True:
                near, _ = server.accept()
                far = socket.create_connection((target.hostname or "", target.port or 6379))
                threading.Thread(target=forward, args=(near, far, 1), daemon=True).start()
                threading.Thread(target=forward, args=(far, near, 0), daemon=True).start()

    def forward(source: socket.socket, sink: socket.socket, trip: int) -> None:
        with closing(source), closing(sink), suppress(OSError):
            while data := source.recv(65_536):
                wire.trips += trip
                sink.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    with closing(server):
        yield wire


def test_a_limit_costs_one_round_trip_to_redis(api_servers: ApiServers, redis_wire: RedisWire) -> None:
    api = Api(api_servers(1, RATE_LIMITS=LIMITS, REDIS_URL=redis_wire.url)[0])

    def ask() -> list[tuple[int, int]]:
        somebody, answers = a_stranger(api), []
        for _ in range(4):
            before = redis_wire.trips
            answers.append((hold(somebody).status, redis_wire.trips - before))
        return answers

    and_to_be_counted = 1
    trips = 1 + and_to_be_counted
    assert with_redis_all_the_time([api], ask) == [(404, trips), (404, trips), (404, trips), (429, trips)]


# Without Redis.


def test_without_redis_each_process_limits_alone_and_bookings_go_on(api_servers: ApiServers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"redis://127.0.0.1:{closed.getsockname()[1]}/0"
    first, second = (Api(base) for base in api_servers(2, RATE_LIMITS=LIMITS, REDIS_URL=url))
    session_id = first.schedule()
    held = first.hold(session_id, "A1")

    assert held.status == 201
    assert first.confirm(held.body["reservationId"]).status == 200
    assert [hold(first).status for _ in range(3)] == [404, 404, 429]
    assert hold(second).status == 404


# Configuration.


def test_a_limit_for_a_route_that_does_not_exist_is_refused_by_name(app: Chalice) -> None:
    misspelt = load({"RATE_LIMITS": "hold_seat=10/10s per user"}).rate_limits

    with pytest.raises(SettingInvalid, match=r"RATE_LIMITS names no route of ours: hold_seat\. Routes: .*hold_seats"):
        limits.require_known_routes(app, misspelt)


def test_what_ships_names_only_routes_that_exist(app: Chalice) -> None:
    limits.require_known_routes(app, load({"STAGE": "dev", "ID_SECRET": "s"}).rate_limits)
