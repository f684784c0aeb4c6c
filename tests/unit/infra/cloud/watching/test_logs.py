"""The log's schema is what the code writes, and what counts in logs or asks them names only what is in it."""

import io
import json
import re
import uuid

import pytest
from aws_lambda_powertools import Logger
from chalice.app import Chalice

from infra.cloud import app_template
from infra.cloud.watching.log_lines import log_lines
from infra.cloud.watching.log_metrics import LOG_METRICS, REQUESTS, SERVICES
from infra.cloud.watching.log_schema import FIELDS, FUNCTIONS, METRICS, fields_of
from infra.cloud.watching.log_schema import REQUESTS as OF_REQUESTS
from infra.cloud.watching.queries import QUERIES, Query

from .templates import of_type
from .written import metric_lines

OF_LOGS_INSIGHTS = {
    *("@timestamp", "@message", "@log", "@logStream", "@type", "@requestId"),
    *("@duration", "@billedDuration", "@initDuration", "@maxMemoryUsed", "@memorySize"),
}
"""Found in logs of functions by itself: "Supported logs and discovered fields", CloudWatch Logs User Guide."""

WORDS = set(
    "fields filter stats sort limit count pct max min latest bin as by asc desc in like and or not ispresent".split()  # noqa: SIM905
)
"""The commands and functions of the query language that the saved queries use."""


def of_every_line() -> set[str]:
    """What powertools writes on each line, with an exception and a trace."""
    out = io.StringIO()
    logger = Logger(service=uuid.uuid4().hex, stream=out)  # of one name there is one, with other settings
    try:
        int("no number")
    except ValueError:
        logger.exception("unexpected")
    return set(json.loads(out.getvalue())) | {"xray_trace_id"}


def test_every_field_that_the_code_logs_is_in_the_schema() -> None:
    missing = {f"{line.module}: {field}" for line in log_lines() for field in set(line.fields) - fields_of(FUNCTIONS)}

    assert not missing, "describe them in infra/cloud/watching/log_schema.py"


def test_the_schema_has_no_field_that_nothing_logs() -> None:
    logged = {field for line in log_lines() for field in line.fields}

    assert fields_of(FUNCTIONS) - logged == of_every_line() - {"exception", "exception_name", "stack_trace"}


def test_fields_of_metrics_are_those_that_are_written() -> None:
    assert {field for line in metric_lines() for field in line} == fields_of(METRICS)


def test_fields_of_requests_are_those_that_api_gateway_is_told_to_write() -> None:
    _, setting, _ = app_template.overlay()["Resources"]["RestAPI"]["Properties"]["AccessLogSetting"]["Fn::If"]

    assert set(json.loads(setting["Format"])) == fields_of(OF_REQUESTS)


def test_no_field_is_described_twice() -> None:
    assert len({(field.name, field.kind) for field in FIELDS}) == len(FIELDS)


# Metrics that are counted in logs


def test_what_is_counted_names_only_fields_of_its_log() -> None:
    for one in LOG_METRICS:
        kind = OF_REQUESTS if one.log_group == REQUESTS else FUNCTIONS
        named = set(re.findall(r"\$\.(\w+)", one.pattern + one.value))
        assert named <= fields_of(kind), one.logical_id


def test_the_routes_and_views_that_are_counted_exist(app: Chalice) -> None:
    for one in SERVICES:
        assert app.routes[one.route][one.method].view_name == one.view


def test_a_message_that_is_counted_or_asked_for_is_one_that_the_code_writes() -> None:
    written = {line.message for line in log_lines()} | {one.view for one in SERVICES}
    counted = {text for one in LOG_METRICS for text in re.findall(r'\$\.message = "([^"]+)"', one.pattern)}
    asked = {
        text
        for query in QUERIES
        for found in re.findall(r'message (?:= |in \[)("[^\]|]+")', query.text)
        for text in re.findall(r'"([^"]+)"', found)
    }

    assert counted | asked <= written
    assert counted
    assert asked


def test_an_answer_of_a_booking_counts_once_as_failed_or_not() -> None:
    """A filter's `*` stands for any ending; each status of HTTP is one of the two."""
    for service in SERVICES:
        ours = [one for one in LOG_METRICS if one.metric == service.failed]
        for status in ("200", "201", "303", "402", "409", "429", "500", "502", "503", "504"):
            matched = [
                one.value
                for one in ours
                if any(status.startswith(start) for start in re.findall(r'status = "(\d)\*"', one.pattern))
            ]
            assert matched == ["1" if status >= "500" else "0"], (service.name, status)


def test_metrics_of_two_stages_of_an_account_are_two() -> None:
    for one in of_type("AWS::Logs::MetricFilter").values():
        assert "${Stage}" in one["MetricTransformations"][0]["MetricNamespace"]["Fn::Sub"]


# Saved queries


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_query_names_only_fields_of_the_logs_that_it_reads(query: Query) -> None:
    without_texts = re.sub(r'"[^"]*"', "", query.text)
    own = set(re.findall(r"\bas (\w+)", without_texts))
    named = {name.partition(".")[0] for name in re.findall(r"@?[A-Za-z_][\w.]*", without_texts)}
    units = {"m"}

    known = fields_of(*query.kinds) | own | WORDS | OF_LOGS_INSIGHTS | units
    assert named <= known, named - known
    assert named & (fields_of(*query.kinds) | OF_LOGS_INSIGHTS)


def test_each_query_is_made_with_its_question_and_its_logs() -> None:
    made = {one["Name"]["Fn::Sub"]: one for one in of_type("AWS::Logs::QueryDefinition").values()}

    assert made.keys() == {f"cinema-${{Stage}}/{query.name}" for query in QUERIES}
    for query in QUERIES:
        one = made[f"cinema-${{Stage}}/{query.name}"]
        assert one["QueryString"].splitlines() == [f"# {query.answers}", query.text]
        assert 1 <= len(one["LogGroupNames"]) <= 50, "no more log groups are asked at once"
