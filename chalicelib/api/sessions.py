"""Screenings: /api/sessions."""

from typing import TYPE_CHECKING

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http.answers import answered, created
from .http.rendered import Rendered
from .http.static import ASK_FIRST, SHARED_FOR_A_SECOND, answer_unless_unchanged, as_text
from .wire import bodies
from .wire import sessions as schemas

if TYPE_CHECKING:
    from chalicelib.domain.pages import Page
    from chalicelib.domain.sessions import Session

routes = Blueprint(__name__)

programme_texts: Rendered["Page[Session]"] = Rendered(lambda page: as_text(schemas.programme(page)))


@routes.route("/api/sessions", methods=["POST"])
@answered(routes)
def schedule_session(request: Request) -> Response:
    command = schemas.schedule_session(request)
    session = wiring.requests.selling().schedule(command)
    return created(schemas.scheduled(session))


@routes.route("/api/sessions", methods=["GET"])
@answered(routes)
def list_sessions(request: Request) -> Response:
    limit, cursor = bodies.page_wanted(request)
    page = wiring.requests.selling().list_sessions(schemas.starting_from(request), limit, cursor)
    return answer_unless_unchanged(request, programme_texts.text_of(page), SHARED_FOR_A_SECOND)


@routes.route("/api/sessions/{session_id}", methods=["GET"])
@answered(routes)
def show_session(request: Request, session_id: str) -> Response:
    session = wiring.requests.selling().show_session(session_id)
    return answer_unless_unchanged(request, as_text(schemas.session(session)), SHARED_FOR_A_SECOND)


@routes.route("/api/sessions/{session_id}/seats", methods=["GET"])
@answered(routes)
def show_seats(request: Request, session_id: str) -> Response:
    cache_control = SHARED_FOR_A_SECOND if schemas.may_be_shared(request) else ASK_FIRST
    seats = wiring.requests.selling().show_seats(session_id)
    return answer_unless_unchanged(request, as_text(schemas.seat_map(seats)), cache_control)
