"""Screenings: /api/sessions."""

from typing import TYPE_CHECKING

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http.answers import authorized_rate_limited_and_answered, created
from .http.rendered import TextCacheByIdentity
from .http.static import REVALIDATE_ALWAYS, SHARED_FOR_A_SECOND, json_text, text_or_not_modified
from .wire import bodies
from .wire import sessions as schemas

if TYPE_CHECKING:
    from chalicelib.domain.pages import Page
    from chalicelib.domain.sessions import Session

routes = Blueprint(__name__)

programme_texts: TextCacheByIdentity["Page[Session]"] = TextCacheByIdentity(
    lambda page: json_text(schemas.programme(page))
)


@routes.route("/api/sessions", methods=["POST"])
@authorized_rate_limited_and_answered(routes)
def schedule_session(request: Request) -> Response:
    command = schemas.read_schedule_command(request)
    session = wiring.requests.selling().schedule(command)
    return created(schemas.scheduled(session))


@routes.route("/api/sessions", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def list_sessions(request: Request) -> Response:
    limit, cursor = bodies.limit_and_cursor(request)
    page = wiring.requests.selling().list_sessions(schemas.start_from_query_or_none(request), limit, cursor)
    return text_or_not_modified(request, programme_texts.text_of(page), SHARED_FOR_A_SECOND)


@routes.route("/api/sessions/{session_id}", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_session(request: Request, session_id: str) -> Response:
    session = wiring.requests.selling().show_session(session_id)
    return text_or_not_modified(request, json_text(schemas.session(session)), SHARED_FOR_A_SECOND)


@routes.route("/api/sessions/{session_id}/seats", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_seats(request: Request, session_id: str) -> Response:
    cache_control = SHARED_FOR_A_SECOND if schemas.read_accepts_cached_map(request) else REVALIDATE_ALWAYS
    seats = wiring.requests.selling().show_seats(session_id)
    return text_or_not_modified(request, json_text(schemas.seat_map(seats)), cache_control)
