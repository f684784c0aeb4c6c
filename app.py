"""Cinema Tickets: every trigger at a glance. What each does is in chalicelib/application."""

from typing import Any

from chalice.app import Chalice

from chalicelib import bootstrap
from chalicelib.api import (
    analytics,
    audit,
    batches,
    board,
    docs,
    health,
    invoices,
    live,
    payments,
    reservations,
    seat_map,
    sessions,
    webhooks,
)
from chalicelib.api.http import answers, limits, methods, static

PREFIX = bootstrap.settings().table_prefix

app = Chalice(app_name="cinema-tickets", configure_logs=False)
app.experimental_feature_flags.add("WEBSOCKETS")  # Chalice's word for them; the module works
app.register_middleware(answers.safely, "http")
app.register_middleware(answers.in_contract_form, "http")

# HTTP: see the routes in each module.
app.register_blueprint(sessions.routes)
app.register_blueprint(reservations.routes)
app.register_blueprint(payments.routes)
app.register_blueprint(invoices.routes)
app.register_blueprint(audit.routes)
app.register_blueprint(analytics.routes)
app.register_blueprint(live.routes)
app.register_blueprint(webhooks.routes)
app.register_blueprint(health.routes)
app.register_blueprint(board.routes)
app.register_blueprint(docs.routes)
app.register_blueprint(seat_map.routes)
app.register_blueprint(static.routes)
methods.answer_other_methods(app)
limits.refuse_unknown_routes(app, bootstrap.settings().rate_limits)


# Streams: "stream:rows" stands for the stream of that table; infra/cloud/app.yaml puts the real one in.
@app.on_dynamodb_record(stream_arn="stream:rows", batch_size=100, starting_position="TRIM_HORIZON")
def on_row_changed(event: Any) -> batches.BatchAnswer:
    relay, send, parking = bootstrap.relay_row(), bootstrap.send(), bootstrap.parking()
    return batches.each_change(event.to_dict()["Records"], relay, send, parking)


@app.on_dynamodb_record(stream_arn="stream:reservations", batch_size=100, starting_position="TRIM_HORIZON")
def on_reservation_changed(event: Any) -> batches.BatchAnswer:
    relay, send, parking = bootstrap.relay_reservation(), bootstrap.send(), bootstrap.parking()
    return batches.each_change(event.to_dict()["Records"], relay, send, parking)


@app.on_dynamodb_record(stream_arn="stream:payments", batch_size=100, starting_position="TRIM_HORIZON")
def on_payment_changed(event: Any) -> batches.BatchAnswer:
    relay, send, parking = bootstrap.relay_payment(), bootstrap.send(), bootstrap.parking()
    return batches.each_change(event.to_dict()["Records"], relay, send, parking)


@app.on_dynamodb_record(stream_arn="stream:rows", batch_size=100, starting_position="LATEST")
def on_row_changed_show(event: Any) -> None:
    live.show_rows(event.to_dict()["Records"])


# WebSockets: seat maps that change before one's eyes.
@app.on_ws_message()
def on_viewer_message(event: Any) -> None:
    live.subscribe(event.connection_id, event.body, event.to_dict()["requestContext"])


@app.on_ws_disconnect()
def on_viewer_gone(event: Any) -> None:
    bootstrap.stop_watching()(event.connection_id)


# Queues: one for each consumer.
@app.on_sqs_message(queue=f"{PREFIX}-expiry", batch_size=10)
def on_hold_lapsed(event: Any) -> batches.BatchAnswer:
    return batches.each_message(event.to_dict()["Records"], bootstrap.expire_held(), bootstrap.redelivery())


@app.on_sqs_message(queue=f"{PREFIX}-audit", batch_size=10)
def on_event_to_audit(event: Any) -> batches.BatchAnswer:
    consume = bootstrap.told(bootstrap.record_event())
    return batches.each_message(event.to_dict()["Records"], consume, bootstrap.redelivery())


@app.on_sqs_message(queue=f"{PREFIX}-analytics", batch_size=10)
def on_event_to_analytics(event: Any) -> batches.BatchAnswer:
    consume = bootstrap.told(bootstrap.count_event())
    return batches.each_message(event.to_dict()["Records"], consume, bootstrap.redelivery())


# Five letters to a mail service that hangs fit into the handler's 30 seconds.
@app.on_sqs_message(queue=f"{PREFIX}-email", batch_size=5)
def on_event_to_email(event: Any) -> batches.BatchAnswer:
    consume = bootstrap.told(bootstrap.send_buyer_email())
    return batches.each_message(event.to_dict()["Records"], consume, bootstrap.redelivery())


@app.on_sqs_message(queue=f"{PREFIX}-invoices", batch_size=10)
def on_sale_to_invoice(event: Any) -> batches.BatchAnswer:
    consume = bootstrap.told(bootstrap.issue_invoice())
    return batches.each_message(event.to_dict()["Records"], consume, bootstrap.redelivery())


@app.on_sqs_message(queue=f"{PREFIX}-notification", batch_size=10)
def on_event_to_notification(event: Any) -> batches.BatchAnswer:
    consume = bootstrap.told(bootstrap.announce_event())
    return batches.each_message(event.to_dict()["Records"], consume, bootstrap.redelivery())


@app.on_sqs_message(queue=f"{PREFIX}-webhooks", batch_size=10)
def on_delivery_to_webhook(event: Any) -> batches.BatchAnswer:
    deliver = bootstrap.deliver_to_webhook()
    return batches.all_messages_at_once(event.to_dict()["Records"], deliver, bootstrap.redelivery())


@app.on_sqs_message(queue=f"{PREFIX}-cache", batch_size=10)
def on_event_to_cache(event: Any) -> batches.BatchAnswer:
    consume = bootstrap.told(bootstrap.refresh_seat_cache())
    return batches.each_message(event.to_dict()["Records"], consume, bootstrap.redelivery())


# What is due of payments, and what the gateway says of them.
@app.on_sqs_message(queue=f"{PREFIX}-payments", batch_size=10)
def on_payment_due(event: Any) -> batches.BatchAnswer:
    return batches.each_message(event.to_dict()["Records"], bootstrap.settle_due(), bootstrap.redelivery())


# As for letters: five refunds by a gateway that hangs fit into the 30 seconds.
@app.on_sqs_message(queue=f"{PREFIX}-refunds", batch_size=5)
def on_refund_requested(event: Any) -> batches.BatchAnswer:
    consume = bootstrap.told(bootstrap.settle_refund())
    return batches.each_message(event.to_dict()["Records"], consume, bootstrap.redelivery())


# Schedules.
@app.schedule("rate(5 minutes)")
def on_reconciliation_due(event: Any) -> None:
    payments.reconcile()
