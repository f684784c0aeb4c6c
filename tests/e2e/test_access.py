"""Access control as it is deployed: the matrix of tests/access.py through API Gateway, and the user pool's parts."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from infra.cloud import deploy
from infra.cloud.data_template import USER_POOL
from infra.cloud.deploying.stacks import data_stack, outputs_of
from infra.cloud.templates import load
from infra.local.identity_provider import Provider
from tests.access import ALL, GATES, NEED_TOKENS, OPEN, OPERATORS, OWNERS, SIGNED, UNAUTHENTICATED, Cinema
from tests.tokens import GATE, OPERATOR, OTHER, Forger

from .conftest import STAGE

WITHOUT_BOARD = [one for one in ALL if "operations" not in one.path]
"""The routes of the board are not there in this stage: the rule is looked at first, and then they are a 404."""


@pytest.fixture(scope="module")
def cinema(deployed: deploy.AppDeployment, provider: Provider) -> Cinema:
    return Cinema(deployed.url, Forger(provider)).with_screening()


@pytest.fixture(scope="module")
def reservation(cinema: Cinema) -> dict[str, str]:
    reservation_id, owner = cinema.reserve()
    return {"session_id": cinema.session_id, "reservation_id": reservation_id, "user_id": owner.subject}


def test_every_wrong_way_to_ask_is_refused_by_some_route_of_each_kind(
    cinema: Cinema, reservation: dict[str, str]
) -> None:
    """A route for each way, in turn: each combination is asked on the local server (tests/api/test_access.py)."""
    for number, (way, send) in enumerate(UNAUTHENTICATED.items()):
        request = NEED_TOKENS[number % len(NEED_TOKENS)]
        answer = send(cinema, *request.filled(**reservation))

        assert (answer.status, answer.body.get("error")) == (401, "UNAUTHENTICATED"), (way, request.route)
        assert answer.headers["www-authenticate"].startswith("Bearer"), way


def test_every_route_asks_who_asks(cinema: Cinema, reservation: dict[str, str]) -> None:
    answers = {one.route: cinema.ask(*one.filled(**reservation)).status for one in NEED_TOKENS}

    assert answers == {one.route: 401 for one in NEED_TOKENS}


def test_a_gate_is_refused_everywhere_but_where_tickets_are_admitted(
    cinema: Cinema, reservation: dict[str, str]
) -> None:
    answers = {one.route: cinema.as_user(GATE, *one.filled(**reservation)).status for one in NEED_TOKENS}

    assert answers == {
        **{one.route: 403 for one in (*OPERATORS, *OWNERS)},
        **{one.route: one.admitted for one in GATES},
    }


def test_another_buyer_finds_nothing(cinema: Cinema, reservation: dict[str, str]) -> None:
    answers = {one.route: cinema.as_user(OTHER, *one.filled(**reservation)).status for one in NEED_TOKENS}

    assert answers == {
        **{one.route: 403 for one in (*OPERATORS, *GATES)},
        **{one.route: one.to_others for one in OWNERS},
    }


def test_operators_operate(cinema: Cinema, reservation: dict[str, str]) -> None:
    operated = [one for one in OPERATORS if one in WITHOUT_BOARD]
    answers = {one.route: cinema.as_user(OPERATOR, *one.filled(**reservation)).status for one in operated}

    assert answers == {one.route: one.admitted for one in operated}


def test_what_needs_no_token_needs_none(cinema: Cinema, reservation: dict[str, str]) -> None:
    asked = [one for one in (*OPEN, *SIGNED) if one in WITHOUT_BOARD]
    answers = {one.route: cinema.ask(*one.filled(**reservation)).status for one in asked}

    assert answers == {one.route: one.admitted for one in asked}


# The user pool, which no request of these tests asks: on AWS it is the provider.


PAGES = ("", "operations", "gate")
"""Those that people come back to from signing in."""


def test_the_user_pool_leads_back_to_the_page_and_knows_the_groups(deployed: deploy.AppDeployment) -> None:
    pool: Any = boto3.client("cognito-idp")
    outputs = outputs_of(data_stack(STAGE))
    ids = {"UserPoolId": outputs["UserPoolId"]}

    client = pool.describe_user_pool_client(ClientId=outputs["PageClientId"], **ids)["UserPoolClient"]

    for addresses in (client["CallbackURLs"], client["LogoutURLs"]):
        assert addresses == ["http://localhost:8000/", *(f"{deployed.url}/{page}" for page in PAGES)]
    assert "ClientSecret" not in client
    assert client["AllowedOAuthFlows"] == ["code"]
    groups = {group["GroupName"] for group in pool.list_groups(**ids)["Groups"]}
    assert groups == {"buyer", "operator", "gate"}
    assert outputs["TokenIssuer"].endswith(f"/{outputs['UserPoolId']}")


@pytest.mark.parametrize(("verified", "added"), [("true", {"email": "ana@example.com"}), ("false", None), (None, None)])
def test_only_a_verified_address_gets_into_a_token(verified: str | None, added: dict[str, str] | None) -> None:
    attributes = {"email": "ana@example.com", **({"email_verified": verified} if verified else {})}
    event: dict[str, Any] = {"request": {"userAttributes": attributes}, "response": {}}
    found: dict[str, Callable[..., Any]] = {}
    exec(load(USER_POOL)["Resources"]["TokenTrigger"]["Properties"]["Code"]["ZipFile"], found)  # noqa: S102 - ours

    answer = found["add_address"](event, None)["response"]

    claims = answer.get("claimsAndScopeOverrideDetails", {}).get("accessTokenGeneration", {})
    assert claims.get("claimsToAddOrOverride") == added
