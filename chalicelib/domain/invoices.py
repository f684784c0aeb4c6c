"""Invoices: a sale in writing, under a number that no other invoice has."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from .events import Event, EventType, UnreadableMessage
from .money import Money
from .sessions import Session

ENGLISH, PORTUGUESE = "en", "pt-BR"

NUMBER_DIGITS = 6
"""The place of an invoice in its series is printed with at least this many digits, with zeros in front. A larger place
is printed in full: 2026-1000000 follows 2026-999999."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The contents of an invoice without its number. They never change, because neither the sale nor the session does.

    `seller` is the name, followed by the lines of the address. `time_zone` is the cinema's, as an IANA name.
    """

    reservation_id: str
    sale_id: str
    user_id: str
    movie_title: str
    room: str
    starts_at: datetime
    seats: tuple[str, ...]
    unit_price: Decimal
    amount: Decimal
    payment_method: str
    transaction_id: str
    paid_at: datetime
    seller: tuple[str, ...]
    time_zone: str = "UTC"
    language: str = ENGLISH

    @property
    def series(self) -> str:
        """Gives the series that numbers the invoice: the year of the sale in UTC. Credit notes would have their own
        series, such as C2026."""
        return f"{self.paid_at.year:04}"


@dataclass(frozen=True, slots=True)
class Invoice:
    """A bill with its number. `place` is its position in the series, from 1. `filed` is true once its PDF is stored."""

    bill: Bill
    place: int
    filed: bool = False

    @property
    def number(self) -> str:
        """Gives the printed number, such as 2026-000123."""
        return f"{self.bill.series}-{self.place:0{NUMBER_DIGITS}}"

    def marked_filed(self) -> "Invoice":
        """Gives the invoice with `filed` set."""
        return replace(self, filed=True)


def bill_for(
    sale: Event, session: Session, user: str, seller: tuple[str, ...], time_zone: str = "UTC", language: str = ENGLISH
) -> Bill:
    """Makes the bill of a sale. `user` is the user's id. Raises UnreadableMessage if `sale` is not a complete sale."""
    if sale.type is not EventType.PAYMENT_CONFIRMED:
        raise UnreadableMessage(f"an invoice is for a PaymentConfirmed, not for a {sale.type}")
    return Bill(
        reservation_id=sale.reservation_id,
        sale_id=_text(sale, "saleId"),
        user_id=user,
        movie_title=session.movie_title,
        room=session.room,
        starts_at=session.starts_at,
        seats=sale.seats,
        unit_price=session.ticket_price,
        amount=_amount(sale),
        payment_method=_text(sale, "paymentMethod"),
        transaction_id=_text(sale, "transactionId"),
        paid_at=sale.occurred_at,
        seller=seller,
        time_zone=time_zone,
        language=language,
    )


def _text(sale: Event, name: str) -> str:
    text = sale.data.get(name)
    if not (isinstance(text, str) and text):
        raise UnreadableMessage(f"a sale needs its {name}, a text, not {text!r}")
    return text


def _amount(sale: Event) -> Decimal:
    cents = sale.data.get("amountCents")
    if not isinstance(cents, int):
        raise UnreadableMessage(f"a sale needs its amountCents, a whole number, not {cents!r}")
    return Money(cents).amount


@dataclass(frozen=True, slots=True)
class InvoiceLink:
    """A link to an invoice's PDF. It works without sign-in until `expires_at`."""

    number: str
    url: str
    expires_at: datetime
