"""The table of routes: whom each route admits, and how it is rate-limited. A view without a row can't be registered.

A row has the name of its view, as an entry of RATE_LIMITS has. Requests and answers are described in another table,
chalicelib/api/openapi/routes.py, because it is too large to be imported at a cold start.
"""

from collections.abc import Mapping
from typing import NamedTuple

from chalicelib.domain.identity import AccessRule

ANYONE, SIGNED, BUYER, OPERATOR, GATE = (
    AccessRule.ANYONE,
    AccessRule.WEBHOOK_SIGNED,
    AccessRule.BUYER,
    AccessRule.OPERATOR,
    AccessRule.GATE,
)


class Route(NamedTuple):
    """The access rule and the rate limiting of one view. A NamedTuple, because a dataclass takes longer to define at a
    cold start.
    """

    admits: AccessRule
    is_limited: bool = True
    """False for health checks: load balancers and operators must get an answer under load."""
    is_counted_per_instance: bool = False
    """True if each instance of the function counts the requests in its own memory, instead of in Redis.

    The call to Redis would cost more than the answer.
    """

    @property
    def view_takes_asked_by(self) -> bool:
        """Tells whether the view gets the principal as the argument `asked_by`. Views of routes with the rule BUYER
        do."""
        return self.admits is AccessRule.BUYER


ROUTES: Mapping[str, Route] = {
    "schedule_session": Route(OPERATOR),
    "list_sessions": Route(ANYONE, is_counted_per_instance=True),
    "show_session": Route(ANYONE, is_counted_per_instance=True),
    "show_seats": Route(ANYONE),
    "show_live_address": Route(ANYONE),
    "hold_seats": Route(BUYER),
    "show_reservation": Route(BUYER),
    "start_payment": Route(BUYER),
    "confirm_reservation": Route(BUYER),
    "cancel_reservation": Route(BUYER),
    "show_invoice": Route(BUYER),
    "show_tickets": Route(BUYER),
    "show_calendar_entry": Route(BUYER),
    "transfer_ticket": Route(BUYER),
    "admit_ticket": Route(GATE),
    "list_tickets": Route(GATE),
    "show_ticket_keys": Route(ANYONE),
    "list_purchases": Route(BUYER),
    "list_events": Route(OPERATOR),
    "show_analytics": Route(OPERATOR),
    "show_board": Route(OPERATOR),
    "look_at_letters": Route(OPERATOR),
    "redrive_queue": Route(OPERATOR),
    "hear_gateway": Route(SIGNED),
    "replay_notifications": Route(SIGNED),
    "health": Route(ANYONE, is_limited=False),
    "ready": Route(ANYONE, is_limited=False),
    # Pages and files, which browsers request without a token. The pages request their data with one.
    "show_document": Route(ANYONE),
    "show_docs": Route(ANYONE),
    "show_seat_map": Route(ANYONE),
    "show_operations_page": Route(ANYONE),
    "show_gate_page": Route(ANYONE),
    "show_asset": Route(ANYONE),
    # The view that methods.py adds for each path.
    "refuse_method": Route(ANYONE),
}


class ViewWithoutRouteRow(Exception):
    """A view has no row in ROUTES. The message says that one must be added."""


def route_row_of_view(view: str) -> Route:
    """Gives the entry of a view in ROUTES. Raises ViewWithoutRouteRow if there is none."""
    if view not in ROUTES:
        raise ViewWithoutRouteRow(f"Say whom {view} admits: give it a row in ROUTES of chalicelib/api/http/routes.py.")
    return ROUTES[view]
