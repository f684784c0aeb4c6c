"""The composition root: builds each use case once, on first use. Nothing connects before that.

What a use case is made of is imported with it, so that a function pays at its cold start for its own path only. The
database is every path's: it is imported here, in Lambda's init phase, which has a whole core.
"""

from __future__ import annotations

import warnings
from datetime import timedelta
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from chalicelib import settings as configuration
from chalicelib.infrastructure.dynamodb import connection, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from chalicelib.application.analytics import CountEvent, ShowAnalytics
    from chalicelib.application.audit import ListEvents, RecordEvent
    from chalicelib.application.board import RedriveDeadLetters, ShowDeadLetters, ShowRecentBoard
    from chalicelib.application.confirm import Confirm
    from chalicelib.application.email import SendBuyerEmail
    from chalicelib.application.hold import PlaceHold
    from chalicelib.application.invoices import IssueInvoice, LinkInvoice
    from chalicelib.application.live import ShowChanges, StopWatchingSession, WatchSession
    from chalicelib.application.payments import ReceiveGatewayMessage, SettlePayment, StartPayment
    from chalicelib.application.queries import (
        CheckReadiness,
        ListPurchases,
        ListSessions,
        ShareReadiness,
        ShowReservation,
        ShowSeats,
        ShowSession,
    )
    from chalicelib.application.reconcile import ReconcilePayments
    from chalicelib.application.refunds import RefundSales, SettleRefund
    from chalicelib.application.release import Cancel, ExpireHold
    from chalicelib.application.schedule import Schedule
    from chalicelib.application.webhooks import AnnounceEvent, Replay
    from chalicelib.domain import ports
    from chalicelib.domain.events import Event
    from chalicelib.domain.invoices import Invoice
    from chalicelib.domain.live import RowState
    from chalicelib.infrastructure.breakers import Breaker, OnChange
    from chalicelib.infrastructure.dynamodb.breaker_board import BreakerBoard
    from chalicelib.infrastructure.dynamodb.stream_failures import Parking, S3StreamFailures
    from chalicelib.infrastructure.metrics import Metrics
    from chalicelib.infrastructure.payments.simulated_gateway import HttpGateway
    from chalicelib.infrastructure.payments.stripe_gateway import StripeGateway
    from chalicelib.infrastructure.redis.connection import RedisConnection
    from chalicelib.infrastructure.redis.seat_cache import SeatCache
    from chalicelib.infrastructure.sqs.queues import QueueUrls, Redelivery

    Record = Mapping[str, Any]

_one_at_a_time = Lock()


@cache
def settings() -> configuration.Settings:
    return configuration.load()


def _named(part: str) -> str:
    """The name of a table or queue of ours."""
    return f"{settings().table_prefix}-{part}"


# What the use cases stand on.


@cache
def database() -> DynamoDBClient:
    tables.bind(settings().table_prefix)
    return connection.client()


@cache
def sqs() -> SQSClient:
    from chalicelib.infrastructure.sqs import queues

    return queues.client()


@cache
def breaker_board() -> BreakerBoard:
    from chalicelib.infrastructure.dynamodb.breaker_board import BreakerBoard

    return BreakerBoard(database(), _named("breakers"), clock())


def breaker(name: str, *told: OnChange) -> Breaker:
    """A circuit breaker of this process for that dependency, one of breakers.PATIENCE. The metrics are told, too."""
    from chalicelib.infrastructure.breakers import POLICIES, Breaker

    return Breaker(name, POLICIES[name], (metrics().breaker_changed, *told))


@cache
def metrics() -> Metrics:
    from chalicelib.infrastructure.metrics import Metrics

    return Metrics(settings().stage)


@cache
def redis() -> RedisConnection | None:
    """None where no Redis is configured."""
    from chalicelib.infrastructure.redis.connection import RedisConnection

    return RedisConnection(settings().redis_url, breaker("redis")) if settings().redis_url else None


@cache
def sessions() -> ports.Sessions:
    from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions

    return DynamoSessions(database(), _named("sessions"))


@cache
def rows() -> ports.Rows:
    from chalicelib.infrastructure.dynamodb.rows import DynamoRows

    return DynamoRows(database(), _named("rows"))


@cache
def seat_cache() -> SeatCache | None:
    """None where no Redis is configured."""
    from chalicelib.infrastructure.redis.seat_cache import SeatCache, secret_from

    connection = redis()
    if connection is None:
        return None
    return SeatCache(connection, settings().table_prefix, secret_from(settings().needed_id_secret))


@cache
def cached_rows() -> ports.Rows:
    """The rows as requests meet them. Event handlers, whom no crowd hurries, go to the rows themselves."""
    from chalicelib.infrastructure.redis.cached_rows import CachedRows

    known = seat_cache()
    return CachedRows(rows(), sessions(), known, clock()) if known else rows()


@cache
def reservations() -> ports.Reservations:
    from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations

    return DynamoReservations(database(), _named("reservations"))


@cache
def live_holds() -> ports.LiveHolds:
    from chalicelib.infrastructure.dynamodb.live_holds import DynamoLiveHolds

    return DynamoLiveHolds(database(), _named("live-holds"))


@cache
def payments() -> ports.Payments:
    from chalicelib.infrastructure.dynamodb.payments import DynamoPayments

    return DynamoPayments(database(), _named("payments"))


def http_gateway() -> HttpGateway:
    from chalicelib.infrastructure.payments.simulated_gateway import HttpGateway

    return HttpGateway(settings().payments_url)


def stripe_gateway() -> StripeGateway:
    from chalicelib.infrastructure.payments.stripe_gateway import StripeGateway

    return StripeGateway(settings().stripe_key, settings().stripe_public_key, api_base=settings().payments_url)


@cache
def payment_gateway() -> ports.PaymentGateway:
    from chalicelib.infrastructure.payments.guarded_gateway import GuardedGateway

    gateway = stripe_gateway() if settings().pays_by_stripe else http_gateway()
    return GuardedGateway(gateway, breaker("payments", breaker_board().write))


@cache
def gateway_messages() -> ports.GatewayMessages:
    from chalicelib.infrastructure.payments.simulated_gateway import HttpGatewayMessages
    from chalicelib.infrastructure.payments.stripe_gateway import StripeMessages

    return (StripeMessages if settings().pays_by_stripe else HttpGatewayMessages)(settings().payments_secrets)


@cache
def event_log() -> ports.EventLog:
    from chalicelib.infrastructure.dynamodb.event_log import DynamoEventLog

    return DynamoEventLog(database(), _named("events"))


@cache
def analytics() -> ports.Analytics:
    from chalicelib.infrastructure.dynamodb.analytics import DynamoAnalytics
    from chalicelib.infrastructure.dynamodb.processed_events import ProcessedEvents

    return DynamoAnalytics(
        database(), _named("analytics"), ProcessedEvents(database(), _named("ledger"), "analytics", clock())
    )


@cache
def letters() -> ports.EmailRenderer:
    from chalicelib.infrastructure.email.rendering import TemplateEmailRenderer

    return TemplateEmailRenderer(settings().time_zone)


@cache
def mail() -> ports.EmailSender:
    from chalicelib.infrastructure.email import ses

    return ses.GuardedEmailSender(
        ses.SesEmailSender(ses.client(), settings().mail_from), breaker("ses", breaker_board().write)
    )


@cache
def invoices() -> ports.Invoices:
    from chalicelib.infrastructure.dynamodb.invoices import DynamoInvoices

    return DynamoInvoices(database(), _named("invoices"))


@cache
def s3() -> S3Client:
    from chalicelib.infrastructure.invoices import files as invoice_files

    return invoice_files.client()


@cache
def invoice_files() -> ports.InvoiceFiles:
    from chalicelib.infrastructure.invoices.files import S3InvoiceFiles

    return S3InvoiceFiles(s3(), settings().invoices_bucket)


@cache
def print_invoice() -> Callable[[Invoice], bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fpdf misses Pillow, which does not ship: an invoice has no images
        from chalicelib.infrastructure.invoices import pdf as invoice_pdf

    return invoice_pdf.printed


@cache
def webhooks() -> ports.Webhooks:
    from chalicelib.infrastructure.dynamodb.webhooks import DynamoWebhooks

    return DynamoWebhooks(database(), _named("webhooks"))


@cache
def notifications() -> ports.Notifications:
    from chalicelib.infrastructure.dynamodb.notifications import DynamoNotifications

    return DynamoNotifications(database(), _named("notifications"))


@cache
def courier() -> ports.WebhookSender:
    from chalicelib.infrastructure.webhooks.sender import GuardedWebhookSender, HttpWebhookSender

    new_breaker = partial(breaker, "webhooks")  # all by one name: each name would be a metric
    return GuardedWebhookSender(HttpWebhookSender(local=settings().is_local), new_breaker)


@cache
def queue_urls() -> QueueUrls:
    from chalicelib.infrastructure.sqs.queues import QueueUrls

    return QueueUrls(sqs())


@cache
def outbox() -> ports.Outbox:
    from chalicelib.infrastructure.sqs.queues import SqsOutbox

    return SqsOutbox(sqs(), settings().table_prefix, queue_urls())


@cache
def redelivery() -> Redelivery:
    from chalicelib.infrastructure.sqs.queues import Redelivery

    return Redelivery(sqs(), queue_urls())


@cache
def queue_board() -> ports.QueueBoard:
    from chalicelib.application.board import QUEUES
    from chalicelib.infrastructure.sqs.queue_board import SqsQueueBoard

    return SqsQueueBoard(sqs(), queue_urls(), settings().table_prefix, QUEUES, stream_failures())


@cache
def refusals() -> ports.Refusals:
    from chalicelib.infrastructure.redis.refusal_counts import NotCounted, RedisRefusals

    connection = redis()
    return RedisRefusals(connection, settings().table_prefix, clock()) if connection else NotCounted()


@cache
def viewers() -> ports.Viewers:
    from chalicelib.infrastructure.dynamodb.viewers import DynamoViewers

    return DynamoViewers(database(), _named("viewers"), clock())


@cache
def screens() -> ports.LiveConnections:
    from chalicelib.infrastructure.websocket.live_connections import ApiGatewayConnections, NoConnections, client

    url = settings().connections_url
    return ApiGatewayConnections(client(url)) if url else NoConnections()


@cache
def ids() -> ports.Ids:
    from chalicelib.infrastructure.ids import SecretIds

    return SecretIds(settings().needed_id_secret.encode())


def clock() -> ports.Clock:
    from chalicelib.infrastructure.clock import utc_now

    return utc_now


@cache
def rate_limiter() -> ports.RateLimiter:
    from chalicelib.infrastructure.redis.rate_limits import ProcessRateLimiter, SharedRateLimiter

    connection, alone = redis(), ProcessRateLimiter()
    return SharedRateLimiter(connection, alone) if connection else alone


@cache
def viewer_limiter() -> ports.RateLimiter:
    from chalicelib.infrastructure.dynamodb.viewer_limits import DynamoRateLimiter
    from chalicelib.infrastructure.redis.rate_limits import ProcessRateLimiter

    return DynamoRateLimiter(database(), _named("viewers"), ProcessRateLimiter())


# Commands.


@cache
def schedule() -> Schedule:
    from chalicelib.application.schedule import Schedule

    return Schedule(sessions(), clock(), ids())


@cache
def place_hold() -> PlaceHold:
    from chalicelib.application.hold import PlaceHold
    from chalicelib.application.live_holds import CountLiveHold

    count_live_hold = CountLiveHold(live_holds(), reservations(), settings().max_live_holds)
    return PlaceHold(
        sessions(),
        cached_rows(),
        count_live_hold,
        reservations(),
        clock(),
        ids(),
        hold_seconds=settings().hold_seconds,
        max_seats=settings().max_seats_per_hold,
        sales_end=timedelta(minutes=settings().sales_end_minutes),
    )


@cache
def confirm() -> Confirm:
    from chalicelib.application.confirm import Confirm

    return Confirm(cached_rows(), reservations(), payments(), clock(), ids(), settings().payments_charged_only)


@cache
def start_payment() -> StartPayment:
    from chalicelib.application.payments import StartPayment

    return StartPayment(reservations(), payment_gateway(), clock())


@cache
def hear_gateway() -> ReceiveGatewayMessage:
    from chalicelib.application.payments import ReceiveGatewayMessage

    return ReceiveGatewayMessage(gateway_messages(), outbox(), clock())


@cache
def cancel() -> Cancel:
    from chalicelib.application.release import Cancel

    return Cancel(cached_rows(), reservations(), clock())


@cache
def expire() -> ExpireHold:
    from chalicelib.application.release import ExpireHold

    return ExpireHold(rows(), reservations(), clock())


@cache
def replay_notifications() -> Replay:
    from chalicelib.application.webhooks import Replay

    return Replay(notifications(), webhooks(), outbox(), clock())


# Queries.


@cache
def show_session() -> ShowSession:
    from chalicelib.application.queries import ShowSession

    return ShowSession(sessions())


@cache
def list_sessions() -> ListSessions:
    from chalicelib.application.queries import ListSessions

    return ListSessions(sessions())


@cache
def show_seats() -> ShowSeats:
    from chalicelib.application.queries import ShowSeats

    return ShowSeats(sessions(), cached_rows(), clock())


@cache
def show_reservation() -> ShowReservation:
    from chalicelib.application.queries import ShowReservation

    return ShowReservation(reservations(), clock())


@cache
def list_purchases() -> ListPurchases:
    from chalicelib.application.queries import ListPurchases

    return ListPurchases(reservations())


@cache
def list_events() -> ListEvents:
    from chalicelib.application.audit import ListEvents

    return ListEvents(sessions(), event_log())


@cache
def show_analytics() -> ShowAnalytics:
    from chalicelib.application.analytics import ShowAnalytics

    return ShowAnalytics(sessions(), analytics(), clock())


@cache
def link_invoice() -> LinkInvoice:
    from chalicelib.application.invoices import LinkInvoice

    return LinkInvoice(invoices(), invoice_files(), reservations(), clock())


@cache
def check_readiness() -> CheckReadiness:
    from chalicelib.application.queries import CheckReadiness
    from chalicelib.infrastructure import probes
    from chalicelib.infrastructure.email import ses

    asked = [probes.dynamodb(database(), _named("sessions")), probes.sqs(sqs(), _named("expiry"))]
    if connection := redis():
        asked.append(probes.redis(connection))
    asked.append(probes.ses(ses.client(), breaker_board()))
    if settings().payments_url:
        asked.append(probes.payments(http_gateway(), breaker_board()))
    return CheckReadiness(asked)


def readiness() -> ShareReadiness:
    with _one_at_a_time:  # a crowd may be the first to ask
        return _readiness()


@cache
def _readiness() -> ShareReadiness:
    from chalicelib.application.queries import ShareReadiness

    return ShareReadiness(check_readiness(), clock())


# The operator's board.


@cache
def show_board() -> ShowRecentBoard:
    from chalicelib.application.board import ShowBoard, ShowRecentBoard

    show = ShowBoard(sessions(), analytics(), queue_board(), refusals(), check_readiness(), clock())
    return ShowRecentBoard(show, clock())


@cache
def look_at_letters() -> ShowDeadLetters:
    from chalicelib.application.board import ShowDeadLetters

    return ShowDeadLetters(queue_board())


@cache
def redrive() -> RedriveDeadLetters:
    from chalicelib.application.board import RedriveDeadLetters

    return RedriveDeadLetters(queue_board(), show_board())


# Live seat maps.


@cache
def watch() -> WatchSession:
    from chalicelib.application.live import WatchSession

    return WatchSession(sessions(), viewers())


@cache
def stop_watching() -> StopWatchingSession:
    from chalicelib.application.live import StopWatchingSession

    return StopWatchingSession(viewers())


@cache
def show_changes() -> ShowChanges:
    from chalicelib.application.live import ShowChanges

    return ShowChanges(viewers(), screens(), clock())


def row_state(record: Record) -> RowState | None:
    from chalicelib.infrastructure.dynamodb import rows

    return rows.row_state(record)


# Consumers of events.


@cache
def record_event() -> RecordEvent:
    from chalicelib.application.audit import RecordEvent

    return RecordEvent(event_log())


@cache
def count_event() -> CountEvent:
    from chalicelib.application.analytics import CountEvent

    return CountEvent(analytics())


@cache
def send_buyer_email() -> SendBuyerEmail:
    from chalicelib.application.email import SendBuyerEmail
    from chalicelib.infrastructure.dynamodb.processed_events import ProcessedEvents

    ledger = ProcessedEvents(database(), _named("ledger"), "email", clock())
    return SendBuyerEmail(reservations(), sessions(), letters(), mail(), ledger, clock())


@cache
def issue_invoice() -> IssueInvoice:
    from chalicelib.application.invoices import IssueInvoice

    seller = settings().seller, settings().time_zone
    return IssueInvoice(reservations(), sessions(), invoices(), print_invoice(), invoice_files(), *seller)


@cache
def announce_event() -> AnnounceEvent:
    from chalicelib.application.webhooks import AnnounceEvent

    return AnnounceEvent(notifications(), webhooks(), outbox(), clock())


def refresh_seat_cache() -> Callable[[Event], None]:
    from chalicelib.application.cached_seats import RefreshSeatCache, without_cache

    known = seat_cache()
    return RefreshSeatCache(known) if known else without_cache


@cache
def settle_payment() -> SettlePayment:
    from chalicelib.application.confirm import Confirm
    from chalicelib.application.payments import SettlePayment
    from chalicelib.application.refunds import RegisterSale

    confirm = Confirm(rows(), reservations(), payments(), clock(), ids(), charged_only=False)
    return SettlePayment(payments(), reservations(), rows(), sessions(), confirm, RegisterSale(payments()), clock())


@cache
def settle_refund() -> SettleRefund:
    from chalicelib.application.refunds import SettleRefund

    return SettleRefund(payments(), payment_gateway(), settle_payment().settle, clock())


@cache
def reconcile() -> ReconcilePayments:
    from chalicelib.application.reconcile import ReconcilePayments

    return ReconcilePayments(
        payments(),
        reservations(),
        rows(),
        sessions(),
        payment_gateway(),
        settle_payment(),
        settle_refund(),
        clock(),
    )


# What a stream or queue record sets off.


@cache
def refund_sales() -> RefundSales:
    from chalicelib.application.refunds import RefundSales

    return RefundSales(reservations(), payments(), clock())


def relay_row() -> Callable[[Record], list[ports.Outgoing]]:
    from chalicelib.application.relay import RelayRow
    from chalicelib.infrastructure.dynamodb import streams

    relay = RelayRow(reservations(), refund_sales())

    def relay_record(record: Record) -> list[ports.Outgoing]:
        event = streams.row_event(record)
        return relay(event) if event else []

    return relay_record


def relay_reservation() -> Callable[[Record], list[ports.Outgoing]]:
    from chalicelib.application.refunds import RegisterSale
    from chalicelib.application.relay import RelayReservation
    from chalicelib.infrastructure.dynamodb import streams

    relay = RelayReservation(expire(), RegisterSale(payments()))
    return lambda record: relay(streams.reservation_change(record))


def relay_payment() -> Callable[[Record], list[ports.Outgoing]]:
    from chalicelib.application.relay import RelayPayment
    from chalicelib.infrastructure.dynamodb import streams

    relay = RelayPayment(reservations())
    return lambda record: relay(streams.payment_change(record))


def send() -> Callable[[Sequence[ports.Outgoing]], set[int]]:
    return lambda messages: outbox().send(messages, clock()())


@cache
def stream_failures() -> S3StreamFailures:
    from chalicelib.infrastructure.dynamodb.stream_failures import S3StreamFailures

    return S3StreamFailures(s3, settings().stream_failures_bucket, clock())


@cache
def parking() -> Parking:
    """One for the process: it counts how often a record was tried."""
    from chalicelib.infrastructure.dynamodb.stream_failures import Parking

    return Parking(stream_failures())


def expire_held() -> Callable[[Record], None]:
    from chalicelib.infrastructure.sqs import envelopes

    def handle(record: Record) -> None:
        expire()(envelopes.hold_in(record))

    return handle


def settle_due() -> Callable[[Record], None]:
    from chalicelib.infrastructure.sqs import envelopes

    return lambda record: settle_payment()(envelopes.payment_in(record))


@cache
def deliver_to_webhook() -> Callable[[Record], None]:
    from chalicelib.application.webhooks import DeliverNotification
    from chalicelib.infrastructure.sqs import envelopes

    deliver = DeliverNotification(notifications(), webhooks(), courier(), clock())
    return lambda record: deliver(envelopes.delivery_in(record))


def told(consume: Callable[[Event], None]) -> Callable[[Record], None]:
    """A consumer, as a handler of queue records."""
    from chalicelib.infrastructure.sqs import envelopes

    return lambda record: consume(envelopes.event_in(record))
