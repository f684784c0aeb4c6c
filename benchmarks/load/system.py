"""The system that a run loads: one of its own on this machine, or one that is named."""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.load.plan import NOBODY, Tokens
from infra.cloud import deploy
from infra.local import emulator, identity
from infra.local.redis_server import run_redis
from infra.local.serving import is_loopback
from infra.ops.connection import Connection
from infra.processes import CannotRunError, say
from infra.races.instances import run_instances

STAGE, PREFIX = "load", "cinema-load"
INSTANCES = 2
SIGNED_IN = 300
"""The buyers who are signed in on a system of our own. Each comes again."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A system to be loaded, and where its tables are: those of boto3's default client."""

    urls: list[str]
    table_prefix: str
    tokens: Tokens = NOBODY
    pays_by_gateway: bool = False


def refuse_other_hosts(url: str, *, agreed: bool) -> None:
    """Raises CannotRunError for an address that is not on this machine, unless the caller agreed."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_plain = parts.scheme in ("http", "https") and not {"@", "\\"} & set(url)  # readers differ on whose host it is
    if not agreed and not (is_plain and is_loopback(f"[{host}]" if ":" in host else host)):
        raise CannotRunError(
            f"{url} is not on this machine. Load costs its owner money, and looks like an attack: if it is yours, say "
            "YES=1, and STAGE=… for the tables to check."
        )


def named_system(url: str, stage: str, tokens: Tokens, *, agreed: bool) -> Loaded:
    """Gives the system at `url`, whose tables are those of the stage. Raises CannotRunError, OpsError."""
    refuse_other_hosts(url, agreed=agreed)
    connection = Connection.to(stage)
    environment = connection.environment_for(os.environ)
    os.environ.clear()
    os.environ.update({**(emulator.CREDENTIALS if connection.endpoint else {}), **environment})
    prefix = connection.prefix.removesuffix("-")
    return Loaded([url.rstrip("/")], prefix, tokens, pays_by_gateway=stage not in ("local", "test"))


@contextlib.contextmanager
def run_system(scratch: Path, *, without: str = "") -> Iterator[Loaded]:
    """Runs an emulator, a Redis and INSTANCES of the API, without the pump: lapsed holds are free at once.

    `without` names a guard that the API goes without, see infra/races/unguarded.py.
    """
    with contextlib.ExitStack() as stack:
        aws = stack.enter_context(emulator.run_emulator(run_dir=scratch))
        redis_url = "" if without else stack.enter_context(run_redis(run_dir=scratch))
        tokens = _sign_in(stack, scratch)
        settings = {
            "AWS_ENDPOINT_URL": aws.endpoint,
            "STAGE": "test",
            "TABLE_PREFIX": PREFIX,
            "RATE_LIMITS": "*=off per address, hold_seats=off per user, list_purchases=off per user",
            "ID_SECRET": secrets.token_hex(),
            "REDIS_URL": redis_url,
            "LOG_LEVEL": "ERROR",
        }
        os.environ.update({**emulator.CREDENTIALS, **os.environ, **settings})
        deploy.deploy_data(STAGE)
        say(f"  {emulator.describe_machine(aws.endpoint, redis_url)}")
        urls = stack.enter_context(run_instances(INSTANCES, os.environ, run_dir=scratch, without=without))
        yield Loaded(list(urls), PREFIX, tokens)


def _sign_in(stack: contextlib.ExitStack, scratch: Path, environment: Mapping[str, str] = os.environ) -> Tokens:
    """Runs an identity provider and signs SIGNED_IN buyers in, if AUTH=on."""
    if not identity.wants_sign_in(environment):
        return NOBODY
    url = stack.enter_context(identity.run_identity_provider(scratch)).url
    identity.announce_provider(url)
    ids = [f"buyer-{number}" for number in range(SIGNED_IN)]
    buyers = [{"id": each, "token": identity.ask_for_token(url, "buyer", each)} for each in ids]
    return Tokens(identity.ask_for_token(url, "operator"), buyers)
