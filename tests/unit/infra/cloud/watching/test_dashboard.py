"""The dashboard: every metric on it exists, every metric of ours is on it, and nothing covers another."""

import json
import re
from collections.abc import Iterator
from typing import Any

from infra.cloud.functions import FUNCTIONS

from .templates import alarms, both, of_type
from .test_alarms import known_metrics, metrics_of_logs, metrics_that_functions_write

COLUMNS = 24
"""Of a dashboard: "Dashboard body structure and syntax", CloudWatch API Reference."""


def widgets() -> list[dict[str, Any]]:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    found: list[dict[str, Any]] = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    return found


def lines() -> Iterator[list[Any]]:
    for widget in widgets():
        yield from widget["properties"].get("metrics", [])


def test_every_metric_on_it_is_one_that_aws_or_we_report() -> None:
    known = known_metrics()

    assert not [line for line in lines() if set(line[2:-1:2]) not in known.get((line[0], line[1]), [])]


def test_every_metric_of_ours_is_on_it() -> None:
    shown = {(line[0], line[1]) for line in lines()}

    assert not (metrics_that_functions_write().keys() | metrics_of_logs().keys()) - shown


def test_it_names_only_resources_that_there_are() -> None:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    named = set(re.findall(r"\$\{([^}]+)\}", dashboard["DashboardBody"]["Fn::Sub"]))

    assert named - {"Stage", "AWS::Region", "AWS::AccountId", "AWS::Partition"} == {one.logical_id for one in FUNCTIONS}


def test_it_shows_the_state_of_every_alarm_that_is_always_there() -> None:
    shown = {arn.rpartition(":cinema-${Stage}-")[2] for arn in widgets()[0]["properties"]["alarms"]}
    always = {
        one["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("cinema-${Stage}-")
        for one in both().values()
        if one.get("Type") == "AWS::CloudWatch::Alarm" and not one.get("Condition")
    }

    assert shown == always < alarms().keys()
    assert len(shown) <= 100, "no more fit into one widget"


def test_no_part_covers_another_or_leaves_the_board() -> None:
    taken = [
        (x, y)
        for one in widgets()
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    ]

    assert len(taken) == len(set(taken))
    assert all(0 <= x < COLUMNS for x, _ in taken)
