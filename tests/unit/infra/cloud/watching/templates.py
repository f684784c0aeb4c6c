"""Reads the watching resources of both stacks from their templates."""

from functools import cache
from typing import Any

from infra.cloud import app_template, data_template

Template = dict[str, Any]


@cache
def both() -> dict[str, Template]:
    """The resources of both stacks by logical id: those of the data stack, and what we add to Chalice's."""
    return {**data_template.template()["Resources"], **app_template.overlay()["Resources"]}


def of_type(kind: str) -> dict[str, Template]:
    return {name: one["Properties"] for name, one in both().items() if one.get("Type") == kind}


def alarms() -> dict[str, Template]:
    """The alarms, by their names without cinema-{stage}- before them."""
    found = of_type("AWS::CloudWatch::Alarm").values()
    named = {one["AlarmName"]["Fn::Sub"].removeprefix("cinema-${Stage}-"): one for one in found}
    assert len(named) == len(found), "two alarms have one name"
    return named


def default_of(parameter: str) -> Any:
    return app_template.overlay()["Parameters"][parameter]["Default"]
