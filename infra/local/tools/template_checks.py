"""Checks the templates and policies that AWS gets: `python -m infra.local.tools.template_checks`.

cfn-lint knows the schema of each resource, checkov what should be encrypted, logged or kept, parliament the actions and
resources of IAM. They are installed into .venv-templates, from requirements-templates.txt. The templates are those of
infra/cloud/snapshots, which a test compares with the packaged ones; the policies come from infra/cloud/permissions.py.
What they find and may stay is in infra/cloud/template_checks.toml, with reasons.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.cloud.functions import FUNCTIONS
from infra.cloud.generate import APP_SNAPSHOT, SNAPSHOTS
from infra.cloud.permissions import policy
from infra.cloud.templates import dump, load
from infra.command import as_command
from infra.processes import ROOT, CannotRunError, say

from .checkers import Checkers

PROGRAMS = Checkers(
    home=ROOT / ".venv-templates",
    requirements=ROOT / "requirements-templates.txt",
    may_stay=ROOT / "infra" / "cloud" / "template_checks.toml",
    about="the checkers of templates into .venv-templates (once, some minutes; 430 MB)",
)
OUT = ROOT / "build" / "templates"
NEWEST_RUNTIME = "python3.13"

Findings = Mapping[str, Sequence[str]]
"""What a checker found: the places of each rule."""

ON_AWS = {
    "${AWS::Partition}": "aws",
    "${AWS::Region}": "us-east-1",
    "${AWS::AccountId}": "123456789012",
    "${AWS::StackName}": "cinema-prod-app",
    "${Stage}": "prod",
    "${WebsocketAPI}": "a1b2c3d4e5",
}
"""Values for the placeholders of policies, which parliament does not know."""


def write_templates() -> list[Path]:
    """Writes both templates as the checkers read them: without the API's operations, which only take their time."""
    OUT.mkdir(parents=True, exist_ok=True)
    app = load(APP_SNAPSHOT)
    app["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"] = {}
    for resource in app["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"] |= {"Runtime": NEWEST_RUNTIME, "CodeUri": "s3://bucket/key"}
    templates = {"app.yaml": app, "data.yaml": load(SNAPSHOTS / "data.yaml")}
    for name, template in templates.items():
        (OUT / name).write_text(dump(template))
    return [OUT / name for name in templates]


def write_policies() -> Path:
    """Writes the functions' policies as they are on AWS."""
    folder = OUT / "policies"
    folder.mkdir(parents=True, exist_ok=True)
    for function in FUNCTIONS:
        (folder / f"{function.name}.json").write_text(json.dumps(_to_aws_value(policy(function))))
    return folder


def _to_aws_value(value: Any) -> Any:
    match value:
        case {"Fn::Sub": str(text)}:
            for name, known in ON_AWS.items():
                text = text.replace(name, known)
            return text
        case {"Ref": _}:
            return "tickets@example.com"
        case dict():
            return {name: _to_aws_value(each) for name, each in value.items()}
        case list():
            return [_to_aws_value(each) for each in value]
    return value


def _run(program: str, *arguments: str) -> str:
    return PROGRAMS.run(program, *arguments, cwd=OUT).stdout


def find_with_cfn_lint() -> Findings:
    found = json.loads(_run("cfn-lint", "--format", "json", "--regions", "us-east-1", "-t", "app.yaml", "data.yaml"))
    return _by_rule((one["Rule"]["Id"], f"{one['Filename']}: {one['Message']}") for one in found)


def find_with_checkov() -> Findings:
    arguments = ("-d", ".", "--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "-o", "json")
    report = json.loads(_run("checkov", *arguments))
    failed = report["results"]["failed_checks"]
    return _by_rule((one["check_id"], f"{one['resource']}: {one['check_name']}") for one in failed)


def find_with_parliament() -> Findings:
    lines = _run("parliament", "--directory", "policies", "--include_policy_extension", "json", "--json").splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return _by_rule((one["issue"], f"{one['location']['filepath']}: {one['detail']}") for one in found)


def _by_rule(found: Iterator[tuple[str, str]]) -> Findings:
    by_rule: dict[str, list[str]] = {}
    for rule, place in found:
        by_rule.setdefault(rule, []).append(place)
    return by_rule


CHECKERS = {
    "cfn-lint": find_with_cfn_lint,
    "checkov": find_with_checkov,
    "parliament": find_with_parliament,
}


def faults(checker: str, found: Findings, stays: Mapping[str, str]) -> list[str]:
    """Describes the findings that are not allowed, and the allowances without a finding."""
    new = [f"{checker} {rule}: {place}" for rule, places in found.items() if rule not in stays for place in places]
    return new + [PROGRAMS.no_longer_found(f"{checker} {rule}") for rule in stays.keys() - found]


def main() -> int:
    """Checks both templates and all policies. Gives 0 when everything found may stay, else 1."""
    PROGRAMS.install()
    write_templates()
    write_policies()
    with ThreadPoolExecutor(len(CHECKERS)) as pool:
        found = dict(zip(CHECKERS, pool.map(lambda find: find(), CHECKERS.values()), strict=True))
    stays = PROGRAMS.what_may_stay()
    wrong = [fault for checker, findings in found.items() for fault in faults(checker, findings, stays[checker])]
    for line in wrong:
        print(line)
    for checker, findings in found.items():
        say(f"{checker}: {sum(map(len, findings.values()))} findings of {len(findings)} kinds, each with its reason.")
    return int(bool(wrong))


if __name__ == "__main__":
    as_command(main, CannotRunError)
