"""Budgets of the paths: the calls of DynamoDB that each may make, in their order, and the units that they consume.

The tests count them on the wire and compare them with these rows (tests/integration/booking/test_budgets.py,
tests/integration/events/test_email.py, tests/contract/events); `make cost` makes money of them.
"""

from typing import NamedTuple

READS = ("GetItem", "BatchGetItem", "Query")


class Budget(NamedTuple):
    calls: tuple[str, ...]
    """DynamoDB's calls; of others, where they are part of the path, those too."""
    write_units: int = 0
    """The most that its writes consume. A write unit is 1 kB of an item; a transaction takes two."""
    batched_items: int = 0
    """The items that a BatchGetItem of it reads, each of which is a read of its own."""

    @property
    def read_units(self) -> int:
        """Counts consistent reads of up to 4 kB. Queries read some kilobytes: a page of purchases or of a screening."""
        single = sum(call in READS and call != "BatchGetItem" for call in self.calls)
        return single + self.batched_items


# Requests

HOLD = Budget(("UpdateItem", "UpdateItem", "PutItem"), write_units=4)
HOLD_IN_TWO_ROWS = Budget(("TransactWriteItems", "UpdateItem", "PutItem"), write_units=6)
REFUSED_HOLD = Budget(("UpdateItem",), write_units=1)
REFUSED_HOLD_WITH_KEY = Budget(("UpdateItem", "GetItem"), write_units=1)
HOLD_BEYOND_LIMIT = Budget(("UpdateItem", "UpdateItem", "GetItem", "GetItem", "UpdateItem"), write_units=3)
HOLD_AFTER_PURCHASES = Budget((*HOLD_BEYOND_LIMIT.calls, "PutItem"), write_units=5)
CONFIRM = Budget(("GetItem", "UpdateItem", "UpdateItem", "UpdateItem"), write_units=5)
CONFIRM_FREE_OF_CHARGE = Budget(("GetItem", "UpdateItem", "UpdateItem"), write_units=4)
CONFIRM_AGAIN = Budget(("GetItem",))
CONFIRM_WITH_ANOTHERS_PAYMENT = Budget(("GetItem", "UpdateItem"), write_units=1)
CANCEL = Budget(("GetItem", "UpdateItem", "UpdateItem"), write_units=3)
MESSAGE_OF_GATEWAY = Budget(())
SHOW_RESERVATION = Budget(("GetItem",))
LIST_PURCHASES = Budget(("Query",))
SHOW_TICKETS = Budget(("GetItem", "GetItem", "BatchGetItem"), batched_items=2)
SHOW_CALENDAR_ENTRY = Budget(("GetItem",))
ADMISSION = Budget(("GetItem", "GetItem", "UpdateItem"), write_units=2)
TRANSFER = Budget(("GetItem", "TransactWriteItems", "GetItem"), write_units=8)
PAGE_OF_TICKETS = Budget(("Query",))
LISTED_TICKET_BYTES = 160
"""The most that a ticket takes in the index by_session. Its read unit is 8 kB: a full page, 100 tickets, takes two."""


def seat_map(rows: int) -> Budget:
    """Gives the budget of a seat map that is not cached: a call for each hundred rows."""
    return Budget(("BatchGetItem",) * -(-rows // 100), batched_items=rows)


# What happens after them, by stream and queue

EMAIL = Budget(("GetItem", "GetItem", "GetItem", "SendRawEmail", "PutItem"), write_units=1)
EMAIL_OF_SALE = Budget((*["GetItem"] * 4, "BatchGetItem", "SendRawEmail", "PutItem"), write_units=1, batched_items=2)
EMAIL_PUT_OFF = Budget(("GetItem",) * 4)
INVOICE = Budget(("BatchGetItem", "TransactWriteItems", "UpdateItem"), write_units=5, batched_items=2)
TICKETS_OF_TWO_SEATS = Budget(("GetItem", "TransactWriteItems"), write_units=8)
EVENT_NUMBERED = Budget(("GetItem", "TransactWriteItems"), write_units=6)
TEN_EVENTS_NUMBERED = Budget(("GetItem", "TransactWriteItems"), write_units=42)
"""A batch of one screening: 2 units for its counter, and 4 for each number."""
TEN_INVOICES_NUMBERED = Budget(("BatchGetItem", "TransactWriteItems"), write_units=22, batched_items=11)
"""A batch of one year: 2 units for its counter, and 2 for each number."""
EVENT_COUNTED = Budget(("TransactWriteItems",), write_units=4)
EVENT_RECORDED = Budget(("PutItem",), write_units=1)
