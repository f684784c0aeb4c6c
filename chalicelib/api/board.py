"""The operator's board: the page /operations, with its data and its commands below /api/operations.

The data and the commands are for operators only; without them the page shows nothing. If the setting OPERATIONS_BOARD
is off, all these addresses answer 404. The board's modules are imported at the first request for them, so that they
don't slow the cold start of a function that sells seats.
"""

from collections.abc import Callable
from functools import wraps

from chalice.app import Blueprint, NotFoundError, Request, Response

from chalicelib import wiring

from .http import static
from .http.answers import authorized_rate_limited_and_answered, ok
from .wire import bodies

routes = Blueprint(__name__)

View = Callable[..., Response]


def _only_with_board_on(view: View) -> View:
    """Decorates a view of the board: raises NotFoundError while the setting OPERATIONS_BOARD is off."""

    @wraps(view)
    def shown(request: Request, **path: str) -> Response:
        if not wiring.settings().operations_board:
            raise NotFoundError
        return view(request, **path)

    return shown


@routes.route("/operations", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
@_only_with_board_on
def show_operations_page(request: Request) -> Response:
    return static.page_with_sign_in_or_redirect_to_canonical(request, "board")


@routes.route("/api/operations", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
@_only_with_board_on
def show_board(request: Request) -> Response:
    from .wire import board as board_wire

    board = wiring.board.show_board()(bodies.cursor_of(request))
    return ok(board_wire.board(board))


@routes.route("/api/operations/queues/{queue}/letters", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
@_only_with_board_on
def look_at_letters(request: Request, queue: str) -> Response:
    from .wire import board as board_wire

    dead_letters = wiring.board.show_dead_letters()(queue)
    return ok(board_wire.dead_letters(queue, dead_letters))


@routes.route("/api/operations/queues/{queue}/redrive", methods=["POST"])
@authorized_rate_limited_and_answered(routes)
@_only_with_board_on
def redrive_queue(request: Request, queue: str) -> Response:
    from .wire import board as board_wire

    board_wire.refuse_without_content_type(request)
    redriven = wiring.board.redrive_dead_letters()(queue, board_wire.read_redrive_limit(request))
    return ok(board_wire.redriven(queue, redriven))
