"""The link to an invoice on the wire."""

from collections.abc import Mapping

from chalice.app import Request

from chalicelib.domain.ports import InvoiceLink

from .bodies import Answer, MalformedRequest, Moment, moment

LINK = "link"


class InvoiceBody(Answer):
    """`url` needs no credentials, until `expires_at`."""

    number: str
    url: str
    expires_at: Moment


def wants_link(request: Request) -> bool:
    """Tells whether the link itself is asked for, by `as=link`, instead of the way there. Raises MalformedRequest."""
    query: Mapping[str, str] = request.query_params or {}
    if query.get("as", LINK) != LINK:
        raise MalformedRequest("Invalid enum value", "as")
    return "as" in query


def invoice(link: InvoiceLink) -> InvoiceBody:
    return InvoiceBody(number=link.number, url=link.url, expires_at=moment(link.expires_at))
