"""What the use cases need from the world outside, as Protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from .events import Event
from .payments import Charge, Payment, PaymentDue, PaymentIntent
from .reservations import CountedHold, Hold, Occupancy, Release, Reservation, Sale, State
from .sessions import Session

if TYPE_CHECKING:
    from .analytics import Tally
    from .board import DeadLetter, QueueState, Redriven, RefusalCounts
    from .email import Email, Message
    from .invoices import Bill, Invoice
    from .rate_limits import Quota, Verdict
    from .webhooks import Delivery, Notification, Secret, Subscriber, Webhook

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`cursor` asks for the next page; None on the last."""

    items: Sequence[T]
    cursor: str | None


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Now: aware, UTC, whole milliseconds, which is how holds are stored."""
        ...


class Ids(Protocol):
    def session(self, key: str | None) -> str:
        """The same key gives the same id on every instance, which nobody can guess; without a key each call is new."""
        ...

    def reservation(self, user_id: str, key: str | None) -> str:
        """Unguessable. The same user and key give the same id on every instance; without a key each call is new."""
        ...

    def fingerprint(self, *parts: str) -> str:
        """Tells requests apart that came with one idempotency key. Without our secret nobody can guess the parts."""
        ...

    def sale(self, reservation_id: str, transaction_id: str) -> str:
        """The same reservation and transaction always give the same id."""
        ...


class Sessions(Protocol):
    def add(self, session: Session) -> Session:
        """Makes the rows first and the session last, so that a session that can be found can be booked.

        Makes what is not there yet, and replaces nothing. Gives what is stored under the id: this one, or an earlier.
        """
        ...

    def get(self, session_id: str) -> Session:
        """Raises SessionNotFound."""
        ...

    def page(self, starting_from: datetime | None, limit: int, cursor: str | None) -> Page[Session]:
        """By start time. Raises CursorInvalid."""
        ...

    def cancel(self, session_id: str, now: datetime) -> Session:
        """Writes down that it was cancelled; the first moment stays. For display: the rows decide what can be booked.

        Raises SessionNotFound.
        """
        ...


class Rows(Protocol):
    """The seats themselves."""

    def hold(self, hold: Hold, now: datetime) -> None:
        """Takes the seats, all or none: each must be free, or its earlier hold lapsed.

        On one seat each hold expires later than the one before it. So a hold that was given back can't be made again,
        whoever repeats the request, however late.

        Raises SeatsTaken, and RowsClosed once the screening is cancelled.
        """
        ...

    def sell(self, hold: Hold, sale: Sale, now: datetime) -> None:
        """Turns this very hold, still live, into a sale: the commit point of a purchase.

        Raises SeatsTaken, and RowsClosed once the screening is cancelled.
        """
        ...

    def release(self, hold: Hold, now: datetime) -> Release:
        """Frees what this very hold still has, row by row; never a sold seat, nor a later hold under the same id."""
        ...

    def occupancy(self, session: Session) -> Mapping[str, Occupancy]:
        """Consistent. Lapsed holds may be among the entries: the reader compares with its clock.

        Raises RowsClosed, with the same entries, once the screening is cancelled.
        """
        ...

    def sales_between(self, session: Session, since: datetime, until: datetime) -> Mapping[str, str]:
        """The sales, by reservation, in the rows that were last written between these moments. Consistent."""
        ...

    def close(self, session_id: str, row: str, now: datetime) -> Mapping[str, Occupancy]:
        """For good: no seat of the row is held or sold after it. Gives what stands there; once closed, that is final
        but for holds, which still lapse or are given back. The second time it changes nothing."""
        ...


class SeatCache(Protocol):
    """What is known of the seats beside the rows, to be put right after the fact."""

    def forget_seats(self, session_id: str, reservation_id: str, seats: Sequence[str]) -> None:
        """The reservation no longer has the seats; who has them by now is not forgotten. Raises StoreUnavailable."""
        ...

    def invalidate_map(self, session_id: str) -> None:
        """A map of the screening's seats that was read before is out of date. Raises StoreUnavailable."""
        ...

    def remember_reservation_id(self, reservation_id: str) -> None:
        """A reservation has been made under this id, which came from an idempotency key. Raises StoreUnavailable."""
        ...


class Reservations(Protocol):
    def add(self, reservation: Reservation) -> Reservation:
        """Remembers the reservation unless its id is known. Gives what is stored: this one, or the earlier one.

        Raises HoldHasEnded when this hold was barred.
        """
        ...

    def bar(self, hold: Hold) -> Reservation | None:
        """From now on neither this hold nor an earlier one under its id can be remembered. Gives what is stored under
        the id, which stays as it is; None when nothing was.
        """
        ...

    def restore(self, reservation: Reservation) -> Reservation:
        """Writes down a sale whose reservation is gone, in a stroke. Gives what is stored: this one, or the other."""
        ...

    def find(self, reservation_id: str) -> Reservation | None:
        """Consistent."""
        ...

    def confirm(self, reservation_id: str, sale: Sale) -> Reservation | None:
        """Writes down that the rows have sold its seats; the first sale stays. Whatever else stood there gives way: the
        row decides. Gives what is stored then; None when there is none."""
        ...

    def end(self, hold: Hold, state: State, now: datetime) -> Reservation | None:
        """Moves the pending reservation of this very hold to cancelled or expired. Gives what is stored then.

        Only once the rows have none of the hold's seats any more, so that none can be sold after it.
        """
        ...

    def mark_refunded(self, reservation_id: str, sale_id: str, refunded_at: datetime) -> None:
        """Writes down that what this sale cost was returned; nothing where the reservation has no such sale."""
        ...

    def purchases(self, user_id: str, limit: int, cursor: str | None) -> Page[Reservation]:
        """The user's confirmed reservations, newest first; consistent. Raises CursorInvalid."""
        ...


class LiveHolds(Protocol):
    """Which holds of a holder count against the limit in a screening: a user, as asked for from one network. Knows when
    they lapse, not how they ended."""

    def add(self, holder: str, hold: Hold, limit: int, now: datetime, instead_of: CountedHold | None = None) -> None:
        """Counts this very hold; once, however often it is asked. Raises LimitReached.

        There must be room: fewer than `limit` that have not lapsed, or the one that it is to be counted `instead_of`,
        still as it was read. Holds all last equally long, so the oldest of the last `limit` is the first to lapse.
        """
        ...


class RateLimiter(Protocol):
    def take(self, quotas: Mapping[str, Quota], now: datetime) -> Verdict:
        """One request, against the quota of each who asks by it, at least one: it takes from all of them or from none.

        Never raises: without its store it counts as well as it can.
        """
        ...


class Payments(Protocol):
    """The life of each payment. Every write gives what stands for the transaction after it."""

    def find(self, transaction_id: str) -> Payment | None:
        """Consistent."""
        ...

    def claim(self, payment: Payment, *, charged_only: bool) -> Payment | None:
        """For its reservation and amount, once and for ever. Gives what stands then: this claim, or what is in its way.

        With `charged_only` the gateway must have said that exactly this was charged for it; None when it has said
        nothing. Claiming again for the same reservation is harmless.
        """
        ...

    def record_charge(self, charge: Charge) -> Payment:
        """The gateway's word, once. It overrules what a client has claimed of it, once that has come to nothing.

        A sale stands, and a refund. A claim for another reservation, which may be selling its seats at this moment,
        stands until it has ended: so long nothing is recorded.
        """
        ...

    def register_sale(self, payment: Payment) -> Payment:
        """The payment has bought this sale, unless it has bought something else or went back."""
        ...

    def request_refund(self, payment: Payment) -> Payment:
        """To be returned, if it is for this reservation and has bought nothing, or nothing is known of it; what has
        bought a sale, only if it stands for this very sale.

        What is claimed, only where the request names the screening: who makes it has given back the hold before. Who
        knows nothing of it may have read the payment before it was claimed; meanwhile it may have bought its seats.
        """
        ...

    def mark_refunded(self, payment: Payment) -> Payment:
        """It was returned, if that was requested. Raises LookupError when nothing is known of it."""
        ...

    def count_unknown_at_gateway(self, payment: Payment, now: datetime) -> Payment:
        """The gateway was asked to return it, and knows of no such payment (yet). Raises LookupError."""
        ...

    def outstanding_refunds(self) -> Iterable[Payment]:
        """Those that are still to be returned, oldest first. Follows the writes by some milliseconds."""
        ...


class PaymentGateway(Protocol):
    """Where buyers' money is. One try for each call, some seconds at most."""

    def start(self, reservation: Reservation, idempotency_key: str) -> PaymentIntent:
        """A payment of the reservation's amount, which carries its id; the same one for the same key.

        Raises GatewayUnavailable.
        """
        ...

    def charge(self, transaction_id: str) -> Charge | None:
        """What was paid by this transaction; None when the gateway knows of no such payment, or it is not paid (yet).

        Raises GatewayUnavailable.
        """
        ...

    def charges_since(self, moment: datetime) -> Iterable[Charge]:
        """All payments that were charged at that moment or later, in no order. Raises GatewayUnavailable."""
        ...

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        """Returns the amount, or all that was charged, once for each key. Gives the gateway's id of the refund.

        Raises RefundRefused when that is declined, or when it is not known what happened; PaymentUnknown.
        """
        ...


class GatewayMessages(Protocol):
    """The payment gateway's signed messages to us."""

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Charge | None:
        """The payment that a message says was charged; None for a message about something else.

        `headers` by lower-case name, `body` as it came. Raises SignatureInvalid unless one of our secrets signed it
        within five minutes of `now`, UnreadableMessage when what was signed makes no sense.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for a queue: a hold, which waits until it lapses; a claimed payment, which waits for its hold; what the
    gateway said; an event for a consumer; a webhook's delivery."""

    queue: str
    content: Hold | PaymentDue | Charge | Event | Delivery


class Outbox(Protocol):
    def send(self, messages: Sequence[Outgoing], now: datetime) -> set[int]:
        """Delivers each at least once. Gives the positions of those that were not accepted: they must come again."""
        ...


class EventLog(Protocol):
    def append(self, event: Event) -> None:
        """Once: an event that is there already stays as it is."""
        ...

    def page(self, session_id: str, limit: int, cursor: str | None) -> Page[Event]:
        """A screening's events, oldest first; consistent. Raises CursorInvalid."""
        ...


@dataclass(frozen=True, slots=True)
class DependencyState:
    """`breaker` is the state of its circuit breaker, if it has one that is known, and `trips` how often it opened.

    Redis's are of the process that answers. SES's and the payment gateway's are what the functions that use them said
    last, and the trips of all of these.
    """

    name: str
    required: bool
    up: bool
    latency_ms: float
    reason: str = ""
    breaker: str = ""
    trips: int = 0


class Probe(Protocol):
    def __call__(self) -> DependencyState:
        """Asks one dependency for a sign of life. Never raises."""
        ...


class Analytics(Protocol):
    def add(self, event_id: str, session_id: str, bucket: datetime, tally: Tally) -> bool:
        """Adds to what was counted in these five minutes, once for each event id; False when it was added before.

        Raises StoreUnavailable: send the event again, it will have counted once.
        """
        ...

    def by_bucket(self, session_id: str) -> Mapping[datetime, Tally]:
        """What was counted, by the beginning of its five minutes; consistent, in no order. Raises StoreUnavailable."""
        ...


class Viewers(Protocol):
    """Who looks at which screening, by the id of their connection. A viewer looks at one at a time."""

    def add(self, viewer_id: str, session_id: str) -> None: ...

    def remove(self, viewer_id: str) -> None: ...

    def viewers_of(self, session_id: str) -> Sequence[str]:
        """Consistent: a viewer who was added before a change is among those who are shown it."""
        ...


class LiveConnections(Protocol):
    def show(self, viewer_ids: Sequence[str], message: str) -> set[str]:
        """Sends the message to each, once. Gives those whose connection is gone; others may miss it."""
        ...


class EmailRenderer(Protocol):
    def render(self, email: Email) -> Message:
        """Puts the letter into words, in its reader's language; English where we don't speak it."""
        ...


class EmailSender(Protocol):
    def send(self, message: Message) -> None:
        """Raises MailRefused, which trying again can't help, and MailUnavailable."""
        ...


class ProcessedEvents(Protocol):
    """One consumer's book of the events that it has dealt with, for effects that no transaction can hold."""

    def contains(self, event_id: str) -> bool:
        """Consistent. Raises StoreUnavailable."""
        ...

    def add(self, event_id: str) -> None:
        """Entering twice is entering once. Raises StoreUnavailable."""


class Webhooks(Protocol):
    """Few: they are listed whole. Each method raises StoreUnavailable."""

    def add(self, webhook: Webhook) -> None: ...

    def find(self, webhook_id: str) -> Webhook | None:
        """Consistent."""
        ...

    def all(self) -> Sequence[Webhook]:
        """Consistent, the oldest first."""
        ...

    def subscribers(self) -> Sequence[Subscriber]:
        """Of all of them, consistent, without reading what they are called with."""
        ...

    def change_secrets(self, webhook_id: str, secrets: Sequence[Secret]) -> bool:
        """False when there is no such webhook."""
        ...

    def disable(self, webhook_id: str, reason: str | None) -> bool:
        """None enables it again. False when there is no such webhook."""
        ...

    def remove(self, webhook_id: str) -> bool:
        """False when there was no such webhook."""
        ...


class Notifications(Protocol):
    """The events of each screening, numbered from 1 without a gap. Each method raises StoreUnavailable."""

    def assign_number(self, event: Event) -> Notification:
        """Gives the event the next number of its screening, unless it has one."""
        ...

    def find(self, session_id: str, sequence: int) -> Notification | None:
        """Consistent."""
        ...

    def list_after(self, session_id: str, sequence: int, limit: int) -> Sequence[Notification]:
        """Those with a higher number, in order, so many at most; consistent."""
        ...


class WebhookSender(Protocol):
    def deliver(self, webhook: Webhook, notification: Notification, now: datetime) -> int:
        """Posts it, signed with every secret that is valid now; gives the status of the answer.

        Raises NoAnswerInTime, and DeliveryFailed when nobody is reached or the URL leads where no webhook may lead.
        """
        ...


class Invoices(Protocol):
    def assign_number(self, bill: Bill) -> Invoice:
        """The invoice of this sale: the one that it has, else a new one with the next number of its series.

        Numbers of a series are 1, 2, 3, … without gaps or repeats. Raises StoreUnavailable: ask again.
        """
        ...

    def mark_filed(self, invoice: Invoice) -> None:
        """Its PDF can be fetched from now on. Raises StoreUnavailable."""
        ...

    def find(self, reservation_id: str) -> Invoice | None:
        """Consistent. Raises StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class InvoiceLink:
    """An address that anybody may fetch the PDF from until `expires_at`."""

    number: str
    url: str
    expires_at: datetime


class InvoiceFiles(Protocol):
    def put(self, invoice: Invoice, pdf: bytes) -> None:
        """A PDF that is there already stays as it is. Raises StoreUnavailable."""
        ...

    def link(self, invoice: Invoice, now: datetime) -> InvoiceLink: ...


class Refusals(Protocol):
    """Counts what was refused, for operators; where it can't be counted, it is not."""

    def add(self, code: str) -> None:
        """One more answer with this code of the contract, at this moment. Never raises, hardly ever waits."""
        ...

    def counted(self, buckets: Sequence[datetime]) -> RefusalCounts | None:
        """What was counted in each of these five minutes; None where nothing counts, or it can't be read now."""
        ...


class QueueBoard(Protocol):
    """The stage's queues, as its operators see them. Everything raises StoreUnavailable or QueueOutOfReach."""

    def states(self) -> Sequence[QueueState]: ...

    def dead_letters(self, name: str, most: int) -> Sequence[DeadLetter]:
        """Some dead letters of that queue, which stay where they are. Raises QueueNotFound."""
        ...

    def redrive(self, name: str, most: int) -> Redriven:
        """Gives dead letters back to that queue, at most as many as there are now. Raises QueueNotFound."""
        ...
