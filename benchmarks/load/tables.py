"""Reads the tables after a run: which buyer was sold which seat. The application is not asked."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.races.final_state import FinalState, read_final_state

PATIENCE_SECONDS = 5.0
"""An answer that the load generator no longer waited for may still be on its way into the tables."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Audit:
    """The count of the tables, compared with the answers to the buyers."""

    sold: int
    """Sales in the tables."""
    seats_sold: int
    held: int
    """Reservations that are pending, lapsed ones too."""
    oversold: Sequence[str]
    """Seats that several reservations had at once."""
    faults: Sequence[str]
    """All that is wrong, the oversold seats included. Empty when all is well."""

    @classmethod
    def of(cls, state: FinalState, told_sold: int) -> "Audit":
        sales = [booking for booking in state.bookings if booking.state == "confirmed"]
        faults = state.find_contradictions()
        if told_sold > len(sales):
            faults.append(f"buyers were told of {told_sold} sales, and the tables have {len(sales)}")
        return cls(
            sold=len(sales),
            seats_sold=len(state.sold),
            held=sum(booking.state == "pending" for booking in state.bookings),
            oversold=[f"{seat.session} {seat.number}" for seat in state.double_bookings()],
            faults=faults,
        )

    def as_json(self) -> Mapping[str, Any]:
        return {
            "sold": self.sold,
            "seatsSold": self.seats_sold,
            "held": self.held,
            "oversold": list(self.oversold),
            "faults": list(self.faults),
        }


def audit(table_prefix: str, sessions: Collection[str], told_sold: int) -> Audit:
    """Reads the tables until nothing is wrong, for PATIENCE_SECONDS at most. Oversold seats never mend themselves."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = Audit.of(read_final_state(table_prefix, sessions), told_sold)
        if not found.faults or found.oversold or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def printed(found: Audit) -> str:
    lines = [
        f"  {'sales':16}{found.sold:10}   of {found.seats_sold} seats",
        f"  {'holds left':16}{found.held:10}",
        f"  {'oversold seats':16}{len(found.oversold):10}",
        *(f"  ✗ {fault}" for fault in found.faults[:SHOWN]),
    ]
    if len(found.faults) > SHOWN:
        lines.append(f"  ✗ and {len(found.faults) - SHOWN} more")
    return "\n".join(lines)
