"""The table in which processes share the states of their circuit breakers."""

from chalicelib.infrastructure.dynamodb.breaker_board import BreakerBoard

from .process import clock, database, once, stage_name


@once
def breaker_board() -> BreakerBoard:
    return BreakerBoard(database(), stage_name("breakers"), clock)
