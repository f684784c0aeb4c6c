"""Configuration: the only reader of the environment. boto3 itself reads AWS_ENDPOINT_URL, region and credentials."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.rate_limits import NO_LIMITS, RateLimits

MAX_HOLD_SECONDS = 900
"""The longest delay of an SQS message: a hold's expiry message waits that long at most."""

DEFAULT_SENDER = "tickets@example.com"
"""Nobody's: an emulator takes it, AWS never will."""

SELLER = "Cinema Tickets|1 Premiere Street|Springfield"
"""Who sells, on invoices: the name, then the lines of the address."""

EMULATED_ACCOUNT = "000000000000"
"""The account that every emulator says it is."""

LOCAL_STAGES = ("local", "test")
"""On a laptop: with a secret that everybody knows, and webhooks on this machine."""

A_DAY = 24 * 60
"""In minutes."""

MAX_LIVE_HOLDS = 10
"""As many are remembered of a user in a screening, in one item of one write unit."""

RATE_LIMITS = """
    *=100/10s per address,
    hold_seats=10/10s per user, hold_seats=60/30s per address,
    confirm_reservation=30/10s per address, cancel_reservation=30/10s per address,
    show_seats=300/10s per address, show_asset=300/10s per address,
    list_purchases=20/10s per user, list_purchases=60/10s per address,
    schedule_session=60/10s per address,
    subscribe=10/60s per connection, subscribe=60/600s per address
"""
"""By the names of the views in chalicelib/api. 10/20s is ten at once, and then one every two seconds.

A user is somebody who has signed in: as long as nobody can, only addresses are counted. A person who is after a seat in
a rush clicks every second or two, so that ten at once and one a second are never felt. An address is a family, an
office or a street behind one NAT: thirty who look at the seats each second. A script wants hundreds.

A hold counts as many as it has seats: 60 at once, two a second after that. So an address that never stops keeps
2 x HOLD_SECONDS seats from the others, 60 with holds of 30 s; and 120 at the very worst moment, half a minute after it
began. Nothing gives quota back: neither giving seats back nor letting them lapse. With longer holds choose less.

Each change of a seat is posted to every WebSocket that looks at its screening: sixty from one address at once, then six
a minute, 780 in the two hours that a connection lasts. Pages beyond that poll the seat map.
"""

LOCAL_RATE_LIMITS = "*=off per address"
"""On one's own machine everybody has the same address: demos and load tests measure the system, not the limit."""

PROVIDERS = ("simulated", "stripe")

CONFIRMED_BY = ("client", "gateway")
"""Whose word a payment is. A client's is enough on one's own machine, where a made-up transaction buys."""

LOCAL_SECRET = "not-a-secret: anyone can read it here"  # noqa: S105 - names what it is


class SettingInvalid(Exception):
    """A setting is missing or makes no sense; the message names it and what it should be."""


@dataclass(frozen=True, slots=True)
class Settings:
    stage: str
    table_prefix: str
    hold_seconds: int
    max_seats_per_hold: int
    max_live_holds: int
    sales_end_minutes: int
    """Seats of a screening are held until so many minutes after its start; before it, where that is negative."""
    rate_limits: RateLimits
    id_secret: str
    """Empty where nobody derives an id; read by way of `needed_id_secret`."""
    redis_url: str
    live_url: str
    """Where browsers open their WebSocket; empty where there is none."""
    connections_url: str
    """Where we post to these connections."""
    payments_provider: str
    """Which payment gateway there is: one of PROVIDERS."""
    payments_url: str
    """Where the payment gateway answers; empty where payments can't be returned from here, and for Stripe's own."""
    payments_secrets: tuple[str, ...]
    """What the gateway signs its messages with; several while one takes another's place."""
    payments_charged_only: bool
    """A confirmation counts once the gateway has said that its payment was charged; else a client's word is enough."""
    stripe_key: str
    stripe_public_key: str
    log_level: str
    mail_from: str
    time_zone: str
    seller: tuple[str, ...]
    invoices_bucket: str
    stream_failures_bucket: str
    """What the relays could not relay, until it is replayed."""
    operations_board: bool
    """Whether the operator's board and its API are there. They have no access control of their own yet."""

    @property
    def pays_by_stripe(self) -> bool:
        return self.payments_provider == "stripe"

    @property
    def needed_id_secret(self) -> str:
        """For whoever derives ids or signs with it. Raises SettingInvalid."""
        if not self.id_secret:
            raise SettingInvalid(f"ID_SECRET is missing: stage {self.stage!r} needs one, the same on every instance.")
        return self.id_secret

    @property
    def is_local(self) -> bool:
        return self.stage in LOCAL_STAGES


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    stage = environment.get("STAGE") or "local"
    prefix = environment.get("TABLE_PREFIX") or f"cinema-{stage}"
    return Settings(
        stage=stage,
        table_prefix=prefix,
        hold_seconds=_number(environment, "HOLD_SECONDS", default=30, least=1, most=MAX_HOLD_SECONDS),
        max_seats_per_hold=_number(environment, "MAX_SEATS_PER_HOLD", default=8, least=1, most=50),
        max_live_holds=_number(environment, "MAX_LIVE_HOLDS", default=2, least=1, most=MAX_LIVE_HOLDS),
        sales_end_minutes=_number(environment, "SALES_END_MINUTES", default=0, least=-A_DAY, most=A_DAY),
        rate_limits=_rate_limits(environment, stage),
        id_secret=_id_secret(environment, stage),
        redis_url=environment.get("REDIS_URL", ""),
        live_url=environment.get("LIVE_URL", ""),
        connections_url=environment.get("CONNECTIONS_URL", ""),
        payments_provider=_one_of(environment, "PAYMENTS_PROVIDER", PROVIDERS, PROVIDERS[0]),
        payments_url=environment.get("PAYMENTS_URL", ""),
        payments_secrets=_payments_secrets(environment, stage),
        payments_charged_only=_confirmed_by(environment, stage) == "gateway",
        stripe_key=environment.get("STRIPE_SECRET_KEY", ""),
        stripe_public_key=environment.get("STRIPE_PUBLIC_KEY", ""),
        log_level=environment.get("LOG_LEVEL") or "INFO",
        mail_from=_mail_from(environment),
        time_zone=_time_zone(environment),
        seller=_lines(environment.get("SELLER", "")) or _lines(SELLER),
        invoices_bucket=environment.get("INVOICES_BUCKET") or _emulated_bucket(environment, f"{prefix}-invoices"),
        stream_failures_bucket=environment.get("STREAM_FAILURES_BUCKET")
        or _emulated_bucket(environment, f"{prefix}-failures"),
        operations_board=_switch(environment, "OPERATIONS_BOARD", default=stage in LOCAL_STAGES),
    )


def _number(environment: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    text = environment.get(name) or str(default)
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise SettingInvalid(f"{name} must be a whole number from {least} to {most}, not {text!r}.")
    return number


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.split("|") if line.strip())


def _emulated_bucket(environment: Mapping[str, str], name: str) -> str:
    """As infra/cloud/stateful.yaml names it on an emulator. On AWS the functions are told its name."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    return f"{name}-{EMULATED_ACCOUNT}-{region}"


def _rate_limits(environment: Mapping[str, str], stage: str) -> RateLimits:
    defaults = NO_LIMITS.with_changes(RATE_LIMITS)
    if stage in LOCAL_STAGES:
        defaults = defaults.with_changes(LOCAL_RATE_LIMITS)
    try:
        return defaults.with_changes(environment.get("RATE_LIMITS", ""))
    except ValueError as error:
        example = "'hold_seats=10/10s per user' or 'show_seats=off per address'"
        raise SettingInvalid(f"RATE_LIMITS must be `off`, or entries such as {example}, not {str(error)!r}.") from error


def _switch(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environment.get(name) or ("on" if default else "off")
    if text not in ("on", "off"):
        raise SettingInvalid(f"{name} must be on or off, not {text!r}.")
    return text == "on"


def _one_of(environment: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    choice = environment.get(name) or default
    if choice not in choices:
        raise SettingInvalid(f"{name} must be {' or '.join(choices)}, not {choice!r}.")
    return choice


def _confirmed_by(environment: Mapping[str, str], stage: str) -> str:
    is_local = stage in LOCAL_STAGES
    choice = _one_of(environment, "PAYMENTS_CONFIRMED_BY", CONFIRMED_BY, "client" if is_local else "gateway")
    if choice == "client" and not is_local:
        raise SettingInvalid(f"PAYMENTS_CONFIRMED_BY must be gateway in stage {stage!r}: clients may lie.")
    return choice


def _payments_secrets(environment: Mapping[str, str], stage: str) -> tuple[str, ...]:
    secrets = tuple(
        secret.strip() for secret in environment.get("PAYMENTS_WEBHOOK_SECRETS", "").split(",") if secret.strip()
    )
    return secrets or ((LOCAL_SECRET,) if stage in LOCAL_STAGES else ())


def _id_secret(environment: Mapping[str, str], stage: str) -> str:
    """Reservation ids are derived with it from idempotency keys: who knows it can guess other people's ids."""
    return environment.get("ID_SECRET", "") or (LOCAL_SECRET if stage in LOCAL_STAGES else "")


def _mail_from(environment: Mapping[str, str]) -> str:
    """A bare address: what SES and the function's policy compare."""
    address = environment.get("MAIL_FROM") or DEFAULT_SENDER
    if not re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+", address):
        raise SettingInvalid(f"MAIL_FROM must be an e-mail address without a name, not {address!r}.")
    return address


def _time_zone(environment: Mapping[str, str]) -> str:
    """The cinema's, in which the page, letters and invoices tell times."""
    name = environment.get("TIME_ZONE") or "UTC"
    if name == "UTC":
        return name
    from zoneinfo import ZoneInfo  # only where it is needed: every function reads the settings at its cold start

    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError) as error:
        raise SettingInvalid(f"TIME_ZONE must be an IANA name such as America/Sao_Paulo, not {name!r}.") from error
