"""CloudWatch as it is documented: statistics over periods, and alarms over these. No emulator evaluates alarms so.

Documents: "Using Amazon CloudWatch alarms" (evaluating an alarm; M of N), "Configuring how CloudWatch alarms treat
missing data", "Statistics definitions", in the CloudWatch User Guide.
"""

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

Series = list[list[float]]
"""The values of a metric, by minute: `[[1, 1], [], [0]]` is two values, a minute without any, and one."""

FURTHER_BACK = 2
"""The points that CloudWatch reads beyond the evaluation periods, as in the tables of its document: 5 for 3."""

OPERATORS = {"GreaterThanThreshold": operator.gt, "GreaterThanOrEqualToThreshold": operator.ge}


def statistic(values: Sequence[float], name: str) -> float | None:
    """Gives a statistic of a period's values; None where there are none, but for a count."""
    if not values:
        return None
    if name.startswith("p"):
        return sorted(values)[max(0, math.ceil(float(name[1:]) / 100 * len(values)) - 1)]
    return {"Sum": sum(values), "Maximum": max(values), "Average": sum(values) / len(values)}[name]


def points(series: Series, alarm: Mapping[str, Any]) -> list[float | None]:
    """Gives the alarm's statistic for each of its whole periods."""
    minutes, name = alarm["Period"] // 60, alarm.get("ExtendedStatistic") or alarm["Statistic"]
    whole = range(0, len(series) - minutes + 1, minutes)
    return [statistic([value for minute in series[at : at + minutes] for value in minute], name) for at in whole]


def state(found: Sequence[float | None], alarm: Mapping[str, Any], threshold: float, before: str = "OK") -> str:
    """Gives the state after these points, the latest last, of an alarm that was in the state `before`."""
    periods = alarm["EvaluationPeriods"]
    most = alarm.get("DatapointsToAlarm", periods)
    is_beyond = OPERATORS[alarm["ComparisonOperator"]]
    real = [is_beyond(value, threshold) for value in found[-(periods + FURTHER_BACK) :] if value is not None]
    missing, treated = max(0, periods - len(real)), alarm.get("TreatMissingData", "missing")
    looked_at = real[-periods:]
    if treated in ("breaching", "notBreaching"):
        return "ALARM" if sum(looked_at) + missing * (treated == "breaching") >= most else "OK"
    if not looked_at:
        return before if treated == "ignore" else "INSUFFICIENT_DATA"
    if sum(looked_at) >= most or (treated == "missing" and missing and all(looked_at)):
        return "ALARM"
    return before if treated == "ignore" and missing and all(looked_at) else "OK"


def state_of(series: Series, alarm: Mapping[str, Any], threshold: float) -> str:
    """Gives the state of an alarm after these minutes, from OK, evaluated once in each of its periods."""
    found, now = points(series, alarm), "OK"
    for number in range(1, len(found) + 1):
        now = state(found[:number], alarm, threshold, now)
    return now
