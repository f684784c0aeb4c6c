"""From a view's outcome to an HTTP answer: the one place that knows statuses, codes and headers of errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from time import perf_counter
from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Blueprint, NotFoundError, Request, Response

from chalicelib import wiring
from chalicelib.api.wire import bodies
from chalicelib.domain import refusals
from chalicelib.domain.times import to_iso

from . import limits, paths
from .messages import ENGLISH, language, message

log = Logger(service="cinema-tickets", location=None)

HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}

SNIFF_NOTHING = {"X-Content-Type-Options": "nosniff"}
ONLY_BY_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}
"""For a year. On a laptop there is no HTTPS; what other names there are below a cinema's domain is not ours to say."""

Facts = dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """`hidden` facts only fill in the message; the others are fields of the body too. `told` are headers with facts."""

    status: int
    code: str
    facts: Callable[[Any], Facts] = lambda _: {}
    hidden: Callable[[Any], Facts] = lambda _: {}
    headers: Mapping[str, str] | None = None
    told: Callable[[Any], Mapping[str, str]] = lambda _: {}


def _expired(refusal: refusals.ReservationExpired) -> Facts:
    return {"reservationId": refusal.reservation_id, "expiredAt": to_iso(refusal.expired_at)}


def _reservation(refusal: Any) -> Facts:
    return {"reservationId": refusal.reservation_id}


REFUSALS: dict[type[Exception], Refused] = {
    bodies.MalformedJson: Refused(400, "MALFORMED_JSON", hidden=lambda e: {"detail": e.detail}),
    bodies.MalformedRequest: Refused(
        400, "VALIDATION_ERROR", lambda e: {"field": e.field} if e.field else {}, lambda e: {"detail": e.detail}
    ),
    bodies.BodyTooLarge: Refused(413, "PAYLOAD_TOO_LARGE", lambda _: {"limitBytes": bodies.LARGEST_BODY_BYTES}),
    refusals.CursorInvalid: Refused(400, "CURSOR_INVALID"),
    refusals.TooManySeats: Refused(400, "TOO_MANY_SEATS", lambda e: {"requested": e.asked, "limit": e.limit}),
    NotFoundError: Refused(404, "NOT_FOUND"),
    refusals.SessionNotFound: Refused(404, "SESSION_NOT_FOUND"),
    refusals.ReservationNotFound: Refused(404, "RESERVATION_NOT_FOUND"),
    refusals.SeatsNotFound: Refused(
        404, "SEAT_NOT_FOUND", lambda e: {"unknownSeats": e.seats}, lambda e: {"seats": e.seats}
    ),
    refusals.SeatsUnavailable: Refused(
        409, "SEAT_ALREADY_RESERVED", lambda e: {"conflictingSeats": e.seats}, lambda e: {"seats": e.seats}
    ),
    refusals.TooManyHolds: Refused(409, "TOO_MANY_HOLDS", lambda e: {"limit": e.limit, "freeAt": to_iso(e.free_at)}),
    refusals.InvoiceNotReady: Refused(404, "INVOICE_NOT_READY", _reservation, headers={"Retry-After": "2"}),
    refusals.ReservationNotPaid: Refused(409, "RESERVATION_NOT_PAID", _reservation),
    refusals.ReservationConfirmed: Refused(409, "RESERVATION_ALREADY_CONFIRMED", _reservation),
    refusals.TransactionMissing: Refused(400, "TRANSACTION_MISSING", _reservation),
    refusals.NothingToPay: Refused(409, "NOTHING_TO_PAY", _reservation),
    refusals.PaymentNotReceived: Refused(402, "PAYMENT_NOT_RECEIVED", _reservation, headers={"Retry-After": "2"}),
    refusals.PaymentAlreadyUsed: Refused(409, "PAYMENT_ALREADY_USED", _reservation),
    refusals.PaymentReturned: Refused(409, "PAYMENT_RETURNED", _reservation),
    refusals.PaymentsUnavailable: Refused(503, "PAYMENTS_UNAVAILABLE", _reservation, headers={"Retry-After": "5"}),
    refusals.AlreadyPaid: Refused(409, "RESERVATION_ALREADY_PAID", _reservation),
    refusals.ReservationExpired: Refused(410, "RESERVATION_EXPIRED", _expired),
    refusals.ReservationCancelled: Refused(410, "RESERVATION_CANCELLED", _reservation),
    refusals.SalesClosed: Refused(
        410, "SALES_CLOSED", lambda e: {"sessionId": e.session_id, "closedAt": to_iso(e.closed_at)}
    ),
    refusals.SessionCancelled: Refused(410, "SESSION_CANCELLED", lambda e: {"sessionId": e.session_id}),
    bodies.UnnamedMediaType: Refused(415, "UNSUPPORTED_MEDIA_TYPE"),
    refusals.QueueNotFound: Refused(404, "QUEUE_NOT_FOUND", lambda e: {"queue": e.queue}),
    refusals.QueueOutOfReach: Refused(403, "QUEUE_OUT_OF_REACH"),
    refusals.IdempotencyKeyReused: Refused(422, "IDEMPOTENCY_KEY_REUSED"),
    refusals.SignatureInvalid: Refused(401, "SIGNATURE_INVALID", headers={"WWW-Authenticate": "Cinema-Signature"}),
    refusals.WebhookDisabled: Refused(409, "WEBHOOK_DISABLED"),
    refusals.RateLimited: Refused(
        429,
        "RATE_LIMITED",
        lambda e: {"retryAfterSeconds": e.standing.next_in_seconds},
        told=limits.headers_of_refusal,
    ),
    refusals.StoreUnavailable: Refused(503, "TEMPORARILY_UNAVAILABLE", headers={"Retry-After": "1"}),
}

# What Chalice itself refuses before a view is asked.
CHALICE_CODES = {
    "UnsupportedMediaType": Refused(415, "UNSUPPORTED_MEDIA_TYPE"),
    "MethodNotAllowedError": Refused(405, "METHOD_NOT_ALLOWED"),
    "InternalServerError": Refused(500, "INTERNAL_ERROR"),
}

View = Callable[..., Response]


def answered(blueprint: Blueprint) -> Callable[[View], View]:
    """Hands the view its request, turns what it raises into the contract's errors, and logs one line on the outcome.

    A request that comes too often is refused before anything else is done.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(**raw_path: str) -> Response:
            request: Request = blueprint.current_request
            path = paths.decoded(request, raw_path)
            started = perf_counter()
            standing: dict[str, str] = {}
            try:
                standing = limits.take(view.__name__, request)
                bodies.check_path(path)
                response = view(request, **path)
            except Exception as error:  # noqa: BLE001 - nothing may leave in another form than the contract's
                response = _refusal(error, request, path)
            _log_outcome(view.__name__, request, path, response, started)
            response.headers.update(standing)
            response.headers["X-Request-Id"] = _request_id(request)
            return response

        return answer

    return decorate


def ok(answer: Any, status: int = 200) -> Response:
    return Response(bodies.encoded(answer), status_code=status, headers=dict(HEADERS))


def created(answer: Any) -> Response:
    return ok(answer, status=201)


def see_other(url: str, answer: Any) -> Response:
    response = ok(answer, status=303)
    response.headers["Location"] = url
    return response


def in_contract_form(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Middleware: what Chalice itself refused, in the words and the form of the contract."""
    response = get_response(request)
    if isinstance(response.body, dict) and "Code" in response.body:
        refused = CHALICE_CODES.get(response.body["Code"], CHALICE_CODES["InternalServerError"])
        allowed = {"Allow": str(response.headers["Allow"])} if "Allow" in response.headers else {}
        return _error(refused, {}, {"method": request.method}, request, allowed)
    return response


def safely(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Middleware: an answer is what it says it is, whatever it looks like; and once seen by HTTPS, only by HTTPS."""
    response = get_response(request)
    response.headers.update(SNIFF_NOTHING if wiring.settings().is_local else SNIFF_NOTHING | ONLY_BY_HTTPS)
    return response


def method_not_allowed(request: Request, allowed: str) -> Response:
    return _error(CHALICE_CODES["MethodNotAllowedError"], {}, {"method": request.method}, request, {"Allow": allowed})


def error_text(error: Exception, view: str) -> str:
    """The contract's error for a client that is not answered by HTTP, in English."""
    refused = _refused(error)
    if refused is None:
        log.exception("unexpected", view=view)
        refused, facts, hidden = CHALICE_CODES["InternalServerError"], {}, {}
    else:
        facts, hidden = refused.facts(error), refused.hidden(error)
    return bodies.encoded(_error_body(refused, facts, hidden, ENGLISH))


def _refused(error: Exception) -> Refused | None:
    return next((REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS), None)


def _error_body(refused: Refused, facts: Facts, hidden: Facts, spoken: str) -> Facts:
    return {"error": refused.code, "message": message(refused.code, facts | hidden, spoken), **facts}


def _refusal(error: Exception, request: Request, path: Mapping[str, str]) -> Response:
    refused = _refused(error)
    if refused is None:
        log.exception("unexpected", path=path, request_id=_request_id(request))
        wiring.gate.refusals().add(CHALICE_CODES["InternalServerError"].code)
        return _error(CHALICE_CODES["InternalServerError"], {"requestId": _request_id(request)}, {}, request)
    if isinstance(error, refusals.Refusal) and error.refund_reason:
        log.warning("a payment bought nothing and is to be returned", refusal=repr(error), path=path)
    if isinstance(error, refusals.StoreUnavailable):
        log.warning("store unavailable", operation=error.operation, cause=repr(error.__cause__))
    wiring.gate.refusals().add(refused.code)
    return _error(
        refused,
        refused.facts(error),
        refused.hidden(error),
        request,
        {**(refused.headers or {}), **refused.told(error)},
    )


def _error(
    refused: Refused, facts: Facts, hidden: Facts, request: Request, headers: Mapping[str, str] | None = None
) -> Response:
    spoken = language(request.headers.get("accept-language", ""))
    return Response(
        bodies.encoded(_error_body(refused, facts, hidden, spoken)),
        status_code=refused.status,
        headers={**HEADERS, "Content-Language": spoken, **(headers or {})},
    )


def _log_outcome(view: str, request: Request, path: Mapping[str, str], response: Response, started: float) -> None:
    log.info(
        view,
        status=response.status_code,
        ms=round((perf_counter() - started) * 1000, 1),
        request_id=_request_id(request),
        path=path,
    )


def _request_id(request: Request) -> str:
    return str(getattr(request.lambda_context, "aws_request_id", ""))
