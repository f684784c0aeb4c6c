"""What infra/cloud/stateful.yaml says that there is in a stage."""

from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parent / "stateful.yaml"


class _Loader(yaml.SafeLoader):
    """Reads `!Sub text` as the text, and what another function is given as that."""


def _argument(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else None


_Loader.add_multi_constructor("!", _argument)


def declared() -> dict[str, Any]:
    """The parameters of the template, by name."""
    parameters: dict[str, Any] = yaml.load(TEMPLATE.read_text(), _Loader)["Parameters"]  # noqa: S506 - as below
    return parameters


def resources(kind: str, stage: str) -> list[dict[str, Any]]:
    """The properties of the resources of that type, such as AWS::SQS::Queue."""
    text = TEMPLATE.read_text().replace("${Stage}", stage)
    template = yaml.load(text, _Loader)  # noqa: S506 - a safe loader that knows CloudFormation's tags
    return [one["Properties"] for one in template["Resources"].values() if one["Type"] == kind]
