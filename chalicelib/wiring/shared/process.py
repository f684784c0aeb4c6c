"""The settings, the clock and the database of every process; and `once`, which builds an object only once.

The database is imported at the top, because every function uses it, and Lambda's init phase has a whole CPU core.
"""

from __future__ import annotations

from functools import cache, wraps
from typing import TYPE_CHECKING, TypeVar

from chalicelib import settings as configuration
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection, tables
from chalicelib.infrastructure.refreshing_value import RefreshingValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.domain.ports import Clock

T = TypeVar("T")

clock: Clock = utc_now

_settings: configuration.Settings | None = None
_forget_each: list[Callable[[], None]] = []


def settings() -> configuration.Settings:
    """Gives the settings, read once. Secrets in SSM are among them only after `settings_with_secrets`.

    Raises SettingInvalid.
    """
    global _settings
    if _settings is None:
        _settings = configuration.load()
    return _settings


def settings_with_secrets() -> configuration.Settings:
    """Gives the settings with their secrets. The first call fetches all secrets that are in SSM, by one request.

    Raises SettingInvalid, or StoreUnavailable if SSM does not answer.
    """
    global _settings
    if configuration.secret_parameter_names() and (secrets := _secrets.load_if_missing()) is not None:
        _settings = configuration.load(secrets=secrets)
    return settings()


def _fetch_secrets() -> Mapping[str, str]:
    from chalicelib.infrastructure.parameters import fetch_existing_secrets  # only who uses a secret that is in SSM

    return fetch_existing_secrets(configuration.secret_parameter_names())


_secrets: RefreshingValue[Mapping[str, str]] = RefreshingValue(_fetch_secrets)


def _use_changed_secrets() -> None:
    """Rebuilds all objects of `once` if a secret has changed in SSM."""
    if (secrets := _secrets.reload_if_stale()) is not None:
        build_anew(configuration.load(secrets=secrets))


def once(build: Callable[[], T]) -> Callable[[], T]:
    """Decorates a factory: the first call builds the object, later calls give the same one, until `build_anew`.

    Concurrent first calls may build an object each. So a factory must have no effects.
    """
    built = cache(build)
    _forget_each.append(built.cache_clear)

    @wraps(build)
    def build_once() -> T:
        _use_changed_secrets()
        return built()

    return build_once


def build_anew(with_settings: configuration.Settings) -> None:
    """Replaces the settings, and drops all objects of `once`: their next use builds them from the new settings.

    For rotated secrets, and for tests. AWS clients stay, because they use no settings.
    """
    global _settings
    _settings = with_settings
    for forget in _forget_each:
        forget()


def resource_name(part: str) -> str:
    """Gives the full name of a table or queue in this stage, such as cinema-prod-rows for `rows`."""
    return f"{settings().table_prefix}-{part}"


@cache
def database() -> DynamoDBClient:
    tables.set_table_names(settings().table_prefix)
    return connection.new_dynamodb_client(lean=settings().lean_client)
