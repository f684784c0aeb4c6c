"""Computes what it costs on AWS, from the budgets that the tests count: `python -m benchmarks.bill`, or `make cost`.

`--write` puts the tables into docs/deploying.md. Amounts that no test counts are in ESTIMATES.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from chalicelib.application.relay import ROUTES
from chalicelib.domain.consumers import ANALYTICS, AUDIT, CACHE, CONSUMERS, EMAIL, INVOICES, NOTIFICATION, TICKETS
from chalicelib.domain.events import EventType
from infra.cloud.markdown import filled, table
from infra.cloud.watching.alarms import WITH_CAUSES
from infra.cloud.watching.app_alarms import APP_ALARMS
from infra.cloud.watching.data_alarms import DATA_ALARMS
from infra.cloud.watching.log_metrics import LOG_METRICS
from infra.processes import ROOT

from . import budgets, prices
from .budgets import Budget
from .prices import Price

DOCUMENT = ROOT / "docs" / "deploying.md"
COMMAND = "make cost WRITE=1"

SECONDS_OF_A_MONTH = 30 * 24 * 3600
SWEEPS = SECONDS_OF_A_MONTH // 300
POLLERS, POLL_SECONDS = 5, 20
"""Lambda's askers of each queue, and how long an empty answer takes: ReceiveMessageWaitTimeSeconds."""


class Estimates(NamedTuple):
    """Amounts that no test counts. They are rather too high."""

    seat_maps: int = 10
    rows: int = 10
    """A buyer looks at a map of so many rows so often, and no cache helps."""
    other_requests: int = 2
    seconds: float = 0.068
    """Of a function of 1 GB, for a request, message or record."""
    seconds_of_a_refusal: float = 0.05
    seconds_of_a_sweep: float = 2.0
    reads_of_a_sweep: int = 400
    """Where 50 screenings of 8 rows are on."""
    log_bytes: int = 100_000
    """Of a sale: some 40 lines of functions, Lambda's own, and API Gateway's."""
    log_bytes_of_a_refusal: int = 1_500


ESTIMATES = Estimates()


class Part(NamedTuple):
    """A part of a bill: an amount of something that has a price."""

    what: str
    amount: float
    price: Price

    @property
    def usd(self) -> float:
        return self.price.of(self.amount)


def total_usd(parts: Iterable[Part]) -> float:
    return sum(part.usd for part in parts)


# A sale: one hold in one row with a key and an email, a started payment, the gateway's message, a confirmation

ONE_WRITE = Budget(("UpdateItem",), write_units=1)
SEATS = 2
"""Of a sale."""
EVENTS_OF_SALE = (EventType.RESERVATION_CREATED, EventType.PAYMENT_CONFIRMED)
EVENTS = len(EVENTS_OF_SALE)
EMAILS_PUT_OFF = 1
"""The email about the sale hears of it before its tickets are signed."""

CONSUMERS_WITH_BUDGET = {ANALYTICS, AUDIT, CACHE, EMAIL, INVOICES, NOTIFICATION, TICKETS}


def paths_without_budget() -> Iterator[tuple[str, Budget, int]]:
    """Estimates what events of a sale cost at consumers without a budget: a write to each table that they may write."""
    for consumer in CONSUMERS:
        events = len(set(EVENTS_OF_SALE) & set(consumer.hears))
        tables = [verbs for verbs in consumer.allowed_verbs.values() if {"put", "update"} & set(verbs.split())]
        if events and tables and consumer.queue not in CONSUMERS_WITH_BUDGET:
            yield consumer.purpose, Budget(("UpdateItem",) * len(tables), write_units=len(tables)), events


PATHS_WITH_BUDGET: Sequence[tuple[str, Budget, int]] = (
    ("the hold", budgets.HOLD, 1),
    ("the payment is started", budgets.SHOW_RESERVATION, 1),
    ("the gateway's message", budgets.MESSAGE_OF_GATEWAY, 1),
    ("the confirmation", budgets.CONFIRM, 1),
    ("the charge and the sale are noted on the payment; the hold's expiry finds it sold", ONE_WRITE, 3),
    ("events are recorded", budgets.EVENT_RECORDED, EVENTS),
    ("events are counted", budgets.EVENT_COUNTED, EVENTS),
    ("events are numbered for webhooks", budgets.EVENT_NUMBERED, EVENTS),
    ("the email about the hold", budgets.EMAIL, 1),
    ("the email about the sale is put off until its tickets are signed", budgets.EMAIL_PUT_OFF, EMAILS_PUT_OFF),
    ("and sent", budgets.EMAIL_OF_SALE, 1),
    ("the invoice", budgets.INVOICE, 1),
    ("two tickets are signed", budgets.TICKETS_OF_TWO_SEATS, 1),
    ("they are shown", budgets.SHOW_TICKETS, 1),
    ("and admitted", budgets.ADMISSION, SEATS),
    ("seat maps", budgets.seat_map(ESTIMATES.rows), ESTIMATES.seat_maps),
    ("the reservation and the purchases are shown", budgets.SHOW_RESERVATION, ESTIMATES.other_requests),
)


def paths() -> Sequence[tuple[str, Budget, int]]:
    """Gives the paths of a sale, each with its budget and how often it is taken."""
    return [*PATHS_WITH_BUDGET, *paths_without_budget()]


REQUESTS = ESTIMATES.seat_maps + ESTIMATES.other_requests + 5 + SEATS
MESSAGES = 1 + sum(len(ROUTES[kind]) for kind in EVENTS_OF_SALE) + 2 + EMAILS_PUT_OFF
"""The expiry, one for each consumer of each event, two of payments, and the email that is put off."""
RECORDS = 8
"""Changes of rows, of the reservation and of the payment that their streams hand to functions."""
CALLS_OF_A_MESSAGE = 3
"""It is sent, received and deleted alone."""


def count_sale_write_units() -> int:
    return sum(budget.write_units * times for _, budget, times in paths())


def count_sale_read_units() -> int:
    return sum(budget.read_units * times for _, budget, times in paths())


def parts_of_sales(sales: int) -> list[Part]:
    """Gives the parts of the bill for a number of sales."""
    runs = REQUESTS + MESSAGES + RECORDS
    return [
        Part("writes of DynamoDB", count_sale_write_units() * sales, prices.WRITE_UNIT),
        Part("reads of DynamoDB", count_sale_read_units() * sales, prices.READ_UNIT),
        Part("requests", REQUESTS * sales, prices.REST_REQUEST),
        Part("functions run", runs * sales, prices.INVOCATION),
        Part("functions' time", runs * ESTIMATES.seconds * sales, prices.GB_SECOND),
        Part("messages", MESSAGES * CALLS_OF_A_MESSAGE * sales, prices.SQS_REQUEST),
        Part("emails", EVENTS * sales, prices.EMAIL),
        Part("invoices' files", sales, prices.S3_PUT),
        Part("signatures of tickets", SEATS * sales, prices.SIGNATURE),
        Part("logs", ESTIMATES.log_bytes / 1e9 * sales, prices.LOG_GB),
    ]


def parts_of_refusals(attempts: int, *, redis: bool) -> list[Part]:
    """Gives the parts of the bill for refused holds. With a Redis the gate refuses them without DynamoDB."""
    writes = (
        [] if redis else [Part("writes of DynamoDB", attempts * budgets.REFUSED_HOLD.write_units, prices.WRITE_UNIT)]
    )
    return [
        *writes,
        Part("requests", attempts, prices.REST_REQUEST),
        Part("functions run", attempts, prices.INVOCATION),
        Part("functions' time", attempts * ESTIMATES.seconds_of_a_refusal, prices.GB_SECOND),
        Part("logs", attempts * ESTIMATES.log_bytes_of_a_refusal / 1e9, prices.LOG_GB),
    ]


def parts_of_seat_maps(maps: int) -> list[Part]:
    """Gives the parts of the bill for looks at a seat map, none of them cached."""
    rows = budgets.seat_map(ESTIMATES.rows).read_units
    return [
        Part("reads of DynamoDB", maps * rows, prices.READ_UNIT),
        Part("requests", maps, prices.REST_REQUEST),
        Part("functions run", maps, prices.INVOCATION),
        Part("functions' time", maps * ESTIMATES.seconds, prices.GB_SECOND),
    ]


def parts_of_viewers(viewers: int, changes: int, minutes: int) -> list[Part]:
    """Gives the parts of the bill for live seat maps: each change of a row is a message to each viewer."""
    return [
        Part("live seat maps", viewers * changes, prices.SOCKET_MESSAGE),
        Part("live connections", viewers * minutes, prices.SOCKET_MINUTE),
    ]


# At rest: a stage and month in which nothing is sold


def alarms(*, essential: bool = False) -> int:
    """Counts the alarms of a stage, each of one metric."""
    return sum(not (essential and alarm.condition == WITH_CAUSES) for alarm in (*APP_ALARMS, *DATA_ALARMS))


def parts_at_rest(*, essential: bool = False) -> list[Part]:
    polls = len(CONSUMERS) * POLLERS * SECONDS_OF_A_MONTH / POLL_SECONDS
    watching = [] if essential else [Part("the dashboard", 1, prices.DASHBOARD)]
    return [
        Part("alarms", alarms(essential=essential), prices.ALARM),
        *watching,
        Part("the sweep's metric", 1, prices.METRIC),
        Part("the key of tickets", 1, prices.SIGNING_KEY_MONTH),
        Part(
            f"empty queues are asked, by {POLLERS} pollers each",
            polls,
            prices.SQS_REQUEST,
        ),
        Part("the sweep: functions' time", SWEEPS * ESTIMATES.seconds_of_a_sweep, prices.GB_SECOND),
        Part("the sweep: reads of DynamoDB", SWEEPS * ESTIMATES.reads_of_a_sweep, prices.READ_UNIT),
    ]


def parts_of_traffic_metrics() -> list[Part]:
    """Gives the metrics that are counted in logs: they are paid for the hours in which there is something to count."""
    return [Part("metrics of bookings", len({one.metric for one in LOG_METRICS}), prices.METRIC)]


def redis() -> list[Part]:
    return [Part("Redis", 1, prices.REDIS_MONTH), Part("its VPC's way to SQS", 1, prices.ENDPOINT_MONTH)]


# Who pays it


class Scenario(NamedTuple):
    name: str
    details: str
    parts: list[Part]


def scenarios() -> list[Scenario]:
    """Makes the bills of a small cinema, a chain, and one on-sale."""
    return [_small_cinema(), _chain(), _on_sale(attempts=100_000, sold=500, viewers=5_000)]


def _small_cinema() -> Scenario:
    rest = [*parts_at_rest(essential=True), *parts_of_traffic_metrics()]
    return Scenario(
        "a small cinema, a month",
        "2 rooms, 2,000 sales, 200 refused holds, `WATCH=essential`, no Redis",
        [*rest, *parts_of_sales(2_000), *parts_of_refusals(200, redis=False)],
    )


def _chain() -> Scenario:
    rest, sales = [*parts_at_rest(), *parts_of_traffic_metrics(), *redis()], 200_000
    return Scenario(
        "a chain, a month",
        "40 cinemas, 200,000 sales, 50,000 refused holds, 50 viewers before each sale, a Redis",
        [
            *rest,
            *parts_of_sales(sales),
            *parts_of_refusals(50_000, redis=True),
            *parts_of_viewers(50 * sales, changes=2, minutes=5),
        ],
    )


def _on_sale(attempts: int, sold: int, viewers: int) -> Scenario:
    holds = [*parts_of_sales(sold), *parts_of_refusals(attempts - sold, redis=True)]
    return Scenario(
        f"an on-sale of {attempts:,} attempts",
        f"{sold:,} sales, all others refused by the gate, 5 looks at the map for each attempt,"
        f" {viewers:,} live viewers for 10 minutes",
        [*holds, *parts_of_seat_maps(5 * attempts), *parts_of_viewers(viewers, changes=2 * sold, minutes=10)],
    )


# The tables


def _usd_text(value: float) -> str:
    return f"{value:,.2f}" if value >= 1 else f"{value:.4f}" if value < 0.01 else f"{value:.3f}"


def _amount_text(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def table_of_prices() -> str:
    rows = ((one.what, f"{one.usd:g} for {one.per:,}", one.source) for one in prices.PRICES)
    return table(("price of", "USD", "AWS's page"), rows)


def table_of_parts(parts: Sequence[Part], total: str) -> str:
    rows = [(part.what, _amount_text(part.amount), part.price.what, _usd_text(part.usd)) for part in parts]
    return table(
        ("what", "how much", "of", "USD"), [*rows, (f"**{total}**", "", "", f"**{_usd_text(total_usd(parts))}**")]
    )


def table_of_paths() -> str:
    rows = [
        (what, str(times), _units_text(budget.write_units, times), _units_text(budget.read_units, times))
        for what, budget, times in paths()
    ]
    total = ("**together**", "", f"**{count_sale_write_units()}**", f"**{count_sale_read_units()}**")
    return table(("path of a sale", "times", "write units", "read units"), [*rows, total])


def _units_text(units: int, times: int) -> str:
    return str(units * times) if units else ""


def table_of_scenarios() -> str:
    rows = (
        (
            one.name,
            one.details,
            _largest_parts_text(one.parts),
            f"**{total_usd(one.parts):,.0f}**" if total_usd(one.parts) >= 1 else "",
        )
        for one in scenarios()
    )
    return table(("who", "with", "mostly", "USD"), rows)


def _largest_parts_text(parts: Sequence[Part]) -> str:
    by_what: dict[str, float] = {}
    for part in parts:
        by_what[part.what] = by_what.get(part.what, 0) + part.usd
    first = sorted(by_what.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{what} ({usd:,.2f})" for what, usd in first)


def tables() -> dict[str, str]:
    """Makes the document's tables, by title."""
    return {
        "prices": table_of_prices(),
        "costs at rest": table_of_parts(parts_at_rest(), "together, a stage and month"),
        "budgets of a sale": table_of_paths(),
        "costs of sales": table_of_parts(parts_of_sales(1000), "1,000 sales"),
        "bills": table_of_scenarios(),
    }


def document() -> str:
    """Makes docs/deploying.md with its tables as they are now."""
    text = DOCUMENT.read_text()
    for what, made in tables().items():
        text = filled(DOCUMENT, text, what, f"`{COMMAND}`", made)
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables, or writes them into the document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bill", description="Computes what it costs on AWS.")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/deploying.md")
    if parser.parse_args(arguments).write:
        DOCUMENT.write_text(document())
    for what, made in tables().items():
        print(f"\n{what} (USD, {prices.REGION}, list prices of {prices.READ_ON})\n\n{made}")


if __name__ == "__main__":
    main()
