"""The S3 bucket that keeps the stream records which could not be relayed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalicelib.infrastructure.streams.failures import S3StreamFailures

from .process import clock, once, settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@cache
def s3() -> S3Client:
    from chalicelib.infrastructure.invoices import files  # seldom: a stream's function parks next to nothing

    return files.new_s3_client()


@once
def stream_failures() -> S3StreamFailures:
    return S3StreamFailures(s3, settings().stream_failures_bucket, clock)
