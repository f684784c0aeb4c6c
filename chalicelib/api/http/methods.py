"""Answers for methods that have no view of their own: HEAD by the view of GET, every other method by 405.

API Gateway calls the function only for registered methods. It would answer any other method like an unknown path.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from chalice.app import Blueprint, Chalice, Request, Response

from .answers import authorized_rate_limited_and_answered, error_response
from .errors import MethodNotAllowed

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def answer_head_and_refuse_others(app: Chalice) -> None:
    """Registers views for the missing methods of each path. If the path has GET, HEAD is answered as GET is. All other
    missing methods are answered with 405.

    Call this after all routes are registered.
    """
    others = Blueprint(__name__)
    for number, (path, known) in enumerate(app.routes.items()):
        if "GET" in known:
            head = _without_body(known["GET"].view_function)
            others.route(path, methods=["HEAD"], name=f"head_{number}")(head)
        allowed = [*known, "HEAD"] if "GET" in known else [*known]
        missing = [method for method in METHODS if method not in allowed]
        refusing = _refusing_view(others, ", ".join(allowed))
        others.route(path, methods=missing, name=f"refuse_method_{number}")(refusing)
    app.register_blueprint(others)


def is_added_head_or_refusal_view(view: Callable[..., Any]) -> bool:
    """Tells whether `answer_head_and_refuse_others` added the view: for HEAD, or to refuse a method."""
    return view.__module__ == __name__


def _refusing_view(blueprint: Blueprint, allowed: str):  # type: ignore[no-untyped-def] # a Chalice view
    @authorized_rate_limited_and_answered(blueprint)
    def refuse_method(request: Request, **_: str) -> Response:
        return error_response(MethodNotAllowed(request.method, allowed), request)

    return refuse_method


def _without_body(view: Callable[..., Response]) -> Callable[..., Response]:
    """Makes a view for HEAD from the view of GET: with its limits and headers, without the body."""

    @wraps(view)
    def head(**path: str) -> Response:
        response = view(**path)
        response.body = ""
        return response

    head.__module__ = __name__
    return head
