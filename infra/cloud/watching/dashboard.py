"""The dashboard cinema-{stage} in CloudWatch: bookings first, then what they depend on. Made from the tables."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.consumers import CONSUMERS
from infra.cloud.functions import FUNCTIONS
from infra.cloud.templates import Template, sub

from .alarms import WITH_CAUSES, Alarm
from .app_alarms import API, APP_ALARMS, BUYERS_WAIT_FOR, MONEY
from .data_alarms import DATA_ALARMS
from .log_metrics import ALLOWED_TO_FAIL, SERVICES, STORE_UNAVAILABLE
from .metrics import (
    Metric,
    of_all_functions,
    of_api,
    of_emails,
    of_function,
    of_log,
    of_queue,
    of_table,
    of_token_trigger,
    ours,
)

WIDTH, HEIGHT = 8, 6
"""Of a graph: three stand side by side in the 24 columns of a dashboard."""
HERE = "${AWS::Region}:${AWS::AccountId}"


@dataclass(frozen=True, slots=True)
class Line:
    metric: Metric
    statistic: str
    label: str


@dataclass(frozen=True, slots=True)
class Graph:
    title: str
    lines: Sequence[Line]
    limits: Sequence[tuple[str, float]] = ()
    """The lines that should not be crossed, with their names."""
    period_seconds: int = 60


def _graphs() -> Iterable[Graph]:
    yield from _booking_graphs()
    yield from _function_graphs()
    yield from _waiting_graphs()
    yield from _table_graphs()
    yield from _money_and_other_graphs()


def _booking_graphs() -> Iterable[Graph]:
    yield Graph(
        "Bookings that fail (share)",
        [Line(of_log(one.failed), "Average", one.name) for one in SERVICES],
        [("allowed in a month", ALLOWED_TO_FAIL)],
        300,
    )
    yield Graph(
        "Bookings: time of the function (ms)",
        [Line(of_log(one.milliseconds), each, f"{one.name} {each}") for one in SERVICES for each in ("p50", "p99")],
        [(f"{one.name} p99", one.p99_milliseconds) for one in SERVICES],
        300,
    )
    yield Graph("Bookings", [Line(of_log(one.milliseconds), "SampleCount", one.name) for one in SERVICES])
    yield Graph("API: requests", [Line(of_api("Count"), "Sum", "all")])
    yield Graph("API: errors", [Line(of_api(name), "Sum", name[:3]) for name in ("4XXError", "5XXError")])
    yield Graph("API: time (ms)", [Line(of_api("Latency"), each, each) for each in ("p50", "p99")])


def _function_graphs() -> Iterable[Graph]:
    for title, name, statistic in (("errors", "Errors", "Sum"), ("slowest (ms)", "Duration", "Maximum")):
        lines = [Line(of_function(name, one), statistic, one.name) for one in FUNCTIONS]
        yield Graph(f"Functions: {title}", [*lines, Line(of_token_trigger(name), statistic, "token-trigger")])
    yield Graph(
        "Functions at the same time",
        [
            Line(of_all_functions("ConcurrentExecutions"), "Maximum", "the account's"),
            Line(of_function("ConcurrentExecutions", API), "Maximum", "the API's"),
            Line(of_all_functions("Throttles"), "Sum", "refused"),
        ],
    )


def _waiting_graphs() -> Iterable[Graph]:
    fed_by_streams = [function for function in FUNCTIONS if function.stream]
    yield Graph(
        "Streams: age of the oldest record (ms)",
        [Line(of_function("IteratorAge", one), "Maximum", one.name) for one in fed_by_streams],
    )
    yield Graph(
        "Queues: age of the oldest message (s)",
        [Line(of_queue("ApproximateAgeOfOldestMessage", one.queue), "Maximum", one.queue) for one in CONSUMERS],
    )
    yield Graph(
        "Dead letters",
        [
            Line(of_queue("ApproximateNumberOfMessagesVisible", f"{one.queue}-dlq"), "Maximum", one.queue)
            for one in CONSUMERS
        ],
    )


def _table_graphs() -> Iterable[Graph]:
    yield Graph(
        "Tables: write units",
        [Line(of_table("ConsumedWriteCapacityUnits", one), "Sum", one) for one in BUYERS_WAIT_FOR],
    )
    yield Graph(
        "Tables: refused calls",
        [
            Line(of_table(f"{kind}ThrottleEvents", one), "Sum", f"{one} {kind.lower()}s")
            for one in BUYERS_WAIT_FOR
            for kind in ("Read", "Write")
        ]
        + [Line(of_log(STORE_UNAVAILABLE), "Sum", "given up by the API")],
    )


def _money_and_other_graphs() -> Iterable[Graph]:
    yield Graph("Money to look at", [Line(MONEY.metric, "Maximum", "findings of the sweep")], period_seconds=300)
    yield Graph(
        "Circuit breakers that open",
        [Line(ours("BreakerOpen", Dependency=one), "Sum", one) for one in ("redis", "ses", "payments")],
    )
    yield Graph(
        "Emails of the account: share that comes back",
        [
            Line(of_emails("Reputation.BounceRate"), "Maximum", "bounced"),
            Line(of_emails("Reputation.ComplaintRate"), "Maximum", "called spam"),
        ],
        [("bounced", 0.05), ("called spam", 0.001)],
        3600,
    )
    yield Graph("Emails", [Line(of_emails("Send"), "Sum", "sent")])


def dashboard_resources() -> Template:
    """Makes the dashboard, by logical id."""
    body = {"widgets": list(_widgets())}
    properties = {"DashboardName": sub("cinema-${Stage}"), "DashboardBody": sub(json.dumps(body))}
    return {"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Condition": WITH_CAUSES, "Properties": properties}}


def _widgets() -> Iterable[Template]:
    notices = [alarm for alarm in (*APP_ALARMS, *DATA_ALARMS) if not alarm.condition]
    yield _at(0, 0, 24, HEIGHT, "alarm", {"title": "Alarms", "alarms": [_arn(one) for one in notices]})
    for number, graph in enumerate(_graphs()):
        column, row = number % 3 * WIDTH, (1 + number // 3) * HEIGHT
        yield _at(column, row, WIDTH, HEIGHT, "metric", _properties(graph))


def _at(x: int, y: int, width: int, height: int, kind: str, properties: Template) -> Template:
    return {"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}


def _arn(alarm: Alarm) -> str:
    return f"arn:${{AWS::Partition}}:cloudwatch:{HERE}:alarm:{alarm.full_name}"


def _properties(graph: Graph) -> Template:
    limits = [{"label": label, "value": value} for label, value in graph.limits]
    return {
        "title": graph.title,
        "view": "timeSeries",
        "region": "${AWS::Region}",
        "period": graph.period_seconds,
        "metrics": [_line(line) for line in graph.lines],
        **({"annotations": {"horizontal": limits}} if limits else {}),
    }


def _line(line: Line) -> list[Any]:
    dimensions = [text for pair in line.metric.dimensions.items() for text in pair]
    return [line.metric.namespace, line.metric.name, *dimensions, {"stat": line.statistic, "label": line.label}]
