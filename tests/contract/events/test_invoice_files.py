"""PDF files of invoices: written once, private, and fetched by a link that names the file."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError

from chalicelib.domain.invoices import Invoice
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.infrastructure.invoices import files as invoice_files
from chalicelib.infrastructure.invoices.files import S3InvoiceFiles, object_key
from chalicelib.settings import load
from tests.builders import NOW, a_bill
from tests.contract.conftest import open_client
from tests.injected import HttpStatus, hooked, unreachable


@pytest.fixture(scope="module", params=["moto", "emulator"])
def files(request: pytest.FixtureRequest) -> Iterator[S3InvoiceFiles]:
    if request.param == "emulator":
        request.getfixturevalue("data_stack")
        with open_client("emulator", request, invoice_files.new_s3_client) as client:
            yield S3InvoiceFiles(client, load().invoices_bucket)
    else:
        yield request.getfixturevalue("moto")


@pytest.fixture(scope="module")
def moto(request: pytest.FixtureRequest) -> Iterator[S3InvoiceFiles]:
    with open_client("moto", request, invoice_files.new_s3_client) as client:
        client.create_bucket(Bucket="invoices")
        yield S3InvoiceFiles(client, "invoices")


@pytest.fixture
def invoice() -> Invoice:
    """An invoice with a number that no earlier run has used."""
    return Invoice(a_bill(), int.from_bytes(a_bill().reservation_id.encode()[-8:]))


def test_a_pdf_lies_under_its_series_and_number(files: S3InvoiceFiles, invoice: Invoice) -> None:
    files.put_if_absent(invoice, b"%PDF")

    found = files.client.get_object(Bucket=files.bucket, Key=f"invoices/2044/{invoice.number}.pdf")
    assert found["Body"].read() == b"%PDF"
    assert found["ContentType"] == "application/pdf"
    assert found["ContentDisposition"] == f'inline; filename="invoice-{invoice.number}.pdf"'


def test_what_was_filed_is_never_changed(files: S3InvoiceFiles, invoice: Invoice) -> None:
    files.put_if_absent(invoice, b"first")
    files.put_if_absent(invoice, b"second")

    assert files.client.get_object(Bucket=files.bucket, Key=object_key(invoice))["Body"].read() == b"first"


@pytest.fixture
def in_bucket(data_stack: str) -> Iterator[S3InvoiceFiles]:
    with closing(invoice_files.new_s3_client()) as client:
        yield S3InvoiceFiles(client, load().invoices_bucket)


def test_a_link_gives_the_pdf_to_whoever_has_it(in_bucket: S3InvoiceFiles, invoice: Invoice) -> None:
    in_bucket.put_if_absent(invoice, b"%PDF")
    link = in_bucket.link(invoice, NOW)

    answer = urllib3.request("GET", link.url)
    assert (answer.status, answer.data) == (200, b"%PDF")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'inline; filename="invoice-{invoice.number}.pdf"'
    assert link.expires_at - NOW == timedelta(minutes=5)
    assert "X-Amz-Expires=300" in link.url
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link.url


def test_a_link_on_aws_is_https_to_the_region(moto: S3InvoiceFiles) -> None:
    url = moto.link(Invoice(a_bill(), 1), NOW).url

    assert url.startswith("https://s3.us-east-1.amazonaws.com/invoices/invoices/2044/2044-000001.pdf?X-Amz-")


# Faults, injected into the client.


PUT = "before-call.s3.PutObject"


def test_unreachable_files_are_an_outage(moto: S3InvoiceFiles, invoice: Invoice) -> None:
    with hooked(moto, PUT, unreachable), pytest.raises(BackendUnavailable):
        moto.put_if_absent(invoice, b"%PDF")


@pytest.mark.parametrize(
    ("status", "code", "raised"), [(503, "SlowDown", BackendUnavailable), (403, "AccessDenied", ClientError)]
)
def test_an_overload_is_an_outage_and_a_mistake_of_ours_stays_loud(
    moto: S3InvoiceFiles, invoice: Invoice, status: int, code: str, raised: type[Exception]
) -> None:
    def answer(**_: Any) -> Any:
        metadata = {"HTTPStatusCode": status}
        return HttpStatus(status), {"Error": {"Code": code, "Message": "injected"}, "ResponseMetadata": metadata}

    with hooked(moto, PUT, answer), pytest.raises(raised):
        moto.put_if_absent(invoice, b"%PDF")
