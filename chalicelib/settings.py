"""The settings. No other module reads the environment; only boto3 reads AWS_ENDPOINT_URL, region and credentials.

Each field of `Settings` has a row that describes its setting: the environment variable, the reader, the default, the
purpose, the functions that get it. `.venv/bin/python -m infra.cloud.generate` makes from the rows the deployment's
parameters, the functions' environments, .env.example and docs/settings.md.

To add a setting, add its row here, its use and its test. Then run that command.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from chalicelib.domain.rate_limits import NO_LIMITS, RateLimits

MAX_HOLD_SECONDS = 900
"""The longest hold, in seconds. SQS delays a message by at most this, and a hold's expiry message is delayed until the
hold ends."""

DEFAULT_SENDER = "tickets@example.com"
"""The default sender of emails. Nobody owns this address: emulators accept it, AWS refuses it."""

LOCAL_STAGES = ("local", "test")
"""The stages that run on a laptop. Their secret is public, and webhooks may be on the same machine."""

MINUTES_PER_DAY = 24 * 60

MAX_LIVE_HOLDS = 10
"""The highest value of the setting MAX_LIVE_HOLDS. An item with this many holds still costs only one write unit."""

MAX_LIVE_VIEWERS = 2000
"""The highest value of the setting MAX_LIVE_VIEWERS.

Sending a message to one viewer takes 0.92 ms of CPU. A hundred changes of one screening fill 13 messages per viewer. So
2,000 viewers take 24 of the function's 30 seconds, and 1,000 viewers take 12.
"""

RATE_LIMITS = """
    *=100/10s per address,
    hold_seats=10/10s per user, hold_seats=60/30s per address,
    confirm_reservation=30/10s per address, cancel_reservation=30/10s per address,
    show_seats=300/10s per address, show_asset=300/10s per address,
    list_purchases=20/10s per user, list_purchases=60/10s per address,
    schedule_session=60/10s per address,
    subscribe=10/60s per connection, subscribe=60/600s per address
"""
"""The default rate limits, by the name of the view in chalicelib/api. `10/20s` allows ten requests at once, then one
every two seconds.

Limits per user apply only to signed-in users, because only their ids are verified. Without access control, only the
limits per address and per connection apply. A buyer in a hurry clicks every second or two, and stays below the limits
per user. An address may be a family, an office or a street behind one NAT, where thirty people each look at the seats
once a second. A script sends hundreds of requests.

For the limit per address, a hold of n seats counts as n requests. So an address may hold 60 seats at once, then two
more a second. With holds of 30 s it has 60 + 2 x 30 = 120 seats at most; once the first 60 lapse, it keeps 2 x 30 = 60.
Seats that are given back, or whose hold lapses, return no quota. If you make holds longer, lower these limits.

Each change of a seat is sent to every WebSocket that is subscribed to its screening. Subscriptions are therefore
limited: sixty from one address at once, then six a minute, which makes 780 in the two hours that a connection lasts. A
page whose subscription is refused polls the seat map."""

LOCAL_RATE_LIMITS = "*=off per address"
"""The change to the default rate limits on a laptop: no limit per address, because all clients there share one
address. So a load test meets no limit."""

PAYMENT_PROVIDERS = ("simulated", "stripe")

PAYMENT_CONFIRMERS = ("client", "gateway")
"""The choices of the setting PAYMENTS_CONFIRMED_BY: who confirms that a payment was made.

`client` is allowed only on a laptop, because any invented transaction id then buys seats.
"""

LOCAL_SECRET = "not-a-secret: anyone can read it here"  # noqa: S105 - a public text, no secret

EMAIL_ADDRESS_PATTERN = r'[^@\s<>"]+@[^@\s<>"]+'
"""A regular expression for an e-mail address without a display name. SES and the functions' IAM policies compare such
addresses."""

PARAMETER, DEPLOYMENT, STACK, STAGE, NOWHERE = "parameter", "deployment", "stack", "stage", ""
"""The sources of a setting's value in a deployed function. A setting has one of them, as its `deployed_by`.

PARAMETER: the person who deploys. DEPLOYMENT: infra/cloud/deploy.py. STACK: the template. STAGE: .chalice/config.json.
NOWHERE: no source, so the function uses the default.
"""

SSM_PREFIX = "ssm:"
"""With this prefix, the value of a variable is not the secret but the name of an SSM parameter that has it:
ssm:/cinema/prod/id-secret."""

EVERY_FUNCTION = ("*",)
FUNCTIONS_WITH_ID_SECRET = (
    "api_handler",
    "on_email_returned",
    "on_event_to_cache",
    "on_event_to_email",
    "on_payment_due",
    "on_reconciliation_due",
    "on_refund_requested",
)
"""The functions that get ID_SECRET. They derive ids, hash e-mail addresses or sign with it."""
FUNCTIONS_WITH_REDIS = ("api_handler", "on_event_to_cache")
FUNCTIONS_WITH_GATEWAY = ("api_handler", "on_reconciliation_due", "on_refund_requested")
API = ("api_handler",)
API_HANDLER = "app.app"
"""The handler that Chalice configures in Lambda for the API's function."""


class SettingInvalid(Exception):
    """A setting is missing or invalid. The message names the setting and the values that are allowed."""


def _read_text(_: "Setting", text: str, __: str) -> str:
    return text


class Setting(NamedTuple):
    """The description of a setting, such as its name, default and reader. A NamedTuple, because a dataclass takes
    longer to define at a cold start."""

    name: str
    """The name of the environment variable."""
    purpose: str
    default: str = ""
    """The value if the variable is missing or empty. A placeholder {name} stands for an earlier field of Settings, or
    for the region."""
    local_default: str | None = None
    """The default on a laptop, if it differs from `default`. A deployment passes an empty value unless somebody sets
    one. For an empty value, the process chooses one of the two defaults by its stage."""
    read: Callable[["Setting", str, str], object] = _read_text
    """Makes the setting's value from this row, the variable's text and the stage. Raises SettingInvalid."""
    bounds: tuple[int, int] | None = None
    """The smallest and the largest whole number allowed, for `_read_number`."""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    """A regular expression that the whole text must match."""
    secret: bool = False
    deployed_by: str = PARAMETER
    given_to: tuple[str, ...] = EVERY_FUNCTION
    """The deployed functions that get the setting, by their names in infra/cloud/functions.py."""

    def ssm_parameter_in(self, stage: str) -> str:
        """Gives the name of the SSM parameter that holds this secret in the stage."""
        return f"/cinema/{stage}/{self.name.lower().replace('_', '-')}"

    def unfilled_default_for(self, stage: str) -> str:
        """Gives the setting's default in the stage. Placeholders such as {stage} are not yet replaced."""
        is_local = stage in LOCAL_STAGES and self.local_default is not None
        return self.local_default or "" if is_local else self.default

    def wrong_value_error(self, wanted: str, found: str) -> SettingInvalid:
        """Makes an error that names the setting, the wrong value `found` and the allowed values, `wanted`."""
        return SettingInvalid(f"{self.name} must be {wanted}, not {found!r}.")


def _read_number(setting: Setting, text: str, _: str) -> int:
    least, most = setting.bounds or (0, 0)
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise setting.wrong_value_error(f"a whole number from {least} to {most}", text)
    return number


def _read_choice(setting: Setting, text: str, _: str) -> str:
    if text not in setting.choices:
        raise setting.wrong_value_error(" or ".join(setting.choices), text)
    return text


def _read_switch(setting: Setting, text: str, stage: str) -> bool:
    return _read_choice(setting, text, stage) == "on"


def _read_lines(setting: Setting, text: str, stage: str) -> tuple[str, ...]:
    return _split(text, "|") or _split(setting.unfilled_default_for(stage), "|")


def _read_list(setting: Setting, text: str, stage: str) -> tuple[str, ...]:
    return _split(text, ",") or _split(setting.unfilled_default_for(stage), ",")


def _split(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())


def _read_rate_limits(setting: Setting, text: str, stage: str) -> RateLimits:
    defaults = NO_LIMITS.with_overrides(RATE_LIMITS)
    if stage in LOCAL_STAGES:
        defaults = defaults.with_overrides(LOCAL_RATE_LIMITS)
    try:
        return defaults.with_overrides(text)
    except ValueError as error:
        example = "'hold_seats=10/10s per user' or 'show_seats=off per address'"
        raise setting.wrong_value_error(f"`off`, or entries such as {example}", str(error)) from error


def _read_charged_only(setting: Setting, text: str, stage: str) -> bool:
    choice = _read_choice(setting, text, stage)
    if choice == "client" and stage not in LOCAL_STAGES:
        raise SettingInvalid(f"{setting.name} must be gateway in stage {stage!r}: clients may lie.")
    return choice == "gateway"


def _read_access_control(setting: Setting, text: str, stage: str) -> bool:
    is_on = _read_switch(setting, text, stage)
    if not is_on and stage not in LOCAL_STAGES:
        raise SettingInvalid(f"{setting.name} must be on in stage {stage!r}: off is for laptops only.")
    return is_on


def _read_issuer(setting: Setting, text: str, _: str) -> str:
    is_here = r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?"
    if text and not re.fullmatch(rf"({is_here}|https://[\w.:-]+)(/[\w.~/-]*)?", text, re.ASCII):
        raise setting.wrong_value_error("an https address, or one of this machine", text)
    return text.rstrip("/")


def _read_origins(setting: Setting, text: str, _: str) -> tuple[str, ...]:
    origins = _split(text, ",")
    for origin in origins:
        if not re.fullmatch(r"https?://[a-z0-9.\[\]:-]+", origin):
            raise setting.wrong_value_error("origins such as https://cinema.example, with commas between", origin)
    return origins


def _read_address(setting: Setting, text: str, _: str) -> str:
    if not re.fullmatch(setting.pattern, text):
        raise setting.wrong_value_error("an e-mail address without a name", text)
    return text


def _read_time_zone(setting: Setting, text: str, _: str) -> str:
    if text == "UTC":
        return text
    from zoneinfo import ZoneInfo  # only where it is needed: every function reads the settings at its cold start

    try:
        return ZoneInfo(text).key
    except (KeyError, ValueError, OSError) as error:
        raise setting.wrong_value_error("an IANA name such as America/Sao_Paulo", text) from error


def _setting(name: str, purpose: str, **more: Any) -> dict[str, Setting]:
    return {"setting": Setting(name=name, purpose=purpose, **more)}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of this process. Each field is the value of a setting; the field's metadata has its `Setting`."""

    stage: str = field(
        metadata=_setting(
            "STAGE", "Which deployment it is: local, test, dev or prod", default="local", deployed_by=STAGE
        )
    )
    table_prefix: str = field(
        metadata=_setting(
            "TABLE_PREFIX",
            "How the names of tables, queues and buckets begin",
            default="cinema-{stage}",
            deployed_by=NOWHERE,
        )
    )
    hold_seconds: int = field(
        metadata=_setting(
            "HOLD_SECONDS",
            "How long seats are held for a buyer",
            default="30",
            read=_read_number,
            bounds=(1, MAX_HOLD_SECONDS),
        )
    )
    max_seats_per_hold: int = field(
        metadata=_setting(
            "MAX_SEATS_PER_HOLD", "Seats of one reservation", default="8", read=_read_number, bounds=(1, 50)
        )
    )
    max_live_holds: int = field(
        metadata=_setting(
            "MAX_LIVE_HOLDS",
            "Live holds of one user in one screening",
            default="2",
            read=_read_number,
            bounds=(1, MAX_LIVE_HOLDS),
        )
    )
    max_live_viewers: int = field(
        metadata=_setting(
            "MAX_LIVE_VIEWERS",
            "Viewers of one screening who are sent its changes; further ones ask for them",
            default="1000",
            read=_read_number,
            bounds=(1, MAX_LIVE_VIEWERS),
            given_to=("websocket_message",),
        )
    )
    sales_end_minutes_after_start: int = field(
        metadata=_setting(
            "SALES_END_MINUTES",
            "Until so many minutes after its start seats of a screening are held; before it, where that is negative",
            default="0",
            read=_read_number,
            bounds=(-MINUTES_PER_DAY, MINUTES_PER_DAY),
        )
    )
    rate_limits: RateLimits = field(
        metadata=_setting(
            "RATE_LIMITS",
            'On top of the defaults in chalicelib/settings.py, as "hold_seats=20/10s per user, *=off per address"',
            read=_read_rate_limits,
        )
    )
    id_secret: str = field(
        metadata=_setting(
            "ID_SECRET",
            "Key of the ids that are derived from an Idempotency-Key; a new one forgets the keys in use",
            local_default=LOCAL_SECRET,
            secret=True,
            deployed_by=DEPLOYMENT,
            given_to=FUNCTIONS_WITH_ID_SECRET,
        )
    )
    """Use `needed_id_secret`, which refuses an empty secret. Whoever knows the secret can guess other people's ids."""
    edge_secrets: tuple[str, ...] = field(
        metadata=_setting(
            "EDGE_SECRET",
            "What CloudFront shows the API, so that the API believes it a viewer's address; empty means no CloudFront",
            read=_read_list,
            secret=True,
            deployed_by=DEPLOYMENT,
            given_to=API,
        )
    )
    redis_url: str = field(
        metadata=_setting(
            "REDIS_URL",
            "Empty means no Redis; every booking works without it",
            secret=True,  # it may have a password in it
            given_to=FUNCTIONS_WITH_REDIS,
        )
    )
    live_url: str = field(
        metadata=_setting(
            "LIVE_URL", "Where browsers open their WebSocket; empty where there is none", deployed_by=STACK
        )
    )
    connections_url: str = field(
        metadata=_setting("CONNECTIONS_URL", "Where we post to these WebSockets", deployed_by=STACK)
    )
    payments_provider: str = field(
        metadata=_setting(
            "PAYMENTS_PROVIDER",
            "Which payment gateway there is",
            default=PAYMENT_PROVIDERS[0],
            read=_read_choice,
            choices=PAYMENT_PROVIDERS,
            given_to=FUNCTIONS_WITH_GATEWAY,
        )
    )
    payments_url: str = field(
        metadata=_setting(
            "PAYMENTS_URL",
            "Where the simulated payment gateway answers; empty for Stripe",
            given_to=FUNCTIONS_WITH_GATEWAY,
        )
    )
    payments_secrets: tuple[str, ...] = field(
        metadata=_setting(
            "PAYMENTS_WEBHOOK_SECRETS",
            "What the payment gateway signs its messages with; while one replaces another both, with a comma between",
            local_default=LOCAL_SECRET,
            read=_read_list,
            secret=True,
            given_to=API,
        )
    )
    payments_charged_only: bool = field(
        metadata=_setting(
            "PAYMENTS_CONFIRMED_BY",
            "Whose word a payment is; empty means the gateway's but on a laptop, and dev and prod take nothing else",
            default="gateway",
            local_default="client",
            read=_read_charged_only,
            choices=PAYMENT_CONFIRMERS,
            given_to=API,
        )
    )
    stripe_key: str = field(
        metadata=_setting(
            "STRIPE_SECRET_KEY",
            "Of your Stripe account, sk_test_... or sk_live_...",
            secret=True,
            given_to=FUNCTIONS_WITH_GATEWAY,
        )
    )
    stripe_public_key: str = field(
        metadata=_setting(
            "STRIPE_PUBLIC_KEY",
            "Of your Stripe account, pk_test_... or pk_live_...; browsers get it",
            given_to=FUNCTIONS_WITH_GATEWAY,
        )
    )
    lean_client: bool = field(
        metadata=_setting(
            "LEAN_CLIENT",
            "Whether calls of DynamoDB go a shorter way; off: all by botocore's own, which takes three times the CPU",
            default="on",
            read=_read_switch,
            choices=("on", "off"),
        )
    )
    log_level: str = field(
        metadata=_setting("LOG_LEVEL", "What is logged, as Python names it: DEBUG, INFO, WARNING", default="INFO")
    )
    mail_from: str = field(
        metadata=_setting(
            "MAIL_FROM",
            "The sender of emails, a bare address; it or its domain must be a verified identity of SES",
            default=DEFAULT_SENDER,
            read=_read_address,
            pattern=EMAIL_ADDRESS_PATTERN,
        )
    )
    mail_events: str = field(
        metadata=_setting(
            "MAIL_EVENTS",
            "The configuration set by which SES tells of bounces and complaints; empty where nobody is told",
            deployed_by=STACK,
            given_to=("on_event_to_email",),
        )
    )
    time_zone: str = field(
        metadata=_setting(
            "TIME_ZONE",
            "The cinema's, in which the page, emails and invoices tell times; an IANA name such as America/Sao_Paulo",
            default="UTC",
            read=_read_time_zone,
        )
    )
    seller: tuple[str, ...] = field(
        metadata=_setting(
            "SELLER",
            "Who sells, on invoices; the name, then the lines of the address, with | between them",
            default="Cinema Tickets|1 Premiere Street|Springfield",
            read=_read_lines,
        )
    )
    invoices_bucket: str = field(
        metadata=_setting(
            "INVOICES_BUCKET",
            "Where invoices are filed",
            default="{table_prefix}-invoices-000000000000-{region}",  # as stateful.yaml names it on an emulator
            deployed_by=STACK,
        )
    )
    stream_failures_bucket: str = field(
        metadata=_setting(
            "STREAM_FAILURES_BUCKET",
            "Where the relays keep what they could not relay, until it is replayed",
            default="{table_prefix}-failures-000000000000-{region}",
            deployed_by=STACK,
        )
    )
    traces: bool = field(
        metadata=_setting(
            "TRACES",
            "Whether OpenTelemetry traces are made of requests, events and calls",
            default="off",
            read=_read_switch,
            choices=("on", "off"),
        )
    )
    traces_endpoint: str = field(
        metadata=_setting(
            "OTEL_EXPORTER_OTLP_ENDPOINT", "The URL of the collector that takes traces, by OTLP over HTTP"
        )
    )
    traces_headers: str = field(
        metadata=_setting(
            "OTEL_EXPORTER_OTLP_HEADERS",
            'What the collector wants beside, such as a key, as "name=value,name=value"; OpenTelemetry reads it itself',
            secret=True,
        )
    )
    traces_file: str = field(
        metadata=_setting(
            "TRACES_FILE",
            "The file of JSON lines that takes traces where no collector is named",
            local_default=".run/traces.jsonl",
            deployed_by=NOWHERE,
        )
    )
    ticket_key: str = field(
        metadata=_setting(
            "TICKET_KEY",
            "The key that signs tickets: an alias of KMS, or file: and the path of a file, which is made where missing",
            default="alias/{table_prefix}-tickets",
            local_default="file:.run/ticket-key",
            deployed_by=STACK,
            given_to=("on_sale_to_tickets",),
        )
    )
    admission_minutes: int = field(
        metadata=_setting(
            "ADMISSION_MINUTES",
            "From how many minutes before the start of a screening its tickets are admitted",
            default="60",
            read=_read_number,
            bounds=(1, MINUTES_PER_DAY),
            given_to=API,
        )
    )
    auth: bool = field(
        metadata=_setting(
            "AUTH",
            "Whether requests must say who asks; empty means on, but off on a laptop. dev and prod take nothing else",
            default="on",
            local_default="off",
            read=_read_access_control,
            choices=("on", "off"),
        )
    )
    auth_issuer: str = field(
        metadata=_setting(
            "AUTH_ISSUER",
            "Who issues the tokens: an OpenID provider that shapes them as Cognito does; empty means our user pool",
            read=_read_issuer,
            given_to=API,
        )
    )
    """Use `needed_auth_issuer`, which refuses an empty issuer. The issuer's keys are at its URL followed by
    /.well-known/jwks.json."""
    auth_client_id: str = field(
        metadata=_setting(
            "AUTH_CLIENT_ID", "The page's client id at such a provider; empty means the user pool's", given_to=API
        )
    )
    auth_sign_in_url: str = field(
        metadata=_setting(
            "AUTH_SIGN_IN_URL",
            "Where such a provider has /oauth2/authorize, /oauth2/token, /logout; empty means the user pool's domain",
            read=_read_issuer,
            given_to=API,
        )
    )
    cors_origins: tuple[str, ...] = field(
        metadata=_setting(
            "CORS_ORIGINS",
            "The origins whose pages may call the API, with commas between; empty means only its own",
            read=_read_origins,
            given_to=API,
        )
    )
    operations_board: bool = field(
        metadata=_setting(
            "OPERATIONS_BOARD",
            "Whether the operator's board and its API are there",
            default="off",
            local_default="on",
            read=_read_switch,
            choices=("on", "off"),
            deployed_by=NOWHERE,
        )
    )

    @property
    def pays_by_stripe(self) -> bool:
        return self.payments_provider == "stripe"

    @property
    def needed_id_secret(self) -> str:
        """Gives ID_SECRET, to derive ids, to hash addresses and to sign. Raises SettingInvalid if it is empty."""
        if not self.id_secret:
            raise SettingInvalid(f"ID_SECRET is missing: stage {self.stage!r} needs one, the same on every instance.")
        return self.id_secret

    @property
    def needed_auth_issuer(self) -> str:
        """Gives AUTH_ISSUER, to verify tokens. Raises SettingInvalid if AUTH_ISSUER or AUTH_CLIENT_ID is empty."""
        if not (self.auth_issuer and self.auth_client_id):
            raise SettingInvalid("AUTH is on, and AUTH_ISSUER or AUTH_CLIENT_ID is missing: nobody could sign in.")
        return self.auth_issuer

    @property
    def is_on_laptop(self) -> bool:
        return self.stage in LOCAL_STAGES


SETTINGS: Mapping[str, Setting] = {one.name: one.metadata["setting"] for one in fields(Settings)}
"""The rows of all settings, by the name of their field in Settings."""


def may_serve_requests(environment: Mapping[str, str] = os.environ) -> bool:
    """Tells whether this process may serve HTTP requests. If so, app.py registers the routes.

    False in a Lambda function that runs another handler of app.py, such as a queue's. Lambda's variable _HANDLER names
    the handler. True in all other processes, including one without _HANDLER, as on a laptop, and one whose _HANDLER
    names the wrapper of an extension.
    """
    handler = environment.get("_HANDLER", "")
    return handler == API_HANDLER or not handler.startswith("app.")


def ssm_parameter_by_variable(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Gives the names of the SSM parameters that hold this process's secrets, by environment variable.

    The value of such a variable is `ssm:`, followed by the parameter's name. A laptop has no such variables, so the
    result is empty there.
    """
    found = {one.name: environment.get(one.name, "") for one in SETTINGS.values() if one.secret}
    return {name: text.removeprefix(SSM_PREFIX) for name, text in found.items() if text.startswith(SSM_PREFIX)}


def load(
    environment: Mapping[str, str] = os.environ, fetched_secret_by_variable: Mapping[str, str] | None = None
) -> Settings:
    """Reads all settings from the environment. Raises SettingInvalid.

    `fetched_secret_by_variable` maps environment variables to values fetched from SSM. A variable that names an SSM
    parameter, but is missing from `fetched_secret_by_variable`, counts as not set: its setting gets the default.
    """
    environment = {
        **environment,
        **dict.fromkeys(ssm_parameter_by_variable(environment), ""),
        **(fetched_secret_by_variable or {}),
    }
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    values: dict[str, Any] = {}
    stage = environment.get("STAGE") or SETTINGS["stage"].default
    for name, setting in SETTINGS.items():
        text = environment.get(setting.name) or setting.unfilled_default_for(stage).format(region=region, **values)
        values[name] = setting.read(setting, text, stage)
    return Settings(**values)
