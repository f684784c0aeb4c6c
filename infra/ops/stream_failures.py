"""Reads stream failures from their bucket: failed batches from Lambda, and parked records."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.infrastructure.streams.failures import reason_in_stream_failure
from infra.ops.connection import Connection, OpsError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

OUTPUT = "StreamFailuresBucket"
"""The data stack's output that names the bucket."""


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """A file of records that a stream's handler has given up."""

    stream: str
    records: Sequence[dict[str, Any]]
    since: str
    """The time at which the first record reached the stream, as Lambda writes it."""
    reason: str

    @property
    def table(self) -> str:
        """Gives the table's name, from the stream's ARN `…:table/<table>/stream/<label>`."""
        return [*self.stream.split("/"), ""][1]


@dataclass(frozen=True)
class StreamFailures:
    """The bucket of a stage's stream failures."""

    s3: "S3Client"
    bucket: str

    @classmethod
    def of(cls, connection: Connection) -> "StreamFailures":
        """Finds the bucket. Raises OpsError when the stage has none."""
        if bucket := find_output(connection, OUTPUT):
            return cls(connection.client("s3"), bucket)
        deploy = f"deploy it again with `{connection.deploy_command}`"
        raise OpsError(f"Stage {connection.stage!r} has no bucket of stream failures at {connection.where}: {deploy}.")

    def list_keys(self) -> list[str]:
        """Lists the objects, the oldest first."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        found = [(one["LastModified"], one["Key"]) for page in pages for one in page.get("Contents", [])]
        return [key for _, key in sorted(found)]

    def read_batch(self, key: str) -> FailedBatch:
        """Reads an object. Raises ValueError when it is no batch or has no records."""
        return parse_failed_batch(
            self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode(errors="replace")
        )

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)


def count_failure_files(connection: Connection) -> int | None:
    """Counts the stage's files of stream failures. Gives None when it has no bucket for them."""
    return len(StreamFailures.of(connection).list_keys()) if find_output(connection, OUTPUT) else None


def parse_failed_batch(text: str) -> FailedBatch:
    """Reads a batch from JSON. Raises ValueError when it is no batch or has no records."""
    try:
        described = json.loads(text)
        batch, payload = described["DDBStreamBatchInfo"], described["payload"]
        held = json.loads(payload) if isinstance(payload, str) else payload
        records = [record for record in held["Records"] if record["dynamodb"]["SequenceNumber"]]
        return FailedBatch(
            stream=str(batch["streamArn"]),
            records=records,
            since=str(batch.get("approximateArrivalOfFirstRecord", "-")),
            reason=reason_in_stream_failure(text) or "not given",
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"it describes no batch of a stream: {error!r}") from error


def find_output(connection: Connection, name: str) -> str | None:
    """Gives an output of the data stack, such as a bucket's name; None where the stage has none."""
    cloudformation: CloudFormationClient = connection.client("cloudformation")
    try:
        stacks = cloudformation.describe_stacks(StackName=f"{connection.prefix}data")["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stacks[0].get("Outputs", [])}
    return outputs.get(name)
