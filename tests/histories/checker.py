"""Looks for a legal order of what clients were told: for each seat, reservation and payment of a history.

A client knows of each operation when it was sent and when it was answered; what it did, it did in between. So a hold
that was answered is in force from its answer to its expiry, at least, and from its first request on, at most. The
first are what nobody else may have been given, the second are what a refusal may be blamed on.

    request ──────────── answer ─────────────────────── expiry
            ░░ perhaps ░░ ██████████ certainly █████████
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import permutations

from tests.histories.record import Operation

FOREVER = float("inf")
CLOCKS_SECONDS = 0.05
"""How much the moments of two processes of one machine may differ."""

SeatOf = tuple[str, str]
"""A session and a seat."""


@dataclass(frozen=True, slots=True)
class Limits:
    hold_seconds: float
    late_seconds: float
    """How long after its client has given it up a request may still take effect."""


@dataclass
class Request:
    """All operations of one Idempotency-Key: a hold that was asked for once or again."""

    operations: list[Operation] = field(default_factory=list)
    cancels: list[Operation] = field(default_factory=list)
    confirms: list[Operation] = field(default_factory=list)
    pays: list[Operation] = field(default_factory=list)
    """From then on the gateway's own message may sell it, whether or not the client confirms."""

    @property
    def answered(self) -> list[Operation]:
        return [one for one in self.operations if one.status == 201]

    @property
    def first(self) -> Operation:
        """The operation whose 201 came first."""
        return min(self.answered, key=lambda one: one.end)

    @property
    def reservation(self) -> str:
        return str(self.first.answer["reservationId"]) if self.answered else ""

    @property
    def start(self) -> float:
        return min(one.start for one in self.operations)

    @property
    def end(self) -> float:
        return max(one.end for one in self.operations)

    @property
    def expiry(self) -> float:
        return _seconds(self.first.answer["expiresAt"])

    @property
    def sales(self) -> list[Operation]:
        return [one for one in self.confirms if one.status == 200]

    @property
    def seats(self) -> list[SeatOf]:
        asked = self.operations[0].request
        return [(asked["session"], seat) for seat in asked["seats"]]

    def certainly(self) -> tuple[float, float]:
        """Gives from when to when its seats are its own, whatever was on its way. Only for an answered hold."""
        if self.sales:
            return self.first.end, FOREVER
        ends = [one.start for one in self.cancels]
        return self.first.end, min([self.expiry - CLOCKS_SECONDS, *ends])

    def perhaps(self, limits: Limits) -> tuple[float, float]:
        """Gives from when to when its seats may be refused to others."""
        unknown = any(one.is_unknown or one.repeated for one in self.operations)
        last = self.end + limits.hold_seconds + (limits.late_seconds if unknown else 0.0)
        may_be_sold = bool(self.sales) or any(one.is_unknown for one in self.confirms) or bool(self.answered)
        return self.start, FOREVER if may_be_sold and not self._was_given_back() else last + CLOCKS_SECONDS

    def _was_given_back(self) -> bool:
        """Tells whether it certainly was never sold: its client never paid, or was told that it is cancelled."""
        return not (self.confirms or self.pays) or any(one.status in (200, 204) for one in self.cancels)


@dataclass(frozen=True)
class Reading:
    """A history, sorted by requests and reservations."""

    requests: list[Request]
    others: list[Operation]
    limits: Limits

    @classmethod
    def of(cls, operations: Iterable[Operation], limits: Limits) -> "Reading":
        requests: dict[str, Request] = defaultdict(Request)
        others = []
        for one in operations:
            if one.kind == "hold":
                requests[one.request["key"]].operations.append(one)
            else:
                others.append(one)
        known = {request.reservation: request for request in requests.values() if request.answered}
        for one in others:
            request = known.get(one.request.get("reservation", ""))
            if request and one.kind in ("cancel", "confirm", "pay"):
                {"cancel": request.cancels, "confirm": request.confirms, "pay": request.pays}[one.kind].append(one)
        return cls(list(requests.values()), others, limits)

    def of_kind(self, kind: str) -> list[Operation]:
        return [one for one in self.others if one.kind == kind]

    def by_seat(self) -> dict[SeatOf, list[Request]]:
        seats: dict[SeatOf, list[Request]] = defaultdict(list)
        for request in self.requests:
            for seat in request.seats:
                seats[seat].append(request)
        return seats


def check(operations: Sequence[Operation], limits: Limits) -> list[str]:
    """Gives what contradicts the contract; empty when there is a legal order."""
    reading = Reading.of(operations, limits)
    return [violation for look in CHECKS for violation in look(reading)]


# One seat.


def seats_have_one_owner(reading: Reading) -> Iterator[str]:
    """A seat is sold once; and nobody is given it while it certainly is another's."""
    for seat, requests in reading.by_seat().items():
        held = [one for one in requests if one.answered]
        owners = sorted({one.reservation for one in held if one.sales})
        if len(owners) > 1:
            yield f"two owners: {_name(seat)} is sold to {' and '.join(owners)}"
        for one, other in permutations(held, 2):
            since, until = one.certainly()
            if other.start >= since and other.first.end <= until and one.reservation != other.reservation:
                whose = "sold" if one.sales else "held"
                yield f"two owners: {_name(seat)} is {whose} by {one.reservation}, and given to {other.reservation}"


def refusals_have_a_reason(reading: Reading) -> Iterator[str]:
    """A seat is refused only while another request for it may be in force, or has been for less than a hold's time."""
    seats = reading.by_seat()
    for request in reading.requests:
        for one in request.operations:
            named = one.answer.get("conflictingSeats", ()) if one.error == "SEAT_ALREADY_RESERVED" else ()
            for seat in ((one.request["session"], number) for number in named):
                others = [other for other in seats[seat] if other is not request]
                if not any(_overlap(other.perhaps(reading.limits), (one.start, one.end)) for other in others):
                    yield f"refused for nobody: {_name(seat)} to {one.request['key']}"


# One reservation.


def resends_are_answered_alike(reading: Reading) -> Iterator[str]:
    """A key has one hold: one id, one expiry, the seats that were asked for."""
    for request in reading.requests:
        for one in request.answered:
            same = all(one.answer[name] == request.first.answer[name] for name in ("reservationId", "expiresAt"))
            if not same or sorted(one.answer["seats"]) != sorted(request.operations[0].request["seats"]):
                yield f"two answers: {one.request['key']} is {request.first.answer}, and {one.answer}"


def sales_follow_holds(reading: Reading) -> Iterator[str]:
    """What is sold was held by that reservation, in its time, and is one sale."""
    known = {request.reservation: request for request in reading.requests if request.answered}
    for one in reading.of_kind("confirm"):
        if one.status != 200:
            continue
        request = known.get(one.request["reservation"])
        if request is None or request.first.start > one.end:
            yield f"sale without hold: {one.request['reservation']}"
        elif sorted(one.answer["seats"]) != sorted(request.first.answer["seats"]):
            yield f"sale without hold: {one.request['reservation']} held {request.first.answer['seats']}: {one.answer}"
        elif _seconds(one.answer["paidAt"]) > request.expiry:
            yield f"sold after its time: {one.request['reservation']}, which lapsed at {request.first.answer}"
    for request in known.values():
        if len({one.answer["saleId"] for one in request.sales}) > 1:
            yield f"two sales: {request.reservation} is {[one.answer['saleId'] for one in request.sales]}"


def released_seats_stay_released(reading: Reading) -> Iterator[str]:
    """Who was told that his hold is cancelled is sold nothing by it, whenever he asks."""
    for request in reading.requests:
        done = [one for one in request.cancels if one.status in (200, 204)]
        if request.answered and request.sales and done:
            yield f"sold after its release: {request.reservation}, to its old owner"


def promises_are_kept(reading: Reading) -> Iterator[str]:
    """A 201's hold can be paid for until its time, if nobody cancels it: the client's own charge is not refused."""
    own = {one.answer["paymentId"]: one.request["reservation"] for one in reading.of_kind("pay") if one.status == 201}
    for request in (one for one in reading.requests if one.answered):
        earliest = min([request.expiry - CLOCKS_SECONDS, *(one.start for one in request.cancels)])
        strangers = [one for one in request.confirms if own.get(one.request["transaction"]) != request.reservation]
        for one in request.confirms:
            if one in strangers or one.end > earliest or any(other.start < one.end for other in strangers):
                continue
            if one.status in (404, 409, 410):
                yield f"lost 201: {request.reservation} can't be paid for in its time: {one.answer}"


def sales_stay_sold(reading: Reading) -> Iterator[str]:
    """A sale that was answered is in each later answer about its reservation and its buyer's purchases."""
    sold = [one for one in reading.of_kind("confirm") if one.status == 200]
    by_user: dict[str, list[Operation]] = defaultdict(list)
    for sale in sold:
        by_user[sale.request["user"]].append(sale)
    for one in reading.of_kind("purchases"):
        shown = {purchase["saleId"] for purchase in one.answer.get("purchases", ())}
        for sale in by_user[one.request["user"]]:
            if one.status == 200 and sale.end < one.start and sale.answer["saleId"] not in shown:
                yield f"lost sale: {sale.answer['saleId']} is not among the purchases of {one.request['user']}"
    ends = {sale.request["reservation"]: sale.end for sale in sold}
    for one in reading.of_kind("reservation"):
        before = ends.get(one.request["reservation"], FOREVER) < one.start
        if before and one.status in (200, 404) and one.answer.get("status") != "confirmed":
            yield f"lost sale: {one.request['reservation']} is answered as {one.answer}"


# One payment.


def payments_buy_once(reading: Reading) -> Iterator[str]:
    """A transaction buys one sale."""
    bought: dict[str, set[str]] = defaultdict(set)
    for one in reading.of_kind("confirm"):
        if one.status == 200:
            bought[one.request["transaction"]].add(one.answer["saleId"])
    for transaction, sales in bought.items():
        if len(sales) > 1:
            yield f"one payment, two sales: {transaction} buys {sorted(sales)}"


def nothing_fails(reading: Reading) -> Iterator[str]:
    """No answer is a bug's: a service that does not answer is 503."""
    for request in reading.requests:
        yield from (f"a bug: {one.answer}" for one in request.operations if one.error == "INTERNAL_ERROR")
    yield from (f"a bug: {one.kind} {one.answer}" for one in reading.others if one.error == "INTERNAL_ERROR")


CHECKS = (
    seats_have_one_owner,
    refusals_have_a_reason,
    resends_are_answered_alike,
    sales_follow_holds,
    released_seats_stay_released,
    promises_are_kept,
    sales_stay_sold,
    payments_buy_once,
    nothing_fails,
)


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _name(seat: SeatOf) -> str:
    return f"{seat[1]} of {seat[0]}"
