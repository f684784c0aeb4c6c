"""The OpenAPI document at /openapi.json, and the page /docs, which shows it.

The document is made from the routes, the types in api/wire and the table in api/openapi/routes.py. The first request
makes it, and imports the modules for it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalice.app import Blueprint, Request, Response

from .http import static
from .http.answers import authorized_rate_limited_and_answered

if TYPE_CHECKING:
    from chalice.app import Chalice

routes = Blueprint(__name__)


@routes.route("/openapi.json", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_document(request: Request) -> Response:
    return static.text_or_not_modified(request, _document(routes.current_app), static.REVALIDATE_ALWAYS)


@routes.route("/docs", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_docs(request: Request) -> Response:
    return static.page_or_redirect_to_canonical(request, "docs")


@cache
def _document(app: Chalice) -> static.VersionedText:
    from .openapi.document import document, to_indented_json

    return static.VersionedText(to_indented_json(document(app)), "application/json")
