"""API processes behind a wire that counts and breaks; and clients that look into the emulator past the application."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from localstack_client.session import Session

from chalicelib.infrastructure.breakers import POLICIES, Breaker
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.redis.connection import RedisConnection
from chalicelib.infrastructure.redis.seat_cache import SeatCache, derive_seat_cache_signing_key
from chalicelib.settings import LOCAL_SECRET
from infra.local.pump import Pump
from infra.ops.connection import Connection
from tests.builders import a_hold
from tests.conftest import STAGE, ApiServers
from tests.http_api import Api
from tests.redis_machine import RedisWire
from tests.redis_machine import wire_to as wire_to_redis
from tests.wire import Wire, wire_to

DEADLINE_SECONDS = 30


@pytest.fixture(scope="session")
def wire(emulator: str) -> Iterator[Wire]:
    with wire_to(emulator) as wire:
        yield wire


@pytest.fixture(scope="session")
def wired_api(api_servers: ApiServers, wire: Wire) -> Api:
    """An API process without Redis whose AWS calls all go over the wire: for the costs of the database's paths."""
    return Api(api_servers(1, AWS_ENDPOINT_URL=wire.url, REDIS_URL="")[0])


@pytest.fixture(scope="session")
def redis_wire(redis_url: str) -> Iterator[RedisWire]:
    with wire_to_redis(redis_url) as wire:
        yield wire


@pytest.fixture(scope="session")
def gated_api(api_servers: ApiServers, wire: Wire, redis_wire: RedisWire) -> Api:
    """An API process whose every AWS call and every question to Redis goes over a wire."""
    return Api(api_servers(1, AWS_ENDPOINT_URL=wire.url, REDIS_URL=redis_wire.url)[0])


@pytest.fixture(scope="session")
def redis_keeps_all_keys(data_stack: str, redis_url: str) -> None:
    """Has Redis keep all keys: it then sees every idempotency key of the screenings scheduled from now on."""
    connection = RedisConnection(redis_url, Breaker("redis", POLICIES["redis"]))
    cache = SeatCache(connection, data_stack, derive_seat_cache_signing_key(LOCAL_SECRET))
    asked = a_hold("A1", fingerprint="f")
    cache.try_mark_ids_complete_since(asked.session_id, utc_now())
    if cache.read_known_seats_and_whether_id_was_seen(asked, utc_now()).used_ids_complete_since is None:
        pytest.skip("this Redis (fakeredis) does not say whether it drops keys: ids are looked up in the database")


@pytest.fixture
def known_session(wired_api: Api) -> str:
    """A screening that the wired instance has in memory already."""
    session_id = wired_api.schedule()
    wired_api.get(f"/api/sessions/{session_id}")
    return session_id


@dataclass(frozen=True)
class Said:
    """The result of a command of infra.ops."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Tables:
    """A reader of the tables, past the application."""

    client: Any
    prefix: str

    def row(self, session_id: str, letters: str) -> Any:
        return self._item("rows", {"id": {"S": f"{session_id}#{letters}"}})

    def reservation(self, reservation_id: str) -> Any:
        return self._item("reservations", _reservation_key(reservation_id))

    def state(self, reservation_id: str) -> str:
        return str(self.reservation(reservation_id)["state"]["S"])

    def delete_reservation(self, reservation_id: str) -> None:
        """Deletes the reservation, as TTL does later."""
        self.client.delete_item(TableName=f"{self.prefix}-reservations", Key=_reservation_key(reservation_id))

    def _item(self, table: str, key: dict[str, Any]) -> Any:
        return self.client.get_item(TableName=f"{self.prefix}-{table}", Key=key, ConsistentRead=True)["Item"]


def _reservation_key(reservation_id: str) -> dict[str, Any]:
    return {"buyer": {"S": reservation_id[4:15]}, "id": {"S": reservation_id}}


def drain_until(pump: Pump, come: Callable[[], bool]) -> None:
    """Feeds the handlers until the condition is true; delayed messages become visible in their own time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not come():
        assert time.monotonic() < deadline, "it has not come"
        pump.drain()


def connection_over(wire: Wire) -> Connection:
    """An operator's, whose calls go over the wire."""
    known = Connection.to(STAGE)
    return Connection(known.stage, wire.url, known.session)


@pytest.fixture
def tables(data_stack: str) -> Tables:
    """Through LocalStack's own client, which finds the emulator by itself."""
    return Tables(Session().client("dynamodb"), data_stack)
