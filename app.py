"""Cinema Tickets: every Lambda function with its trigger. The use cases are in chalicelib/application."""

import gc

gc.disable()  # until all is imported: imports make little garbage, and collecting it took 4 % of a cold start

from chalicelib.precompiled import use_precompiled_methods_and_patterns

use_precompiled_methods_and_patterns()

from collections.abc import Callable, Sequence
from typing import Any

from chalice.app import Chalice

from chalicelib import wiring
from chalicelib.api import batches
from chalicelib.domain.events import Event, Failures, OutgoingMessage
from chalicelib.settings import may_serve_requests

PREFIX = wiring.settings().table_prefix

app = Chalice(app_name="cinema-tickets", configure_logs=False)
app.experimental_feature_flags.add("WEBSOCKETS")  # Chalice calls its WebSockets experimental; they work

# HTTP: chalicelib/api/views.py registers every route. Functions that serve no HTTP do not load that code.
if may_serve_requests():
    from chalicelib.api import views

    views.register_routes_and_middleware(app)
else:
    wiring.trace_app(app)


def _records(event: Any) -> Sequence[batches.Record]:
    records: Sequence[batches.Record] = event.to_dict()["Records"]
    return records


# Streams: "stream:rows" is a placeholder; infra/cloud/app.yaml sets the ARN of the stream of the table `rows`.
def _relay(event: Any, relay: Callable[[batches.Record], Sequence[OutgoingMessage]]) -> batches.BatchAnswer:
    streams = wiring.streams
    return batches.relay_in_order(
        _records(event), wiring.traced_relay_if_on(relay), streams.send_messages, streams.stream_record_parking()
    )


@app.on_dynamodb_record(stream_arn="stream:rows", batch_size=100, starting_position="TRIM_HORIZON")
def on_row_changed(event: Any) -> batches.BatchAnswer:
    return _relay(event, wiring.streams.finish_sales_request_refunds_if_closed_and_list_messages_of_row)


@app.on_dynamodb_record(stream_arn="stream:reservations", batch_size=100, starting_position="TRIM_HORIZON")
def on_reservation_changed(event: Any) -> batches.BatchAnswer:
    return _relay(event, wiring.streams.mark_sold_or_expire_and_list_messages_of_reservation)


@app.on_dynamodb_record(stream_arn="stream:payments", batch_size=100, starting_position="TRIM_HORIZON")
def on_payment_changed(event: Any) -> batches.BatchAnswer:
    return _relay(event, wiring.streams.mark_reservation_if_refunded_and_list_messages_of_payment)


@app.on_dynamodb_record(stream_arn="stream:rows", batch_size=100, starting_position="LATEST")
def on_row_changed_show(event: Any) -> None:
    from chalicelib.api import live  # few functions need it, so it is not imported at the top

    live.try_to_send_changed_rows(_records(event))


# WebSockets: live seat maps.
@app.on_ws_message()
def on_viewer_message(event: Any) -> None:
    from chalicelib.api import live

    live.subscribe_viewer_and_answer(event.connection_id, event.body, event.to_dict()["requestContext"])


@app.on_ws_disconnect()
def on_viewer_gone(event: Any) -> None:
    wiring.live.stop_watching_session()(event.connection_id)


# Queues: one for each consumer.
def _handle_messages(event: Any, handle: Callable[[batches.Record], None]) -> batches.BatchAnswer:
    return batches.handle_messages(_records(event), wiring.traced_if_on(handle), wiring.consumers.redelivery())


def _handle_events(event: Any, consume: Callable[[Event], None]) -> batches.BatchAnswer:
    return _handle_messages(event, wiring.consumers.record_handler_for(consume))


def _handle_events_together(event: Any, consume: Callable[[Sequence[Event]], Failures]) -> batches.BatchAnswer:
    # If the records of a batch are of several traces, its invocation is in none of them. So each gets a span when read.
    read = wiring.traced_if_on(wiring.consumers.event_in)
    return batches.handle_messages_together(_records(event), read, consume, wiring.consumers.redelivery())


@app.on_sqs_message(queue=f"{PREFIX}-expiry", batch_size=10)
def on_hold_lapsed(event: Any) -> batches.BatchAnswer:
    return _handle_messages(event, wiring.expiry.expire_hold_unless_sold_or_raise_unlapsed)


@app.on_sqs_message(queue=f"{PREFIX}-audit", batch_size=10)
def on_event_to_audit(event: Any) -> batches.BatchAnswer:
    return _handle_events(event, wiring.audit.record_event())


@app.on_sqs_message(queue=f"{PREFIX}-analytics", batch_size=10)
def on_event_to_analytics(event: Any) -> batches.BatchAnswer:
    return _handle_events(event, wiring.analytics.count_event())


# Five at most: if the mail service hangs, five emails time out within the function's 30 seconds.
@app.on_sqs_message(queue=f"{PREFIX}-email", batch_size=5)
def on_event_to_email(event: Any) -> batches.BatchAnswer:
    return _handle_events(event, wiring.email.send_buyer_email())


@app.on_sqs_message(queue=f"{PREFIX}-bounces", batch_size=10)
def on_email_returned(event: Any) -> batches.BatchAnswer:
    return _handle_messages(event, wiring.bounces.suppress_if_final)


@app.on_sqs_message(queue=f"{PREFIX}-invoices", batch_size=10)
def on_sale_to_invoice(event: Any) -> batches.BatchAnswer:
    return _handle_events_together(event, wiring.invoices.issue_invoices())


@app.on_sqs_message(queue=f"{PREFIX}-tickets", batch_size=10)
def on_sale_to_tickets(event: Any) -> batches.BatchAnswer:
    return _handle_events(event, wiring.ticket_signing.issue_sold_or_void_refunded_tickets())


@app.on_sqs_message(queue=f"{PREFIX}-notification", batch_size=40, maximum_batching_window_in_seconds=1)
def on_event_to_notification(event: Any) -> batches.BatchAnswer:
    return _handle_events_together(event, wiring.webhooks.queue_webhook_deliveries())


@app.on_sqs_message(queue=f"{PREFIX}-webhooks", batch_size=10)
def on_delivery_to_webhook(event: Any) -> batches.BatchAnswer:
    deliver = wiring.traced_if_on(wiring.webhooks.deliver_to_webhook)
    return batches.handle_messages_in_parallel(_records(event), deliver, wiring.consumers.redelivery())


@app.on_sqs_message(queue=f"{PREFIX}-cache", batch_size=10)
def on_event_to_cache(event: Any) -> batches.BatchAnswer:
    return _handle_events(event, wiring.seat_cache.seat_cache_updater_or_noop())


# Payments to settle: those whose hold has ended, and those that the gateway reported as charged.
@app.on_sqs_message(queue=f"{PREFIX}-payments", batch_size=10)
def on_payment_due(event: Any) -> batches.BatchAnswer:
    return _handle_messages(event, wiring.payments.settle_payment)


# Five at most: if the gateway hangs, five refunds time out within the function's 30 seconds.
@app.on_sqs_message(queue=f"{PREFIX}-refunds", batch_size=5)
def on_refund_requested(event: Any) -> batches.BatchAnswer:
    return _handle_events(event, wiring.payments.refund_or_settle())


# Schedules.
@app.schedule("rate(5 minutes)")
def on_reconciliation_due(event: Any) -> None:
    from chalicelib.api import payments

    payments.reconcile_charges_refunds_and_sales()


gc.freeze()  # garbage collection skips what is imported: it stays
gc.enable()
