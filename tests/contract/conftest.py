"""Backends for contract tests: the fakes, the simulator's DynamoDB, moto in process, and a running emulator pass
the same tests."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from moto import mock_aws
from mypy_boto3_dynamodb import DynamoDBClient

from chalicelib.domain.events import RowEvent
from chalicelib.domain.ports import HoldsCountedUntilExpiry, Payments, Reservations, Rows, Sessions
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.live_holds import DynamoHoldsCountedUntilExpiry
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from chalicelib.infrastructure.dynamodb.tables import row_id
from chalicelib.infrastructure.redis.rows_behind_cache import RowsBehindCache
from chalicelib.infrastructure.streams.records import row_event
from infra.local.emulator import CREDENTIALS
from tests.builders import a_seat_cache, a_session
from tests.fakes import FakeLiveHolds, FakePayments, FakeReservations, FakeRows, FakeSessions
from tests.simulation.cloud.doors import Client, tables_named
from tests.simulation.cloud.dynamodb import Database
from tests.simulation.scheduler import idle_scheduler

from . import template

MOTO_STAGE = "moto"
AMAZON = "https://dynamodb.us-east-1.amazonaws.com"
"""Where moto answers: in this process, and nowhere else."""


@dataclass(frozen=True)
class Backend:
    """The adapters of one backend. `sessions` keeps nothing in memory; `last_event` gives the last event of a row."""

    sessions: Sessions
    rows: Rows
    reservations: Reservations
    live_holds: HoldsCountedUntilExpiry
    payments: Payments
    last_event: Callable[[str, str], RowEvent | None]


@dataclass(frozen=True)
class Dynamo(Backend):
    """DynamoDB at an endpoint."""

    client: DynamoDBClient
    prefix: str
    endpoint: str

    @property
    def rows_table(self) -> str:
        return f"{self.prefix}-rows"

    @property
    def reservations_table(self) -> str:
        return f"{self.prefix}-reservations"


@pytest.fixture(scope="module", params=["fake", "cached", "cached in a cluster", "simulated", "moto", "emulator"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with _opened(request.param, request) as backend:
        yield backend


@pytest.fixture(scope="module", params=["moto", "emulator"])
def dynamo(request: pytest.FixtureRequest) -> Iterator[Dynamo]:
    """DynamoDB on moto and on the emulator, for behaviour that the fakes lack."""
    with _opened(request.param, request) as backend:
        assert isinstance(backend, Dynamo)
        yield backend


@pytest.fixture(scope="package")
def emulated(data_stack: str, emulator: str) -> Iterator[Dynamo]:
    """DynamoDB on the emulator, for races and costs."""
    with dynamo_backend(data_stack, emulator) as backend:
        yield backend


@pytest.fixture(scope="module")
def moto(moto_answers: None) -> Iterator[Dynamo]:
    """DynamoDB on moto, for faults that are injected into the client. One for each file, with empty tables.

    With every transaction moto copies all that it has: one for all files took twice as long.
    """
    with dynamo_backend(f"cinema-{MOTO_STAGE}", AMAZON) as backend:
        for table in template.tables(MOTO_STAGE).values():
            backend.client.create_table(**template.create_table_request(table))
        yield backend


@pytest.fixture(scope="module")
def moto_answers() -> Iterator[None]:
    """Has moto answer for amazonaws.com only, until the file's last test."""
    with mock_aws(config={"core": {"mock_credentials": False}}):
        yield


@pytest.fixture(autouse=True)
def models_of_the_backend(request: pytest.FixtureRequest) -> Iterator[None]:
    """Binds pynamodb's models to the backend of this test."""
    names = [name for name in ("backend", "dynamo", "emulated", "moto") if name in request.fixturenames]
    with ExitStack() as stack:
        for used in map(request.getfixturevalue, names):
            if isinstance(used, Dynamo):
                stack.enter_context(tables_named(used.prefix))
                stack.enter_context(talking_to(used.endpoint))
        yield


@pytest.fixture
def session(backend: Backend) -> Session:
    """A screening with 16 seats in rows of ten, in the backend."""
    session = a_session()
    backend.sessions.get_or_add_with_rows(session)
    return session


def _opened(name: str, request: pytest.FixtureRequest) -> AbstractContextManager[Backend]:
    if name.startswith("cached"):
        return cached_backend(request.getfixturevalue("redis_url" if name == "cached" else "redis_cluster_url"))
    if name == "fake":
        return fake_backend()
    if name == "simulated":
        return nullcontext(simulated_backend())
    return nullcontext(request.getfixturevalue("moto" if name == "moto" else "emulated"))


@contextmanager
def fake_backend() -> Iterator[Backend]:
    rows = FakeRows()
    parts = FakeSessions(), rows, FakeReservations(), FakeLiveHolds(), FakePayments()
    yield Backend(*parts, lambda session, row: rows.events[session, row][-1])


def simulated_backend() -> Dynamo:
    """Makes the adapters on the simulator's DynamoDB, which must answer as real ones do."""
    client = Client(idle_scheduler(), Database("simulated", utc_now))
    return dynamo_at(cast(DynamoDBClient, client), "simulated", AMAZON)


@contextmanager
def cached_backend(redis_url: str) -> Iterator[Backend]:
    """Makes the fakes with cached rows, on a real Redis."""
    with fake_backend() as fakes:
        cached = RowsBehindCache(rows=fakes.rows, sessions=fakes.sessions, cache=a_seat_cache(redis_url), clock=utc_now)
        yield replace(fakes, rows=cached)


@contextmanager
def open_client(name: str, request: pytest.FixtureRequest, make: Callable[[], Any]) -> Iterator[Any]:
    """Makes a client of `moto` or of the `emulator`."""
    endpoint = request.getfixturevalue("emulator" if name == "emulator" else "moto_answers")
    with talking_to(endpoint or AMAZON):
        client = make()
    with closing(client):
        yield client


@contextmanager
def talking_to(endpoint: str) -> Iterator[None]:
    """Has the clients that are made here talk to the endpoint."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}.items():
            environment.setenv(name, value)
        if endpoint == AMAZON:
            environment.delenv("AWS_ENDPOINT_URL")
        yield


@contextmanager
def dynamo_backend(prefix: str, endpoint: str) -> Iterator[Dynamo]:
    with talking_to(endpoint):
        client = connection.new_dynamodb_client()
    with closing(client):
        yield dynamo_at(client, prefix, endpoint)


def dynamo_at(client: DynamoDBClient, prefix: str, endpoint: str) -> Dynamo:
    rows = DynamoRows(client, f"{prefix}-rows")

    def last_event(session_id: str, row: str) -> RowEvent | None:
        image = client.get_item(TableName=rows.table_name, Key={"id": {"S": row_id(session_id, row)}})["Item"]
        return row_event({"dynamodb": {"NewImage": image}})

    return Dynamo(
        DynamoSessions(client, f"{prefix}-sessions"),
        rows,
        DynamoReservations(client, f"{prefix}-reservations"),
        DynamoHoldsCountedUntilExpiry(client, f"{prefix}-live-holds"),
        DynamoPayments(client, f"{prefix}-payments"),
        last_event,
        client,
        prefix,
        endpoint,
    )
