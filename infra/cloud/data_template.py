"""The template of the data stack: infra/cloud/stateful.yaml and user_pool.yaml, with the tables, the consumers' queues,
and the alarms."""

from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.settings import LOCAL_STAGES

from .queues import queue_resources
from .tables import table_resources
from .templates import Template, load, merge
from .watching.alarms import HAS_USER_POOL
from .watching.resources import watching_of_data

BY_HAND = Path(__file__).parent / "stateful.yaml"
USER_POOL = Path(__file__).parent / "user_pool.yaml"


@cache
def template() -> Template:
    """Makes the whole template, with CloudFormation's functions in their long form."""
    made = merge(merge(table_resources(), queue_resources()), watching_of_data())
    return merge(merge(load(BY_HAND), load(USER_POOL)), {"Resources": made})


def template_of(stage: str) -> Template:
    """Makes the template for a stage. Leaves the user pool out on a laptop: LocalStack refuses a template with it."""
    if stage not in LOCAL_STAGES:
        return template()
    return {
        section: {name: one for name, one in parts.items() if one.get("Condition") != HAS_USER_POOL}
        if section in ("Resources", "Outputs")
        else parts
        for section, parts in template().items()
    }


def resources(kind: str, stage: str) -> list[dict[str, Any]]:
    """Lists the properties of the resources of a type, such as AWS::SQS::Queue, as that stage gets them."""
    found = template()["Resources"].values()
    return [_in_stage(one["Properties"], stage) for one in found if one["Type"] == kind]


def _in_stage(value: Any, stage: str) -> Any:
    """Resolves CloudFormation's functions for a stage: `!Sub text` becomes the text."""
    match value:
        case str():
            return value.replace("${Stage}", stage)
        case list():
            return [_in_stage(each, stage) for each in value]
        case dict() if len(value) == 1 and (next(iter(value)) == "Ref" or next(iter(value)).startswith("Fn::")):
            return _in_stage(next(iter(value.values())), stage)
        case dict():
            return {name: _in_stage(each, stage) for name, each in value.items()}
    return value
