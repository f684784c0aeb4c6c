"""HTTP answers: calls each view with its request, and writes its result or its exception as the contract's answer."""

from collections.abc import Callable, Mapping
from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, Any

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.api.wire import bodies
from chalicelib.api.wire.languages import ENGLISH, language_of
from chalicelib.domain import refusals

from . import access, limits, paths
from .errors import ERROR_ROWS_BY_CODE, ErrorRow, InternalError, MethodNotAllowed, nearest_error_row
from .logs import log
from .messages import error_body
from .routes import Route, route_row_of_view

if TYPE_CHECKING:
    from chalicelib.domain.email import File

HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}

SNIFF_NOTHING = {"X-Content-Type-Options": "nosniff"}
ONLY_BY_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}
"""The header that makes browsers use only HTTPS, for a year. On a laptop it is not sent, because there is no HTTPS. It
does not include subdomains, which others may own."""

UNLOGGED_PATH_PARAMETERS = frozenset({"code", "user_id"})
"""Path parameters that are never logged: whoever knows a ticket's code can use the ticket, and a user's id names a
person."""

View = Callable[..., Response]


def authorized_rate_limited_and_answered(blueprint: Blueprint) -> Callable[[View], View]:
    """Decorates a view: checks access and rate limits, calls the view, answers exceptions as errors of the contract.

    Logs one line for each request. A request over its rate limit, or one that the view's row in routes.py does not
    admit, is refused without calling the view. A view for buyers gets the principal as `asked_by`. Raises
    ViewWithoutRouteRow for a view without a row.
    """

    def decorate(view: View) -> View:
        route = route_row_of_view(view.__name__)

        @wraps(view)
        def answer(**raw_path: str) -> Response:
            request: Request = blueprint.current_request
            return _answer(view, route, request, paths.percent_decoded_once(request, raw_path))

        return answer

    return decorate


def _answer(view: View, route: Route, request: Request, path: Mapping[str, str]) -> Response:
    started = perf_counter()
    quota_headers: dict[str, str] = {}
    try:
        access_decision = access.decide_access(route.admits, request)
        quota_headers = limits.enforce_rate_limits(view.__name__, request, access_decision.asked_by.subject)
        access_decision.raise_if_refused()
        bodies.check_user_id_in_path(path)
        who = {"asked_by": access_decision.asked_by} if route.view_takes_asked_by else {}
        response = view(request, **path, **who)
    except Exception as error:  # noqa: BLE001 - nothing may leave in another form than the contract's
        response = _refuse(error, request, path)
    _log_outcome(view.__name__, request, path, response, started)
    if not _may_be_shared(response):
        response.headers.update(quota_headers)
    response.headers["X-Request-Id"] = _request_id(request)
    return response


def _may_be_shared(response: Response) -> bool:
    """Tells whether a shared cache, such as a CDN, may store the answer. Such an answer must not have the headers of
    one client's quota."""
    return str(response.headers.get("Cache-Control", "")).startswith("public")


def ok(answer: Any, status: int = 200) -> Response:
    return Response(bodies.encoded(answer), status_code=status, headers=dict(HEADERS))


def created(answer: Any) -> Response:
    return ok(answer, status=201)


def see_other(url: str, answer: Any) -> Response:
    response = ok(answer, status=303)
    response.headers["Location"] = url
    return response


def text_file(file: "File") -> Response:
    """Answers with a text file as an attachment. The file's name must be ASCII."""
    disposition = f'attachment; filename="{file.name}"'
    typed = {"Content-Type": file.content_type, "Content-Disposition": disposition}
    return Response(file.content.decode(), headers={**HEADERS, **typed})


def with_rewritten_chalice_errors(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Middleware for errors with which Chalice itself answers, without calling a view: rewrites them into the
    contract's form."""
    response = get_response(request)
    if isinstance(response.body, dict) and "Code" in response.body:
        return error_response(_error_of_chalice(response, request), request)
    return response


def with_security_headers(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Middleware: adds `X-Content-Type-Options` and, except on a laptop, `Strict-Transport-Security`."""
    response = get_response(request)
    response.headers.update(SNIFF_NOTHING if wiring.settings().is_on_laptop else SNIFF_NOTHING | ONLY_BY_HTTPS)
    return response


def error_response(error: Exception, request: Request) -> Response:
    """Makes the answer to an error, in the language that the client prefers. Logs an error that has no row in
    errors.py."""
    row, error = _with_row(error)
    language = language_of(request)
    return Response(
        bodies.encoded(error_body(row, error, language)),
        status_code=row.status,
        headers={**HEADERS, "Content-Language": language, **row.headers(error)},
    )


def websocket_error_body(error: Exception, view_for_log: str) -> str:
    """Writes an error's body as JSON, in English, for a WebSocket message.

    Logs an error that has no row in errors.py, with `view_for_log` as the name of the view that failed.
    """
    row, error = _with_row(error, view=view_for_log)
    return bodies.encoded(error_body(row, error, ENGLISH))


def _refuse(error: Exception, request: Request, path: Mapping[str, str]) -> Response:
    """Writes the answer to an error, and counts it if it is a refusal.

    Logs unexpected errors, outages, and payments to be refunded.
    """
    row, error = _with_row(error, path=_loggable(path), request_id=_request_id(request))
    if isinstance(error, refusals.Refusal) and error.refund_reason:
        log.warning("a payment bought nothing and is to be returned", refusal=repr(error), path=_loggable(path))
    if isinstance(error, refusals.BackendUnavailable):
        log.warning("store unavailable", operation=error.operation, cause=repr(error.__cause__))
    if row.counts_as_refusal:
        wiring.gate.refusal_counts().count_refusal(row.code)
    return error_response(error, request)


def _with_row(error: Exception, **logged: Any) -> tuple[ErrorRow, Exception]:
    """Gives the error and its row in the table of errors. Logs an error that has no row, and replaces it by an
    InternalError."""
    if row := nearest_error_row(type(error)):
        return row, error
    log.exception("unexpected", **logged)
    return ERROR_ROWS_BY_CODE["INTERNAL_ERROR"], InternalError(logged.get("request_id"))


def _error_of_chalice(response: Response, request: Request) -> Exception:
    """Gives our exception for an error that Chalice answered itself, before any view was called."""
    match response.body["Code"]:
        case "UnsupportedMediaType":
            return bodies.UnsupportedMediaType()
        case "MethodNotAllowedError":
            return MethodNotAllowed(request.method, str(response.headers.get("Allow", "")))
    return InternalError()


def _log_outcome(view: str, request: Request, path: Mapping[str, str], response: Response, started: float) -> None:
    log.info(
        view,
        status=response.status_code,
        ms=round((perf_counter() - started) * 1000, 1),
        request_id=_request_id(request),
        path=_loggable(path),
    )


def _loggable(path: Mapping[str, str]) -> Mapping[str, str]:
    """Gives the parameters of a path that may be logged."""
    return {name: value for name, value in path.items() if name not in UNLOGGED_PATH_PARAMETERS}


def _request_id(request: Request) -> str:
    return str(getattr(request.lambda_context, "aws_request_id", ""))
