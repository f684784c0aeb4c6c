"""What the model is run with: small cinemas in which every state is looked at, and cinemas with a guard taken out."""

from dataclasses import dataclass

SEAT_HAS_ONE_OWNER = "a seat never has two owners"
SOLD_ROW_HAS_ITS_PURCHASE = "a sold row has its purchase"
PAYMENT_ENDS_ONCE = "each payment ends as one sale or one refund"
EVERY_HOLD_ENDS = "every hold ends"


@dataclass(frozen=True, slots=True)
class Configuration:
    """`switches` are those of row.pml. `breaks` is the promise that must be found broken; empty where none may be.

    `make test` looks at what is quick, `make prove` at all but what takes minutes, `make model` at everything.
    """

    name: str
    switches: tuple[str, ...]
    breaks: str = ""
    is_quick: bool = False
    takes_minutes: bool = False


EXHAUSTED = (
    Configuration("one buyer who pays and cancels", ("CANCEL",), is_quick=True),
    Configuration("… and a message that comes twice", ("CANCEL", "TWICE=1")),
    Configuration("… and a process that dies", ("CANCEL", "CRASHES=1")),
    Configuration("… and a write that takes effect a second time, late", ("CANCEL", "COPIES=1")),
    Configuration("two buyers, one of them with the other's transaction", ("RIVAL", "RIVAL_STEALS")),
    Configuration(
        "a screening being scheduled, two buyers, a write that takes effect a second time, late",
        ("SCHEDULED", "RIVAL", "RIVAL_PAYS", "COPIES=1", "LAST_MOMENT=1"),
    ),
    Configuration("one buyer who pays twice", ("PAYS_TWICE",), takes_minutes=True),
    Configuration("one buyer who asks twice with one key, pays and cancels", ("TWIN", "CANCEL"), takes_minutes=True),
)

BROKEN = (
    Configuration(
        "A1: rows are put without a condition",
        ("SCHEDULED", "RIVAL", "RIVAL_PAYS", "COPIES=1", "LAST_MOMENT=1", "UNCONDITIONAL_ROWS"),
        SEAT_HAS_ONE_OWNER,
        is_quick=True,
    ),
    Configuration(
        "A2: a released seat forgets its hold, and a sale is stored on a pending reservation only",
        ("CANCEL", "COPIES=1", "ROW_FORGETS", "RESERVATION_DECIDES"),
        SOLD_ROW_HAS_ITS_PURCHASE,
        is_quick=True,
    ),
    Configuration(
        "A2, its first half alone: a released seat forgets its hold",
        ("CANCEL", "COPIES=1", "ROW_FORGETS"),
        SOLD_ROW_HAS_ITS_PURCHASE,
    ),
    Configuration(
        "A4: a claim does not look whose the payment is",
        ("RIVAL", "RIVAL_STEALS", "ANYBODYS_PAYMENT"),
        SOLD_ROW_HAS_ITS_PURCHASE,
        is_quick=True,
    ),
    Configuration("A8: an early expiry leaves no bar", ("NO_BAR",), EVERY_HOLD_ENDS, is_quick=True),
    Configuration(
        "money goes back while its hold is still in the row",
        ("NO_RELEASE_BEFORE_REFUND",),
        PAYMENT_ENDS_ONCE,
        is_quick=True,
    ),
)
"""Each with a guard taken out: the model must find what that breaks, or it sees nothing."""
