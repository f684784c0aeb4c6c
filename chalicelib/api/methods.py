"""405 everywhere: API Gateway only asks us about methods that a path has, and calls the others an unknown path."""

from collections.abc import Callable
from typing import Any

from chalice.app import Blueprint, Chalice, Request, Response

from .answers import answered, method_not_allowed

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")


def refuse_other_methods(app: Chalice) -> None:
    """Gives each path registered so far a view for the methods that it lacks."""
    refusals = Blueprint(__name__)
    for number, (path, known) in enumerate(app.routes.items()):
        allowed = ", ".join(known)
        missing = [method for method in METHODS if method not in known]
        refusals.route(path, methods=missing, name=f"refuse_method_{number}")(_refusing(refusals, allowed))
    app.register_blueprint(refusals)


def is_refusal(view: Callable[..., Any]) -> bool:
    """True for a view that is there only to say 405."""
    return view.__module__ == __name__


def _refusing(blueprint: Blueprint, allowed: str):  # type: ignore[no-untyped-def] # a Chalice view
    @answered(blueprint)
    def refuse_method(request: Request, **_: str) -> Response:
        return method_not_allowed(request, allowed)

    return refuse_method
