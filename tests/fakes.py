"""The ports in memory. They pass the contract tests that DynamoDB and SQS pass, so that a use case may trust them."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar, cast

from chalicelib.domain.analytics import NOTHING, Tally, bucket_of
from chalicelib.domain.board import DeadLetter, QueueState, Redriven, RefusalCounts
from chalicelib.domain.email import Email, EmailRefused, Message
from chalicelib.domain.events import Event, RowClosed, RowEvent, SeatsHeld, SeatsReleased, SeatsSold
from chalicelib.domain.invoices import Bill, Invoice
from chalicelib.domain.payments import (
    Charge,
    GatewayUnavailable,
    Payment,
    PaymentDue,
    PaymentIntent,
    PaymentStatus,
    PaymentUnknown,
    RefundRefused,
)
from chalicelib.domain.ports import InvoiceLink, Outgoing, Page
from chalicelib.domain.refusals import CursorInvalid, QueueNotFound, SessionNotFound
from chalicelib.domain.reservations import (
    CountedHold,
    Held,
    Hold,
    HoldHasEnded,
    LimitReached,
    Occupancy,
    Release,
    Reservation,
    RowsClosed,
    Sale,
    SeatsTaken,
    Sold,
    State,
    in_force,
)
from chalicelib.domain.sessions import Session, by_row, row_of
from chalicelib.domain.times import to_iso
from chalicelib.domain.webhooks import Delivery, Notification, Secret, Subscriber, Webhook
from chalicelib.infrastructure.dynamodb.cursors import from_cursor, to_cursor

T = TypeVar("T")


@dataclass
class MovableClock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class Ticks:
    """Seconds that pass when a test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class ReadableIds:
    """Ids that say what they are derived from."""

    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def session(self, key: str | None) -> str:
        return f"session-{key or next(self.numbers)}"

    def reservation(self, user_id: str, key: str | None) -> str:
        return f"res-{user_id}-{key or next(self.numbers)}"

    def fingerprint(self, *parts: str) -> str:
        return f"fingerprint-{zlib.crc32('|'.join(parts).encode()):08x}"

    def may_be_reservation(self, text: str) -> bool:
        return text.startswith("res-")

    def sale(self, reservation_id: str, transaction_id: str) -> str:
        return f"sale-{reservation_id}-{transaction_id}"


@dataclass
class FakeSessions:
    known: dict[str, Session] = field(default_factory=dict)

    def add(self, session: Session) -> Session:
        return self.known.setdefault(session.id, session)

    def get(self, session_id: str) -> Session:
        if session_id not in self.known:
            raise SessionNotFound(session_id)
        return self.known[session_id]

    def page(self, starting_from: datetime | None, limit: int, cursor: str | None) -> Page[Session]:
        least = to_iso(starting_from) if starting_from else ""
        by_start = {(to_iso(session.starts_at), session.id): session for session in self.known.values()}
        after = from_cursor(cursor, 2) if cursor else None
        if after and after[0] < least:
            raise CursorInvalid
        wanted = sorted(key for key in by_start if key[0] >= least and (after is None or key > tuple(after)))
        return _page(wanted, by_start, limit)

    def cancel(self, session_id: str, now: datetime) -> Session:
        session = self.get(session_id)
        self.known[session_id] = replace(session, cancelled_at=session.cancelled_at or now)
        return self.known[session_id]


@dataclass
class FakeRows:
    """`events` is what each row told, in order."""

    taken: dict[str, dict[str, Occupancy]] = field(default_factory=lambda: defaultdict(dict))
    events: dict[tuple[str, str], list[RowEvent]] = field(default_factory=lambda: defaultdict(list))
    closed: set[tuple[str, str]] = field(default_factory=set)
    given_back: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """When the hold of a seat would have lapsed that was the last one to be given back."""

    def hold(self, hold: Hold, now: datetime) -> None:
        def may_be_held(seat: str, entry: Occupancy | None) -> bool:
            if entry is None:
                return not self._was_later(hold, seat)
            return isinstance(entry, Held) and _lapsed(entry, now)

        self._refuse_unless(hold, now, may_be_held)
        self._put(hold, _held(hold))
        self._tell(hold, lambda part: SeatsHeld(part, now))

    def sell(self, hold: Hold, sale: Sale, now: datetime) -> None:
        self._refuse_unless(hold, now, lambda _, entry: entry == _held(hold) and hold.expires_at > now)
        self._put(hold, Sold(hold.reservation_id, sale.id))
        self._tell(hold, lambda part: SeatsSold(part.session_id, part.reservation_id, part.seats, sale, now))

    def release(self, hold: Hold, now: datetime) -> Release:
        seats = self.taken[hold.session_id]
        freed = tuple(seat for seat in hold.seats if seats.get(seat) == _held(hold))
        for seat in freed:
            del seats[seat]
            self.given_back[hold.session_id, seat] = hold.expires_at
        part = replace(hold, seats=freed)
        self._tell(part, lambda part: SeatsReleased(part.session_id, part.reservation_id, part.seats, now))
        return Release(freed, SeatsTaken(self._standing(hold)).sale_of(hold.reservation_id))

    def occupancy(self, session: Session) -> Mapping[str, Occupancy]:
        if any((session.id, row) in self.closed for row in session.rows):
            raise RowsClosed(self.taken[session.id])
        return dict(self.taken[session.id])

    def sales_between(self, session: Session, since: datetime, until: datetime) -> Mapping[str, str]:
        return {
            entry.reservation_id: entry.sale_id
            for seat, entry in self.taken[session.id].items()
            if isinstance(entry, Sold) and since <= _moment(self.events[session.id, row_of(seat)][-1]) <= until
        }

    def close(self, session_id: str, row: str, now: datetime) -> Mapping[str, Occupancy]:
        standing = {seat: entry for seat, entry in self.taken[session_id].items() if row_of(seat) == row}
        if (session_id, row) not in self.closed:
            self.closed.add((session_id, row))
            sold = sorted({entry.reservation_id for entry in standing.values() if isinstance(entry, Sold)})
            self.events[session_id, row].append(RowClosed(session_id, row, tuple(sold), now))
        return standing

    def _refuse_unless(self, hold: Hold, now: datetime, allowed: Callable[[str, Occupancy | None], bool]) -> None:
        """What stands in the way is told of the rows that refuse, not of those that would have agreed."""
        seats, refused, closed = self.taken[hold.session_id], list[str](), False
        for row, members in by_row(hold.seats).items():
            is_closed = (hold.session_id, row) in self.closed
            if is_closed or not all(allowed(seat, seats.get(seat)) for seat in members):
                refused += members
                closed = closed or is_closed
        if refused:
            standing = {seat: seats[seat] for seat in refused if seat in seats}
            raise (RowsClosed if closed else SeatsTaken)(in_force(standing, now))

    def _was_later(self, hold: Hold, seat: str) -> bool:
        """A seat's holds expire one later than the other: this one, or a later one, was given back before."""
        last = self.given_back.get((hold.session_id, seat))
        return last is not None and hold.expires_at <= last

    def _standing(self, hold: Hold) -> dict[str, Occupancy]:
        seats = self.taken[hold.session_id]
        return {seat: seats[seat] for seat in hold.seats if seat in seats}

    def _put(self, hold: Hold, entry: Occupancy) -> None:
        self.taken[hold.session_id] |= dict.fromkeys(hold.seats, entry)

    def _tell(self, hold: Hold, event: Callable[[Hold], RowEvent]) -> None:
        for row, seats in by_row(hold.seats).items():
            self.events[hold.session_id, row].append(event(replace(hold, seats=seats)))


def _moment(event: RowEvent) -> datetime:
    return event.occurred_at


@dataclass
class FakeReservations:
    stored: dict[str, Reservation] = field(default_factory=dict)
    barred: dict[str, datetime] = field(default_factory=dict)
    """Up to which expiry no hold under the id may be remembered."""

    def add(self, reservation: Reservation) -> Reservation:
        barred = self.barred.get(reservation.id)
        if reservation.id not in self.stored and barred and reservation.expires_at <= barred:
            raise HoldHasEnded(reservation.id)
        return self.restore(reservation)

    def bar(self, hold: Hold) -> Reservation | None:
        if hold.reservation_id not in self.stored:
            self.barred[hold.reservation_id] = max(
                self.barred.get(hold.reservation_id, hold.expires_at), hold.expires_at
            )
        return self.find(hold.reservation_id)

    def restore(self, reservation: Reservation) -> Reservation:
        self.barred.pop(reservation.id, None)
        return self.stored.setdefault(reservation.id, reservation)

    def find(self, reservation_id: str) -> Reservation | None:
        return self.stored.get(reservation_id)

    def confirm(self, reservation_id: str, sale: Sale) -> Reservation | None:
        stored = self.find(reservation_id)
        if stored and stored.sale is None:
            self.stored[reservation_id] = replace(stored.confirmed(sale), ended_at=None)
        return self.find(reservation_id)

    def end(self, hold: Hold, state: State, now: datetime) -> Reservation | None:
        stored = self.find(hold.reservation_id)
        if stored and stored.state is State.PENDING and stored.expires_at == hold.expires_at:
            self.stored[stored.id] = replace(stored, state=state, ended_at=now)
        return self.find(hold.reservation_id)

    def mark_refunded(self, reservation_id: str, sale_id: str, refunded_at: datetime) -> None:
        stored = self.find(reservation_id)
        if stored and stored.sale and stored.sale.id == sale_id:
            self.stored[reservation_id] = replace(stored, refunded_at=refunded_at)

    def purchases(self, user_id: str, limit: int, cursor: str | None) -> Page[Reservation]:
        bought = {
            (to_iso(stored.sale.paid_at), stored.id): stored
            for stored in self.stored.values()
            if stored.user_id == user_id and stored.sale
        }
        after = from_cursor(cursor, 2) if cursor else None
        wanted = sorted((key for key in bought if after is None or key < tuple(after)), reverse=True)
        return _page(wanted, bought, limit)


@dataclass
class FakeLiveHolds:
    """`counted` is what counts for each holder and screening, newest first."""

    counted: dict[tuple[str, str], list[Hold]] = field(default_factory=lambda: defaultdict(list))

    def add(self, holder: str, hold: Hold, limit: int, now: datetime, instead_of: CountedHold | None = None) -> None:
        holds = self.counted[holder, hold.session_id]
        place = instead_of.age if instead_of else limit - 1
        standing = holds[place] if place < len(holds) else None
        if any(counted == _counted(hold, counted.age) for counted in self._counted(holds)):
            return
        if instead_of:
            room = standing is not None and _counted(standing, place) == instead_of
        else:
            room = standing is None or standing.expires_at <= now
        if not room:
            raise LimitReached(self._counted(holds))
        del holds[place : place + 1]
        holds.insert(0, hold)

    def _counted(self, holds: Sequence[Hold]) -> list[CountedHold]:
        return [_counted(hold, age) for age, hold in enumerate(holds)]


@dataclass
class FakePayments:
    known: dict[str, Payment] = field(default_factory=dict)

    def find(self, transaction_id: str) -> Payment | None:
        return self.known.get(transaction_id)

    def claim(self, payment: Payment, *, charged_only: bool) -> Payment | None:
        found = self.find(payment.transaction_id)
        if found is None:
            return None if charged_only else self._write(payment)
        if found.reservation_id != payment.reservation_id:
            return found
        is_charged_for_it = found.status is PaymentStatus.ASSERTED and (
            found.charged_cents,
            found.charged_currency,
        ) == (
            payment.amount_cents,
            payment.currency,
        )
        is_claimed_for_it = found.status is PaymentStatus.CLAIMED and (found.is_charged or not charged_only)
        return self._write(with_charge(payment, found)) if is_charged_for_it or is_claimed_for_it else found

    def record_charge(self, charge: Charge) -> Payment:
        said: dict[str, Any] = {
            "charged_cents": charge.amount_cents,
            "charged_currency": charge.currency,
            "charged_at": charge.charged_at,
        }
        new = Payment(
            charge.transaction_id, charge.reservation_id, PaymentStatus.ASSERTED, currency=charge.currency, **said
        )
        found = self.find(charge.transaction_id)
        if found is None:
            return self._write(new)
        if found.is_charged:
            return found
        is_right = charge.reservation_id in ("", found.reservation_id)
        if found.status is PaymentStatus.CLAIMED and not is_right:
            return found
        is_disproved = not is_right and _to_be_returned_for_nothing(found)
        return self._write(new if is_disproved else replace(found, **said))

    def register_sale(self, payment: Payment) -> Payment:
        found = self.find(payment.transaction_id)
        if found is None:
            return self._write(payment)
        is_to_be_sold = found.status in (PaymentStatus.ASSERTED, PaymentStatus.CLAIMED) or _to_be_returned_for_nothing(
            found
        )
        if found.reservation_id != payment.reservation_id or not is_to_be_sold:
            return found
        claim = replace(payment, method=found.method, claimed_at=found.claimed_at, due_at=found.due_at)
        return self._write(with_charge(claim, found))

    def request_refund(self, payment: Payment) -> Payment:
        found = self.find(payment.transaction_id)
        if found is None:
            return self._write(payment)
        is_for_it = found.reservation_id == payment.reservation_id
        may_be_claimed = found.status is PaymentStatus.CLAIMED and bool(payment.session_id)
        allowed = is_for_it and (found.status is PaymentStatus.ASSERTED or may_be_claimed)
        if payment.sale_id:
            has_bought_this = found.status is PaymentStatus.SOLD and found.sale_id == payment.sale_id
            allowed = allowed or has_bought_this or (is_for_it and _to_be_returned_for_nothing(found))
        if not allowed:
            return found
        claim = replace(payment, method=found.method, claimed_at=found.claimed_at, due_at=found.due_at)
        asked = replace(claim, asked=found.asked, asked_at=found.asked_at)
        return self._write(with_charge(asked, found))

    def mark_refunded(self, payment: Payment) -> Payment:
        found = self._known(payment)
        if found.status is not PaymentStatus.REFUND_REQUESTED:
            return found
        settled = found.returned(payment.refund_id, payment.refunded_at or found.requested_at or datetime.now(UTC))
        return self._write(replace(settled, asked=0, asked_at=None))

    def count_unknown_at_gateway(self, payment: Payment, now: datetime) -> Payment:
        found = self._known(payment)
        if found.status is not PaymentStatus.REFUND_REQUESTED:
            return found
        return self._write(replace(found, asked=payment.asked + 1, asked_at=now))

    def outstanding_refunds(self) -> list[Payment]:
        waiting = [each for each in self.known.values() if each.status is PaymentStatus.REFUND_REQUESTED]
        return sorted(waiting, key=lambda each: str(each.requested_at))

    def _known(self, payment: Payment) -> Payment:
        found = self.find(payment.transaction_id)
        if found is None:
            raise LookupError(payment.transaction_id)
        return found

    def _write(self, payment: Payment) -> Payment:
        self.known[payment.transaction_id] = payment
        return payment


def _to_be_returned_for_nothing(payment: Payment) -> bool:
    return payment.status is PaymentStatus.REFUND_REQUESTED and not payment.sale_id


def with_charge(payment: Payment, found: Payment) -> Payment:
    return replace(
        payment,
        charged_cents=found.charged_cents,
        charged_currency=found.charged_currency,
        charged_at=found.charged_at,
    )


@dataclass
class FakeGateway:
    """`returned` is what each key has brought back. It declines `declined` and knows nothing of `unknown` payments.

    `charged` is what was paid, by transaction. While it is empty, it returns whatever it is asked to.
    """

    returned: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    declined: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    charged: dict[str, Charge] = field(default_factory=dict)
    started: dict[str, PaymentIntent] = field(default_factory=dict)
    """By idempotency key."""
    is_silent: bool = False

    def start(self, reservation: Reservation, idempotency_key: str) -> PaymentIntent:
        self._listen()
        return self.started.setdefault(idempotency_key, PaymentIntent("fake", f"tx-{idempotency_key}"))

    def charge(self, transaction_id: str) -> Charge | None:
        self._listen()
        return self.charged.get(transaction_id)

    def charges_since(self, moment: datetime) -> Sequence[Charge]:
        self._listen()
        return [charge for charge in self.charged.values() if charge.charged_at >= moment]

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        if self.is_silent:
            raise RefundRefused("no answer")
        if transaction_id in self.declined:
            raise RefundRefused("declined")
        if transaction_id in self.unknown or (self.charged and transaction_id not in self.charged):
            raise PaymentUnknown("unknown")
        if idempotency_key not in self.returned:
            self.returned[idempotency_key] = transaction_id, amount_cents
            self._take_back(transaction_id, amount_cents)
        return f"re-{idempotency_key}"

    def pay(self, charge: Charge) -> None:
        """A buyer has paid."""
        self.charged[charge.transaction_id] = charge

    def _listen(self) -> None:
        if self.is_silent:
            raise GatewayUnavailable("no answer")

    def _take_back(self, transaction_id: str, amount_cents: int | None) -> None:
        charge = self.charged.get(transaction_id)
        if charge:
            left = charge.amount_cents - charge.refunded_cents
            returned = left if amount_cents is None else amount_cents
            self.charged[transaction_id] = replace(charge, refunded_cents=charge.refunded_cents + returned)


@dataclass
class FakeOutbox:
    """`sent` is each message with the moment from which it may be delivered. What goes to `deaf` queues is refused."""

    sent: list[tuple[Outgoing, datetime]] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)

    def send(self, messages: Sequence[Outgoing], now: datetime) -> set[int]:
        refused = {position for position, message in enumerate(messages) if message.queue in self.deaf}
        accepted = [message for position, message in enumerate(messages) if position not in refused]
        self.sent += [(message, _due(message, now)) for message in accepted]
        return refused

    def due(self, queue: str, now: datetime) -> list[Hold | PaymentDue | Charge | Event | Delivery]:
        return [message.content for message, moment in self.sent if message.queue == queue and moment <= now]


@dataclass
class FakeEventLog:
    known: dict[tuple[str, datetime, str], Event] = field(default_factory=dict)

    def append(self, event: Event) -> None:
        self.known.setdefault((event.session_id, event.occurred_at, event.id), event)

    def page(self, session_id: str, limit: int, cursor: str | None) -> Page[Event]:
        after = from_cursor(cursor, 1)[0] if cursor else ""
        positions = {f"{to_iso(key[1])}#{key[2]}": event for key, event in self.known.items() if key[0] == session_id}
        wanted = sorted(position for position in positions if position > after)
        shown = wanted[:limit]
        more = to_cursor((shown[-1],)) if len(wanted) > limit else None
        return Page([positions[position] for position in shown], more)


@dataclass
class FakeAnalytics:
    """`added` is what each event added, where and when."""

    added: dict[str, tuple[str, datetime, Tally]] = field(default_factory=dict)

    def add(self, event_id: str, session_id: str, bucket: datetime, tally: Tally) -> bool:
        entry = session_id, bucket, tally
        return self.added.setdefault(event_id, entry) is entry

    def by_bucket(self, session_id: str) -> Mapping[datetime, Tally]:
        buckets: dict[datetime, Tally] = defaultdict(lambda: NOTHING)
        for counted_of, bucket, tally in self.added.values():
            if counted_of == session_id:
                buckets[bucket] += tally
        return dict(buckets)


class FakeEmailRenderer:
    """Says no more than the kind of the email and whose reservation it is about."""

    def render(self, email: Email) -> Message:
        contact, event = email.contact, email.event
        return Message(contact.email, contact.language, email.kind, email.reservation.id, "", event.id)


@dataclass
class FakeEmailSender:
    """`sent` is what left. `sender` must be one of the verified ones."""

    sender: str = "tickets@example.com"
    verified: frozenset[str] = frozenset({"tickets@example.com"})
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.sender not in self.verified:
            raise EmailRefused("the sender is not verified")
        self.sent.append(message)


@dataclass
class FakeProcessedEvents:
    entered: set[str] = field(default_factory=set)

    def contains(self, event_id: str) -> bool:
        return event_id in self.entered

    def add(self, event_id: str) -> None:
        self.entered.add(event_id)


@dataclass
class FakeInvoices:
    known: dict[str, Invoice] = field(default_factory=dict)

    def assign_number(self, bill: Bill) -> Invoice:
        place = 1 + sum(invoice.bill.series == bill.series for invoice in self.known.values())
        return self.known.setdefault(bill.reservation_id, Invoice(bill, place))

    def mark_filed(self, invoice: Invoice) -> None:
        self.known[invoice.bill.reservation_id] = invoice.in_file()

    def find(self, reservation_id: str) -> Invoice | None:
        return self.known.get(reservation_id)


@dataclass
class FakeInvoiceFiles:
    """`puts` is every PDF that came, by number."""

    puts: list[tuple[str, bytes]] = field(default_factory=list)

    def put(self, invoice: Invoice, pdf: bytes) -> None:
        self.puts.append((invoice.number, pdf))

    def link(self, invoice: Invoice, now: datetime) -> InvoiceLink:
        return InvoiceLink(invoice.number, f"https://files/{invoice.number}", now + timedelta(minutes=5))


@dataclass
class FakeWebhooks:
    known: dict[str, Webhook] = field(default_factory=dict)

    def add(self, webhook: Webhook) -> None:
        self.known[webhook.id] = webhook

    def find(self, webhook_id: str) -> Webhook | None:
        return self.known.get(webhook_id)

    def all(self) -> Sequence[Webhook]:
        return sorted(self.known.values(), key=lambda webhook: (webhook.created_at, webhook.id))

    def subscribers(self) -> Sequence[Subscriber]:
        return [webhook.subscriber for webhook in self.known.values()]

    def change_secrets(self, webhook_id: str, secrets: Sequence[Secret]) -> bool:
        return self._changed(webhook_id, secrets=tuple(secrets))

    def disable(self, webhook_id: str, reason: str | None) -> bool:
        return self._changed(webhook_id, disabled=reason)

    def remove(self, webhook_id: str) -> bool:
        return self.known.pop(webhook_id, None) is not None

    def _changed(self, webhook_id: str, **changes: Any) -> bool:
        if webhook_id not in self.known:
            return False
        self.known[webhook_id] = replace(self.known[webhook_id], **changes)
        return True


@dataclass
class FakeNotifications:
    told: dict[str, list[Notification]] = field(default_factory=lambda: defaultdict(list))

    def assign_number(self, event: Event) -> Notification:
        before = self.told[event.session_id]
        known = [notification for notification in before if notification.event.id == event.id]
        if not known:
            latest = {str(notification.event.type): notification.sequence for notification in before}
            known = [Notification(event, len(before) + 1, latest)]
            before += known
        return known[0]

    def find(self, session_id: str, sequence: int) -> Notification | None:
        return next((one for one in self.told[session_id] if one.sequence == sequence), None)

    def list_after(self, session_id: str, sequence: int, limit: int) -> Sequence[Notification]:
        return [one for one in self.told[session_id] if one.sequence > sequence][:limit]


@dataclass
class FakeWebhookSender:
    """Answers `answers` in turn, a status or a failure, and the last one for ever; `posted` is what it was given."""

    answers: list[int | Exception] = field(default_factory=lambda: [204])
    posted: list[tuple[str, int]] = field(default_factory=list)

    def deliver(self, webhook: Webhook, notification: Notification, now: datetime) -> int:
        self.posted.append((webhook.id, notification.sequence))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class FakeRefusals:
    """`there` is False where nothing counts."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    there: bool = True
    answered: list[tuple[datetime, str]] = field(default_factory=list)

    def add(self, code: str) -> None:
        if self.there:
            self.answered.append((bucket_of(self.clock()), code))

    def counted(self, buckets: Sequence[datetime]) -> RefusalCounts | None:
        if not self.there:
            return None
        by_bucket = {bucket: Counter(code for at, code in self.answered if at == bucket) for bucket in buckets}
        return {bucket: dict(counts) for bucket, counts in by_bucket.items() if counts}


@dataclass
class FakeQueueBoard:
    """`waiting` and `parked` are bodies, by queue. A queue of failures has no source."""

    consumers: tuple[str, ...] = ("email", "expiry")
    failures: tuple[str, ...] = ("stream-failures",)
    waiting: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    parked: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def park(self, name: str, *bodies: str) -> None:
        self.parked[name] += bodies

    def states(self) -> Sequence[QueueState]:
        return [
            QueueState(name, len(self.waiting[name]), 0, 0, len(self.parked[name]), name in self.consumers)
            for name in (*self.consumers, *self.failures)
        ]

    def dead_letters(self, name: str, most: int) -> Sequence[DeadLetter]:
        if name not in (*self.consumers, *self.failures):
            raise QueueNotFound(name)
        moment = datetime.now(UTC)
        return [DeadLetter(body, moment, None, None, 1, {}, body) for body in self.parked[name][:most]]

    def redrive(self, name: str, most: int) -> Redriven:
        if name not in self.consumers:
            raise QueueNotFound(name)
        letters = self.parked[name]
        moved, self.parked[name] = letters[:most], letters[most:]
        self.waiting[name] += moved
        return Redriven(len(moved), len(self.parked[name]))


class Crash(Exception):
    """The process died here."""


def crash() -> None:
    raise Crash


def _nothing() -> None:
    pass


def interposed(
    port: T, method: str, *, before: Callable[[], object] = _nothing, after: Callable[[], object] = _nothing
) -> T:
    """The port, with something happening right before or right after each call of one of its methods."""

    def among(found: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            before()
            answer = found(*arguments)
            after()
            return answer

        return call

    return cast(T, _With(port, method, among))


def sent_twice(port: T, method: str) -> T:
    """The port as behind a client library that lost the first answer to a write: the second one counts."""

    def twice(write: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: (write(*arguments), write(*arguments))[-1]

    return cast(T, _With(port, method, twice))


@dataclass
class _With:
    """A port of which one method is another."""

    port: Any
    method: str
    change: Callable[[Callable[..., Any]], Callable[..., Any]]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.port, name)
        return self.change(found) if name == self.method else found


def _due(message: Outgoing, now: datetime) -> datetime:
    return max(message.content.expires_at, now) if isinstance(message.content, Hold) else now


def _counted(hold: Hold, age: int) -> CountedHold:
    return CountedHold(hold.reservation_id, hold.expires_at, age)


def _held(hold: Hold) -> Held:
    return Held(hold.reservation_id, hold.expires_at, hold.fingerprint)


def _lapsed(entry: Held, now: datetime) -> bool:
    return entry.expires_at <= now


def _page(wanted: list[tuple[str, str]], found: Mapping[tuple[str, str], T], limit: int) -> Page[T]:
    shown = wanted[:limit]
    return Page([found[key] for key in shown], to_cursor(shown[-1]) if len(wanted) > limit else None)


@dataclass
class FakeViewers:
    watched: dict[str, str] = field(default_factory=dict)

    def add(self, viewer_id: str, session_id: str) -> None:
        self.watched[viewer_id] = session_id

    def remove(self, viewer_id: str) -> None:
        self.watched.pop(viewer_id, None)

    def viewers_of(self, session_id: str) -> Sequence[str]:
        return [viewer_id for viewer_id, watched in self.watched.items() if watched == session_id]


@dataclass
class FakeConnections:
    """`shown` is what each viewer was sent, in order; those in `gone` can't be reached any more."""

    gone: set[str] = field(default_factory=set)
    shown: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def show(self, viewer_ids: Sequence[str], message: str) -> set[str]:
        for viewer_id in set(viewer_ids) - self.gone:
            self.shown[viewer_id].append(message)
        return self.gone & set(viewer_ids)
