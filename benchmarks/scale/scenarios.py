"""The on-sales that are played, in the order of the tables in docs/scale.md."""

from collections.abc import Iterator

from .designs import BY_ROW, DESIGNS, Hall
from .limits import DEFAULT, RAISED, UNBOUNDED, WARMED
from .simulation import OnSale

ONE = Hall(500)
LARGE = Hall(20_000, seats_per_row=50)
MULTIPLEX = Hall(200)

GATES = (0, 3)
"""Redis nodes: none, and a small cluster."""

HEIGHT = 100_000
"""Attempts a second."""


def on_sales_of_quotas() -> Iterator[OnSale]:
    """Makes the on-sales of our design for one screening, behind AWS's limits."""
    for attempts in (1_000, 10_000, HEIGHT):
        for quotas in (DEFAULT, RAISED, WARMED):
            yield OnSale(name="one screening of 500", design=BY_ROW, hall=ONE, attempts=attempts, quotas=quotas)


def on_sales_of_rates() -> Iterator[OnSale]:
    """Makes the on-sales of our design without limits in front, for rising numbers of attempts."""
    for attempts in (1_000, 3_000, 10_000, 30_000, HEIGHT):
        for nodes in GATES:
            yield OnSale(name="one screening of 500", design=BY_ROW, hall=ONE, attempts=attempts, redis_nodes=nodes)


def on_sales_of_designs() -> Iterator[OnSale]:
    """Makes the on-sales of all designs without limits in front: the tables alone."""
    for name, hall, screenings, writes in (
        ("one screening of 500", ONE, 1, 4_000),
        ("a hall of 20,000", LARGE, 1, 4_000),
        ("a thousand screenings of 200", MULTIPLEX, 1_000, 40_000),
    ):
        for design in DESIGNS:
            for nodes in GATES:
                yield OnSale(
                    name=name,
                    design=design,
                    hall=hall,
                    screenings=screenings,
                    attempts=HEIGHT,
                    table_writes=writes,
                    redis_nodes=nodes,
                    quotas=UNBOUNDED,
                )
