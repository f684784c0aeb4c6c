"""The table in which processes share the states of their circuit breakers."""

from chalicelib.infrastructure.dynamodb.breaker_board import BreakerBoard

from .process import clock, database, once_per_settings, resource_name


@once_per_settings
def breaker_board() -> BreakerBoard:
    return BreakerBoard(database(), resource_name("breakers"), clock)
