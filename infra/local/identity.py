"""The identity provider of this machine: starts it if AUTH is on and AUTH_ISSUER is empty, and asks it for tokens."""

import contextlib
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from infra.local.ports import IDENTITY_PORT
from infra.processes import HOST, CannotRunError, Service, find_url, free_port, record_url, run_child, wait_for_http

NAME = "identity"
CLIENT_ID = "cinema-page"
"""The client for which the provider issues tokens: CLIENT_ID of identity_provider.py, which is costly to import."""
TIMEOUT_SECONDS = 10


def wants_sign_in(environment: Mapping[str, str] = os.environ) -> bool:
    """Tells whether access control is on. Another value than on or off is refused by chalicelib/settings.py."""
    return environment.get("AUTH") == "on"


@contextlib.contextmanager
def run_identity_provider(run_dir: Path) -> Iterator[Service]:
    """Gives the provider that runs on this machine, or runs one until the block is left. Raises CannotRunError."""
    if known := find_url(NAME, run_dir):
        yield Service(known)
        return
    port = free_port(IDENTITY_PORT)
    url = f"http://{HOST}:{port}"
    command = [sys.executable, "-m", "infra.local.identity_provider", "--port", str(port)]
    with run_child(NAME, command, os.environ, run_dir=run_dir) as started:
        wait_for_http(f"{url}/.well-known/jwks.json", started, "The identity provider")
        record_url(NAME, url, run_dir)
        yield Service(url, started)


def announce_provider(url: str) -> None:
    """Puts the provider's settings into our environment, for the processes and functions that are started from now
    on."""
    os.environ.update({"AUTH_ISSUER": url, "AUTH_CLIENT_ID": CLIENT_ID, "AUTH_SIGN_IN_URL": url})


def ask_for_token(provider_url: str, role: str, subject: str = "") -> str:
    """Asks the provider for an access token. Raises CannotRunError."""
    body = json.dumps({"role": role, "subject": subject}).encode()
    request = urllib.request.Request(f"{provider_url}/tokens", body, {"Content-Type": "application/json"})  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - the same
            return str(json.load(answer)["access_token"])
    except urllib.error.HTTPError as error:
        with error:
            raise CannotRunError(f"The identity provider refuses: {error.read().decode(errors='replace')}") from error
    except OSError as error:
        raise CannotRunError(f"The identity provider at {provider_url} does not answer: {error}") from error
