"""The settings, the clock and the database of every process; and `once_per_settings`, which builds an object once for
each state of the settings.

The database's modules are imported at the top. Every function uses them, and imports are fastest in Lambda's init
phase, which has a whole CPU core.
"""

from __future__ import annotations

from functools import cache, wraps
from typing import TYPE_CHECKING, TypeVar

from chalicelib import settings as configuration
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection, tables
from chalicelib.infrastructure.polled_value import PolledValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.domain.ports import Clock

T = TypeVar("T")

clock: Clock = utc_now

_settings: configuration.Settings | None = None
_forget_each: list[Callable[[], None]] = []


def settings() -> configuration.Settings:
    """Gives the settings, which are read at the first call. Raises SettingInvalid.

    Secrets that are in SSM are empty until `settings_with_secrets` has been called.
    """
    global _settings
    if _settings is None:
        _settings = configuration.load()
    return _settings


def settings_with_secrets() -> configuration.Settings:
    """Gives the settings with all secrets. The first call fetches the secrets that are in SSM, with one request.

    Raises SettingInvalid, or BackendUnavailable if SSM does not answer.
    """
    global _settings
    if configuration.ssm_parameter_by_variable() and (secrets := _secrets.first_read_or_none()) is not None:
        _settings = configuration.load(fetched_secret_by_variable=secrets)
    return settings()


def _fetch_secrets() -> Mapping[str, str]:
    from chalicelib.infrastructure.parameters import fetch_existing_secrets  # only who uses a secret that is in SSM

    return fetch_existing_secrets(configuration.ssm_parameter_by_variable())


_secrets: PolledValue[Mapping[str, str]] = PolledValue(_fetch_secrets)


def _use_changed_secrets() -> None:
    """Reads the secrets in SSM again from time to time. Drops the objects of all factories if a secret has changed."""
    if (secrets := _secrets.reread_if_stale_and_give_change()) is not None:
        replace_settings_and_drop_objects(configuration.load(fetched_secret_by_variable=secrets))


def once_per_settings(build: Callable[[], T]) -> Callable[[], T]:
    """Decorates a factory. The first call builds the object. Later calls give the same object, until
    `replace_settings_and_drop_objects` is called.

    After a secret has changed in SSM, the next call builds a new object. Concurrent first calls may each build an
    object, so a factory must have no side effects.
    """
    built = cache(build)
    _forget_each.append(built.cache_clear)

    @wraps(build)
    def build_once() -> T:
        _use_changed_secrets()
        return built()

    return build_once


def replace_settings_and_drop_objects(with_settings: configuration.Settings) -> None:
    """Replaces the settings, and drops all objects of `once_per_settings`. The next use of an object builds it from the
    new settings.

    Used when a secret has been rotated, and by tests. AWS clients are kept, because they use no settings.
    """
    global _settings
    _settings = with_settings
    for forget in _forget_each:
        forget()


def resource_name(part: str) -> str:
    """Gives the name of a table or queue in this stage: for `rows`, cinema-prod-rows."""
    return f"{settings().table_prefix}-{part}"


@cache
def database() -> DynamoDBClient:
    """Gives the client of DynamoDB. The first call also sets the names of all tables, according to the setting
    TABLE_PREFIX."""
    tables.set_table_names(settings().table_prefix)
    return connection.new_dynamodb_client(lean=settings().lean_client)
