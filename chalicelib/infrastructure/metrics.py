"""Metrics for CloudWatch, as log lines in its embedded metric format: without a call, and without a package.

aws-lambda-powertools' Metrics writes the same lines, but its import takes a quarter of boto3's time. A breaker would
pay for that in the very request that has just waited for a dead dependency.
"""

import json
import sys
from dataclasses import dataclass
from time import time
from typing import TextIO

from .breakers import BreakerChange, BreakerState

NAMESPACE = "CinemaTickets"


@dataclass(frozen=True)
class Metrics:
    """The writer of a stage's metrics.

    `out` is where they are written; None is standard output, which is Lambda's log.
    """

    stage: str
    out: TextIO | None = None

    def write_breaker_change(self, change: BreakerChange) -> None:
        """Writes the metric BreakerOpen: 1 when the breaker opens or its probe fails, 0 when the breaker closes."""
        opened = int(change.state is BreakerState.OPEN)
        self._write({"Stage": self.stage, "Dependency": change.name}, {"BreakerOpen": opened}, trips=change.trips)

    def write_payment_findings_metric(self, findings: int) -> None:
        """Writes the metric MoneyToLookAt: the number of payments and sales that disagree, or wait for too long."""
        self._write({"Stage": self.stage}, {"MoneyToLookAt": findings})

    def _write(self, dimensions: dict[str, str], values: dict[str, int], **facts: int) -> None:
        metrics = [{"Name": metric, "Unit": "Count"} for metric in values]
        directive = {"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": metrics}
        described = {"Timestamp": round(time() * 1000), "CloudWatchMetrics": [directive]}
        out = self.out or sys.stdout
        out.write(json.dumps({"_aws": described, **dimensions, **values, **facts}) + "\n")
        out.flush()
