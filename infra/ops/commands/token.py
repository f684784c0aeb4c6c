"""`token`: an access token of the identity provider of `make run`, for curl."""

import os
from argparse import Namespace
from typing import Any

from chalicelib.settings import LOCAL_STAGES
from infra.ops.arguments import add_command
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer
from infra.processes import RUN_DIR, CannotRunError, find_url

ROLES = ("buyer", "operator", "gate")


def add_to(commands: Any) -> None:
    about = "an access token of this machine's identity provider, for curl"
    command = add_command(commands, "token", _run, about, "token --role operator")
    command.add_argument("--role", choices=ROLES, default=ROLES[0], help="the role (buyer)")
    command.add_argument("--subject", default="", metavar="USER", help="the user's id (that of `me` in the role)")


def _run(connection: Connection, options: Namespace) -> Answer:
    from infra.local.identity import NAME, ask_for_token

    if connection.stage not in LOCAL_STAGES:
        raise OpsError(
            f"Tokens of stage {connection.stage!r} are its user pool's, which asks for a password: sign in at its page."
        )
    url = find_url(NAME, RUN_DIR) or os.environ.get("AUTH_ISSUER")
    if not url:
        raise OpsError("No identity provider runs here: start one with `AUTH=on make run`.")
    try:
        token = ask_for_token(url, options.role, options.subject)
    except CannotRunError as error:
        raise OpsError(str(error)) from error
    return Answer({"accessToken": token}, token)
