"""`warm`: readies the tables of a purchase for more requests than they have met, before an on-sale.

A new table takes 4,000 writes and 12,000 reads a second at once, and grows by itself when it meets more: in minutes, in
which buyers are refused. "Understanding DynamoDB warm throughput" in DynamoDB's developer guide.
"""

import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.ops.arguments import add_command, parse_count
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer, aligned

TABLES = ("sessions", "rows", "live-holds", "reservations", "payments")
"""The tables that a purchase reads and writes."""

DOLLARS_PER_READ, DOLLARS_PER_WRITE = 0.00013, 0.00065
"""The price of each unit more, once, in us-east-1: that of a provisioned unit for an hour (DynamoDB's price list)."""

MOST_UNITS = 40_000
"""The largest number of units of a table that an account has without asking for more: the default quota of on-demand
tables."""

PATIENCE_SECONDS = 1800
LOOK_AGAIN_SECONDS = 5.0

HEADINGS = ("table", "index", "reads/s", "writes/s", "state")


def add_to(commands: Any) -> None:
    about = "the requests a second that the tables take at once; raises them before an on-sale"
    command = add_command(commands, "warm", _run, about, "warm --stage prod --reads 20000 --writes 8000 --yes")
    command.add_argument("--reads", type=parse_count, default=0, metavar="N", help="at least N read units a second")
    command.add_argument("--writes", type=parse_count, default=0, metavar="N", help="at least N write units a second")
    command.add_argument("--yes", action="store_true", help="raise them; without it, only say what it would cost")


@dataclass(frozen=True, slots=True)
class WarmThroughput:
    """The warm throughput of a table, or of one of its indexes."""

    table: str
    index: str | None
    reads: int
    writes: int
    state: str

    def raised(self, reads: int, writes: int) -> dict[str, int]:
        """Gives the throughput, raised to at least these numbers. Warm throughput can't be lowered."""
        return {"ReadUnitsPerSecond": max(reads, self.reads), "WriteUnitsPerSecond": max(writes, self.writes)}

    def cost(self, reads: int, writes: int) -> float:
        """Gives the price of raising it, in dollars."""
        return max(reads - self.reads, 0) * DOLLARS_PER_READ + max(writes - self.writes, 0) * DOLLARS_PER_WRITE


def _run(connection: Connection, options: Namespace) -> Answer:
    return warm_tables(connection, options.reads, options.writes, sure=options.yes)


def warm_tables(
    connection: Connection, reads: int, writes: int, *, sure: bool, sleep: Callable[[float], None] = time.sleep
) -> Answer:
    """Shows the warm throughput, and the price of more; raises it if `sure`, and waits for it. Raises OpsError."""
    if max(reads, writes) > MOST_UNITS:
        raise OpsError(f"A table takes {MOST_UNITS:,} units a second at most: ask AWS for a higher quota first.")
    client = connection.client("dynamodb")
    before = _read_all(client, connection)
    cost = sum(one.cost(reads, writes) for one in before)
    if not sure or not cost:
        return _answer(before, cost, _advice_text(reads, writes, cost))
    for table in TABLES:
        _raise_one(client, f"{connection.prefix}{table}", [one for one in before if one.table == table], reads, writes)
    return _answer(_wait(client, connection, sleep), cost, f"Raised, for some ${cost:.2f} once.")


def _raise_one(client: Any, name: str, known: list[WarmThroughput], reads: int, writes: int) -> None:
    """Raises the throughput of a table and its indexes, where it is lower."""
    lower = [one for one in known if one.cost(reads, writes)]
    request: dict[str, Any] = {}
    indexes = [
        {"Update": {"IndexName": one.index, "WarmThroughput": one.raised(reads, writes)}} for one in lower if one.index
    ]
    if indexes:
        request["GlobalSecondaryIndexUpdates"] = indexes
    for one in lower:
        if not one.index:
            request["WarmThroughput"] = one.raised(reads, writes)
    if request:
        client.update_table(TableName=name, **request)


def _wait(client: Any, connection: Connection, sleep: Callable[[float], None]) -> list[WarmThroughput]:
    """Waits until all tables are raised. Raises OpsError when that takes too long, although AWS goes on."""
    for _ in range(int(PATIENCE_SECONDS / LOOK_AGAIN_SECONDS)):
        found = _read_all(client, connection)
        if all(one.state == "ACTIVE" for one in found):
            return found
        sleep(LOOK_AGAIN_SECONDS)
    raise OpsError(f"AWS is still at it after {PATIENCE_SECONDS // 60} min. Look again: {connection.command('warm')}")


def _read_all(client: Any, connection: Connection) -> list[WarmThroughput]:
    return [one for table in TABLES for one in _read(client, f"{connection.prefix}{table}", table)]


def _read(client: Any, name: str, table: str) -> Iterator[WarmThroughput]:
    """Reads the warm throughput of a table and its indexes. Raises OpsError where it is unknown, as on emulators."""
    found = client.describe_table(TableName=name)["Table"]
    for index, part in ((None, found), *((one["IndexName"], one) for one in found.get("GlobalSecondaryIndexes", []))):
        warmth = part.get("WarmThroughput")
        if not warmth:
            raise OpsError(f"{name} does not say what it takes at once: only AWS keeps tables warm.")
        state = warmth.get("Status", "ACTIVE")
        yield WarmThroughput(table, index, warmth["ReadUnitsPerSecond"], warmth["WriteUnitsPerSecond"], state)


def _advice_text(reads: int, writes: int, cost: float) -> str:
    if not reads and not writes:
        return "A hold costs 4 write units, a payment 5; --reads and --writes say what it costs to have more at once."
    if not cost:
        return "All of that is warm already: nothing to raise."
    return f"Raising it costs some ${cost:.2f}, once, and can't be undone: --yes does it."


def _answer(found: list[WarmThroughput], cost: float, said: str) -> Answer:
    rows = [(one.table, one.index, one.reads, one.writes, one.state) for one in found]
    data = {"dollars": round(cost, 2), "tables": [dict(zip(HEADINGS, row, strict=True)) for row in rows]}
    return Answer(data, f"{aligned(HEADINGS, rows)}\n\n{said}")
