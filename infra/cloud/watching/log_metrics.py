"""Metrics that CloudWatch counts in the logs: how often a hold or a confirmation fails, and how long it takes.

Failures are counted in API Gateway's log of requests, which also has those that no function answered. Times come from
the API's own line for each request. Nothing of it costs a request anything (decision 98).
"""

from dataclasses import dataclass

from infra.cloud.templates import Template, sub

from .metrics import OF_LOGS

REQUESTS, API = "AccessLogGroup", "ApiHandlerLogGroup"
"""The log groups, by logical id: of API Gateway and of the API's function."""
LOGGED = "RequestsAreLogged"
"""The condition that there is a log of requests."""

STORE_UNAVAILABLE = "StoreUnavailable"
"""The metric of answers refused with BackendUnavailable. The name is an older one, kept so that its history goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A route whose level is watched: how many of its requests must succeed, and how fast."""

    name: str
    """The beginning of the names of its metrics and alarms."""
    view: str
    method: str
    route: str
    does: str
    p99_milliseconds: int

    @property
    def failed(self) -> str:
        """Names the metric of failures: 1 for each that failed, 0 for each that did not, so the average is a share."""
        return f"{self.name}Failed"

    @property
    def milliseconds(self) -> str:
        return f"{self.name}Milliseconds"


SERVICES = (
    Service(
        name="Hold",
        view="hold_seats",
        method="POST",
        route="/api/reservations",
        does="Holding seats",
        p99_milliseconds=1000,
    ),
    Service(
        name="Confirm",
        view="confirm_reservation",
        method="POST",
        route="/api/reservations/{reservation_id}/confirm",
        does="Confirming reservations",
        p99_milliseconds=1500,
    ),
)

ALLOWED_TO_FAIL = 0.001
"""The share of holds and confirmations that may fail in a month: 99.9 % succeed."""
FAST_BURN = 14.4
"""The multiple of that share at which an alarm goes off: a month's allowance would be used up in two days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMetric:
    """A metric filter: a pattern of a log's lines, and the metric and value that each such line counts."""

    logical_id: str
    metric: str
    log_group: str
    pattern: str
    value: str = "1"
    unit: str = "Count"
    condition: str = ""


def _metric_of_answers(service: Service, name: str, statuses: str, value: str) -> LogMetric:
    """Makes the filter of a service's answers with statuses of these first digits."""
    some = " || ".join(f'$.status = "{first}*"' for first in statuses)
    return LogMetric(
        logical_id=f"{service.name}{name}Filter",
        metric=service.failed,
        log_group=REQUESTS,
        pattern=f'{{ $.method = "{service.method}" && $.route = "{service.route}" && ({some}) }}',
        value=value,
        condition=LOGGED,
    )


def _metric_of_times(service: Service) -> LogMetric:
    return LogMetric(
        logical_id=f"{service.milliseconds}Filter",
        metric=service.milliseconds,
        log_group=API,
        pattern=f'{{ $.message = "{service.view}" && $.ms >= 0 }}',
        value="$.ms",
        unit="Milliseconds",
    )


LOG_METRICS = (
    *(_metric_of_answers(service, "Failed", "5", value="1") for service in SERVICES),
    *(_metric_of_answers(service, "Answered", "234", value="0") for service in SERVICES),
    *(_metric_of_times(service) for service in SERVICES),
    LogMetric(
        logical_id="StoreUnavailableFilter",
        metric=STORE_UNAVAILABLE,
        log_group=API,
        pattern='{ $.message = "store unavailable" }',
    ),
)


def log_metric_resources() -> Template:
    """Makes the metric filters, by logical id."""
    return {one.logical_id: _resource(one) for one in LOG_METRICS}


def _resource(metric: LogMetric) -> Template:
    counted = {
        "MetricNamespace": sub(OF_LOGS),
        "MetricName": metric.metric,
        "MetricValue": metric.value,
        "Unit": metric.unit,
    }
    return {
        "Type": "AWS::Logs::MetricFilter",
        **({"Condition": metric.condition} if metric.condition else {}),
        "Properties": {
            "LogGroupName": {"Ref": metric.log_group},
            "FilterPattern": metric.pattern,
            "MetricTransformations": [counted],
        },
    }
