"""The buyers of the canary purchase after a deployment, which needs an access token where access control is on.

CANARY_TOKEN ─► that token        the user pool ─► a user made for it, who is deleted        else ─► no purchase
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import settings
from infra.processes import say

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY_TOKEN = "CANARY_TOKEN"  # noqa: S105 - names what it is
NO_MAIL = "example.com"
"""The domain of the user's address, which nobody has (RFC 2606). It is never verified, so nothing is sent there."""


class SignInFailed(Exception):
    """A buyer could not be signed in. The message says why."""


@dataclass(frozen=True)
class Buyers:
    """Lends a buyer's access token for one purchase at a stage."""

    stage: str
    environment: Mapping[str, str]
    app_parameters: Mapping[str, str]
    """Those of the deployed stack of functions."""
    data_outputs: Mapping[str, str]
    """Those of the deployed data stack."""
    cognito: Callable[[], Any]
    """Makes a client of Cognito, where one is needed."""

    @property
    def must_sign_in(self) -> bool:
        """Tells whether the stage has access control on."""
        return settings.load({"STAGE": self.stage, "AUTH": self.app_parameters.get("Auth", "")}).auth

    def token(self) -> AbstractContextManager[str | None]:
        """Gives a token for the length of the block, or None if the stage offers none.

        Deletes a user made for the token at the end of the block.
        """
        given = self.environment.get(CANARY_TOKEN, "").strip()
        if given or not self._has_pool_that_counts:
            return nullcontext(given or None)
        return lend_pool_token(self.cognito(), self.data_outputs["UserPoolId"], self.data_outputs["PageClientId"])

    @property
    def _has_pool_that_counts(self) -> bool:
        """Tells whether the API accepts the user pool's tokens. On an emulator their issuer is Amazon's: False."""
        has_other_provider = bool(self.app_parameters.get("AuthIssuer") or self.environment.get("AWS_ENDPOINT_URL"))
        return "UserPoolId" in self.data_outputs and not has_other_provider


@contextmanager
def lend_pool_token(cognito: Any, pool: str, client: str) -> Iterator[str]:
    """Creates a user in the pool and gives the user's access token. Deletes the user at the end. Raises SignInFailed.

    The pool's client must have no secret, and allow ALLOW_ADMIN_USER_PASSWORD_AUTH, which needs IAM permissions.
    """
    name = f"canary-{uuid4()}@{NO_MAIL}"
    try:
        yield _sign_in(cognito, {"UserPoolId": pool, "Username": name}, client)
    finally:
        _delete(cognito, {"UserPoolId": pool, "Username": name})


def _sign_in(cognito: Any, user: Mapping[str, str], client: str) -> str:
    password = f"aA1!{secrets.token_urlsafe(24)}"
    try:
        cognito.admin_create_user(**user, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(**user, Password=password, Permanent=True)
        answer = cognito.admin_initiate_auth(
            UserPoolId=user["UserPoolId"],
            ClientId=client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user["Username"], "PASSWORD": password},
        )
    except (BotoCoreError, ClientError) as error:
        raise SignInFailed(f"the user that is made for it: {error}") from error
    if "AuthenticationResult" not in answer:
        raise SignInFailed(f"the user that is made for it: Cognito asks for {answer.get('ChallengeName')} besides")
    return str(answer["AuthenticationResult"]["AccessToken"])


def _delete(cognito: Any, user: Mapping[str, str]) -> None:
    """Deletes the user, if it was created. Prints a failure instead of raising it, not to hide an earlier error."""
    try:
        cognito.admin_delete_user(**user)
    except cognito.exceptions.UserNotFoundException:
        return
    except (BotoCoreError, ClientError) as error:
        say(f"{user['Username']} may still be in the user pool {user['UserPoolId']}: it was not deleted: {error}")
