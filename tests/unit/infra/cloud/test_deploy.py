"""Settings of a deployment: what is not said stays, what changes is told, and nonsense is refused first."""

import json
from typing import Any

import pytest

from infra.cloud import data_template, deploy
from infra.cloud.deploying.parameters import HIDDEN, app_settings, changes_of_stack, check_settings, wants_traces
from infra.cloud.deploying.stacks import DeploymentError
from infra.cloud.deploying.update import parameters_for
from infra.cloud.templates import LONGEST_BODY, as_body

DECLARED: dict[str, Any] = {
    "Stage": {},
    "HoldSeconds": {"Default": 30},
    "Seller": {"Default": "Cinema"},
    "RedisUrl": {"Default": "", "NoEcho": True},
    "New": {"Default": "x"},
}
NAMES = {"HoldSeconds": "HOLD_SECONDS", "Seller": "SELLER", "RedisUrl": "REDIS_URL", "New": "NEW"}
BEFORE = {"Stage": "dev", "HoldSeconds": "60", "Seller": "Ours", "RedisUrl": HIDDEN}


def test_what_is_not_said_stays_as_it_is_deployed() -> None:
    assert parameters_for({"Stage": "dev", "Seller": "Theirs"}, DECLARED, BEFORE) == [
        {"ParameterKey": "Stage", "ParameterValue": "dev"},
        {"ParameterKey": "Seller", "ParameterValue": "Theirs"},
        {"ParameterKey": "HoldSeconds", "UsePreviousValue": True},
        {"ParameterKey": "RedisUrl", "UsePreviousValue": True},
    ]


@pytest.mark.parametrize(("before", "stage"), [(None, "dev"), (BEFORE, "local")], ids=["new", "a laptop's"])
def test_where_nothing_is_to_stay_the_template_has_the_defaults(before: dict[str, str] | None, stage: str) -> None:
    said = {"Stage": stage}

    assert parameters_for(said, DECLARED, before) == [{"ParameterKey": "Stage", "ParameterValue": stage}]


def test_each_change_is_told_with_what_it_was() -> None:
    said = {"HoldSeconds": "30", "Seller": "Ours", "RedisUrl": "redis://secret", "New": "y"}

    assert changes_of_stack(said, BEFORE, DECLARED, NAMES) == [
        "HOLD_SECONDS: 60 → 30",
        "REDIS_URL: set anew (it can't be read back)",
        "NEW: x → y",
    ]


def test_what_is_set_to_nothing_gets_the_templates_default() -> None:
    assert app_settings({"HOLD_SECONDS": "", "PAYMENTS_URL": ""}) == {"HoldSeconds": "30", "PaymentsUrl": ""}
    assert app_settings({}) == {}


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"DOMAIN": "a.example.com"}, "DOMAIN and CERTIFICATE go together"),
        ({"LIVE_CERTIFICATE": "arn:x"}, "LIVE_DOMAIN and LIVE_CERTIFICATE go together"),
        (
            {"DOMAIN": "a.example.com", "LIVE_DOMAIN": "a.example.com", "CERTIFICATE": "c", "LIVE_CERTIFICATE": "c"},
            "another than DOMAIN",
        ),
        (
            {"EDGE": "on", "DOMAIN": "a.example.com", "CERTIFICATE": "arn:aws:acm:sa-east-1:1:certificate/x"},
            "us-east-1",
        ),
    ],
)
def test_addresses_that_aws_would_refuse_are_refused_first(said: dict[str, str], refusal: str) -> None:
    with pytest.raises(DeploymentError, match=refusal):
        app_settings(said)


def test_addresses_that_go_together_are_taken() -> None:
    said = {"EDGE": "on", "DOMAIN": "a.example.com", "CERTIFICATE": "arn:aws:acm:us-east-1:1:certificate/x"}

    assert app_settings(said) == {"Edge": "on", "Domain": said["DOMAIN"], "Certificate": said["CERTIFICATE"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_FROM", "Cinema <a@b.de>"),
        ("ALARM_EMAIL", "Cinema <a@b.de>"),
        ("HOLD_SECONDS", "0"),
        ("TIME_ZONE", "Mars"),
        ("RATE_LIMITS", "often"),
        ("PROTECTION", "no"),
        ("EDGE", "yes"),
    ],
)
def test_nonsense_is_refused_before_anything_is_deployed(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(DeploymentError, match=name):
        deploy.deploy_data("dev")  # nothing is there that it could be deployed to
    with pytest.raises(DeploymentError, match=name):
        check_settings({name: value})


@pytest.mark.parametrize(
    ("said", "before", "wanted"),
    [
        ({}, None, False),
        ({"Traces": "on", "OtelExporterOtlpEndpoint": "https://c"}, None, True),
        ({}, {"Traces": "on", "OtelExporterOtlpEndpoint": "https://c"}, True),
        ({"Traces": "off"}, {"Traces": "on", "OtelExporterOtlpEndpoint": "https://c"}, False),
    ],
)
def test_a_deployment_that_does_not_say_keeps_its_traces_and_their_packages(
    said: dict[str, str], before: dict[str, str] | None, wanted: bool
) -> None:
    assert wants_traces(said, before) is wanted


def test_traces_without_a_collector_are_refused_before_anything_is_deployed() -> None:
    with pytest.raises(DeploymentError, match="OTEL_EXPORTER_OTLP_ENDPOINT must be the URL of a collector"):
        wants_traces({"Traces": "on"}, {"OtelExporterOtlpEndpoint": ""})


def test_the_data_template_fits_into_a_request_and_has_room_to_grow() -> None:
    body = as_body(data_template.template())

    assert len(body.encode()) < 0.95 * LONGEST_BODY
    assert json.loads(body)["Outputs"]["RowsStream"]["Value"] == {"Fn::GetAtt": ["Rows", "StreamArn"]}
