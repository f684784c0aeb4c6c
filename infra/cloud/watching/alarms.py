"""Alarms: what one is, and the resource that is made of it. Their tables are data_alarms.py and app_alarms.py."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from infra.cloud.templates import Template, sub

from .metrics import Metric

RUNBOOK = "docs/operations.md"

WITHIN = "notBreaching"
BEYOND = "breaching"
UNCHANGED = "ignore"
"""What a period without data counts as: within the threshold, beyond it, or no reason to change the alarm's state."""

WITH_CAUSES = "CausesAreWatched"
"""The condition of alarms about causes. Alarms without it are about what buyers or operators notice."""

HAS_USER_POOL = "HasUserPool"
"""The condition of all that is in user_pool.yaml, and of what watches it."""


class Kind(NamedTuple):
    """A kind of alarms, one for each function or table: a row in docs/operations.md."""

    name: str
    """The alarms' names, with {…} for what differs."""
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm: goes off when `statistic` of the metric is beyond the threshold in enough of the last periods."""

    logical_id: str
    """The id in the template. It never changes: a new alarm of the same name could not be made beside the old one."""
    name: str
    """The alarm's name without cinema-{stage}- before it."""
    says: str
    what_to_do: str
    """The remedy, as Markdown. Its first link is to the alarm's page in docs/operations.md."""
    metric: Metric
    statistic: str
    threshold: float | str
    """A number, or the name of a parameter."""
    or_equal: bool = False
    """True if a value equal to the threshold counts as beyond it."""
    period_seconds: int = 60
    periods: int = 1
    datapoints: int | None = None
    """How many of the periods must be beyond the threshold; None for all of them."""
    without_data: str = WITHIN
    condition: str = ""
    kind: Kind | None = None

    @property
    def page(self) -> str:
        """Gives the anchor of the alarm's page in docs/operations.md. Raises ValueError without one."""
        first = re.search(r"\(#([\w-]+)\)", self.what_to_do)
        if not first:
            raise ValueError(f"The alarm {self.name} names no page.")
        return first[1]

    @property
    def full_name(self) -> str:
        return f"cinema-${{Stage}}-{self.name}"


def alarm_resources(alarms: Iterable[Alarm], topic: Any) -> Template:
    """Makes the resources of alarms that tell `topic`, by logical id."""
    return {one.logical_id: _resource(one, topic) for one in alarms}


def _resource(alarm: Alarm, topic: Any) -> Template:
    condition = {"Condition": alarm.condition} if alarm.condition else {}
    return {"Type": "AWS::CloudWatch::Alarm", **condition, "Properties": _properties(alarm, topic)}


def _properties(alarm: Alarm, topic: Any) -> Template:
    kind = "ExtendedStatistic" if alarm.statistic.startswith("p") else "Statistic"
    few = {"DatapointsToAlarm": alarm.datapoints} if alarm.datapoints else {}
    return {
        "AlarmName": sub(alarm.full_name),
        "AlarmDescription": f"{alarm.says} What to do: {RUNBOOK}#{alarm.page}",
        "Namespace": _condition_value(alarm.metric.namespace),
        "MetricName": alarm.metric.name,
        "Dimensions": [
            {"Name": name, "Value": _condition_value(text)} for name, text in alarm.metric.dimensions.items()
        ],
        kind: alarm.statistic,
        "Period": alarm.period_seconds,
        "EvaluationPeriods": alarm.periods,
        **few,
        "Threshold": {"Ref": alarm.threshold} if isinstance(alarm.threshold, str) else alarm.threshold,
        "ComparisonOperator": f"GreaterThan{'OrEqualTo' if alarm.or_equal else ''}Threshold",
        "TreatMissingData": alarm.without_data,
        "AlarmActions": [topic],
        "OKActions": [topic],
    }


def _condition_value(text: str) -> Any:
    if whole := re.fullmatch(r"\$\{(\w+)\}", text):
        return {"Ref": whole[1]}
    return sub(text) if "${" in text else text
