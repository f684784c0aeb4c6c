"""Settings of a deployment: what is not said stays, what changes is told, and nonsense is refused first."""

from typing import Any

import pytest

from infra.cloud import deploy
from infra.cloud.deploy import require_agreement
from infra.cloud.parameters import HIDDEN, app_settings, changes_of_stack, check_settings, wants_traces
from infra.cloud.stacks import DeploymentError, parameters_for

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
    assert parameters_for({"Stage": "dev", "Seller": "Theirs"}, DECLARED, BEFORE, keep=True) == [
        {"ParameterKey": "Stage", "ParameterValue": "dev"},
        {"ParameterKey": "Seller", "ParameterValue": "Theirs"},
        {"ParameterKey": "HoldSeconds", "UsePreviousValue": True},
        {"ParameterKey": "RedisUrl", "UsePreviousValue": True},
    ]


@pytest.mark.parametrize(("before", "keep"), [(None, True), (BEFORE, False)], ids=["new", "a laptop's"])
def test_where_nothing_is_to_stay_the_template_has_the_defaults(before: dict[str, str] | None, keep: bool) -> None:
    said = {"Stage": "dev"}

    assert parameters_for(said, DECLARED, before, keep=keep) == [{"ParameterKey": "Stage", "ParameterValue": "dev"}]


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
    ("name", "value"),
    [
        ("MAIL_FROM", "Cinema <a@b.de>"),
        ("ALARM_EMAIL", "Cinema <a@b.de>"),
        ("HOLD_SECONDS", "0"),
        ("TIME_ZONE", "Mars"),
        ("RATE_LIMITS", "often"),
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


def test_a_change_of_production_is_asked_for() -> None:
    asked = list[str]()

    def no(question: str) -> bool:
        asked.append(question)
        return False

    with pytest.raises(DeploymentError, match="Nothing was deployed"):
        require_agreement("prod", ["HOLD_SECONDS: 60 → 30"], sure=False, at_terminal=True, ask=no)
    assert asked == ["Change this in prod? [y/N] "]
    require_agreement("prod", ["HOLD_SECONDS: 60 → 30"], sure=False, at_terminal=True, ask=lambda _: True)


def test_where_nobody_can_be_asked_production_is_left_as_it_is() -> None:
    with pytest.raises(DeploymentError, match="YES=1"):
        require_agreement("prod", ["HOLD_SECONDS: 60 → 30"], sure=False, at_terminal=False)


@pytest.mark.parametrize(("stage", "told", "sure"), [("dev", ["x"], False), ("prod", [], False), ("prod", ["x"], True)])
def test_nothing_else_is_asked_for(stage: str, told: list[str], sure: bool, capsys: pytest.CaptureFixture[str]) -> None:
    require_agreement(stage, told, sure=sure, at_terminal=False)

    assert capsys.readouterr().out == "".join(f"  {one}\n" for one in told)


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
