"""Removes a stage with all its data: `python -m infra.cloud.teardown STAGE`, or `make teardown STAGE=…`.

    refuse what is protected ─► ask ─► functions ─► files ─► tables, queues ─► secret, packages ─► say what stays

Idempotent: a second run removes what is left. A protected stage is not touched.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.processes import say

from .deploying import artifacts
from .deploying.secrets import Secrets
from .deploying.stacks import (
    DeploymentError,
    app_stack,
    data_stack,
    delete_stack,
    find_stack,
    physical_names,
    read_status,
    where,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TABLE, BUCKET = "AWS::DynamoDB::Table", "AWS::S3::Bucket"
STAYS = (
    "the bucket {bucket}: other stages keep their packages in it",
    "API Gateway's logging role and its setting for the account: other stages' requests are logged by it",
    "the sender's identity in SES: other stages may send by it",
)
DELETED_AT_ONCE = 1000
"""The largest number of objects that S3 deletes in one request."""


@dataclass(frozen=True)
class Remains:
    """The parts of a stage that are still there."""

    stage: str
    stacks: tuple[str, ...]
    secrets: tuple[str, ...]
    """The names of its parameters in SSM."""
    packages: tuple[str, ...]
    """The keys of its packages in the bucket of artifacts."""

    @classmethod
    def of(cls, stage: str) -> Remains:
        known = Secrets.of(stage)
        return cls(
            stage,
            tuple(name for name in (app_stack(stage), data_stack(stage)) if read_status(name)),
            tuple(map(known.name, known.read())),
            tuple(_find_packages(stage)),
        )

    @property
    def lines(self) -> list[str]:
        counted = [f"{len(self.packages)} packages"] if self.packages else []
        return [*self.stacks, *self.secrets, *counted]


def _find_packages(stage: str) -> Iterator[str]:
    client: S3Client = boto3.client("s3")
    try:
        for page in client.get_paginator("list_objects_v2").paginate(
            Bucket=artifacts.bucket_name(), Prefix=f"{stage}/"
        ):
            yield from (one["Key"] for one in page.get("Contents", []))
    except client.exceptions.NoSuchBucket:
        return


# Protection


def protected_parts(stage: str) -> list[str]:
    """Names the resources under deletion protection: the stack of data, its tables."""
    stack = find_stack(data_stack(stage))
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        return []
    found = [f"the stack {data_stack(stage)}"] if stack.get("EnableTerminationProtection") else []
    return found + [f"the table {name}" for name in physical_names(data_stack(stage), TABLE) if _is_protected(name)]


def _is_protected(table: str) -> bool:
    client = boto3.client("dynamodb")
    try:
        return bool(client.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"))
    except client.exceptions.ResourceNotFoundException:
        return False


# Removing


def remove(stage: str) -> None:
    """Removes the stage in an order in which each part can go. Raises DeploymentError."""
    if delete_stack(app_stack(stage)):
        say(f"{app_stack(stage)}: functions, API, roles and logs are removed")
    if read_status(data_stack(stage)):
        for bucket in physical_names(data_stack(stage), BUCKET):
            say(f"{bucket}: {empty_bucket(bucket)} files and versions are removed")
        delete_stack(data_stack(stage))
        say(f"{data_stack(stage)}: tables, queues and buckets are removed")
    for name in Secrets.of(stage).delete_all():
        say(f"{name} is removed")
    packages = tuple(_find_packages(stage))
    if packages:
        _delete(boto3.client("s3"), artifacts.bucket_name(), [{"Key": key} for key in packages])
        say(f"{len(packages)} packages and templates are removed")


def empty_bucket(name: str) -> int:
    """Deletes all versions and delete markers of all objects. Gives their number."""
    client: S3Client = boto3.client("s3")
    removed = 0
    try:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
            found: Any = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            versions = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
            _delete(client, name, versions)
            removed += len(versions)
    except client.exceptions.NoSuchBucket:
        return 0
    return removed


def _delete(client: S3Client, bucket: str, objects: Sequence[Any]) -> None:
    for start in range(0, len(objects), DELETED_AT_ONCE):
        batch: Any = {"Objects": objects[start : start + DELETED_AT_ONCE], "Quiet": True}
        errors = client.delete_objects(Bucket=bucket, Delete=batch).get("Errors", [])
        if errors:
            first = errors[0]
            raise DeploymentError(f"{bucket}: {first.get('Key')} can not be deleted: {first.get('Message')}")


# The command


def tear_down(stage: str, *, sure: bool, at_terminal: bool, ask: Callable[[str], str] = input) -> None:
    """Removes a stage after its name was typed, and says what stays. Raises DeploymentError."""
    remains = Remains.of(stage)
    if not remains.lines:
        say(f"Nothing is there of stage {stage}.")
        return
    protected = protected_parts(stage)
    if protected:
        raise DeploymentError(_refusal_text(stage, protected))
    say("\n  ".join([f"Stage {stage} with all its data:", *remains.lines]))
    if not sure:
        _require_typed_stage_name(stage, at_terminal=at_terminal, ask=ask)
    remove(stage)
    staying = [line.format(bucket=artifacts.bucket_name()) for line in STAYS]
    say("\n  ".join([f"Stage {stage} is removed. These stay:", *staying]))


def _refusal_text(stage: str, protected: Sequence[str]) -> str:
    return "\n".join(
        [
            f"Nothing was removed: stage {stage} is protected.",
            *(f"  {one}" for one in protected),
            f"To lift that: PROTECTION=off make deploy STAGE={stage}; then make teardown STAGE={stage} again.",
        ]
    )


def _require_typed_stage_name(stage: str, *, at_terminal: bool, ask: Callable[[str], str]) -> None:
    if not at_terminal:
        raise DeploymentError("Nothing was removed: there is no terminal to ask at. Agree with YES=1 (--yes).")
    if ask(f"All of this is lost. Type the stage's name to remove it ({stage}): ").strip() != stage:
        raise DeploymentError("Nothing was removed.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Removes a stage."""
    parser = argparse.ArgumentParser(prog="python -m infra.cloud.teardown", description="Removes a stage and its data.")
    parser.add_argument("stage", metavar="STAGE")
    parser.add_argument("--yes", action="store_true", help="remove it without asking")
    options = parser.parse_args(arguments)
    say(f"Removing {options.stage} from {where()}")
    try:
        tear_down(options.stage, sure=options.yes, at_terminal=sys.stdin.isatty())
    except DeploymentError as failure:
        sys.exit(str(failure))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"{where()} does not do what is asked: {error}")


if __name__ == "__main__":
    main()
