"""The link to an invoice on the wire."""

from chalicelib.domain.ports import InvoiceLink

from .bodies import Answer, Moment, moment


class InvoiceBody(Answer):
    """`url` needs no credentials, until `expires_at`."""

    number: str
    url: str
    expires_at: Moment


def invoice(link: InvoiceLink) -> InvoiceBody:
    return InvoiceBody(number=link.number, url=link.url, expires_at=moment(link.expires_at))
