"""Which events correct the seat cache, and how. What the cache makes of it: tests/contract."""

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from chalicelib.application.consumers.cached_seats import RemoveStaleEntriesAndMarkUsedIdsInCache
from chalicelib.domain.events import EventType
from chalicelib.domain.ports import SeatCacheUpdates
from tests.builders import an_event


@dataclass
class Corrections:
    """A seat cache that only notes what it is told."""

    made: list[tuple[Any, ...]] = field(default_factory=list)

    def delete_seat_entries_of_reservation(self, session_id: str, reservation_id: str, seats: tuple[str, ...]) -> None:
        self.made.append(("delete", session_id, reservation_id, seats))

    def invalidate_map(self, session_id: str) -> None:
        self.made.append(("invalidate", session_id))

    def mark_id_from_idempotency_key_used(self, session_id: str, reservation_id: str) -> None:
        self.made.append(("remember", session_id, reservation_id))


@pytest.mark.parametrize(
    ("kind", "data", "made"),
    [
        (EventType.SEAT_RELEASED, {}, [("delete", "session-1", "res-1", ("A1", "A2"))]),
        (EventType.SESSION_CANCELLED, {}, [("invalidate", "session-1")]),
        (EventType.RESERVATION_CREATED, {"fingerprint": "f"}, [("remember", "session-1", "res-1")]),
        (EventType.RESERVATION_CREATED, {}, []),
        (EventType.PAYMENT_CONFIRMED, {"fingerprint": "f"}, []),
    ],
)
def test_an_event_makes_its_own_correction_and_no_other(
    kind: EventType, data: dict[str, str | int], made: list[tuple[Any, ...]]
) -> None:
    cache = Corrections()

    RemoveStaleEntriesAndMarkUsedIdsInCache(cast(SeatCacheUpdates, cache))(
        replace(an_event("e-1"), type=kind, data=data)
    )

    assert cache.made == made
