"""The user pool's client, to which deploying adds the page; settings that are refused before anything is deployed."""

from typing import Any

import pytest

from infra.cloud import app_template, data_template
from infra.cloud.deploying.parameters import check_settings
from infra.cloud.deploying.sign_in import with_callback_urls
from infra.cloud.deploying.stacks import DeploymentError

DESCRIBED = {
    "UserPoolId": "pool",
    "ClientId": "client",
    "ClientName": "page",
    "CallbackURLs": ["http://localhost:8000/"],
    "LogoutURLs": ["http://localhost:8000/"],
    "AllowedOAuthFlowsUserPoolClient": True,
    "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
    "DefaultRedirectURI": "",
    "CreationDate": "2026-11-27",
    "LastModifiedDate": "2026-11-27",
}
"""As DescribeUserPoolClient answers. UpdateUserPoolClient takes neither the dates nor an empty address."""
URL = "https://abc.execute-api.sa-east-1.amazonaws.com/prod"


def test_the_pages_are_added_and_all_else_stays() -> None:
    changed = with_callback_urls(DESCRIBED, {URL})

    assert changed is not None
    for name in ("CallbackURLs", "LogoutURLs"):
        assert changed[name] == ["http://localhost:8000/", f"{URL}/", f"{URL}/operations", f"{URL}/gate"]
    kept = DESCRIBED.keys() - {"CallbackURLs", "LogoutURLs", "DefaultRedirectURI", "CreationDate", "LastModifiedDate"}
    assert {name: changed[name] for name in kept} == {name: DESCRIBED[name] for name in kept}
    assert changed.keys() == kept | {"CallbackURLs", "LogoutURLs"}


def test_what_is_there_already_is_not_added_again() -> None:
    changed = with_callback_urls(DESCRIBED, {f"{URL}/"})

    assert with_callback_urls({**DESCRIBED, **(changed or {})}, {URL}) is None


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize(("name", "value"), [("AUTH", "off"), ("AUTH_ISSUER", "http://issuer.example")])
def test_what_the_application_would_refuse_is_refused_before_anything_is_deployed(
    stage: str, name: str, value: str
) -> None:
    with pytest.raises(DeploymentError, match=f"{name} must be"):
        check_settings({name: value}, stage)


def test_the_user_pool_is_where_people_are_and_on_aws_only() -> None:
    template = data_template.template()
    parts: dict[str, Any] = {
        name: one for name, one in template["Resources"].items() if one.get("Condition") == "HasUserPool"
    }

    assert {one["Type"] for one in parts.values()} >= {
        "AWS::Cognito::UserPool",
        "AWS::Cognito::UserPoolClient",
        "AWS::Cognito::UserPoolDomain",
        "AWS::Cognito::UserPoolGroup",
    }
    client = parts["UserPoolClient"]["Properties"]
    assert (client["GenerateSecret"], client["AllowedOAuthFlows"]) == (False, ["code"])
    assert "ALLOW_REFRESH_TOKEN_AUTH" not in client["ExplicitAuthFlows"], "rotation excludes it"
    assert parts["UserPool"]["Properties"]["DeletionProtection"] == {"Fn::If": ["IsProduction", "ACTIVE", "INACTIVE"]}


def test_the_api_knows_the_user_pool_without_being_told_unless_it_is_told_of_another_provider() -> None:
    variables = app_template.overlay()["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]

    for name, export in app_template.OF_THE_USER_POOL.items():
        parameter = app_template.parameter_of(name)
        known = {"Fn::ImportValue": {"Fn::Sub": f"cinema-${{Stage}}-{export}"}}
        assert variables[name] == {"Fn::If": ["UserPoolSignsIn", known, {"Ref": parameter}]}
    exported = {
        one["Export"]["Name"]["Fn::Sub"] for one in data_template.template()["Outputs"].values() if "Export" in one
    }
    assert exported >= {f"cinema-${{Stage}}-{export}" for export in app_template.OF_THE_USER_POOL.values()}


def test_on_a_laptop_nothing_of_the_user_pool_is_deployed_and_nothing_else_is_left_out() -> None:
    whole, without = data_template.template(), data_template.template_of("test")

    assert {name for name, one in whole["Resources"].items() if one["Type"].startswith("AWS::Cognito")}
    for section in ("Resources", "Outputs"):
        left_out = whole[section].keys() - without[section].keys()
        assert left_out == {name for name, one in whole[section].items() if one.get("Condition") == "HasUserPool"}
    assert without.keys() == whole.keys()
