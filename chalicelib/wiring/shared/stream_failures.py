"""The stream failures: records of streams that could not be relayed, kept in an S3 bucket."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalicelib.infrastructure.streams.failures import S3StreamFailures

from .process import clock, once_per_settings, settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@cache
def s3() -> S3Client:
    from chalicelib.infrastructure.invoices import files  # not at the top: records are rarely parked

    return files.new_s3_client()


@once_per_settings
def stream_failures() -> S3StreamFailures:
    return S3StreamFailures(s3, settings().stream_failures_bucket, clock)
