"""Sign-in on AWS: lets the user pool lead back to the page, whose address is known only once the API is deployed.

The client of the user pool is in the data stack, and the API in the other one, which imports the client's id. So the
first deployment can't name the page's address in the client's template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3

from .stacks import data_stack, outputs_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

KEPT = (
    *("UserPoolId", "ClientId", "ClientName", "RefreshTokenValidity", "AccessTokenValidity", "IdTokenValidity"),
    *("TokenValidityUnits", "ReadAttributes", "WriteAttributes", "ExplicitAuthFlows", "SupportedIdentityProviders"),
    *("CallbackURLs", "LogoutURLs", "DefaultRedirectURI", "AllowedOAuthFlows", "AllowedOAuthScopes"),
    *("AllowedOAuthFlowsUserPoolClient", "AnalyticsConfiguration", "PreventUserExistenceErrors"),
    *("EnableTokenRevocation", "EnablePropagateAdditionalUserContextData", "AuthSessionValidity"),
    "RefreshTokenRotation",
)
"""The parameters of UpdateUserPoolClient, all of which it sets: what is left out gets its default."""


PAGES = ("", "operations", "gate")
"""The paths of the pages on which people sign in: each is its own redirect address."""


def allow_sign_in_callbacks(stage: str, urls: Collection[str], client: Any = None) -> None:
    """Adds the page's addresses to the callback URLs of the user pool's client. Does nothing without a user pool."""
    outputs = outputs_of(data_stack(stage))
    if "UserPoolId" not in outputs:
        return
    client = client or boto3.client("cognito-idp")
    found = client.describe_user_pool_client(UserPoolId=outputs["UserPoolId"], ClientId=outputs["PageClientId"])
    if (changed := with_callback_urls(found["UserPoolClient"], urls)) is not None:
        client.update_user_pool_client(**changed)


def with_callback_urls(described: Mapping[str, Any], urls: Collection[str]) -> dict[str, Any] | None:
    """Gives the parameters of an update that adds the callback URLs. None if the client has them already."""
    pages = [f"{url.rstrip('/')}/{path}" for url in sorted(urls) for path in PAGES]
    lists = {name: list(described.get(name, [])) for name in ("CallbackURLs", "LogoutURLs")}
    if all(set(pages) <= set(known) for known in lists.values()):
        return None
    kept = {name: described[name] for name in KEPT if described.get(name) not in (None, "", {})}
    return kept | {name: list(dict.fromkeys([*known, *pages])) for name, known in lists.items()}
