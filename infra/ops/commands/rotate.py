"""`rotate`: replaces a secret of a stage in SSM, with both values known meanwhile.

begin ──► "new,old": the new one signs or is shown, both are taken ──► an overlap that the secret's users need
end   ──► "new": the old one is refused

A function asks for its secrets again after five minutes at most.
"""

import secrets
from argparse import Namespace
from getpass import getpass
from typing import Any

from infra.cloud.deploying.secrets import LEAST_CHARACTERS, SECRETS, Secrets
from infra.ops.arguments import add_command
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer

MADE_HERE = "EDGE_SECRET"
"""The secret that nobody outside needs to know. Its new value is random, so the operator gives none."""
WITH_OVERLAP = (MADE_HERE, "PAYMENTS_WEBHOOK_SECRETS")
"""The secrets of which both the new and the old value are accepted during a rotation."""
STAYS = {
    "ID_SECRET": "The ids of sales and the suppressed addresses are derived from it, so another one would refund sales"
    " that are being settled and write to who asked not to be written to (docs/decisions/0119).",
}
"""The secrets that are not rotated, each with the reason."""

NEXT = {
    MADE_HERE: "Run `make deploy STAGE={stage}`, so that CloudFront shows the new one; then end with --end.",
    "PAYMENTS_WEBHOOK_SECRETS": "Once the gateway signs with the new one only, end with --end.",
}


def add_to(commands: Any) -> None:
    about = "replace a secret; the new value is asked for and never shown"
    command = add_command(commands, "rotate", _run, about, "rotate STRIPE_SECRET_KEY --stage prod")
    command.add_argument("secret", choices=sorted(SECRETS), metavar="SECRET", help=", ".join(sorted(SECRETS)))
    command.add_argument("--end", action="store_true", help="refuse the old one: ends the overlap")


def _run(connection: Connection, options: Namespace) -> Answer:
    known = Secrets(connection.stage, connection.client("ssm"))
    if options.end:
        return end_overlap(known, options.secret)
    if options.secret in STAYS:
        raise OpsError(f"{options.secret} is not rotated. {STAYS[options.secret]}")
    new = secrets.token_hex(32) if options.secret == MADE_HERE else getpass(f"The new {options.secret}: ")
    return rotate(known, options.secret, new.strip())


def rotate(known: Secrets, variable: str, new: str) -> Answer:
    """Stores the new secret. If both values can be accepted, keeps the old value after it. Raises OpsError."""
    if variable in STAYS:
        raise OpsError(f"{variable} is not rotated. {STAYS[variable]}")
    if not new or (variable in WITH_OVERLAP and ("," in new or len(new) < LEAST_CHARACTERS)):
        raise OpsError(f"A new {variable} has {LEAST_CHARACTERS} characters or more, and no comma.")
    before = _split(known.read().get(variable, ""))
    if variable in WITH_OVERLAP and len(before) > 1:
        raise OpsError(f"{variable} is being rotated already: end that first, with --end.")
    if new in before:
        raise OpsError(f"That is the {variable} in use.")
    values = [new, *before] if variable in WITH_OVERLAP else [new]
    known.write(variable, ",".join(values))
    said = NEXT.get(variable, "The old one may be revoked five minutes from now.").format(stage=known.stage)
    return Answer(
        {"secret": variable, "taken": len(values)}, f"{variable} is set anew in {known.name(variable)}. {said}"
    )


def end_overlap(known: Secrets, variable: str) -> Answer:
    """Keeps only the newest of the accepted values. Raises OpsError unless there are two."""
    values = _split(known.read().get(variable, "")) if variable in WITH_OVERLAP else []
    if len(values) < 2:
        raise OpsError(f"{variable} is not being rotated.")
    known.write(variable, values[0])
    return Answer(
        {"secret": variable, "taken": 1}, f"{variable}: the old one is refused, five minutes from now at most."
    )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
