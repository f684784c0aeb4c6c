"""The alarms of the data stack: a queue is late or has dead letters, a stream gave up, rows of seats are throttled."""

from collections.abc import Iterator

from chalicelib.domain.consumers import CONSUMERS, Consumer

from .alarms import HAS_USER_POOL, Alarm
from .metrics import Metric, of_queue, of_table, of_token_trigger

ROWS_THROTTLED = Alarm(
    logical_id="RowsThrottled",
    name="rows-throttled",
    says="Some row of seats is written more than 1,000 times a second; buyers are being refused.",
    what_to_do="[tables are throttled](#tables-are-throttled)",
    metric=of_table("WriteThrottleEvents", "rows"),
    statistic="Sum",
    threshold=0,
    periods=3,
    datapoints=2,
)

STREAM_GAVE_UP = Alarm(
    logical_id="StreamGaveUp",
    name="stream-failures-arrived",
    says="A stream handler could not relay some records. Events are missing until they are replayed.",
    what_to_do="[stream failures](#stream-failures)",
    metric=Metric("AWS/S3", "PutRequests", {"BucketName": "${StreamFailuresBucket}", "FilterId": "all"}),
    statistic="Sum",
    threshold=0,
    periods=60,  # it stays for an hour after the last one came, whoever put it there: Lambda or the handler
    datapoints=1,
)

SIGN_IN_FAILS = Alarm(
    logical_id="SignInFails",
    name="sign-in-fails",
    says="The function that Cognito calls for each access token fails: nobody can sign in, or have a token renewed.",
    what_to_do="[nobody can sign in](#nobody-can-sign-in)",
    metric=of_token_trigger("Errors"),
    statistic="Sum",
    threshold=0,
    period_seconds=300,
    periods=3,
    datapoints=2,
    condition=HAS_USER_POOL,
)


def _consumer_alarms(consumer: Consumer) -> Iterator[Alarm]:
    further = f", then {consumer.alarm_docs_section}" if consumer.alarm_docs_section else ""
    yield Alarm(
        logical_id=f"{consumer.logical_id}GaveUp",
        name=f"{consumer.queue}-dlq-not-empty",
        says=consumer.dead_letter_alarm_text,
        what_to_do=f"[dead letters](#dead-letters) of `{consumer.queue}`{further}",
        metric=of_queue("ApproximateNumberOfMessagesVisible", f"{consumer.queue}-dlq"),
        statistic="Maximum",
        threshold=0,
    )
    yield Alarm(
        logical_id=f"{consumer.logical_id}IsLate",
        name=f"{consumer.queue}-late",
        says=consumer.late_alarm_text,
        what_to_do=f"[events are late](#events-are-late){further}",
        metric=of_queue("ApproximateAgeOfOldestMessage", consumer.queue),
        statistic="Maximum",
        threshold=consumer.late_after_seconds,
        periods=2,
    )


DATA_ALARMS = (
    *(alarm for consumer in CONSUMERS for alarm in _consumer_alarms(consumer)),
    STREAM_GAVE_UP,
    ROWS_THROTTLED,
    SIGN_IN_FAILS,
)
