"""The calls of DynamoDB that one purchase makes: recorded once, and written out for as many purchases as needed."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from chalicelib import wiring
from chalicelib.application.confirm import ConfirmReservationCommand
from chalicelib.application.hold import HoldSeatsCommand
from chalicelib.infrastructure.ids import buyer_of_user
from chalicelib.wiring.shared.process import database

BUYER, TRANSACTION = "recorded-buyer", "recorded-transaction"


class Recorded(NamedTuple):
    """A recorded call: the operation, and the JSON of its request."""

    operation: str
    body: str


class Recording(NamedTuple):
    """The calls of one purchase, and the texts in them that are only its own: `seat`, `row`, `id`, `sale`."""

    calls: list[Recorded]
    its_own: dict[str, str]


def record_purchase(session_id: str, seat: str) -> Recording:
    """Buys a seat by our use cases, and records the calls of DynamoDB."""
    calls: list[Recorded] = []

    def note(model: Any, params: dict[str, Any], **_: Any) -> None:
        calls.append(Recorded(model.name, params["body"].decode()))

    selling, events = wiring.requests.selling(), database().meta.events
    selling.ports.sessions.get(session_id)  # an instance has read it long ago
    events.register("before-call.dynamodb", note)
    held = selling.place_hold(HoldSeatsCommand(session_id, BUYER, (seat,)))
    sold = selling.confirm(ConfirmReservationCommand(held.id, "credit_card", TRANSACTION))
    events.unregister("before-call.dynamodb", note)
    if not sold.sale:
        raise LookupError(f"{held.id} was confirmed and has no sale")
    row = re.sub(r"\d+$", "", seat)
    its_own = {"seat": f'"{seat}"', "row": f"{session_id}#{row}", "id": held.id, "sale": sold.sale.id}
    return Recording(calls, its_own)


def rewrite(
    calls: Sequence[Recorded], its_own: dict[str, str], purchase_number: int, session: str, row: str, seat: str
) -> list[Recorded]:
    """Writes the calls for another purchase: other ids of the same length, another seat, another transaction."""
    swaps = {
        its_own["row"]: f"{session}#{row}",
        its_own["row"].rpartition("#")[0]: session,
        its_own["seat"]: f'"{seat}"',
        its_own["id"]: f"{its_own['id'][:-8]}{purchase_number:08d}",
        its_own["sale"]: f"{its_own['sale'][:-8]}{purchase_number:08d}",
        buyer_of_user(BUYER): f"{purchase_number:011d}",
        BUYER: f"buyer-{purchase_number:08d}",
        TRANSACTION: f"transaction-{purchase_number:08d}",
    }
    written = []
    for operation, body in calls:
        for old, new in swaps.items():
            body = body.replace(old, new)
        written.append(Recorded(operation, body))
    return written
