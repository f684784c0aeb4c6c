"""Serves our API until it gets to a place, and dies there: `python -m benchmarks.classic.dying --at held --port N`.

    held    the row has the hold, no reservation remembers it
    sold    the row has the sale (the commit point), nothing else was written or sent

No deployed code imports this module.
"""

import argparse
import os
import signal
import sys
from datetime import datetime

from chalicelib.domain.reservations import Hold, Sale
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.wiring.shared.adapters import SellingAndSettlingAdapters
from chalicelib.wiring.shared.process import database, resource_name
from infra.local import server

HELD, SOLD = "held", "sold"
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
"""A crash, and an instance that is frozen with its connections open."""


class FatalRows(DynamoRows):
    """Decides as always, and dies once the database has answered."""

    place = HELD
    end = signal.SIGKILL

    def hold(self, hold: Hold, now: datetime) -> None:
        super().hold(hold, now)
        if self.place == HELD:
            os.kill(os.getpid(), self.end)

    def sell(self, hold: Hold, sale: Sale, now: datetime) -> None:
        super().sell(hold, sale, now)
        if self.place == SOLD:
            os.kill(os.getpid(), self.end)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classic.dying", description="An API that dies.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--at", choices=(HELD, SOLD), required=True)
    parser.add_argument("--by", choices=SIGNALS, default="kill")
    options = parser.parse_args()
    FatalRows.place, FatalRows.end = options.at, SIGNALS[options.by]
    rows = FatalRows(database(), resource_name("rows"))
    setattr(SellingAndSettlingAdapters, "rows", property(lambda _: rows))  # noqa: B010 - a cached property, so mypy forbids the plain way
    return server.main(["--port", str(options.port)])


if __name__ == "__main__":
    sys.exit(main())
