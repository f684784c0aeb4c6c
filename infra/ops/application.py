"""Loads the application into this process, for commands that do the work of a stage's functions."""

import os
import sys
from contextlib import redirect_stdout
from typing import Any

from infra.ops.connection import Connection, OpsError


def load_wiring_for_stage(connection: Connection) -> None:
    """Imports chalicelib.wiring with the settings of the stage; its other settings come from the environment.

    Callers import it themselves afterwards, so that type checkers know what it is. Raises OpsError.
    """
    os.environ.update({"STAGE": connection.stage, "TABLE_PREFIX": connection.prefix.removesuffix("-")})
    if connection.endpoint:
        os.environ["AWS_ENDPOINT_URL"] = connection.endpoint
        credentials: Any = connection.session.get_credentials()
        os.environ.setdefault("AWS_ACCESS_KEY_ID", credentials.access_key)
        os.environ.setdefault("AWS_SECRET_ACCESS_KEY", credentials.secret_key)
        os.environ.setdefault("AWS_DEFAULT_REGION", connection.session.region_name or "us-east-1")
    with redirect_stdout(sys.stderr):  # its logs go to stderr: stdout is for the answer
        from chalicelib import wiring
    prefix = wiring.settings().table_prefix
    if f"{prefix}-" != connection.prefix:
        raise OpsError(f"TABLE_PREFIX says {prefix!r}, which is not stage {connection.stage!r}: unset it.")
