"""The link to an invoice on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from chalice.app import Request

from .bodies import Answer, MalformedRequest, Moment, moment

if TYPE_CHECKING:
    from chalicelib.domain.invoices import InvoiceLink

LINK = "link"


class InvoiceLinkBody(Answer):
    """The link to an invoice's PDF. Until `expires_at`, `url` works without credentials."""

    number: str
    url: str
    expires_at: Moment


def read_wants_link(request: Request) -> bool:
    """Tells whether the client wants the link in the body instead of a redirect: it sends `as=link`.

    Raises MalformedRequest for any other value of `as`.
    """
    query: Mapping[str, str] = request.query_params or {}
    if query.get("as", LINK) != LINK:
        raise MalformedRequest("Invalid enum value", "as")
    return "as" in query


def invoice(link: InvoiceLink) -> InvoiceLinkBody:
    return InvoiceLinkBody(number=link.number, url=link.url, expires_at=moment(link.expires_at))
