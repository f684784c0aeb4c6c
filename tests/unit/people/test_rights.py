"""Only an operator may export or erase a person: no function has the rights, and no route leads there."""

import json
import os
import sys
from itertools import product
from subprocess import run
from typing import Any

import pytest

from infra.cloud.functions import FUNCTIONS, Function
from infra.cloud.permissions import policy
from infra.processes import ROOT

POLICY = ROOT / "docs" / "examples" / "operator-policy-person.json"
ALSO_OF_FUNCTIONS = {
    ("dynamodb:Query", "reservations"): "what a user has bought is listed",
    ("dynamodb:GetItem", "reservations"): "a reservation is shown",
    ("dynamodb:GetItem", "payments"): "a payment is looked at",
    ("dynamodb:GetItem", "notifications"): "an event is delivered",
    ("dynamodb:UpdateItem", "reservations"): "holds are confirmed and end",
    ("dynamodb:UpdateItem", "payments"): "payments are claimed, sold and returned",
    ("dynamodb:PutItem", "events"): "the audit log is written",
    ("dynamodb:GetItem", "events"): "and read by its writer, where a write is refused",
    ("dynamodb:GetItem", "invoices"): "links are made to them",
}
"""The rights of the command that functions have for their own work. Nothing in them finds a person in a table."""


def _pairs(statements: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Gives each action on each table, without prefixes; other resources are left out."""
    return {
        (action, resource.rpartition("table/cinema-")[2].partition("-")[2])
        for one in statements
        for action, resource in product(_listed(one["Action"]), map(_text, _listed(one["Resource"])))
        if "table/cinema-" in resource and "/index/" not in resource
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(resource: Any) -> str:
    """Gives a resource's ARN with the stage as `*`."""
    text = resource["Fn::Sub"] if isinstance(resource, dict) and "Fn::Sub" in resource else resource
    return text.replace("${Stage}", "*") if isinstance(text, str) else ""


def _actions(function: Function) -> set[str]:
    return {action for one in policy(function)["Statement"] for action in _listed(one["Action"])}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_no_function_may_read_or_change_what_an_erasure_does(function: Function) -> None:
    of_the_command = _pairs(json.loads(POLICY.read_text())["Statement"])
    common = of_the_command & _pairs(policy(function)["Statement"])

    assert len(of_the_command) > len(ALSO_OF_FUNCTIONS)
    assert common - ALSO_OF_FUNCTIONS.keys() == set()
    assert not {action for action in _actions(function) if action.startswith("cognito-idp:")}
    assert not _actions(function) & {"s3:ListBucketVersions", "s3:DeleteObjectVersion"}


def test_the_api_does_not_even_load_it() -> None:
    loaded = "import sys, app; print(*(name for name in sys.modules if 'people' in name or name.endswith('.person')))"
    environment = {**os.environ, "STAGE": "test", "TABLE_PREFIX": "cinema-test"}
    command = [sys.executable, "-c", loaded]
    answer = run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)

    assert set(answer.stdout.split()) <= {"chalicelib.domain.ports.people"}, "names of ports at most"
