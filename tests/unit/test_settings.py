"""Configuration from the environment."""

import pytest

from chalicelib.settings import SettingInvalid, Settings, load


def test_nothing_need_be_set_on_ones_own_machine() -> None:
    settings = load({})

    assert settings == Settings("local", "cinema-local", 30, 8, settings.id_secret, "", "", "", "INFO")
    assert settings.id_secret


def test_what_is_set_is_taken() -> None:
    environment = {
        "STAGE": "dev",
        "TABLE_PREFIX": "mine",
        "HOLD_SECONDS": "900",
        "MAX_SEATS_PER_HOLD": "1",
        "ID_SECRET": "s",
        "REDIS_URL": "redis://cache",
        "LIVE_URL": "wss://live",
        "CONNECTIONS_URL": "https://connections",
        "LOG_LEVEL": "DEBUG",
    }

    assert load(environment) == Settings(
        "dev", "mine", 900, 1, "s", "redis://cache", "wss://live", "https://connections", "DEBUG"
    )


def test_what_is_empty_counts_as_not_set() -> None:
    assert load(dict.fromkeys(("STAGE", "TABLE_PREFIX", "HOLD_SECONDS", "ID_SECRET", "LOG_LEVEL"), "")) == load({})


def test_tables_are_named_after_the_stage() -> None:
    assert load({"STAGE": "dev", "ID_SECRET": "s"}).table_prefix == "cinema-dev"


@pytest.mark.parametrize("name", ["HOLD_SECONDS", "MAX_SEATS_PER_HOLD"])
@pytest.mark.parametrize("value", ["0", "-1", "thirty", "1.5", "901", "1e2", "NaN"])
def test_a_number_that_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=f"{name} must be a whole number .*'{value}'"):
        load({name: value})


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_shared_stage_needs_a_secret_of_its_own(stage: str) -> None:
    with pytest.raises(SettingInvalid, match="ID_SECRET is missing"):
        load({"STAGE": stage})
