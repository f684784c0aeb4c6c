"""Shared by every process: settings, a clock, the database; and building things once.

The database is imported here, in Lambda's init phase, which has a whole core: every function uses it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar

from chalicelib import settings as configuration
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.domain.ports import Clock

T = TypeVar("T")

clock: Clock = utc_now

_settings: configuration.Settings | None = None
_forget_each: list[Callable[[], None]] = []


def settings() -> configuration.Settings:
    """Gives the settings from the environment, read once. Raises SettingInvalid."""
    global _settings
    if _settings is None:
        _settings = configuration.load()
    return _settings


def once(build: Callable[[], T]) -> Callable[[], T]:
    """Decorates a factory: the first call builds, every later one gives the same, until `build_anew`.

    Threads that call it first at the same moment may build one each, which must do no harm.
    """
    built = cache(build)
    _forget_each.append(built.cache_clear)
    return built


def build_anew(with_settings: configuration.Settings) -> None:
    """Forgets what was built, and has it built with these settings from now on: for tests.

    Clients of AWS are kept: they know no settings.
    """
    global _settings
    _settings = with_settings
    for forget in _forget_each:
        forget()


def stage_name(part: str) -> str:
    """Gives the name of a table or queue of this stage."""
    return f"{settings().table_prefix}-{part}"


@cache
def database() -> DynamoDBClient:
    tables.bind(settings().table_prefix)
    return connection.client()
