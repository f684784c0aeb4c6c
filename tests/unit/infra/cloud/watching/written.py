"""The lines with metrics that the code writes, one of each kind."""

import io
import json
from typing import Any

from chalicelib.infrastructure.breakers import BreakerChange, BreakerState
from chalicelib.infrastructure.metrics import Metrics


def metric_lines() -> list[dict[str, Any]]:
    out = io.StringIO()
    metrics = Metrics("prod", out)
    metrics.write_breaker_change(
        BreakerChange("redis", BreakerState.OPEN, was_closed=True, trips=1, stays_open_seconds=30)
    )
    metrics.write_payment_findings_metric(3)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(lines) == len([name for name in vars(Metrics) if name.startswith("write_")]), (
        "write the new one here, too"
    )
    return lines
