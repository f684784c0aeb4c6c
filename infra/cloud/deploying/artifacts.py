"""The bucket that packages and templates are deployed from: one for an account and region."""

import hashlib
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from .stacks import DeploymentError

NOBODY_FROM_OUTSIDE: Any = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)


def ensure_bucket() -> str:
    """Creates the bucket if it does not exist. Gives its name. Raises DeploymentError."""
    client, account, name = boto3.client("s3"), _account(), bucket_name()
    region = client.meta.region_name
    try:
        client.head_bucket(Bucket=name, ExpectedBucketOwner=account)
    except ClientError as error:
        if not _is_missing(error):
            raise DeploymentError(f"Bucket {name} can not be used: {error}") from error
        elsewhere: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        client.create_bucket(Bucket=name, **elsewhere)
        client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=NOBODY_FROM_OUTSIDE)
    return name


def bucket_name() -> str:
    """Names the bucket."""
    return f"cinema-artifacts-{_account()}-{boto3.client('s3').meta.region_name}"


def _account() -> str:
    account: str = boto3.client("sts").get_caller_identity()["Account"]
    return account


def upload(bucket: str, stage: str, file: Path) -> str:
    """Stores a file under the hash of its contents, unless it is stored already. Gives its key."""
    contents = file.read_bytes()
    key = f"{stage}/{hashlib.sha256(contents).hexdigest()}{file.suffix}"
    client = boto3.client("s3")
    try:
        client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if not _is_missing(error):
            raise
        client.put_object(Bucket=bucket, Key=key, Body=contents)
    return key


def url_of(bucket: str, key: str) -> str:
    """Gives the address that CloudFormation reads a template at."""
    return f"{boto3.client('s3').meta.endpoint_url}/{bucket}/{key}"


def _is_missing(error: ClientError) -> bool:
    return error.response["ResponseMetadata"]["HTTPStatusCode"] == 404
