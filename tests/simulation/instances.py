"""A process of the application: its own clock and memory, and the use cases on the real adapters."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.api.batches import Record
from chalicelib.application.confirm import ConfirmReservation
from chalicelib.application.consumers.analytics import CountEvent
from chalicelib.application.consumers.audit import RecordEvent
from chalicelib.application.consumers.cached_seats import RemoveStaleEntriesAndMarkUsedIdsInCache
from chalicelib.application.consumers.invoices import IssueInvoicesOfSalesNotFree
from chalicelib.application.consumers.tickets import IssueSoldOrVoidRefundedTickets
from chalicelib.application.consumers.webhooks import NumberEventsAndQueueDeliveries
from chalicelib.application.tickets import AdmitTicket
from chalicelib.domain import consumers
from chalicelib.domain.events import Event, Failures, OutgoingMessage
from chalicelib.domain.ports import HoldsCountedUntilExpiry, IdMaker, Reservations, Rows, Sessions
from chalicelib.domain.reservations import CountedHold, Hold, HoldLimitReachedOrReplacedHoldChanged
from chalicelib.domain.times import to_utc_in_whole_ms
from chalicelib.infrastructure.dynamodb.events.analytics import DynamoAnalytics
from chalicelib.infrastructure.dynamodb.events.event_log import DynamoEventLog
from chalicelib.infrastructure.dynamodb.events.invoices import DynamoInvoices
from chalicelib.infrastructure.dynamodb.events.notifications import DynamoNotifications
from chalicelib.infrastructure.dynamodb.events.processed_events import DynamoProcessedEvents
from chalicelib.infrastructure.dynamodb.events.tickets import DynamoTicketPublicKeys, DynamoTickets
from chalicelib.infrastructure.dynamodb.live_holds import DynamoHoldsCountedUntilExpiry
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.dynamodb.sessions import KEPT_PAGES, PROGRAMME_SECONDS, DynamoSessions
from chalicelib.infrastructure.redis.announced_sessions import SessionsAnnouncedBeforeAdding
from chalicelib.infrastructure.redis.rows_behind_cache import RowsBehindCache
from chalicelib.infrastructure.redis.seat_cache import SeatCache
from chalicelib.infrastructure.sqs import envelopes
from chalicelib.infrastructure.sqs.queues import QueueUrls, RedeliveryOfFailedMessages, SqsOutbox
from chalicelib.infrastructure.streams import records
from chalicelib.infrastructure.streams.failures import StreamRecordParking
from chalicelib.infrastructure.ttl_cache import TtlCache
from chalicelib.settings import Settings
from chalicelib.wiring.use_cases.relaying import RelayingUseCases
from chalicelib.wiring.use_cases.selling import SellingUseCases
from chalicelib.wiring.use_cases.settling import SettlingUseCases
from tests.fakes import FakeSigner

from .services import PREFIX, Services

T = TypeVar("T")

OPENS_BEFORE = timedelta(days=500)
"""Before a screening's start its tickets are admitted here: that is when all runs take place."""


@dataclass(frozen=True)
class Adapters:
    """The classes of the adapters. A planted fault replaces one of them: see planted.py."""

    rows: type[DynamoRows] = DynamoRows
    reservations: type[DynamoReservations] = DynamoReservations
    payments: type[DynamoPayments] = DynamoPayments
    holds_counted_until_expiry: type[DynamoHoldsCountedUntilExpiry] = DynamoHoldsCountedUntilExpiry
    tickets: type[DynamoTickets] = DynamoTickets
    invoices: type[DynamoInvoices] = DynamoInvoices
    cache: type[SeatCache] = SeatCache
    outbox: type[SqsOutbox] = SqsOutbox
    notifications: type[DynamoNotifications] = DynamoNotifications
    gateway: Callable[[Any], Any] = lambda gateway: gateway
    confirm: Callable[[ConfirmReservation], ConfirmReservation] = lambda confirm: confirm
    relay: Callable[[str, Callable[[Any], list[OutgoingMessage]]], Callable[[Any], list[OutgoingMessage]]] = (
        lambda table, relay: relay
    )
    consume: Callable[[str, Callable[[Any], Any]], Callable[[Any], Any]] = lambda queue, consume: consume


class InTurn(SqsOutbox):
    """An outbox that sends its batches one after the other: the scheduler does not control threads."""

    def _send_all(self, batches: Sequence[tuple[str, Mapping[int, OutgoingMessage]]], now: datetime) -> list[list[int]]:
        return [self._send_batch(queue, batch, now) for queue, batch in batches]


IN_TURN: dict[type[SqsOutbox], type[SqsOutbox]] = {}
"""The classes that were made: one takes as long to make as some calls of it."""


def _in_turn(outbox: type[SqsOutbox]) -> type[SqsOutbox]:
    if outbox not in IN_TURN:
        IN_TURN[outbox] = type("Outbox", (InTurn, outbox), {})
    return IN_TURN[outbox]


class UnsharedReads(TtlCache[T]):
    """A cache in which nobody waits for another's read: all processes are one thread, and would all wait with it."""

    def get_or_read(self, key: Hashable, read: Callable[[], T]) -> T:
        return read() if key in self._readings else super().get_or_read(key, read)


@dataclass(frozen=True)
class WatchedLiveHolds:
    """Live holds that call `refused` beyond the limit. Of two requests with one key, one may release both's seats."""

    holds_counted_until_expiry: HoldsCountedUntilExpiry
    refused: Callable[[], None]

    def count_hold(
        self, holder: str, hold: Hold, limit: int, now: datetime, instead_of: CountedHold | None = None
    ) -> None:
        try:
            self.holds_counted_until_expiry.count_hold(holder, hold, limit, now, instead_of)
        except HoldLimitReachedOrReplacedHoldChanged:
            self.refused()
            raise


@dataclass(eq=False)
class Instance:
    """A process of the application. It is the `SellingAndSettlingPorts` of its use cases, too."""

    services: Services
    adapters: Adapters
    settings: Settings
    ids: IdMaker
    skew: timedelta
    codes: Callable[[], str]

    def clock(self) -> datetime:
        """Gives the instance's time in whole milliseconds, as chalicelib.infrastructure.clock does."""
        return to_utc_in_whole_ms(self.services.clock.now + self.skew)

    def seconds(self) -> float:
        return self.services.clock.now.timestamp()

    # The ports.

    @cached_property
    def sessions(self) -> Sessions:
        return DynamoSessions(
            self.services.dynamodb,
            f"{PREFIX}-sessions",
            seconds=self.seconds,
            sleep=self.services.sleep,
            pages=UnsharedReads(PROGRAMME_SECONDS, KEPT_PAGES, self.seconds),
        )

    @cached_property
    def rows(self) -> Rows:
        return self.adapters.rows(self.services.dynamodb, f"{PREFIX}-rows", self.services.sleep)

    @cached_property
    def cached_rows(self) -> Rows:
        if self.cache is None:
            return self.rows
        return RowsBehindCache(self.rows, self.sessions, self.cache, self.clock, self.services.sleep)

    @cached_property
    def sessions_announcing_new_to_cache(self) -> Sessions:
        return SessionsAnnouncedBeforeAdding(self.sessions, self.cache) if self.cache else self.sessions

    @cached_property
    def cache(self) -> SeatCache | None:
        redis = self.services.cache_connection
        return self.adapters.cache(redis, PREFIX, b"for tests") if redis else None

    @cached_property
    def holds_counted_until_expiry(self) -> HoldsCountedUntilExpiry:
        counted = self.adapters.holds_counted_until_expiry(self.services.dynamodb, f"{PREFIX}-live-holds")
        return WatchedLiveHolds(counted, self.services.limit_reached)

    @cached_property
    def reservations(self) -> Reservations:
        return self.adapters.reservations(self.services.dynamodb, f"{PREFIX}-reservations")

    @cached_property
    def payments(self) -> DynamoPayments:
        return self.adapters.payments(self.services.dynamodb, f"{PREFIX}-payments")

    @property
    def gateway(self) -> Any:
        return self.adapters.gateway(self.services.gateway)

    @cached_property
    def tickets(self) -> DynamoTickets:
        return self.adapters.tickets(self.services.dynamodb, f"{PREFIX}-tickets", self.services.sleep)

    @cached_property
    def outbox(self) -> SqsOutbox:
        sqs = self.services.queues
        return _in_turn(self.adapters.outbox)(sqs, PREFIX, QueueUrls(sqs))

    # The use cases of requests.

    @cached_property
    def selling(self) -> SellingUseCases:
        selling = SellingUseCases(self)
        vars(selling)["confirm"] = self.adapters.confirm(selling.confirm)
        return selling

    @cached_property
    def settling(self) -> SettlingUseCases:
        settling = SettlingUseCases(self)
        vars(settling)["confirm_without_charge_check"] = self.adapters.confirm(settling.confirm_without_charge_check)
        return settling

    @cached_property
    def relaying(self) -> RelayingUseCases:
        return RelayingUseCases(self)

    @cached_property
    def admit(self) -> AdmitTicket:
        keys = DynamoTicketPublicKeys(self.services.dynamodb, f"{PREFIX}-tickets")
        return AdmitTicket(self.tickets, keys, _is_signed, self.sessions, OPENS_BEFORE, self.clock, self.codes)

    # The functions of the streams, as chalicelib/wiring/streams.py puts them together.

    @cached_property
    def parking(self) -> StreamRecordParking:
        return StreamRecordParking(self.services.failures)

    @cached_property
    def relays(self) -> Mapping[str, Callable[[Record], list[OutgoingMessage]]]:
        relaying, planted = self.relaying, self.adapters.relay
        return {
            "rows": partial(
                _relay_row_record, planted("rows", relaying.finish_sales_request_refunds_if_closed_and_list_messages)
            ),
            "reservations": partial(
                _relay_reservation_record,
                planted("reservations", relaying.mark_sold_or_expire_and_list_reservation_messages),
            ),
            "payments": partial(
                _relay_payment_record,
                planted("payments", relaying.mark_reservation_if_refunded_and_list_payment_messages),
            ),
        }

    def send(self, messages: Sequence[OutgoingMessage]) -> set[int]:
        return self.outbox.send_and_list_unsent_positions(messages, self.clock())

    # The functions of the queues.

    @cached_property
    def redelivery(self) -> RedeliveryOfFailedMessages:
        return RedeliveryOfFailedMessages(self.services.queues, QueueUrls(self.services.queues))

    @cached_property
    def consumers(self) -> Mapping[str, Callable[[Record], None]]:
        """Handlers of records, by queue. `tests/simulation/world.py` says which of them a run has."""
        of_records = {
            consumers.EXPIRY: lambda record: self.selling.expire_hold_unless_sold_or_raise_unlapsed(
                envelopes.hold_in(record)
            ),
            consumers.PAYMENTS: lambda record: self.settling.settle_payment(envelopes.payment_in(record)),
            consumers.REFUNDS: _of_events(self.settling.refund_or_settle),
            consumers.AUDIT: _of_events(RecordEvent(self.event_log)),
            consumers.ANALYTICS: _of_events(CountEvent(self.analytics)),
            consumers.TICKETS: _of_events(self._issue_tickets),
            consumers.CACHE: _of_events(RemoveStaleEntriesAndMarkUsedIdsInCache(self.cache) if self.cache else _ignore),
        }
        return {queue: self.adapters.consume(queue, handle) for queue, handle in of_records.items()}

    @cached_property
    def consumers_of_batches(self) -> Mapping[str, Callable[[Sequence[Event]], Failures]]:
        """Handlers of all events of a batch together, by queue."""
        return {
            consumers.INVOICES: self._issue_invoices,
            consumers.NOTIFICATION: NumberEventsAndQueueDeliveries(
                self.notifications, NoSubscribers(), self.outbox, self.clock
            ),
        }

    @cached_property
    def event_log(self) -> DynamoEventLog:
        return DynamoEventLog(self.services.dynamodb, f"{PREFIX}-events")

    @cached_property
    def analytics(self) -> DynamoAnalytics:
        client = self.services.dynamodb
        counted = DynamoProcessedEvents(client, f"{PREFIX}-ledger", "analytics", self.clock, self.services.sleep)
        return DynamoAnalytics(client, f"{PREFIX}-analytics", counted)

    @cached_property
    def notifications(self) -> DynamoNotifications:
        return self.adapters.notifications(self.services.dynamodb, f"{PREFIX}-notifications", self.services.sleep)

    @cached_property
    def invoices(self) -> DynamoInvoices:
        return self.adapters.invoices(self.services.dynamodb, f"{PREFIX}-invoices", self.services.sleep)

    @cached_property
    def _issue_invoices(self) -> IssueInvoicesOfSalesNotFree:
        return IssueInvoicesOfSalesNotFree(
            reservations=self.reservations,
            sessions=self.sessions,
            invoices=self.invoices,
            print_pdf=lambda invoice: invoice.number.encode(),
            files=self.services.files,
            seller=("Cinema",),
            time_zone="America/Sao_Paulo",
        )

    @cached_property
    def _issue_tickets(self) -> IssueSoldOrVoidRefundedTickets:
        keys = DynamoTicketPublicKeys(self.services.dynamodb, f"{PREFIX}-tickets")
        return IssueSoldOrVoidRefundedTickets(self.tickets, self.sessions, keys, SIGNER, self.codes)


class NoSubscribers:
    def list_all_subscribers_without_urls_and_secrets(self) -> Sequence[Any]:
        return ()


SIGNER = FakeSigner(Ed25519PrivateKey.from_private_bytes(bytes(32)))


def _is_signed(*_: Any) -> bool:
    raise AssertionError("gates type codes here")


def _ignore(event: Event) -> None:
    """Does nothing: without Redis there is no cache to correct."""


def _of_events(consume: Callable[[Event], Any]) -> Callable[[Record], None]:
    return lambda record: consume(envelopes.event_in(record))


def _relay_row_record(relay: Callable[[Any], list[OutgoingMessage]], record: Record) -> list[OutgoingMessage]:
    event = records.row_event(record)
    return relay(event) if event else []


def _relay_reservation_record(relay: Callable[[Any], list[OutgoingMessage]], record: Record) -> list[OutgoingMessage]:
    return relay(records.reservation_change(record))


def _relay_payment_record(relay: Callable[[Any], list[OutgoingMessage]], record: Record) -> list[OutgoingMessage]:
    return relay(records.payment_change(record))
