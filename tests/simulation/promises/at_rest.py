"""The promises at rest, checked at the end: each hold and payment has ended, and tables and consumers agree."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from chalicelib.domain.analytics import sum_tallies, tally_of
from chalicelib.domain.consumers import ANALYTICS, INVOICES, NOTIFICATION, TICKETS
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.payments import Charge, Payment, PaymentStatus, RefundReason
from chalicelib.domain.reservations import HeldSeat, Occupancy, Reservation, SoldSeat, State
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.dynamodb.events.analytics import tally_from_item
from chalicelib.infrastructure.dynamodb.reservations import REMEMBERED
from infra.ops.screening_log import Tables, find_differences, fold_events

from .at_all_times import Promises, broken


@dataclass(frozen=True)
class AtRest:
    promises: Promises
    screenings: list[Session]
    charged: dict[str, Charge]
    now: datetime
    consumers: Iterable[str]
    """The queues that this run listens to."""

    def check(self) -> None:
        """Checks all promises about the end of a run. Raises Broken."""
        promises = self.promises
        if promises.said_to_be_cancelled and not promises.twins_refused:
            broken(f"answered as cancelled, which nobody has done: {promises.said_to_be_cancelled}")
        self._check_every_hold_has_ended()
        self._check_all_money_is_settled()
        self._check_sales_stay()
        self._check_log_order()
        for queue in self.consumers:
            if told := PROJECTIONS.get(queue):
                told(self)

    @cached_property
    def reservations(self) -> dict[str, Reservation]:
        return self.promises.stored.reservations()

    @cached_property
    def payments(self) -> dict[str, Payment]:
        return {payment.transaction_id: payment for payment in self.promises.stored.payments()}

    @cached_property
    def events(self) -> list[Event]:
        return self.promises.stored.events()

    @property
    def sales(self) -> list[Reservation]:
        return [reservation for reservation in self.reservations.values() if reservation.sale]

    # Seats and reservations.

    def _check_every_hold_has_ended(self) -> None:
        for screening in self.screenings:
            for seat, entry in self.promises.stored.seats(screening.id).items():
                self._check_seat_is_free_or_bought(screening.id, seat, entry)
        for reservation in self.reservations.values():
            self._check_has_ended(reservation)

    def _check_seat_is_free_or_bought(self, session_id: str, seat: str, entry: Occupancy) -> None:
        if isinstance(entry, HeldSeat):
            if (entry.reservation_id, entry.expires_at) not in self.promises.unexpired:
                broken(f"{seat} is still held: {entry}")
            return
        reservation = self.reservations.get(entry.reservation_id)
        if reservation is None or reservation.sale is None or reservation.sale.id != entry.sale_id:
            broken(f"{seat} is sold as {entry}, and its reservation is {reservation}")
        payment = self.payments.get(reservation.sale.transaction_id)
        if payment is None or payment.sale_id != entry.sale_id:
            broken(f"{seat} is sold as {entry}, and its payment stands for {payment}")
        went_back = payment.status in (PaymentStatus.REFUND_REQUESTED, PaymentStatus.REFUNDED)
        is_closed = self.promises.stored.is_closed(session_id)
        is_for_cancelled = payment.reason is RefundReason.SCREENING_CANCELLED and is_closed
        if not (went_back and is_for_cancelled if is_closed else payment.status is PaymentStatus.SOLD):
            broken(f"{seat} is sold as {entry}, and its payment stands for {payment}")

    def _check_has_ended(self, reservation: Reservation) -> None:
        if reservation.state is State.PENDING:
            broken(f"still pending: {reservation}")
        seats = self.promises.stored.seats(reservation.session_id)
        sale = reservation.sale
        if sale and any(seats.get(seat) != SoldSeat(reservation.id, sale.id) for seat in reservation.seats):
            broken(f"{reservation} is confirmed, and its seats are {[seats.get(seat) for seat in reservation.seats]}")

    def _check_sales_stay(self) -> None:
        for reservation_id, sale_id in self.promises.confirmed.items():
            stored = self.reservations.get(reservation_id)
            if stored is None or stored.sale is None or stored.sale.id != sale_id:
                broken(f"{reservation_id} was answered as sold by {sale_id}, and is {stored}")

    # Money.

    def _check_all_money_is_settled(self) -> None:
        for payment in self.payments.values():
            self._check_is_settled(payment)
        for transaction_id, charge in self.charged.items():
            self._check_is_used_or_returned(transaction_id, charge.amount_cents, charge.refunded_cents)

    def _check_is_settled(self, payment: Payment) -> None:
        if payment.status in (PaymentStatus.ASSERTED, PaymentStatus.CLAIMED):
            broken(f"never settled: {payment}")
        if payment.status is PaymentStatus.REFUND_REQUESTED and payment.transaction_id in self.charged:
            broken(f"charged, and never returned: {payment}")

    def _check_is_used_or_returned(self, transaction_id: str, charged: int, refunded: int) -> None:
        payment = self.payments.get(transaction_id)
        if payment is None:
            broken(f"{transaction_id} was charged, and nothing is known of it")
        if refunded not in (0, charged):
            broken(f"{refunded} of {charged} went back: {payment}")
        if (payment.status is PaymentStatus.REFUNDED) != (refunded == charged):
            broken(f"{refunded} of {charged} went back, but it is {payment}")
        is_sold = transaction_id in self.promises.sales
        if (payment.status is PaymentStatus.SOLD) != is_sold and not self.promises.being_cancelled:
            broken(f"{payment}, and its sale is {self.promises.sales.get(transaction_id)}")

    # What was told.

    def _check_log_order(self) -> None:
        stories: dict[str, list[Event]] = defaultdict(list)
        for event in sorted(self.events, key=lambda event: (event.occurred_at, event.id)):
            stories[event.reservation_id].append(event)
        for reservation_id, told in stories.items():
            if reservation_id and reservation_id not in self.promises.forgotten:
                self._check_story(reservation_id, told)
        if not self.promises.forgotten:
            for screening in self.screenings:
                self._check_tables_agree(screening.id)

    def _check_tables_agree(self, session_id: str) -> None:
        events = [event for event in self.events if event.session_id == session_id]
        stored = {one.id: one for one in self.reservations.values() if one.session_id == session_id}
        seats, is_closed = self.promises.stored.seats(session_id), self.promises.stored.is_closed(session_id)
        tables = Tables(seats, stored, is_closed)
        for difference in find_differences(fold_events(events), tables, self.now, REMEMBERED):
            broken(f"the log and the tables differ: {difference}")

    def _check_story(self, reservation_id: str, events: list[Event]) -> None:
        reservation = self.reservations.get(reservation_id)
        told = [event.type for event in events]
        if reservation and told.count(EventType.PAYMENT_CONFIRMED) != (reservation.sale is not None):
            broken(f"{reservation_id} is {reservation.state}, and its events are {told}")
        if sum(kind in ENDS_OF_A_HOLD for kind in told) > 1:
            broken(f"{reservation_id} ends more than once: {told}")
        if reservation and next(kind for kind in told if kind is not SEAT_RELEASED) is not CREATED:
            broken(f"{reservation_id} does not begin with its creation: {told}")
        for place, event in enumerate(events):
            follows = FOLLOWS.get(event.type)
            if follows and not follows(event, events[:place]):
                broken(f"{event.id} comes before what it follows from: {told}")

    # Projections.

    def check_invoices_are_numbered(self) -> None:
        """Checks that invoice numbers run from 1 without a gap, and that each sale has one."""
        items = self.promises.stored.items("invoices")
        places = sorted(int(item["place"]["N"]) for key, item in items.items() if not key.endswith("#counter"))
        if places != list(range(1, len(places) + 1)):
            broken(f"invoices are numbered {places}")
        invoiced = {key for key in items if not key.endswith("#counter")}
        if invoiced != {sold.id for sold in self.sales}:
            broken(f"invoices of {sorted(invoiced)}, sales of {sorted(sold.id for sold in self.sales)}")

    def check_events_are_numbered(self) -> None:
        """Checks that the numbers of a screening's events for webhooks run from 1 without a gap."""
        numbers: dict[str, list[int]] = defaultdict(list)
        for key, item in self.promises.stored.items("notifications").items():
            session_id, _, position = key.partition("/")
            if position.startswith("number#"):
                numbers[session_id].append(int(item["number"]["N"]))
        for session_id, given in numbers.items():
            logged = sum(event.session_id == session_id for event in self.events)
            if sorted(given) != list(range(1, len(given) + 1)) or len(given) > logged:
                broken(f"of {logged} events these have numbers: {sorted(given)}")

    def check_events_are_counted(self) -> None:
        """Checks that each event of the log is counted once."""
        counted = sum_tallies(tally_from_item(item) for item in self.promises.stored.items("analytics").values())
        logged = sum_tallies(tally_of(event) for event in self.events if event.session_id)
        if counted != logged:
            broken(f"counted {counted}, but the log has {logged}")

    def check_tickets_are_issued(self) -> None:
        """Checks that each seat of a sale has one ticket in force, and a refunded sale has none."""
        items = self.promises.stored.items("tickets")
        for sold in self.sales:
            item = items.get(sold.id)
            if item is None:
                broken(f"{sold.id} has no tickets")
            codes = [code["S"] for code in item.get("codes", {"M": {}})["M"].values()]
            in_force = [code for code in codes if "voided_as" not in items[code]]
            if len(in_force) != (0 if self._is_void(sold) else len(sold.seats)):
                broken(f"{sold} has the tickets {in_force}, of {item}")
        named = {code["S"] for item in items.values() if "codes" in item for code in item["codes"]["M"].values()}
        if strangers := [key for key, item in items.items() if "seat" in item and key not in named]:
            broken(f"tickets of no sale: {strangers}")

    def _is_void(self, sold: Reservation) -> bool:
        payment = self.payments.get(sold.sale.transaction_id) if sold.sale else None
        return payment is not None and payment.is_refund_requested_or_made


PROJECTIONS: dict[str, Callable[[AtRest], None]] = {
    INVOICES: AtRest.check_invoices_are_numbered,
    NOTIFICATION: AtRest.check_events_are_numbered,
    ANALYTICS: AtRest.check_events_are_counted,
    TICKETS: AtRest.check_tickets_are_issued,
}

SEAT_RELEASED, CREATED = EventType.SEAT_RELEASED, EventType.RESERVATION_CREATED
"""Seats may be given back before: by a request that was refused under a known id."""

ENDS_OF_A_HOLD = (
    EventType.PAYMENT_CONFIRMED,
    EventType.RESERVATION_CANCELLED,
    EventType.RESERVATION_EXPIRED,
)


def _is_refund_requested_before(refund: Event, earlier: list[Event]) -> bool:
    requests = (event for event in earlier if event.type is EventType.REFUND_REQUESTED)
    return any(event.data["transactionId"] == refund.data["transactionId"] for event in requests)


def _is_sale_confirmed_before(request: Event, earlier: list[Event]) -> bool:
    sale_id = request.data.get("saleId")
    sales = (event.data["saleId"] for event in earlier if event.type is EventType.PAYMENT_CONFIRMED)
    return not sale_id or sale_id in sales


FOLLOWS: dict[EventType, Callable[[Event, list[Event]], bool]] = {
    EventType.REFUND_REQUESTED: _is_sale_confirmed_before,
    EventType.REFUND_COMPLETED: _is_refund_requested_before,
}
