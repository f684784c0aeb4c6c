"""CloudFormation templates as dicts: read and written with the short forms of its functions (`!Sub`, `!GetAtt` …)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

Template = dict[str, Any]

LONGEST_BODY = 51_200
"""Bytes of a template in a request. CloudFormation: "Understand CloudFormation quotas"."""


if TYPE_CHECKING:
    from yaml import SafeDumper, SafeLoader
else:  # by libyaml, where PyYAML has it, in a quarter of the time; it quotes the arguments of short forms differently
    SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    SafeDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(SafeLoader):
    """Reads `!Sub x` as {"Fn::Sub": x}, `!GetAtt a.b` as {"Fn::GetAtt": "a.b"}."""


class _Repeats:
    """Writes equal parts out again and again: CloudFormation takes no YAML aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class WithoutAliases(_Repeats, SafeDumper):
    """Writes plain values, without short forms."""


class _Dumper(_Repeats, yaml.SafeDumper):
    """Writes {"Fn::Sub": x} as `!Sub x`."""


def _construct_function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Template:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    raise ValueError(f"!{suffix} takes a text or a list{node.start_mark}")


def _represent_dict(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    if len(value) == 1:
        ((name, argument),) = value.items()
        tag = f"!{str(name).removeprefix('Fn::')}"
        if name == "Ref" or str(name).startswith("Fn::"):
            if isinstance(argument, str):
                return dumper.represent_scalar(tag, argument)
            if isinstance(argument, list):
                return dumper.represent_sequence(tag, argument)
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=False)


_Loader.add_multi_constructor("!", _construct_function)
_Dumper.add_representer(dict, _represent_dict)


def load(path: Path) -> Template:
    """Reads a template."""
    template: Template = yaml.load(path.read_text(), _Loader)  # noqa: S506 - a SafeLoader
    return template


def load_long_forms(path: Path) -> Template:
    """Reads a template that has no short forms, as Chalice writes it."""
    template: Template = yaml.load(path.read_text(), SafeLoader)  # noqa: S506 - a SafeLoader
    return template


def dump(template: Mapping[str, Any]) -> str:
    """Writes a template as YAML, in the order of its keys."""
    return yaml.dump(dict(template), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def as_body(template: Mapping[str, Any]) -> str:
    """Writes a template as CloudFormation gets it in a request: short, for it may have LONGEST_BODY bytes."""
    return json.dumps(_with_lists(template), separators=(",", ":"), ensure_ascii=False)


def _with_lists(value: Any) -> Any:
    """Writes the arguments of `Fn::GetAtt` as a list: only in YAML they may be one text."""
    match value:
        case {"Fn::GetAtt": str(text), **others} if not others:
            return {"Fn::GetAtt": text.split(".", 1)}
        case Mapping():
            return {name: _with_lists(part) for name, part in value.items()}
        case list():
            return [_with_lists(part) for part in value]
    return value


def merge(template: Mapping[str, Any], further: Mapping[str, Any]) -> Template:
    """Adds `further` to `template`, dict by dict. Raises ValueError where both set the same key."""
    merged = dict(template)
    for name, value in further.items():
        if name not in merged:
            merged[name] = value
        elif isinstance(merged[name], dict) and isinstance(value, Mapping):
            merged[name] = merge(merged[name], value)
        else:
            raise ValueError(f"{name} is in both: {merged[name]!r} and {value!r}")
    return merged


def sub(text: str) -> Template:
    """Makes an Fn::Sub."""
    return {"Fn::Sub": text}


def imported(name: str) -> Template:
    """Makes an import of the data stack's export of that name."""
    return {"Fn::ImportValue": sub(f"cinema-${{Stage}}-{name}")}
