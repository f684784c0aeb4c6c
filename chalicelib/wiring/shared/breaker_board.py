"""The table in which processes share the states of their circuit breakers."""

from chalicelib.infrastructure.dynamodb.breaker_board import BreakerBoard

from .process import clock, database, once, resource_name


@once
def breaker_board() -> BreakerBoard:
    return BreakerBoard(database(), resource_name("breakers"), clock)
