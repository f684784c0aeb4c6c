"""The breakers of other processes, as they report them, on moto and on the emulator."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import boto3
import pytest
from botocore.config import Config

from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.times import to_ms
from chalicelib.infrastructure.breakers import Breaker, BreakerChange, BreakerPolicy, BreakerState, BreakerStatus
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.breaker_board import FORGOTTEN, BreakerBoard
from chalicelib.infrastructure.dynamodb.tables import ReportedBreakerStatusItem
from tests.builders import NOW
from tests.contract.conftest import Dynamo
from tests.fakes import MovableClock

POLICIES = BreakerPolicy(failures=1, pause_seconds=5, longest_pause_seconds=60)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture
def board(dynamo: Dynamo, clock: MovableClock) -> BreakerBoard:
    return BreakerBoard(client=dynamo.client, table_name=f"{dynamo.prefix}-breakers", clock=clock)


@pytest.fixture
def name() -> str:
    """The name of a dependency that no other test has."""
    return f"mail-{uuid.uuid4()}"


class Silent(Exception):
    pass


class AProcess:
    """A process with a breaker, which reports to the board."""

    def __init__(self, name: str, board: BreakerBoard, clock: MovableClock) -> None:
        self.breaker = Breaker(name, POLICIES, [board.record_change], lambda: to_ms(clock()) / 1000)

    def asks(self, *, answered: bool) -> None:
        def ask() -> None:
            if not answered:
                raise Silent

        try:
            self.breaker.call(ask, (Silent,))
        except Silent:
            assert not answered


def test_of_what_nobody_spoke_the_breaker_is_closed(board: BreakerBoard, name: str) -> None:
    assert board.read_effective_status_or_closed(name) == BreakerStatus(BreakerState.CLOSED, 0)


def test_a_breaker_is_shown_as_its_process_has_it(board: BreakerBoard, clock: MovableClock, name: str) -> None:
    process = AProcess(name, board, clock)
    process.asks(answered=False)
    seen = [board.read_effective_status_or_closed(name)]
    clock.forward(seconds=5)
    seen.append(board.read_effective_status_or_closed(name))
    process.asks(answered=False)  # the probe: the pause doubles
    clock.forward(seconds=9)
    seen.append(board.read_effective_status_or_closed(name))
    clock.forward(seconds=1)
    process.asks(answered=True)
    seen.append(board.read_effective_status_or_closed(name))

    assert seen == [
        BreakerStatus(BreakerState.OPEN, 1),
        BreakerStatus(BreakerState.HALF_OPEN, 1),
        BreakerStatus(BreakerState.OPEN, 1),
        BreakerStatus(BreakerState.CLOSED, 1),
    ]


def test_trips_of_all_processes_are_counted_and_the_last_word_wins(
    board: BreakerBoard, clock: MovableClock, name: str
) -> None:
    one, other = (AProcess(name, board, clock) for _ in range(2))
    one.asks(answered=False)
    other.asks(answered=False)
    assert board.read_effective_status_or_closed(name) == BreakerStatus(BreakerState.OPEN, 2)

    clock.forward(seconds=5)
    one.asks(answered=True)
    assert board.read_effective_status_or_closed(name) == BreakerStatus(BreakerState.CLOSED, 2)


def test_a_process_that_died_with_an_open_breaker_is_forgotten(
    board: BreakerBoard, clock: MovableClock, name: str
) -> None:
    AProcess(name, board, clock).asks(answered=False)
    clock.forward(seconds=5)
    clock.now += FORGOTTEN - timedelta(milliseconds=1)
    assert board.read_effective_status_or_closed(name).state is BreakerState.HALF_OPEN

    clock.forward(milliseconds=1)
    assert board.read_effective_status_or_closed(name) == BreakerStatus(BreakerState.CLOSED, 1)


def test_what_is_written_is_what_the_model_says(
    dynamo: Dynamo, board: BreakerBoard, clock: MovableClock, name: str
) -> None:
    AProcess(name, board, clock).asks(answered=False)

    item = dynamo.client.get_item(TableName=board.table_name, Key={"name": {"S": name}})["Item"]
    assert item == ReportedBreakerStatusItem(name, state="open", half_open_at=to_ms(NOW) + 5000, trips=1).serialize()


@pytest.fixture
def unreachable() -> Iterator[BreakerBoard]:
    """A client of an endpoint where nobody answers, without retries."""
    config = connection.CONFIG.merge(Config(retries={"total_max_attempts": 1}))
    with closing(boto3.client("dynamodb", endpoint_url="http://127.0.0.1:9", config=config)) as client:
        yield BreakerBoard(client=client, table_name="any", clock=MovableClock(NOW))


@pytest.mark.usefixtures("moto")
def test_without_the_database_nothing_can_be_read_and_nothing_breaks(unreachable: BreakerBoard, name: str) -> None:
    unreachable.record_change(BreakerChange(name, BreakerState.OPEN, was_closed=True, trips=1, stays_open_seconds=5))

    with pytest.raises(BackendUnavailable):
        unreachable.read_effective_status_or_closed(name)


def test_a_table_that_is_not_there_yet_breaks_nothing(dynamo: Dynamo, name: str) -> None:
    BreakerBoard(client=dynamo.client, table_name="not-deployed", clock=MovableClock(NOW)).record_change(
        BreakerChange(name, BreakerState.OPEN, was_closed=True, trips=1, stays_open_seconds=5)
    )
