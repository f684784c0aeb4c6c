"""The settings, the clock and the database of every process; and `once`, which builds an object only once.

The database is imported at the top, because every function uses it, and Lambda's init phase has a whole CPU core.
"""

from __future__ import annotations

from functools import cache, wraps
from typing import TYPE_CHECKING, TypeVar

from chalicelib import settings as configuration
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection, tables
from chalicelib.infrastructure.renewed import Renewed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.domain.ports import Clock

T = TypeVar("T")

clock: Clock = utc_now

_settings: configuration.Settings | None = None
_forget_each: list[Callable[[], None]] = []


def settings() -> configuration.Settings:
    """Gives the settings. Reads the environment on the first call only. Raises SettingInvalid."""
    global _settings
    if _settings is None:
        _settings = configuration.load()
    return _settings


def settings_with_secrets() -> configuration.Settings:
    """Gives the settings with their secrets. Of those in SSM all are fetched by the first call, with one question.

    Raises SettingInvalid, or StoreUnavailable when SSM does not answer.
    """
    global _settings
    if configuration.secret_parameter_names() and (secrets := _secrets.first()) is not None:
        _settings = configuration.load(secrets=secrets)
    return settings()


def _fetch_secrets() -> Mapping[str, str]:
    from chalicelib.infrastructure.parameters import fetch_secrets  # only who uses a secret that is in SSM

    return fetch_secrets(configuration.secret_parameter_names())


_secrets: Renewed[Mapping[str, str]] = Renewed(_fetch_secrets)


def _use_changed_secrets() -> None:
    """Forgets each object that may know a replaced secret, so that it is built again."""
    if (secrets := _secrets.changed()) is not None:
        build_anew(configuration.load(secrets=secrets))


def once(build: Callable[[], T]) -> Callable[[], T]:
    """Decorates a factory: the first call builds an object, later calls give the same one, until `build_anew`.

    Threads that make the first call at the same moment may build one object each. This must do no harm.
    """
    built = cache(build)
    _forget_each.append(built.cache_clear)

    @wraps(build)
    def build_once() -> T:
        _use_changed_secrets()
        return built()

    return build_once


def build_anew(with_settings: configuration.Settings) -> None:
    """Forgets all objects of `once`, and replaces the settings from which new ones are built.

    For secrets that have been replaced, and for tests.

    The clients of AWS are kept, because they use no settings.
    """
    global _settings
    _settings = with_settings
    for forget in _forget_each:
        forget()


def resource_name(part: str) -> str:
    """Gives the name of a table or queue of this stage."""
    return f"{settings().table_prefix}-{part}"


@cache
def database() -> DynamoDBClient:
    tables.bind(settings().table_prefix)
    return connection.client(lean=settings().lean_client)
