"""Who buys for the canary purchase: a token that is given, a user made for it, or nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.cloud.deploying.buyers import Buyers, SignInFailed

POOL = {"UserPoolId": "us-east-1_a", "PageClientId": "page"}


class UserNotFound(ClientError):
    pass


@dataclass
class FakeCognito:
    """A user pool that remembers its users, and what it was asked."""

    fails_at: str = ""
    asks_for: str = ""
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    class exceptions:  # noqa: N801 - as clients of boto3 call it
        UserNotFoundException = UserNotFound

    def _ask(self, operation: str) -> None:
        self.asked.append(operation)
        if operation == self.fails_at:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)

    def admin_create_user(self, **wanted: Any) -> None:
        self._ask("AdminCreateUser")
        self.users[wanted["Username"]] = wanted

    def admin_set_user_password(self, **wanted: Any) -> None:
        self._ask("AdminSetUserPassword")
        self.users[wanted["Username"]] |= {"Password": wanted["Password"], "Permanent": wanted["Permanent"]}

    def admin_initiate_auth(self, **wanted: Any) -> dict[str, Any]:
        self._ask("AdminInitiateAuth")
        if self.asks_for:
            return {"ChallengeName": self.asks_for}
        user = self.users[wanted["AuthParameters"]["USERNAME"]]
        assert (wanted["ClientId"], wanted["AuthFlow"]) == ("page", "ADMIN_USER_PASSWORD_AUTH")
        assert (user["Permanent"], user["MessageAction"]) == (True, "SUPPRESS")
        assert wanted["AuthParameters"]["PASSWORD"] == user["Password"]
        return {"AuthenticationResult": {"AccessToken": "access", "IdToken": "id"}}

    def admin_delete_user(self, **wanted: Any) -> None:
        self._ask("AdminDeleteUser")
        if wanted["Username"] not in self.users:
            raise UserNotFound({"Error": {"Code": "UserNotFoundException"}}, "AdminDeleteUser")
        del self.users[wanted["Username"]]


def _buyers(
    cognito: FakeCognito,
    environment: Mapping[str, str] | None = None,
    app: Mapping[str, str] | None = None,
    stage: str = "dev",
    data: Mapping[str, str] = POOL,
) -> Buyers:
    return Buyers(stage, environment or {}, app or {}, data, lambda: cognito)


def test_a_user_made_for_it_buys_with_their_access_token_and_is_gone_afterwards() -> None:
    cognito = FakeCognito()

    with _buyers(cognito).token() as token:
        (name,) = cognito.users
        assert (token, name.startswith("canary-"), name.endswith("@example.com")) == ("access", True, True)

    assert cognito.users == {}


def test_the_user_is_gone_after_a_failed_purchase_too() -> None:
    cognito = FakeCognito()

    with pytest.raises(KeyError), _buyers(cognito).token():
        raise KeyError

    assert (cognito.users, cognito.asked[-1]) == ({}, "AdminDeleteUser")


@pytest.mark.parametrize("step", ["AdminCreateUser", "AdminSetUserPassword", "AdminInitiateAuth"])
def test_a_sign_in_that_fails_says_at_which_step_and_leaves_no_user(step: str) -> None:
    cognito = FakeCognito(fails_at=step)

    with pytest.raises(SignInFailed, match=step), _buyers(cognito).token():
        pytest.fail("nobody signed in")

    assert (cognito.users, cognito.asked[-1]) == ({}, "AdminDeleteUser")


def test_a_pool_that_asks_for_more_than_a_password_is_told() -> None:
    cognito = FakeCognito(asks_for="MFA_SETUP")

    with pytest.raises(SignInFailed, match="asks for MFA_SETUP"), _buyers(cognito).token():
        pytest.fail("nobody signed in")

    assert cognito.users == {}


def test_a_user_who_could_not_be_deleted_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    cognito = FakeCognito(fails_at="AdminDeleteUser")

    with _buyers(cognito).token():
        (name,) = cognito.users

    assert f"{name} may still be in the user pool us-east-1_a" in capsys.readouterr().out


def test_a_token_that_is_given_is_taken_before_the_pools() -> None:
    cognito = FakeCognito()

    with _buyers(cognito, {"CANARY_TOKEN": "given\n"}, {"AuthIssuer": "https://id.example.com"}).token() as token:
        assert (token, cognito.asked) == ("given", [])


@pytest.mark.parametrize(
    ("environment", "app", "data"),
    [
        ({}, {"AuthIssuer": "https://id.example.com"}, POOL),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, {}, POOL),
        ({}, {}, {}),
    ],
    ids=["another provider", "an emulator", "no pool"],
)
def test_nobody_buys_where_the_pool_does_not_sign_in(
    environment: dict[str, str], app: dict[str, str], data: dict[str, str]
) -> None:
    cognito = FakeCognito()

    with _buyers(cognito, environment, app, data=data).token() as token:
        assert (token, cognito.asked) == (None, [])


@pytest.mark.parametrize(
    ("stage", "app", "wanted"),
    [("dev", {}, True), ("prod", {"Auth": ""}, True), ("local", {}, False), ("local", {"Auth": "on"}, True)],
)
def test_buyers_sign_in_wherever_access_control_is_on(stage: str, app: dict[str, str], wanted: bool) -> None:
    assert _buyers(FakeCognito(), app=app, stage=stage).must_sign_in is wanted
