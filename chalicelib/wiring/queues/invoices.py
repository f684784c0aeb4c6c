"""Wiring of invoices: issuing an invoice for each sale, and making the link to its PDF."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.application.consumers.invoices import IssueInvoicesOfSalesNotFree, LinkToFiledInvoice
from chalicelib.domain.invoices import Invoice
from chalicelib.infrastructure.dynamodb.events.invoices import DynamoInvoices
from chalicelib.infrastructure.invoices import files
from chalicelib.infrastructure.invoices.files import S3InvoiceFiles
from chalicelib.wiring.shared.process import clock, database, once_per_settings, resource_name, settings
from chalicelib.wiring.shared.tables import reservations, sessions

if TYPE_CHECKING:
    from chalicelib.domain import ports


@once_per_settings
def invoices() -> ports.Invoices:
    return DynamoInvoices(database(), resource_name("invoices"))


@once_per_settings
def invoice_files() -> ports.InvoiceFiles:
    return S3InvoiceFiles(files.new_s3_client(), settings().invoices_bucket)


@once_per_settings
def issue_invoices() -> IssueInvoicesOfSalesNotFree:
    return IssueInvoicesOfSalesNotFree(
        reservations=reservations(),
        sessions=sessions(),
        invoices=invoices(),
        print_pdf=invoice_printer(),
        files=invoice_files(),
        seller=settings().seller,
        time_zone=settings().time_zone,
    )


def invoice_printer() -> Callable[[Invoice], bytes]:
    from chalicelib.infrastructure.invoices import pdf  # not at the top: making a link needs no PDF

    return pdf.print_invoice


@once_per_settings
def create_invoice_link() -> LinkToFiledInvoice:
    return LinkToFiledInvoice(invoices(), invoice_files(), reservations(), clock)
