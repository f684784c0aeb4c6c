"""The alarms of the functions' stack: API, functions, streams, tables that buyers wait for, emails, money, Redis."""

from collections.abc import Iterator

from chalicelib.infrastructure.dynamodb.tables import TABLES
from infra.cloud.functions import FUNCTIONS, Function
from infra.cloud.permissions import ON_TABLES

from .alarms import BEYOND, UNCHANGED, WITH_CAUSES, Alarm, Kind
from .log_metrics import ALLOWED_TO_FAIL, FAST_BURN, LOGGED, SERVICES, STORE_UNAVAILABLE, Service
from .metrics import of_all_functions, of_api, of_emails, of_function, of_log, of_table, ours

API = next(function for function in FUNCTIONS if function.name == "api_handler")

LATE = {
    "rows": "Seat changes wait for more than a minute before on_row_changed sees them.",
    "reservations": "Changes of reservations wait for more than a minute before on_reservation_changed sees them.",
    "payments": "Refunds wait for more than a minute before on_payment_changed sees that they were requested.",
}
"""The consequence of a late relay, by the table of its stream."""

FURTHER_WHEN_LATE = {"payments": ", then [money](#money)"}

BUYERS_WAIT_FOR = ("sessions", "rows", "reservations", "live-holds", "payments")
"""The tables that a hold or a confirmation uses. Throttled, any other table only makes events late, which the alarms of
queues tell."""

SHARE_A_TABLE = frozenset(
    f"{table.name}/{index['index_name']}"
    for table in TABLES
    for index in table.model._get_schema()["local_secondary_indexes"]  # pynamodb has no public name for it
)
"""The indexes that have no throughput of their own: their throttled reads are those of their table."""

NEAR = 0.8
"""The share of its time at which a function is near its end."""

FAILS = Kind("{function}-fails", "A function ends with an error, or runs out of time or memory, again and again.")
SLOW = Kind("{function}-slow", f"A function takes more than {NEAR:.0%} of the time that it has.")
READS_THROTTLED = Kind("{table}-reads-throttled", "DynamoDB refuses reads: buyers are answered late, or 503.")
WRITES_THROTTLED = Kind("{table}-writes-throttled", "DynamoDB refuses writes: buyers are answered late, or 503.")
SYSTEM_ERRORS = Kind("{table}-{operation}-errors", "DynamoDB itself fails in calls that buyers wait for.")


def _stream_alarm(function: Function) -> Alarm:
    entity = function.stream.removesuffix("s")
    return Alarm(
        logical_id=f"{entity.capitalize()}EventsAreLate",
        name=f"{entity}-events-late",
        says=LATE[function.stream],
        what_to_do=f"[events are late](#events-are-late){FURTHER_WHEN_LATE.get(function.stream, '')}",
        metric=of_function("IteratorAge", function),
        statistic="Maximum",
        threshold=60_000,
        periods=3,
    )


VIEWERS_SEE_LATE = Alarm(
    logical_id="SeatMapsAreLate",
    name="seat-maps-late",
    says="Open seat maps show changes half a minute late, or not at all. Seats are sold rightly all the same.",
    what_to_do="[functions fail](#functions-fail)",
    metric=of_function("IteratorAge", next(one for one in FUNCTIONS if one.stream and not one.relays)),
    statistic="Maximum",
    threshold=30_000,
    periods=3,
)


def _that_fails(function: Function) -> Alarm:
    return Alarm(
        logical_id=f"{function.logical_id}Fails",
        name=f"{_words(function)}-fails",
        says=f"{function.name} ends with an error, or runs out of time or memory, again and again.",
        what_to_do="[functions fail](#functions-fail)",
        metric=of_function("Errors", function),
        statistic="Sum",
        threshold=0,
        period_seconds=300,
        periods=3,
        datapoints=2,
        kind=FAILS,
    )


def _that_is_slow(function: Function) -> Alarm:
    return Alarm(
        logical_id=f"{function.logical_id}IsSlow",
        name=f"{_words(function)}-slow",
        says=f"{function.name} takes more than {NEAR:.0%} of the {function.timeout_seconds} s that it has.",
        what_to_do="[functions fail](#functions-fail)",
        metric=of_function("Duration", function),
        statistic="Maximum",
        threshold=NEAR * function.timeout_seconds * 1000,
        period_seconds=300,
        periods=3,
        datapoints=2,
        condition=WITH_CAUSES,
        kind=SLOW,
    )


def _words(function: Function) -> str:
    return function.name.replace("_", "-")


def _failing_alarm(service: Service) -> Alarm:
    return Alarm(
        logical_id=f"{service.name}Fails",
        name=f"{service.name.lower()}-fails",
        says=f"{service.does} fails more than {FAST_BURN} times as often as it may (1 of {1 / ALLOWED_TO_FAIL:.0f}).",
        what_to_do="[bookings fail or are slow](#bookings-fail-or-are-slow)",
        metric=of_log(service.failed),
        statistic="Average",
        threshold=round(ALLOWED_TO_FAIL * FAST_BURN, 6),
        period_seconds=300,
        periods=3,
        datapoints=2,
        condition=LOGGED,
    )


def _slow_alarm(service: Service) -> Alarm:
    return Alarm(
        logical_id=f"{service.name}IsSlow",
        name=f"{service.name.lower()}-slow",
        says=f"{service.does} takes the function more than {service.p99_milliseconds} ms for 1 of 100.",
        what_to_do="[bookings fail or are slow](#bookings-fail-or-are-slow)",
        metric=of_log(service.milliseconds),
        statistic="p99",
        threshold=service.p99_milliseconds,
        period_seconds=300,
        periods=3,
    )


def _table_alarms() -> Iterator[Alarm]:
    """Makes the alarms of the tables that a buyer waits for: throttled calls, and DynamoDB's system errors."""
    for what, verbs in API.allowed_verbs.items():
        table = what.partition("/")[0]
        if table not in BUYERS_WAIT_FOR or what in SHARE_A_TABLE:
            continue
        reads = {"get", "get-many", "query"} & set(verbs.split())
        writes = [verb for verb in verbs.split() if verb not in reads]
        if reads:
            yield _throttled(what, "Read")
        if writes and table != "rows":  # the data stack has that one, with a text of its own
            yield _throttled(what, "Write")
        for verb in writes:
            yield _system_errors(what, ON_TABLES[verb])


def _throttled(table: str, kind: str) -> Alarm:
    words = table.replace("/", "-").replace("_", "-")
    return Alarm(
        logical_id=f"{_to_camel_case(words)}{kind}sThrottled",
        name=f"{words}-{kind.lower()}s-throttled",
        says=f"DynamoDB refuses {kind.lower()}s of {table}: buyers are answered late, or 503.",
        what_to_do="[tables are throttled](#tables-are-throttled)",
        metric=of_table(f"{kind}ThrottleEvents", table),
        statistic="Sum",
        threshold=0,
        periods=3,
        datapoints=2,
        condition=WITH_CAUSES,
        kind=READS_THROTTLED if kind == "Read" else WRITES_THROTTLED,
    )


def _system_errors(table: str, operation: str) -> Alarm:
    return Alarm(
        logical_id=f"{_to_camel_case(table)}{operation}Errors",
        name=f"{table}-{operation.lower()}-errors",
        says=f"DynamoDB itself fails in {operation} of {table}.",
        what_to_do="[bookings fail or are slow](#bookings-fail-or-are-slow)",
        metric=of_table("SystemErrors", table, operation),
        statistic="Sum",
        threshold=0,
        periods=5,
        datapoints=3,
        condition=WITH_CAUSES,
        kind=SYSTEM_ERRORS,
    )


def _to_camel_case(words: str) -> str:
    return "".join(part.capitalize() for part in words.split("-"))


OF_THE_API = (
    Alarm(
        logical_id="ApiFails",
        name="api-fails",
        says="More than 1 of 100 requests is answered with a status of 500 or above.",
        what_to_do="[bookings fail or are slow](#bookings-fail-or-are-slow)",
        metric=of_api("5XXError"),
        statistic="Average",  # of 1 for a failure and 0 for another answer
        threshold=0.01,
        periods=5,
        datapoints=3,
    ),
    Alarm(
        logical_id="ApiIsThrottled",
        name="api-throttled",
        says="Lambda runs no more of the API at the same time: buyers are answered 503 and asked to try again.",
        what_to_do="[no function is free](#no-function-is-free)",
        metric=of_function("Throttles", API),
        statistic="Sum",
        threshold=0,
        periods=3,
        datapoints=2,
    ),
    Alarm(
        logical_id="AccountIsThrottled",
        name="account-throttled",
        says="Lambda refuses to run functions of this account again and again. Events are late; buyers may be refused.",
        what_to_do="[no function is free](#no-function-is-free)",
        metric=of_all_functions("Throttles"),
        statistic="Sum",
        threshold=0,
        periods=10,
        datapoints=8,
    ),
    Alarm(
        logical_id="AccountIsNearlyFull",
        name="account-nearly-full",
        says="The functions of the account run nearly as often at the same time as its quota lets them.",
        what_to_do="[no function is free](#no-function-is-free)",
        metric=of_all_functions("ConcurrentExecutions"),
        statistic="Maximum",
        threshold="ConcurrencyAlarm",
        periods=3,
        datapoints=2,
    ),
    Alarm(
        logical_id="StoreIsUnavailable",
        name="store-unavailable",
        says="The API gives up calls of DynamoDB after three tries: buyers are answered 503.",
        what_to_do="[bookings fail or are slow](#bookings-fail-or-are-slow)",
        metric=of_log(STORE_UNAVAILABLE),
        statistic="Sum",
        threshold=5,
        period_seconds=300,
        periods=1,
    ),
)

# The shares at which SES puts an account under review: "Reputation dashboard" in the SES Developer Guide.
OF_EMAILS = (
    Alarm(
        logical_id="EmailsBounce",
        name="emails-bounce",
        says="5 of 100 emails of this account bounce. SES reviews such accounts, and stops them at 10.",
        what_to_do="[emails come back](#emails-come-back)",
        metric=of_emails("Reputation.BounceRate"),
        statistic="Maximum",
        threshold=0.05,
        or_equal=True,
        period_seconds=3600,
        without_data=UNCHANGED,
    ),
    Alarm(
        logical_id="EmailsAreComplainedOf",
        name="emails-complained-of",
        says="1 of 1,000 readers calls our emails spam. SES reviews such accounts, and stops them at 5.",
        what_to_do="[emails come back](#emails-come-back)",
        metric=of_emails("Reputation.ComplaintRate"),
        statistic="Maximum",
        threshold=0.001,
        or_equal=True,
        period_seconds=3600,
        without_data=UNCHANGED,
    ),
)

MONEY = Alarm(
    logical_id="MoneyToLookAt",
    name="money-to-look-at",
    says="Payments that are neither sold nor returned in time, or sales without their money; or the sweep that looks"
    " for them, each five minutes, does not run.",
    what_to_do="[money](#money)",
    metric=ours("MoneyToLookAt"),
    statistic="Maximum",
    threshold=0,
    period_seconds=300,
    periods=3,
    without_data=BEYOND,
)

REDIS = Alarm(
    logical_id="RedisDoesNotAnswer",
    name="redis-does-not-answer",
    says="Circuit breakers keep opening. Bookings go on; refused holds and seat maps reach the database.",
    what_to_do="[Redis](#redis)",
    metric=ours("BreakerOpen", Dependency="redis"),
    statistic="Sum",
    threshold=0,
    periods=3,
)

APP_ALARMS = (
    *OF_THE_API,
    *(alarm for service in SERVICES for alarm in (_failing_alarm(service), _slow_alarm(service))),
    MONEY,
    *(_stream_alarm(function) for function in FUNCTIONS if function.relays),
    VIEWERS_SEE_LATE,
    *OF_EMAILS,
    REDIS,
    *(alarm for function in FUNCTIONS for alarm in (_that_fails(function), _that_is_slow(function))),
    *_table_alarms(),
)
