"""The table in which processes tell each other how their breakers stand."""

from chalicelib.infrastructure.dynamodb.breaker_board import BreakerBoard

from .process import clock, database, once, stage_name


@once
def breaker_board() -> BreakerBoard:
    return BreakerBoard(database(), stage_name("breakers"), clock)
