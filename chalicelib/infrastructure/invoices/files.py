"""PDF files of invoices in S3: written once, never changed, fetched by links that last some minutes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.domain.invoices import Invoice, InvoiceLink
from chalicelib.infrastructure import aws
from chalicelib.infrastructure.dynamodb.connection import outages_as_refusals

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
    signature_version="s3v4",
    s3={"addressing_style": "path", "us_east_1_regional_endpoint": "regional"},
)
"""The client's options, with timeouts in seconds. Signatures are of version 4; without this setting, links would be
signed with an older version. The bucket is in the path, because an emulator has no host name for each bucket."""

LINK_LASTS = timedelta(minutes=5)
PRECONDITION_FAILED = 412
"""S3's status for a file that exists already."""


def new_s3_client() -> "S3Client":
    made: S3Client = aws.new_client("s3", CONFIG)
    return made


@dataclass(frozen=True)
class S3InvoiceFiles:
    """The PDF files of invoices in an S3 bucket."""

    client: "S3Client"
    bucket: str

    def put_if_absent(self, invoice: Invoice, pdf: bytes) -> None:
        try:
            with outages_as_refusals("PutObject"):
                self.client.put_object(
                    Bucket=self.bucket,
                    Key=object_key(invoice),
                    Body=pdf,
                    ContentType="application/pdf",
                    ContentDisposition=f'inline; filename="invoice-{invoice.number}.pdf"',
                    IfNoneMatch="*",
                )
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != PRECONDITION_FAILED:
                raise

    def link(self, invoice: Invoice, now: datetime) -> InvoiceLink:
        """Makes a presigned URL of the PDF, valid for LINK_LASTS. Calls no service."""
        url = self.client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self.bucket, "Key": object_key(invoice)},
            ExpiresIn=int(LINK_LASTS.total_seconds()),
        )
        return InvoiceLink(number=invoice.number, url=url, expires_at=now + LINK_LASTS)


def object_key(invoice: Invoice) -> str:
    return f"invoices/{invoice.bill.series}/{invoice.number}.pdf"
