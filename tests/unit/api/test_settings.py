"""Configuration from the environment."""

import re
from collections.abc import Collection

import pytest

from chalicelib.domain.rate_limits import NO_LIMITS, Quota, RequesterKind
from chalicelib.settings import SETTINGS, SettingInvalid, Settings, load, ssm_parameter_by_variable
from infra.processes import ROOT

ON_ONES_OWN_MACHINE: dict[str, object] = {
    "stage": "local",
    "table_prefix": "cinema-local",
    "hold_seconds": 30,
    "max_seats_per_hold": 8,
    "max_live_holds": 2,
    "max_live_viewers": 1000,
    "sales_end_minutes_after_start": 0,
    "edge_secrets": (),
    "redis_url": "",
    "payments_provider": "simulated",
    "payments_url": "",
    "payments_charged_only": False,
    "stripe_key": "",
    "stripe_public_key": "",
    "live_url": "",
    "connections_url": "",
    "lean_client": True,
    "log_level": "INFO",
    "mail_from": "tickets@example.com",
    "mail_events": "",
    "time_zone": "UTC",
    "invoices_bucket": "cinema-local-invoices-000000000000-us-east-1",
    "stream_failures_bucket": "cinema-local-failures-000000000000-us-east-1",
    "traces": False,
    "traces_endpoint": "",
    "traces_headers": "",
    "traces_file": ".run/traces.jsonl",
    "ticket_key": "file:.run/ticket-key",
    "admission_minutes": 60,
    "auth": False,
    "auth_issuer": "",
    "auth_client_id": "",
    "auth_sign_in_url": "",
    "cors_origins": (),
    "operations_board": True,
}
"""What nobody has set, but for the defaults that are long or secret."""

ENVIRONMENT = {
    "STAGE": "dev",
    "TABLE_PREFIX": "mine",
    "HOLD_SECONDS": "900",
    "MAX_SEATS_PER_HOLD": "1",
    "MAX_LIVE_HOLDS": "10",
    "MAX_LIVE_VIEWERS": "200",
    "SALES_END_MINUTES": "-15",
    "RATE_LIMITS": "off",
    "ID_SECRET": "s",
    "EDGE_SECRET": "e",
    "REDIS_URL": "redis://cache",
    "LIVE_URL": "wss://live",
    "CONNECTIONS_URL": "https://connections",
    "PAYMENTS_PROVIDER": "stripe",
    "PAYMENTS_URL": "https://gateway",
    "PAYMENTS_WEBHOOK_SECRETS": "new, old",
    "STRIPE_SECRET_KEY": "sk",
    "STRIPE_PUBLIC_KEY": "pk",
    "LEAN_CLIENT": "off",
    "LOG_LEVEL": "DEBUG",
    "MAIL_FROM": "box-office@cinema.example",
    "MAIL_EVENTS": "cinema-dev",
    "TIME_ZONE": "America/Sao_Paulo",
    "SELLER": "Cine São José | Rua A, 1|",
    "INVOICES_BUCKET": "ours",
    "STREAM_FAILURES_BUCKET": "ours too",
    "TRACES": "on",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector",
    "OTEL_EXPORTER_OTLP_HEADERS": "key=k",
    "TRACES_FILE": "traces of mine",
    "TICKET_KEY": "alias/my-tickets",
    "ADMISSION_MINUTES": "90",
    "AUTH": "on",
    "AUTH_ISSUER": "https://issuer.example/pool/",
    "AUTH_CLIENT_ID": "client",
    "AUTH_SIGN_IN_URL": "https://sign-in.example",
    "CORS_ORIGINS": "https://cinema.example, http://localhost:3000",
}
OF_ENVIRONMENT: dict[str, object] = {
    "stage": "dev",
    "table_prefix": "mine",
    "hold_seconds": 900,
    "max_seats_per_hold": 1,
    "max_live_holds": 10,
    "max_live_viewers": 200,
    "sales_end_minutes_after_start": -15,
    "rate_limits": NO_LIMITS.with_overrides("off"),
    "id_secret": "s",
    "edge_secrets": ("e",),
    "redis_url": "redis://cache",
    "payments_provider": "stripe",
    "payments_url": "https://gateway",
    "payments_secrets": ("new", "old"),
    "payments_charged_only": True,
    "stripe_key": "sk",
    "stripe_public_key": "pk",
    "live_url": "wss://live",
    "connections_url": "https://connections",
    "lean_client": False,
    "log_level": "DEBUG",
    "mail_from": "box-office@cinema.example",
    "mail_events": "cinema-dev",
    "time_zone": "America/Sao_Paulo",
    "seller": ("Cine São José", "Rua A, 1"),
    "invoices_bucket": "ours",
    "stream_failures_bucket": "ours too",
    "traces": True,
    "traces_endpoint": "https://collector",
    "traces_headers": "key=k",
    "traces_file": "traces of mine",
    "ticket_key": "alias/my-tickets",
    "admission_minutes": 90,
    "auth": True,
    "auth_issuer": "https://issuer.example/pool",
    "auth_client_id": "client",
    "auth_sign_in_url": "https://sign-in.example",
    "cors_origins": ("https://cinema.example", "http://localhost:3000"),
    "operations_board": False,
}


def values_of(settings: Settings, names: Collection[str]) -> dict[str, object]:
    return {name: getattr(settings, name) for name in names}


def test_nothing_need_be_set_on_ones_own_machine() -> None:
    settings = load({})

    assert values_of(settings, ON_ONES_OWN_MACHINE) == ON_ONES_OWN_MACHINE
    assert settings.id_secret


def test_what_is_set_is_taken() -> None:
    assert values_of(load(ENVIRONMENT), OF_ENVIRONMENT) == OF_ENVIRONMENT


@pytest.mark.parametrize("text", ["", "|", " | "])
def test_an_invoice_always_has_a_seller(text: str) -> None:
    assert load({"SELLER": text}).seller == load({}).seller != ()


def test_the_emulators_bucket_is_of_the_region_that_boto3_talks_to() -> None:
    assert load({"AWS_DEFAULT_REGION": "sa-east-1"}).invoices_bucket.endswith("-sa-east-1")


def test_what_is_empty_counts_as_not_set() -> None:
    names = ("STAGE", "TABLE_PREFIX", "HOLD_SECONDS", "ID_SECRET", "LOG_LEVEL", "MAIL_FROM", "TIME_ZONE")
    assert load(dict.fromkeys(names, "")) == load({})


def test_tables_are_named_after_the_stage() -> None:
    assert load({"STAGE": "dev", "ID_SECRET": "s"}).table_prefix == "cinema-dev"


@pytest.mark.parametrize("name", ["HOLD_SECONDS", "MAX_SEATS_PER_HOLD", "MAX_LIVE_HOLDS"])
@pytest.mark.parametrize("value", ["0", "-1", "thirty", "1.5", "901", "1e2", "NaN"])
def test_a_number_that_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=f"{name} must be a whole number .*'{value}'"):
        load({name: value})


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_who_derives_ids_in_a_shared_stage_needs_its_secret(stage: str) -> None:
    with pytest.raises(SettingInvalid, match=f"ID_SECRET is missing: stage '{stage}' needs one"):
        _ = load({"STAGE": stage}).needed_id_secret


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_who_derives_none_does_without_it(stage: str) -> None:
    assert load({"STAGE": stage}).id_secret == ""


@pytest.mark.parametrize("zone", ["Sao Paulo", "America/Nowhere", "../../etc/passwd", "America", "-03"])
def test_a_time_zone_that_nobody_knows_is_refused(zone: str) -> None:
    with pytest.raises(SettingInvalid, match="TIME_ZONE must be an IANA name"):
        load({"TIME_ZONE": zone})


@pytest.mark.parametrize("sender", ["Cinema <tickets@example.com>", "tickets", "a@b@c", "a b@example.com", "a@b\n"])
def test_a_sender_is_a_bare_address(sender: str) -> None:
    with pytest.raises(SettingInvalid, match="MAIL_FROM must be"):
        load({"MAIL_FROM": sender})


# Rate limits.


def test_on_ones_own_machine_addresses_are_not_limited_and_users_are() -> None:
    limits = load({}).rate_limits

    assert limits.quota_for(RequesterKind.ADDRESS, "hold_seats") is None
    assert limits.quota_for(RequesterKind.ADDRESS, "anything") is None
    assert limits.quota_for(RequesterKind.USER, "hold_seats") == Quota(10, 10)


def test_a_shared_stage_limits_every_route_by_address() -> None:
    limits = load({"STAGE": "dev", "ID_SECRET": "s"}).rate_limits

    assert limits.quota_for(RequesterKind.ADDRESS, "anything") == Quota(100, 10)
    assert limits.quota_for(RequesterKind.ADDRESS, "hold_seats") == Quota(60, 30)
    assert limits.quota_for(RequesterKind.USER, "anything") is None


def test_what_is_configured_goes_before_the_defaults_also_on_ones_own_machine() -> None:
    limits = load({"RATE_LIMITS": "hold_seats=3/60s per user, show_seats=7/1s per address"}).rate_limits

    assert limits.quota_for(RequesterKind.USER, "hold_seats") == Quota(3, 60)
    assert limits.quota_for(RequesterKind.USER, "list_purchases") == Quota(20, 10)
    assert limits.quota_for(RequesterKind.ADDRESS, "show_seats") == Quota(7, 1)
    assert limits.quota_for(RequesterKind.ADDRESS, "hold_seats") is None


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("hold_seats=10", "hold_seats=10"),
        ("hold_seats=10/10s per user, show_seats=5/1s", "show_seats=5/1s"),
        ("hold_seats=10/10s per cinema", "hold_seats=10/10s per cinema"),
        ("hold_seats=0/10s per user", "hold_seats=0/10s per user"),
        ("hold_seats=1/0s per user", "hold_seats=1/0s per user"),
        ("hold_seats=-1/10s per user", "hold_seats=-1/10s per user"),
        ("hold_seats=1/86401s per user", "hold_seats=1/86401s per user"),
        ("off, hold_seats=1/1s per user", "off"),
        ("none", "none"),
    ],
)
def test_a_rate_limit_that_makes_no_sense_is_refused_by_its_own_words(setting: str, named: str) -> None:
    with pytest.raises(SettingInvalid, match=r"RATE_LIMITS must be") as refused:
        load({"RATE_LIMITS": setting})
    assert repr(named) in str(refused.value)


@pytest.mark.parametrize(("stage", "switch", "there"), [("prod", "on", True), ("local", "off", False)])
def test_the_operators_board_can_be_switched(stage: str, switch: str, there: bool) -> None:
    assert load({"STAGE": stage, "ID_SECRET": "s", "OPERATIONS_BOARD": switch}).operations_board is there


def test_a_switch_is_on_or_off() -> None:
    with pytest.raises(SettingInvalid, match="OPERATIONS_BOARD must be on or off, not 'yes'"):
        load({"OPERATIONS_BOARD": "yes"})


# Access control.


@pytest.mark.parametrize("stage", ["dev", "prod", "staging"])
def test_access_control_is_on_and_can_not_be_switched_off_but_on_a_laptop(stage: str) -> None:
    assert load({"STAGE": stage}).auth
    with pytest.raises(SettingInvalid, match=f"AUTH must be on in stage '{stage}': off is for laptops only"):
        load({"STAGE": stage, "AUTH": "off"})


@pytest.mark.parametrize("stage", ["local", "test"])
def test_a_laptop_asks_nobody_unless_it_is_told_to(stage: str) -> None:
    assert not load({"STAGE": stage}).auth
    assert load({"STAGE": stage, "AUTH": "on"}).auth


def test_a_board_in_a_shared_stage_is_behind_access_control() -> None:
    settings = load({"STAGE": "dev", "OPERATIONS_BOARD": "on"})

    assert (settings.operations_board, settings.auth) == (True, True)


@pytest.mark.parametrize(
    "issuer", ["http://issuer.example", "issuer.example", "https://", "https://a b", "file:///keys"]
)
def test_an_issuer_is_asked_by_https_or_on_this_machine(issuer: str) -> None:
    with pytest.raises(SettingInvalid, match="AUTH_ISSUER must be an https address, or one of this machine"):
        load({"AUTH_ISSUER": issuer})
    assert load({"AUTH_ISSUER": "http://127.0.0.1:8091"}).auth_issuer == "http://127.0.0.1:8091"


@pytest.mark.parametrize("missing", ["AUTH_ISSUER", "AUTH_CLIENT_ID"])
def test_who_verifies_tokens_needs_to_know_whose(missing: str) -> None:
    given = {"AUTH_ISSUER": "https://issuer.example", "AUTH_CLIENT_ID": "page", missing: ""}

    with pytest.raises(SettingInvalid, match="AUTH_ISSUER or AUTH_CLIENT_ID is missing"):
        _ = load({"STAGE": "dev", **given}).needed_auth_issuer


@pytest.mark.parametrize(
    "origins", ["*", "cinema.example", "https://cinema.example/", "https://a.example https://b.example"]
)
def test_an_origin_is_written_as_browsers_write_it(origins: str) -> None:
    with pytest.raises(SettingInvalid, match="CORS_ORIGINS must be origins such as"):
        load({"CORS_ORIGINS": origins})


IN_SSM = {"STAGE": "prod", "ID_SECRET": "ssm:/cinema/prod/id-secret", "REDIS_URL": "ssm:/cinema/prod/redis-url"}


def test_a_secret_that_is_in_ssm_is_named_by_its_variable_and_no_value() -> None:
    assert ssm_parameter_by_variable(IN_SSM) == {
        "ID_SECRET": "/cinema/prod/id-secret",
        "REDIS_URL": "/cinema/prod/redis-url",
    }
    assert ssm_parameter_by_variable({"ID_SECRET": "s", "SELLER": "ssm:/cinema/prod/seller"}) == {}
    assert (load(IN_SSM).id_secret, load(IN_SSM).redis_url) == ("", "")


def test_a_secret_that_was_fetched_is_read_like_one_of_the_environment() -> None:
    environment = {**IN_SSM, "PAYMENTS_WEBHOOK_SECRETS": "ssm:/cinema/prod/payments-webhook-secrets"}

    known = load(environment, {"ID_SECRET": "s", "PAYMENTS_WEBHOOK_SECRETS": "new, old"})

    assert (known.id_secret, known.payments_secrets, known.redis_url) == ("s", ("new", "old"), "")


def test_secrets_are_read_where_they_have_been_fetched_only() -> None:
    """A field of `settings()` may still be empty. Which fields these are, the table says."""
    fields = "|".join([*(name for name, one in SETTINGS.items() if one.secret), "needed_id_secret"])
    read = re.compile(rf"settings\(\)\.({fields})\b")
    sources = {path: path.read_text() for path in (ROOT / "chalicelib").rglob("*.py")}

    assert [str(path) for path, text in sources.items() if read.search(text)] == []
    assert any("settings_with_secrets()." in text for text in sources.values())
