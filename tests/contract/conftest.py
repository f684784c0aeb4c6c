"""Backends for contract tests: the fakes, moto in process, and a running emulator pass the same tests."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace

import pytest
from moto import mock_aws
from mypy_boto3_dynamodb import DynamoDBClient

from chalicelib.domain.events import RowEvent
from chalicelib.domain.ports import LiveHolds, Payments, Reservations, Rows, Sessions
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection, tables
from chalicelib.infrastructure.dynamodb.live_holds import DynamoLiveHolds
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from chalicelib.infrastructure.dynamodb.tables import TABLES, row_id
from chalicelib.infrastructure.redis.cached_rows import CachedRows
from chalicelib.infrastructure.streams.records import row_event
from tests.builders import a_seat_cache, a_session
from tests.fakes import FakeLiveHolds, FakePayments, FakeReservations, FakeRows, FakeSessions

from . import template

MOTO_STAGE = "moto"
"""Not the emulator's stage: pynamodb makes a new connection only when a table's name changes."""


@dataclass(frozen=True)
class Backend:
    """The adapters of one backend. `sessions` keeps nothing in memory; `last_event` gives the last event of a row."""

    sessions: Sessions
    rows: Rows
    reservations: Reservations
    live_holds: LiveHolds
    payments: Payments
    last_event: Callable[[str, str], RowEvent | None]


@dataclass(frozen=True)
class Dynamo(Backend):
    client: DynamoDBClient
    prefix: str

    @property
    def rows_table(self) -> str:
        return f"{self.prefix}-rows"

    @property
    def reservations_table(self) -> str:
        return f"{self.prefix}-reservations"


@pytest.fixture(scope="module", params=["fake", "cached", "cached in a cluster", "moto", "emulator"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with _opened(request.param, request) as backend:
        yield backend


@pytest.fixture(scope="module", params=["moto", "emulator"])
def dynamo(request: pytest.FixtureRequest) -> Iterator[Dynamo]:
    """DynamoDB on moto and on the emulator, for behaviour that the fakes lack."""
    with _opened(request.param, request) as backend:
        assert isinstance(backend, Dynamo)
        yield backend


@pytest.fixture(scope="module")
def emulated(data_stack: str) -> Iterator[Dynamo]:
    """DynamoDB on the emulator, for races and costs."""
    with dynamo_backend(data_stack) as backend:
        yield backend


@pytest.fixture(scope="module")
def moto() -> Iterator[Dynamo]:
    """DynamoDB on moto, for faults that are injected into the client."""
    with moto_backend() as backend:
        yield backend


@pytest.fixture
def session(backend: Backend) -> Session:
    """A screening with 16 seats in rows of ten, in the backend."""
    session = a_session()
    backend.sessions.add(session)
    return session


def _opened(name: str, request: pytest.FixtureRequest) -> AbstractContextManager[Backend]:
    if name == "emulator":
        return dynamo_backend(request.getfixturevalue("data_stack"))
    if name.startswith("cached"):
        return cached_backend(request.getfixturevalue("redis_url" if name == "cached" else "redis_cluster_url"))
    return moto_backend() if name == "moto" else fake_backend()


@contextmanager
def fake_backend() -> Iterator[Backend]:
    rows = FakeRows()
    parts = FakeSessions(), rows, FakeReservations(), FakeLiveHolds(), FakePayments()
    yield Backend(*parts, lambda session, row: rows.events[session, row][-1])


@contextmanager
def cached_backend(redis_url: str) -> Iterator[Backend]:
    """Makes the fakes with cached rows, on a real Redis."""
    with fake_backend() as fakes:
        cached = CachedRows(rows=fakes.rows, sessions=fakes.sessions, cache=a_seat_cache(redis_url), clock=utc_now)
        yield replace(fakes, rows=cached)


@contextmanager
def moto_backend() -> Iterator[Dynamo]:
    with moto_environment(), dynamo_backend(f"cinema-{MOTO_STAGE}") as backend:
        for table in template.tables(MOTO_STAGE).values():
            backend.client.create_table(**template.create_table_request(table))
        yield backend


@contextmanager
def moto_environment() -> Iterator[None]:
    """Removes every setting of another endpoint: moto answers for amazonaws.com only."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


@contextmanager
def dynamo_backend(prefix: str) -> Iterator[Dynamo]:
    with models_bound_to(prefix), closing(connection.client()) as client:
        rows = DynamoRows(client, f"{prefix}-rows")

        def last_event(session_id: str, row: str) -> RowEvent | None:
            image = client.get_item(TableName=rows.table_name, Key={"id": {"S": row_id(session_id, row)}})["Item"]
            return row_event({"dynamodb": {"NewImage": image}})

        yield Dynamo(
            DynamoSessions(client, f"{prefix}-sessions"),
            rows,
            DynamoReservations(client, f"{prefix}-reservations"),
            DynamoLiveHolds(client, f"{prefix}-live-holds"),
            DynamoPayments(client, f"{prefix}-payments"),
            last_event,
            client,
            prefix,
        )


@contextmanager
def models_bound_to(prefix: str) -> Iterator[None]:
    """Binds pynamodb's models, which the whole process shares, to a prefix; afterwards to the one before."""
    models = [table.model for table in TABLES]
    before = [(model.Meta.table_name, model._connection) for model in models]
    for model in models:
        model._connection = None
    tables.bind(prefix)
    try:
        yield
    finally:
        for model, (name, connection) in zip(models, before, strict=True):
            if model._connection:
                model._connection.connection.client.close()
            model.Meta.table_name, model._connection = name, connection
