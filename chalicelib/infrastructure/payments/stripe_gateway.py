"""Stripe as payment gateway, called through its official package.

A payment of ours is a PaymentIntent with the reservation's id in its metadata. All others are ignored: the account may
sell other things. Our idempotency keys are sent as Stripe's, which forgets them after a day or so. A refund's key is
also in its metadata: so a refund that is requested again a week later is found, and not made twice.

The package costs as much at import as boto3, so only the functions that call it import it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from json import loads
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chalicelib.domain.events import UnreadableMessage
from chalicelib.domain.money import CURRENCY
from chalicelib.domain.payments import (
    Charge,
    GatewayUnavailable,
    PaymentIntent,
    PaymentNotYetAtGateway,
    RefundNotConfirmed,
)
from chalicelib.domain.refusals import WebhookAuthenticationFailed
from chalicelib.domain.reservations import Reservation
from chalicelib.domain.signatures import is_signature_time_recent
from chalicelib.domain.times import from_ms

from .guarded_gateway import GatewaySilent

if TYPE_CHECKING:
    from stripe import StripeClient

PROVIDER = "stripe"
SIGNATURE_HEADER = "stripe-signature"

RESERVATION, REFUND_KEY = "reservation_id", "refund_key"
"""The names of our metadata in Stripe: RESERVATION of a PaymentIntent, REFUND_KEY of a refund."""

CONNECT_SECONDS, READ_SECONDS = 1.0, 3.0
PAGE = 100
"""The largest number of entries on one page of a list. The limit is Stripe's."""
MOST_PAGES = 10_000
MOST_TEXT = 200
LAST_SECOND = 32_503_680_000
"""The latest moment that is accepted in an answer, in seconds since 1970: the year 3000."""

CARD_ONLY = ["card"]
"""The methods of payment that are offered. Cards are charged or declined within the seconds that seats are held. Other
methods need days, or never decline."""

NOT_RETURNED = ("failed", "canceled")

Object = Mapping[str, Any]


@dataclass(frozen=True)
class StripeGateway:
    """Stripe as payment gateway. Calls are not retried.

    `api_base` is another server for tests; empty means Stripe's own.
    """

    secret_key: str = field(repr=False)
    public_key: str
    currency: str = CURRENCY
    api_base: str = ""
    read_seconds: float = READ_SECONDS

    def start_payment(self, reservation: Reservation, idempotency_key: str) -> PaymentIntent:
        asked: Any = {
            "amount": reservation.amount_cents,
            "currency": self.currency.lower(),
            "metadata": {RESERVATION: reservation.id},
            "payment_method_types": CARD_ONLY,
        }
        with _errors_translated_to(GatewayUnavailable):
            intent = self._client.v1.payment_intents.create(asked, {"idempotency_key": quote(idempotency_key, safe="")})
            started = PaymentIntent(
                provider=PROVIDER,
                id=intent.id,
                client_secret=intent.client_secret or "",
                public_key=self.public_key,
            )
            if not (_is_intent_id(started.id) and started.client_secret):
                raise ValueError("no PaymentIntent")
            return started

    def find_charge(self, transaction_id: str) -> Charge | None:
        with _errors_translated_to(GatewayUnavailable):
            intent = self._read_paid_intent(transaction_id)
            return _charge_from(intent["latest_charge"], intent) if intent else None

    def list_charges_since(self, moment: datetime) -> Sequence[Charge]:
        """Lists the charges of our payments that were made since the moment.

        Lists Stripe's charges and not its PaymentIntents, because a PaymentIntent does not have the time of its charge.
        """
        with _errors_translated_to(GatewayUnavailable):
            listed = [(charge, charge["payment_intent"]) for charge in self._list_charges_since(moment)]
            ours = [(charge, intent) for charge, intent in listed if _is_ours(intent)]
            return [found for charge, intent in ours if (found := _charge_from(charge, intent))]

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        with _errors_translated_to(RefundNotConfirmed):
            earlier = self._find_refund(transaction_id, idempotency_key)
            return earlier or self._create_refund(transaction_id, amount_cents, idempotency_key)

    def ping(self) -> None:
        """Checks that Stripe answers and accepts the secret key. Raises GatewayUnavailable."""
        with _errors_translated_to(GatewayUnavailable):
            self._client.v1.payment_intents.list({"limit": 1})

    def _list_charges_since(self, moment: datetime) -> Iterator[Object]:
        """Reads the charges of all pages. Raises ValueError if the pages do not end.

        Stripe's own iterator is not used, because it takes a malformed page for the last one.
        """
        since, expanded = int(moment.timestamp()) - 1, ["data.payment_intent"]
        asked: Any = {"created": {"gt": since}, "limit": PAGE, "expand": expanded}
        for _ in range(MOST_PAGES):
            page = self._client.v1.charges.list(asked).to_dict()
            yield from page["data"]
            if page["has_more"] is False:
                return
            asked["starting_after"] = page["data"][-1]["id"]
        raise ValueError("the list of charges does not end")

    def _read_paid_intent(self, transaction_id: str) -> Object | None:
        """Reads a PaymentIntent with its last charge and refunds. None if it is unknown, not ours, or not paid."""
        from stripe import InvalidRequestError

        if not _is_intent_id(transaction_id):
            return None
        try:
            intent = self._client.v1.payment_intents.retrieve(
                transaction_id, {"expand": ["latest_charge.refunds"]}
            ).to_dict()
        except InvalidRequestError as error:
            if error.code == "resource_missing":
                return None
            raise
        return intent if _is_ours(intent) and intent["status"] == "succeeded" else None

    def _find_refund(self, transaction_id: str, key: str) -> str | None:
        """Gives the id of the refund with this key. If there is none, and all the money was returned, gives the id of
        the latest refund. Otherwise gives None.

        Raises PaymentNotYetAtGateway.
        """
        intent = self._read_paid_intent(transaction_id)
        if intent is None:
            raise PaymentNotYetAtGateway(
                f"Stripe knows of no payment of ours {transaction_id[:MOST_TEXT]!r} that was charged"
            )
        charge = intent["latest_charge"]
        made = [one for one in charge["refunds"]["data"] if one["status"] not in NOT_RETURNED]
        for refund in made:
            if refund["metadata"].get(REFUND_KEY) == key:
                return _refund_id(refund)
        return _refund_id(made[0]) if made and charge["amount_refunded"] >= charge["amount_captured"] else None

    def _create_refund(self, transaction_id: str, amount_cents: int | None, key: str) -> str:
        """Requests a refund from Stripe. Gives the refund's id. Raises RefundNotConfirmed."""
        from stripe import InvalidRequestError

        asked: Any = {"payment_intent": transaction_id, "metadata": {REFUND_KEY: key}}
        if amount_cents is not None:
            asked["amount"] = amount_cents
        try:
            refund = self._client.v1.refunds.create(asked, {"idempotency_key": quote(key, safe="")}).to_dict()
        except InvalidRequestError as error:
            earlier = error.code == "charge_already_refunded" and self._find_refund(transaction_id, key)
            if earlier:
                return earlier
            raise
        if refund["status"] in NOT_RETURNED:
            raise RefundNotConfirmed(f"Stripe made the refund {refund['id']}, and it is {refund['status']}")
        return _refund_id(refund)

    @cached_property
    def _client(self) -> "StripeClient":
        from stripe import RequestsClient, StripeClient

        return StripeClient(
            self.secret_key,
            max_network_retries=0,
            http_client=RequestsClient(timeout=(CONNECT_SECONDS, self.read_seconds)),
            base_addresses={"api": self.api_base} if self.api_base else None,
        )


@dataclass(frozen=True)
class StripeMessages:
    """The reader of Stripe's signed events.

    During a rotation there are several secrets. Without a secret, all events are refused.
    """

    secrets: Sequence[str] = field(repr=False)

    def read_charge(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Charge | None:
        header = headers.get(SIGNATURE_HEADER, "")
        if not (
            is_signature_time_recent(header, now) and any(_is_verified(header, body, secret) for secret in self.secrets)
        ):
            raise WebhookAuthenticationFailed
        try:
            return _charge_from_event(loads(body))
        except _NONSENSE as error:
            raise UnreadableMessage(f"no event of Stripe: {error!r}"[:MOST_TEXT]) from error


def _is_verified(header: str, body: bytes, secret: str) -> bool:
    """Tells whether the header has a signature of the body by this secret. Does not check its age."""
    from stripe import SignatureVerificationError, WebhookSignature

    try:
        return bool(WebhookSignature.verify_header(body, header, secret))
    except (SignatureVerificationError, UnicodeError):
        return False


def _charge_from_event(event: Object) -> Charge | None:
    """Reads the charge from a payment_intent.succeeded event. In such an event nothing is refunded yet.

    None for any other event, and for a payment that is not ours.
    """
    if event["type"] != "payment_intent.succeeded":
        return None
    intent = event["data"]["object"]
    if not _is_ours(intent):
        return None
    return _checked_charge(intent, intent["amount_received"], 0, event["created"])


def _charge_from(charge: Object, intent: Object) -> Charge | None:
    """Reads a charge. None if the charge failed, or was authorized and not captured."""
    if charge["status"] != "succeeded" or not charge["captured"]:
        return None
    return _checked_charge(intent, charge["amount_captured"], charge["amount_refunded"], charge["created"])


def _checked_charge(intent: Object, amount: Any, refunded: Any, created: Any) -> Charge:
    """Builds a charge from Stripe's numbers. Raises ValueError if a number, the id or the currency is impossible."""
    numbers = all(type(number) is int for number in (amount, refunded, created))
    if not (numbers and 0 <= refunded <= amount and 0 <= created <= LAST_SECOND and _is_intent_id(intent["id"])):
        raise ValueError("no charge")
    currency = intent["currency"].upper()
    if not re.fullmatch("[A-Z]{3}", currency):
        raise ValueError("no currency")
    return Charge(
        transaction_id=intent["id"],
        reservation_id=intent["metadata"][RESERVATION],
        amount_cents=amount,
        currency=currency,
        charged_at=from_ms(created * 1000),
        refunded_cents=refunded,
    )


def _is_ours(intent: Any) -> bool:
    """Tells whether the PaymentIntent carries a reservation's id. `intent` is None if a charge has no PaymentIntent."""
    return intent is not None and isinstance(intent["metadata"].get(RESERVATION), str)


def _is_intent_id(value: object) -> bool:
    """Tells whether the value has the form of a PaymentIntent's id. Other ids are never sent to Stripe."""
    return isinstance(value, str) and bool(re.fullmatch(r"pi_[A-Za-z0-9_]{1,250}", value))


def _refund_id(refund: Object) -> str:
    if not (isinstance(refund["id"], str) and refund["id"]):
        raise ValueError("no refund")
    return refund["id"]


_NONSENSE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""The errors that can be raised when an answer of an unexpected shape is read."""


@contextmanager
def _errors_translated_to(refusal: type[Exception]) -> Iterator[None]:
    """Raises the port's errors instead of the errors of Stripe's package.

    Raises GatewaySilent if Stripe gave no answer. Raises `refusal` for other errors, and for malformed answers.
    """
    from stripe import APIConnectionError, StripeError

    try:
        yield
    except APIConnectionError as error:
        raise GatewaySilent(f"Stripe gave no answer: {error}"[:MOST_TEXT]) from error
    except StripeError as error:
        said = f"{type(error).__name__} {error.code or ''} (request {error.request_id}): {error.user_message}"
        raise refusal(f"Stripe answered {error.http_status} {said}"[: 2 * MOST_TEXT]) from error
    except _NONSENSE as error:
        raise refusal(f"Stripe answered what makes no sense: {error!r}"[:MOST_TEXT]) from error
