"""Saved queries of CloudWatch Logs Insights, in its console below cinema-{stage}/."""

from typing import NamedTuple

from infra.cloud.functions import FUNCTIONS
from infra.cloud.templates import Template, sub

from .log_schema import FUNCTIONS as OF_FUNCTIONS
from .log_schema import METRICS, REQUESTS

ON_AWS, WITH_REQUESTS = "OnAws", "QueriesOfRequestsAreSaved"
"""The conditions under which a query is made. No emulator knows them."""


class Query(NamedTuple):
    name: str
    """The name in the console, after cinema-{stage}/."""
    answers: str
    """The question that it answers."""
    kinds: tuple[str, ...]
    """The kinds of lines that it reads, as in log_schema.py."""
    text: str
    functions: tuple[str, ...] = ()
    """The functions whose logs it reads; empty for all of them, where it reads logs of functions at all."""


QUERIES = (
    Query(
        "errors-by-route",
        "Which routes are answered with which errors, most frequent first?",
        (REQUESTS,),
        "filter status >= 400 | stats count() as requests by status, error, route, method | sort requests desc",
    ),
    Query(
        "slowest-requests",
        "Which requests took longest, and was it the function?",
        (REQUESTS,),
        "fields @timestamp, method, route, status, milliseconds, functionMilliseconds, functionRequestId"
        " | sort milliseconds desc | limit 50",
    ),
    Query(
        "bookings",
        "How many holds and confirmations end how, and how long do they take, every five minutes?",
        (OF_FUNCTIONS,),
        'filter message in ["hold_seats", "confirm_reservation"]'
        " | stats count() as requests, pct(ms, 50) as half, pct(ms, 99) as slow by bin(5m), message, status",
        ("api_handler",),
    ),
    Query(
        "one-request",
        "What became of one request? Put its X-Request-Id in.",
        (OF_FUNCTIONS,),
        'fields @timestamp, level, message, status, ms, path, exception | filter request_id = "REQUEST_ID"',
        ("api_handler",),
    ),
    Query(
        "one-id",
        "Which lines name one reservation, sale, payment or message? Put its id in.",
        (OF_FUNCTIONS,),
        "fields @timestamp, @log, level, message, status, reason, @message"
        ' | filter @message like "ID" | sort @timestamp asc',
    ),
    Query(
        "exceptions",
        "What fails unexpectedly, and how often?",
        (OF_FUNCTIONS,),
        "filter ispresent(exception_name)"
        " | stats count() as times, latest(@timestamp) as last by exception_name, message, @log | sort times desc",
    ),
    Query(
        "given-up",
        "Which messages and records were put aside, and why?",
        (OF_FUNCTIONS,),
        'filter message in ["message parked in its dead-letter queue", "record put aside among the stream failures"]'
        " | fields @timestamp, @log, record_id, reason, exception_name | sort @timestamp desc",
    ),
    Query(
        "store-unavailable",
        "Which calls of DynamoDB were given up, and why?",
        (OF_FUNCTIONS,),
        'filter message = "store unavailable" | stats count() as times by operation, cause, bin(1m) | sort times desc',
        ("api_handler",),
    ),
    Query(
        "money",
        "What did the sweep over payments find that it could not settle?",
        (OF_FUNCTIONS,),
        'filter message in ["money to look at", "a payment bought nothing and is to be returned"]'
        " | fields @timestamp, message, says, ids.transaction, ids.reservation, refusal | sort @timestamp desc",
        ("on_reconciliation_due", "api_handler"),
    ),
    Query(
        "breakers",
        "When did which circuit breaker open or close?",
        (METRICS,),
        "filter ispresent(BreakerOpen) | fields @timestamp, Dependency, BreakerOpen, trips | sort @timestamp desc",
    ),
    Query(
        "memory-and-cold-starts",
        "How much memory and time does each function take, and how often does it start cold?",
        (OF_FUNCTIONS,),
        'filter @type = "REPORT"'
        " | stats count() as runs, count(@initDuration) as cold, max(@initDuration) as slowestStart,"
        " pct(@duration, 99) as slow, max(@maxMemoryUsed) / 1000000 as megabytes by @log",
    ),
)


def query_resources() -> Template:
    """Makes the saved queries, by logical id."""
    return {f"{_to_camel_case(query.name)}Query": _resource(query) for query in QUERIES}


def _resource(query: Query) -> Template:
    return {
        "Type": "AWS::Logs::QueryDefinition",
        "Condition": WITH_REQUESTS if REQUESTS in query.kinds else ON_AWS,
        "Properties": {
            "Name": sub(f"cinema-${{Stage}}/{query.name}"),
            "LogGroupNames": [sub(group) for group in _log_groups(query)],
            "QueryString": f"# {query.answers}\n{query.text}",
        },
    }


def _log_groups(query: Query) -> list[str]:
    if REQUESTS in query.kinds:
        return ["/cinema/${Stage}/requests"]
    chosen = [one for one in FUNCTIONS if not query.functions or one.name in query.functions]
    return [f"/aws/lambda/${{{one.logical_id}}}" for one in chosen]


def _to_camel_case(words: str) -> str:
    return "".join(part.capitalize() for part in words.split("-"))
