"""A stage's secrets: encrypted parameters in SSM, which the functions read by name. None is in a template.

A secret that is not given stays as it is. One that is set to nothing is deleted. Two are made by the first deployment:
ID_SECRET, and the secret that CloudFront shows the API.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3

from chalicelib.settings import LOCAL_STAGES, PARAMETER, SETTINGS, Setting

from .changes import Plan
from .review import Review, no_review
from .stacks import DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

SECRETS = {one.name: one for one in SETTINGS.values() if one.secret}
GIVEN = {name: one for name, one in SECRETS.items() if one.deployed_by == PARAMETER}
"""The secrets that the person who deploys gives. The deployment makes the others."""
LEAST_CHARACTERS = 32
"""The least length of a secret that is made here: 128 bits in hexadecimal digits."""


@dataclass(frozen=True)
class Secrets:
    """The secrets of a stage in SSM, by the variables of their settings."""

    stage: str
    client: SSMClient

    @classmethod
    def of(cls, stage: str) -> Secrets:
        return cls(stage, boto3.client("ssm"))

    def name(self, variable: str) -> str:
        """Gives the name of a secret's SSM parameter."""
        return SECRETS[variable].ssm_parameter_in(self.stage)

    def read(self) -> dict[str, str]:
        """Reads the secrets that the stage has. GetParameters takes ten names at most, and there are fewer."""
        names = {one.ssm_parameter_in(self.stage): name for name, one in SECRETS.items()}
        answer = self.client.get_parameters(Names=sorted(names), WithDecryption=True)
        return {names[one["Name"]]: one["Value"] for one in answer["Parameters"]}

    def write(self, variable: str, value: str) -> None:
        """Encrypts a secret by the account's key for SSM. Deletes one that is set to nothing."""
        if value:
            self.client.put_parameter(Name=self.name(variable), Value=value, Type="SecureString", Overwrite=True)
        else:
            self.client.delete_parameter(Name=self.name(variable))

    def ensure(self, variable: str, value: str) -> str:
        """Gives the stored secret. Stores `value` if there is none; of concurrent deployments only one stores its."""
        try:
            self.client.put_parameter(Name=self.name(variable), Value=value, Type="SecureString", Overwrite=False)
        except self.client.exceptions.ParameterAlreadyExists:
            return self.client.get_parameter(Name=self.name(variable), WithDecryption=True)["Parameter"]["Value"]
        return value

    def ensure_made(self) -> dict[str, str]:
        """Gives the secrets that deployments generate. Generates and stores the missing ones."""
        id_secret = self.ensure("ID_SECRET", secrets.token_hex(32))
        derived = hmac.new(id_secret.encode(), b"edge", hashlib.sha256).hexdigest()
        return {"ID_SECRET": id_secret, "EDGE_SECRET": self.ensure("EDGE_SECRET", derived)}

    def take(self, environment: Mapping[str, str], review: Review = no_review) -> None:
        """Stores the given secrets that differ, once the review has agreed. Raises DeploymentError."""
        known = self.read()
        said = {name: environment[name] for name in GIVEN if name in environment}
        if self.stage in LOCAL_STAGES:  # on a laptop, those of this start alone count
            said = {name: environment.get(name, "") for name in GIVEN}
        changed = {name: value for name, value in said.items() if value != known.get(name, "")}
        if not changed:
            return
        review(
            Plan(f"the secrets of {self.stage}", False, [describe(SECRETS[name], changed[name]) for name in changed])
        )
        for name, value in changed.items():
            self.write(name, value)

    def delete_all(self) -> list[str]:
        """Deletes the stage's secrets. Gives the names of their parameters."""
        names = [self.name(variable) for variable in self.read()]
        for name in names:
            self.client.delete_parameter(Name=name)
        return names


def describe(setting: Setting, value: str) -> str:
    """Describes the change of a secret without showing the secret."""
    return f"{setting.name}: {'set anew' if value else 'deleted'}"


def current_secret(value: str) -> str:
    """Gives the first of the comma-separated secrets, which is the one in use. Raises DeploymentError if too short."""
    first = value.split(",")[0].strip()
    if len(first) < LEAST_CHARACTERS:
        raise DeploymentError(f"A secret that guards something has {LEAST_CHARACTERS} characters or more.")
    return first
