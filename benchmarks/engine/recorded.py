"""The calls of DynamoDB that one purchase makes: recorded once, and written out for as many purchases as needed."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from chalicelib import wiring
from chalicelib.application.confirm import ConfirmReservationCommand
from chalicelib.application.hold import HoldSeatsCommand
from chalicelib.domain.refusals import SeatsUnavailable
from chalicelib.infrastructure.ids import buyer_partition_of_user
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
    selling = wiring.requests.selling()
    selling.ports.sessions.get(session_id)  # an instance has read it long ago
    with recorded() as calls:
        held = selling.place_hold(HoldSeatsCommand(session_id, BUYER, (seat,)))
        sold = selling.confirm(ConfirmReservationCommand(held.id, "credit_card", TRANSACTION))
    if not sold.sale:
        raise LookupError(f"{held.id} was confirmed and has no sale")
    row = re.sub(r"\d+$", "", seat)
    its_own = {"seat": f'"{seat}"', "row": f"{session_id}#{row}", "id": held.id, "sale": sold.sale.id}
    return Recording(calls, its_own)


def record_refusal(session_id: str, sold_seat: str) -> list[Recorded]:
    """Asks for a seat that is sold, and records the call."""
    with recorded() as calls, suppress(SeatsUnavailable):
        wiring.requests.selling().place_hold(HoldSeatsCommand(session_id, BUYER, (sold_seat,)))
    return calls


def record_seat_map(session_id: str) -> list[Recorded]:
    """Reads a seat map, and records the calls."""
    with recorded() as calls:
        wiring.requests.selling().show_seats(session_id)
    return calls


@contextmanager
def recorded() -> Iterator[list[Recorded]]:
    """Gives a list that takes the calls of DynamoDB that are made in the block."""
    calls: list[Recorded] = []

    def note(model: Any, params: dict[str, Any], **_: Any) -> None:
        calls.append(Recorded(model.name, params["body"].decode()))

    events = database().meta.events
    events.register("before-call.dynamodb", note)
    yield calls
    events.unregister("before-call.dynamodb", note)


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
        buyer_partition_of_user(BUYER): f"{purchase_number:011d}",
        BUYER: f"buyer-{purchase_number:08d}",
        TRANSACTION: f"transaction-{purchase_number:08d}",
    }
    written = []
    for operation, body in calls:
        for old, new in swaps.items():
            body = body.replace(old, new)
        written.append(Recorded(operation, body))
    return written
