"""The tables of consumers, functions, settings and models: `app.py`, and what is made of them, are as they say."""

from pathlib import Path

import pytest
from chalice.app import Chalice, DynamoDBEventConfig, ScheduledEventConfig, SQSEventConfig

from chalicelib.domain.consumers import CONSUMERS
from chalicelib.infrastructure.dynamodb.tables import TABLES
from chalicelib.settings import EVERY_FUNCTION, SETTINGS
from infra.cloud import generate
from infra.cloud.deploying.parameters import APP_SETTINGS, DATA_SETTINGS
from infra.cloud.functions import FUNCTIONS, RELAYS_PER_SHARD
from infra.cloud.templates import merge
from infra.processes import ROOT


def test_app_py_has_a_handler_for_each_consumer_with_its_queue_and_batch_size(app: Chalice) -> None:
    declared = [source for source in app.event_sources if isinstance(source, SQSEventConfig)]

    assert {(one.name, one.queue, one.batch_size, one.maximum_batching_window_in_seconds) for one in declared} == {
        (one.handler, f"cinema-test-{one.queue}", one.batch_size, one.batch_window_seconds) for one in CONSUMERS
    }


def test_a_batch_that_one_receive_can_not_fill_is_waited_for(app: Chalice) -> None:
    """AWS takes no mapping of more than ten messages without a window."""
    assert {one.queue for one in CONSUMERS if one.batch_size > 10} == {
        one.queue for one in CONSUMERS if one.batch_window_seconds
    }


def test_each_stream_feeds_the_functions_that_the_table_says(app: Chalice) -> None:
    declared = [source for source in app.event_sources if isinstance(source, DynamoDBEventConfig)]

    assert {(one.name, one.stream_arn) for one in declared} == {
        (one.name, f"stream:{one.stream}") for one in FUNCTIONS if one.stream
    }


def test_a_table_has_a_stream_where_a_function_is_fed_by_it() -> None:
    assert {one.name for one in TABLES if one.has_stream} == {one.stream for one in FUNCTIONS if one.stream}


def test_each_function_of_app_py_has_a_row(app: Chalice) -> None:
    scheduled = {source.name for source in app.event_sources if isinstance(source, ScheduledEventConfig)}
    fed = {one.name for one in FUNCTIONS if one.stream or one.consumer}

    assert scheduled | fed == {source.name for source in app.event_sources}
    assert {one.name for one in FUNCTIONS} - fed == {
        "api_handler",
        "websocket_message",
        "websocket_disconnect",
        *scheduled,
    }


def test_a_setting_is_given_to_functions_that_there_are() -> None:
    names = {one.name for one in FUNCTIONS}

    for setting in SETTINGS.values():
        assert setting.given_to == EVERY_FUNCTION or set(setting.given_to) <= names, setting.name


def test_each_parameter_of_a_deployment_is_said_by_the_variable_of_its_name() -> None:
    variables = {**DATA_SETTINGS, **APP_SETTINGS}

    assert variables["AlarmEmail"] == "ALARM_EMAIL"
    assert variables["MaxSeatsPerHold"] == "MAX_SEATS_PER_HOLD"
    assert variables.keys() & {"Stage", "IdSecret", "EmulatorHost"} == set()


def test_a_shard_has_no_more_relays_than_lambda_runs() -> None:
    """A larger ParallelizationFactor is refused by a deployment only."""
    assert 1 <= RELAYS_PER_SHARD <= 10


@pytest.mark.parametrize("path", generate.made(), ids=lambda path: path.name)
def test_what_is_made_from_the_tables_is_committed(path: Path) -> None:
    stale = not path.exists() or path.read_text() != generate.made()[path]

    assert not stale, f"{path.relative_to(ROOT)} is stale: run {generate.COMMAND}, and look at the difference"


def test_nothing_made_from_a_table_is_said_by_hand_as_well() -> None:
    with pytest.raises(ValueError, match="Threshold is in both: 1 and 2"):
        merge({"Alarm": {"Threshold": 1}}, {"Alarm": {"Threshold": 2}})
