"""Chooses the endpoint that the operator's commands talk to."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from chalicelib.settings import LOCAL_STAGES
from infra.local.emulator import CREDENTIALS
from infra.processes import RUN_DIR, find_url

POLICIES: Any = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 2},
    ignore_configured_endpoint_urls=True,  # type: ignore[call-arg] # the stubs don't know it
)
"""The clients' configuration. It ignores configured endpoints: this module chooses them."""

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class OpsError(Exception):
    """A command can't do its work. The message is a sentence with the remedy, ready to be shown."""


@dataclass(frozen=True)
class PlaceOptions:
    """The command-line options for a stage's place."""

    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Gives the options as they are typed."""
        options = (("--endpoint", self.endpoint), ("--region", self.region), ("--profile", self.profile))
        return tuple(word for name, value in options if value for word in (name, value))


NO_OPTIONS = PlaceOptions()


@dataclass(frozen=True)
class Connection:
    """A stage, and the place where it is."""

    stage: str
    endpoint: str | None
    """The emulator's URL. None stands for AWS, or for a stage on a laptop whose emulator does not run."""
    session: boto3.Session
    given: PlaceOptions = NO_OPTIONS

    @classmethod
    def to(cls, stage: str, given: PlaceOptions = NO_OPTIONS, run_dir: Path = RUN_DIR) -> Self:
        """Connects to the endpoint of the options.

        Without one, a stage on a laptop is at AWS_ENDPOINT_URL or on the emulator of `make run`. Every other stage is
        on AWS, even if an emulator runs here.
        """
        endpoint = given.endpoint
        if not endpoint and stage in LOCAL_STAGES:
            endpoint = os.environ.get("AWS_ENDPOINT_URL") or find_url("emulator", run_dir)
        return cls(stage, endpoint, _emulator_session(given) if endpoint else _aws_session(given), given)

    @property
    def prefix(self) -> str:
        """Gives the beginning of the names of the stage's queues and tables."""
        return f"cinema-{self.stage}-"

    @property
    def where(self) -> str:
        """Gives the place in words."""
        return self.endpoint or f"AWS in {self.session.region_name or 'no region'}"

    @property
    def deploy_command(self) -> str:
        """Gives the command that deploys the stage."""
        if self.stage == "local":
            return "make run"
        there = f"AWS_ENDPOINT_URL={self.endpoint} " if self.endpoint else ""
        return f"{there}make deploy STAGE={self.stage}"

    def client(self, service: str) -> Any:
        """Makes a client of an AWS service. Raises OpsError when the stage is on a laptop and no emulator runs.

        Annotate the result where it is used: the overloads of boto3's stubs want a literal name.
        """
        if not self.endpoint and self.stage in LOCAL_STAGES:
            raise OpsError(
                f"No emulator runs here, and stage {self.stage!r} is never on AWS: start one with `make run`, or name "
                "one with --endpoint or in AWS_ENDPOINT_URL; or name a stage that is on AWS with --stage."
            )
        make: Any = self.session.client
        return make(service, endpoint_url=self.endpoint, config=POLICIES)

    def command(self, *words: str) -> str:
        """Gives the line that an operator types for another command about the same stage."""
        stage = () if self.stage == "local" else ("--stage", self.stage)
        return " ".join(("python -m infra.ops", *words, *stage, *self.given.words))

    def environment_for(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Gives an environment in which the application's own clients talk to the same place."""
        changed = dict(environment)
        changed.pop("AWS_ENDPOINT_URL", None)
        if self.endpoint:
            changed["AWS_ENDPOINT_URL"] = self.endpoint
        else:
            changed["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
        if self.given.profile:
            changed = {name: value for name, value in changed.items() if name not in KEYS}
            changed["AWS_PROFILE"] = self.given.profile
        if self.given.region:
            changed |= {"AWS_REGION": self.given.region, "AWS_DEFAULT_REGION": self.given.region}
        return changed


def _aws_session(given: PlaceOptions) -> boto3.Session:
    return boto3.Session(profile_name=given.profile, region_name=given.region)


def _emulator_session(given: PlaceOptions) -> boto3.Session:
    """Makes a session for an emulator, which takes any credentials.

    A profile or the AWS variables, if set, choose the account and the region.
    """
    if given.profile or os.environ.get("AWS_PROFILE"):
        return _aws_session(given)
    known = {**CREDENTIALS, **os.environ}
    return boto3.Session(
        aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=known.get("AWS_SESSION_TOKEN"),
        region_name=given.region or known["AWS_DEFAULT_REGION"],
    )
