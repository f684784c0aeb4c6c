"""Reads the tables for the promises, by the adapters' own readers and without injected faults."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.domain.events import Event
from chalicelib.domain.payments import Payment
from chalicelib.domain.reservations import Occupancy, Reservation
from chalicelib.infrastructure.dynamodb.payments import payment_from_item
from chalicelib.infrastructure.dynamodb.reservations import reservation_from_item_unless_bar
from chalicelib.infrastructure.dynamodb.rows import seat_entries_with_lapsed_in
from chalicelib.infrastructure.sqs.envelopes import event_from_wire
from tests.simulation.cloud.dynamodb import Database
from tests.simulation.cloud.expressions import Item


@dataclass(frozen=True)
class Stored:
    database: Database

    def seats(self, session_id: str) -> dict[str, Occupancy]:
        """Gives the entries of all seats, lapsed holds among them."""
        return {
            seat: entry for row in self._rows(session_id) for seat, entry in seat_entries_with_lapsed_in(row).items()
        }

    def is_closed(self, session_id: str) -> bool:
        """Tells whether a row of the screening is closed."""
        return any("closed" in row for row in self._rows(session_id))

    def reservations(self) -> dict[str, Reservation]:
        read = (reservation_from_item_unless_bar(item) for item in self.database.items("reservations").values())
        return {reservation.id: reservation for reservation in read if reservation}

    def payment(self, transaction_id: str) -> Payment | None:
        item = self.database.items("payments").get((transaction_id,))
        return payment_from_item(item) if item else None

    def payments(self) -> list[Payment]:
        return [payment_from_item(item) for item in self.database.items("payments").values()]

    def events(self) -> list[Event]:
        """Gives the log, in its order."""
        items = self.database.items("events")
        return [event_from_wire(json.loads(items[key]["event"]["S"])) for key in sorted(items)]

    def items(self, table: str) -> dict[str, Item]:
        """Gives the items of a table by their keys, as one text."""
        return {"/".join(key): item for key, item in self.database.items(table).items()}

    def _rows(self, session_id: str) -> Iterator[Item]:
        for (row_id,), item in self.database.items("rows").items():
            if row_id.startswith(f"{session_id}#"):
                yield item
