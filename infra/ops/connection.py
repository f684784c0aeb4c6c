"""Which endpoint the operator's commands talk to, and how they refuse."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from infra.emulator import CREDENTIALS
from infra.processes import RUN_DIR, recorded_url

PATIENCE: Any = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})


class OpsError(Exception):
    """A command can't do what is asked; the message is a sentence with the remedy, ready to be shown."""


@dataclass(frozen=True)
class Connection:
    """A stage, and where it is."""

    stage: str
    endpoint: str | None
    """None: AWS itself."""
    session: boto3.Session

    @classmethod
    def to(cls, stage: str, run_dir: Path = RUN_DIR) -> Self:
        """AWS_ENDPOINT_URL if it is set, else the emulator that `make run` started here, else AWS."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL") or recorded_url("emulator", run_dir)
        return cls(stage, endpoint, _emulator_session() if endpoint else boto3.Session())

    @property
    def prefix(self) -> str:
        """What the names of all queues and tables of the stage begin with."""
        return f"cinema-{self.stage}-"

    @property
    def where(self) -> str:
        return self.endpoint or "AWS"

    @property
    def deploy_command(self) -> str:
        return "make run" if self.stage == "local" else f"make deploy STAGE={self.stage}"

    def client(self, service: str) -> Any:
        """Typed where it is used: the overloads of boto3's stubs want a literal name."""
        make: Any = self.session.client
        return make(service, endpoint_url=self.endpoint, config=PATIENCE)

    def command(self, *words: str) -> str:
        """How the operator would type another command about the same stage."""
        stage = () if self.stage == "local" else ("--stage", self.stage)
        return " ".join(("python -m infra.ops", *words, *stage))


def _emulator_session() -> boto3.Session:
    """An emulator takes any credentials; a profile or the variables, where set, choose its account and region."""
    if os.environ.get("AWS_PROFILE"):
        return boto3.Session()
    given = {**CREDENTIALS, **os.environ}
    return boto3.Session(
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=given.get("AWS_SESSION_TOKEN"),
        region_name=given["AWS_DEFAULT_REGION"],
    )
