"""Reservations, their payments and a buyer's purchases on the wire: the JSON, its shapes and limits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from chalice.app import Request
from msgspec import Meta

from chalicelib.application.confirm import ConfirmReservationCommand
from chalicelib.application.hold import HoldSeatsCommand
from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.identity import Principal
from chalicelib.domain.money import CURRENCY
from chalicelib.domain.payments import PaymentIntent
from chalicelib.domain.refusals import Forbidden
from chalicelib.domain.reservations import Contact, Reservation, State
from chalicelib.domain.sessions import SEAT_PATTERN

from .bodies import (
    NOT_BLANK,
    Answer,
    MalformedRequest,
    Moment,
    Money,
    SessionId,
    body_of,
    client_address_or_network,
    idempotency_key,
    moment,
    moment_if_any,
    money,
)
from .languages import language_of

if TYPE_CHECKING:
    from chalicelib.domain.pages import Page

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
"""A pattern for the email addresses that SES takes: ASCII, without quotes or IP addresses, and with international
domains written as xn--."""

MYSELF = "me"
"""The word that stands for the signed-in user's id in a path."""

UserId = Annotated[str, Meta(min_length=1, max_length=128, pattern=NOT_BLANK)]
Seat = Annotated[str, Meta(max_length=7, pattern=SEAT_PATTERN)]
Email = Annotated[str, Meta(max_length=254, extra_json_schema={"format": "email"})]


class HoldRequest(msgspec.Struct, rename="camel", kw_only=True):
    """A request to hold seats. `userId` may be left out by a signed-in user, and is required without sign-in."""

    session_id: SessionId
    user_id: UserId | msgspec.UnsetType = msgspec.UNSET
    seat_numbers: Annotated[list[Seat], Meta(min_length=1, max_length=100)]
    email: Email | None = None


class ConfirmationRequest(msgspec.Struct, rename="camel"):
    """The payment for a reservation that is to be confirmed. A reservation that costs nothing needs neither field."""

    payment_method: Annotated[str, Meta(min_length=1, max_length=50, pattern=NOT_BLANK)] | None = None
    transaction_id: Annotated[str, Meta(min_length=1, max_length=100, pattern=NOT_BLANK)] | None = None


class HeldBody(Answer):
    reservation_id: str
    status: State
    expires_at: Moment
    seats: Sequence[str]
    total_amount: Money


class ReservationBody(Answer):
    reservation_id: str
    session_id: str
    user_id: str
    status: State
    expires_at: Moment
    seats: Sequence[str]
    total_amount: Money
    sale_id: str | None = None
    paid_at: Moment | None = None
    refunded_at: Moment | None = None


class ConfirmationBody(Answer):
    sale_id: str
    status: State
    seats: Sequence[str]
    paid_at: Moment
    booking_code: str | None = None
    """A short code of the sale, which the buyer shows or reads out at the cinema's entrance."""


class StartedPaymentBody(Answer):
    """A payment that was started, and that the buyer must complete. `client_secret` and `public_key` are for the
    payment provider's JavaScript."""

    provider: str
    payment_id: str
    amount: Money
    currency: str
    client_secret: str | None = None
    public_key: str | None = None


class PurchaseBody(Answer):
    """A purchase. `invoice_url`, `tickets_url` and `calendar_url` are paths of this API. The invoice and the tickets
    are ready some seconds after the purchase."""

    sale_id: str
    session_id: str
    movie_title: str
    seats: Sequence[str]
    total_amount: Money
    purchased_at: Moment
    invoice_url: str | None = None
    """None for a sale that cost nothing."""
    status: Literal["refunded"] | None = None
    """`refunded` once the payment has been refunded because the screening was cancelled; else None."""
    refunded_at: Moment | None = None
    booking_code: str | None = None
    tickets_url: str | None = None
    calendar_url: str | None = None


class PurchasesBody(Answer):
    user_id: str
    purchases: list[PurchaseBody]
    next_cursor: str | None = None


def parse_and_authorize_hold_command(request: Request, asked_by: Principal) -> HoldSeatsCommand:
    """Reads a request to hold seats. Raises MalformedRequest, BodyTooLarge.

    Raises Forbidden if the user or the email address in the request differs from the signed-in user's. Without sign-in,
    the command also has the client's address or network, because live holds are then limited by user and address. For a
    signed-in user, they are limited by user alone.
    """
    body = body_of(request, HoldRequest)
    key, buyer = idempotency_key(request), _buyer_of(body, asked_by)
    contact = _contact(request, _address_of(body, asked_by))
    source = "" if asked_by.is_signed_in else client_address_or_network(request.context)
    return HoldSeatsCommand(body.session_id, buyer, tuple(body.seat_numbers), key, contact, source)


def replace_me_by_own_id(user_id: str, asked_by: Principal) -> str:
    """Gives the user's id in a path. For a signed-in user, replaces `me` by the user's own id."""
    return asked_by.subject if asked_by.is_signed_in and user_id == MYSELF else user_id


def _buyer_of(body: HoldRequest, asked_by: Principal) -> str:
    """Gives the signed-in user's id; without sign-in, the user's id in the body.

    Raises Forbidden if a signed-in user sends another id. Raises MalformedRequest if there is neither sign-in nor an
    id.
    """
    if body.user_id is msgspec.UNSET:
        if asked_by.is_signed_in:
            return asked_by.subject
        raise MalformedRequest("Object missing required field `userId`", "$.userId")
    if asked_by.is_signed_in and body.user_id != asked_by.subject:
        raise Forbidden
    return body.user_id


def _address_of(body: HoldRequest, asked_by: Principal) -> str | None:
    """Gives the address for emails: the one in the signed-in user's token; without sign-in, the body's.

    Gives None for a signed-in user whose token has no address. Raises Forbidden if the body's address differs from the
    token's, because an unverified address may be a stranger's.
    """
    if not asked_by.is_signed_in:
        return body.email
    if body.email is not None and body.email.casefold() != asked_by.email.casefold():
        raise Forbidden
    return asked_by.email if _EMAIL.fullmatch(asked_by.email) else None


def read_confirm_command(request: Request, reservation_id: str, asked_by: Principal) -> ConfirmReservationCommand:
    body = body_of(request, ConfirmationRequest)
    if (body.payment_method is None) != (body.transaction_id is None):
        raise MalformedRequest("Expected a payment method and a transaction, or neither", "$")
    return ConfirmReservationCommand(reservation_id, body.payment_method or "", body.transaction_id or "", asked_by)


def held_reservation(reservation: Reservation) -> HeldBody:
    """Makes the answer to a hold. The status is `confirmed` if the request is a repeated one and the hold was paid
    for."""
    return HeldBody(
        reservation_id=reservation.id,
        status=reservation.state,
        expires_at=moment(reservation.expires_at),
        seats=reservation.seats,
        total_amount=money(reservation.amount),
    )


def reservation(reservation: Reservation, state: State) -> ReservationBody:
    sale = reservation.sale
    return ReservationBody(
        reservation_id=reservation.id,
        session_id=reservation.session_id,
        user_id=reservation.user_id,
        status=state,
        expires_at=moment(reservation.expires_at),
        seats=reservation.seats,
        total_amount=money(reservation.amount),
        sale_id=sale.id if sale else None,
        paid_at=moment(sale.paid_at) if sale else None,
        refunded_at=moment_if_any(reservation.refunded_at),
    )


def sale(reservation: Reservation) -> ConfirmationBody:
    assert reservation.sale, "a confirmed reservation has its sale"  # noqa: S101 - tells the type checker
    return ConfirmationBody(
        sale_id=reservation.sale.id,
        status=reservation.state,
        seats=reservation.seats,
        paid_at=moment(reservation.sale.paid_at),
        booking_code=booking_code(reservation.sale.id),
    )


def payment(reservation: Reservation, intent: PaymentIntent) -> StartedPaymentBody:
    return StartedPaymentBody(
        provider=intent.provider,
        payment_id=intent.id,
        amount=money(reservation.amount),
        currency=CURRENCY,
        client_secret=intent.client_secret or None,
        public_key=intent.public_key or None,
    )


def purchases(user_id: str, page: Page[Reservation]) -> PurchasesBody:
    return PurchasesBody(user_id=user_id, purchases=[_purchase(item) for item in page.items], next_cursor=page.cursor)


def _purchase(reservation: Reservation) -> PurchaseBody:
    bought, path = sale(reservation), f"/api/reservations/{reservation.id}"
    return PurchaseBody(
        sale_id=bought.sale_id,
        session_id=reservation.session_id,
        movie_title=reservation.movie_title,
        seats=reservation.seats,
        total_amount=money(reservation.amount),
        purchased_at=bought.paid_at,
        invoice_url=None if reservation.is_free else f"{path}/invoice",
        status="refunded" if reservation.refunded_at else None,
        refunded_at=moment_if_any(reservation.refunded_at),
        booking_code=bought.booking_code,
        tickets_url=f"{path}/tickets",
        calendar_url=f"{path}/calendar",
    )


def _contact(request: Request, email: str | None) -> Contact | None:
    if email is None:
        return None
    if not _EMAIL.fullmatch(email):
        raise MalformedRequest("Expected an e-mail address such as ana@example.com", "$.email")
    return Contact(email, language_of(request))
