"""Manages webhooks' subscriptions. A secret is shown only once, when it is made."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.addresses import UrlRefused
from chalicelib.domain.times import to_iso
from chalicelib.domain.webhooks import DeliveryFailed, Secret, Webhook
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.events.webhooks import DynamoWebhooks
from chalicelib.infrastructure.sqs.envelopes import VERSION
from chalicelib.infrastructure.webhooks.sender import HttpWebhookSender
from chalicelib.settings import LOCAL_STAGES
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer, aligned

HEADINGS = ("ID", "URL", "EVENTS", "SECRETS", "STATE")
SHOWN_CHARACTERS = 4
MOST_WEBHOOKS = 50
"""The largest number of webhooks of a stage: one handler call must queue an event's messages to all of them."""

TEST_TYPE = "WebhookTest"


@dataclass(frozen=True)
class Subscriptions:
    """The webhooks of a stage, and the sender that calls them."""

    connection: Connection
    store: DynamoWebhooks
    sender: HttpWebhookSender

    @classmethod
    def of(cls, connection: Connection) -> "Subscriptions":
        """Makes the subscriptions from the stage's table."""
        store = DynamoWebhooks(connection.client("dynamodb"), f"{connection.prefix}webhooks")
        return cls(connection, store, HttpWebhookSender(local=connection.stage in LOCAL_STAGES))

    def get(self, webhook_id: str) -> Webhook:
        """Reads the webhook. Raises OpsError when there is none."""
        webhook = self.store.find(webhook_id)
        if webhook is None:
            raise self._no_such_webhook_error(webhook_id)
        return webhook

    def _no_such_webhook_error(self, webhook_id: str) -> OpsError:
        """Makes the error for an id that no webhook has."""
        look = self.connection.command("webhooks", "list")
        return OpsError(
            f"There is no webhook {webhook_id!r} in stage {self.connection.stage!r}: `{look}` says which there are."
        )


def add_webhook(connection: Connection, url: str, event_types: Sequence[str]) -> Answer:
    """Subscribes the URL to these types of events (empty: all). Raises OpsError."""
    subscriptions = Subscriptions.of(connection)
    _check_url(subscriptions.sender, url)
    if len(subscriptions.store.list_all()) >= MOST_WEBHOOKS:
        raise OpsError(f"There are {MOST_WEBHOOKS} webhooks already, which is the most: remove one first.")
    key, now = _new_key(), utc_now()
    webhook = Webhook(f"wh-{secrets.token_urlsafe(16)}", url, (Secret(key, now),), frozenset(event_types), now)
    subscriptions.store.put(webhook)
    text = f"Added {webhook.id}.\n{_secret_text(key)}"
    return Answer({**_webhook_data(webhook, now), "secret": key}, text)


def list_webhooks(connection: Connection) -> Answer:
    now = utc_now()
    webhooks = [_webhook_data(webhook, now) for webhook in Subscriptions.of(connection).store.list_all()]
    rows = [
        [one["id"], one["url"], ", ".join(one["events"]) or "all", _secrets_text(one["secrets"]), _state_text(one)]
        for one in webhooks
    ]
    return Answer(webhooks, aligned(HEADINGS, rows) if rows else "There are no webhooks.")


def rotate_secret(connection: Connection, webhook_id: str, overlap_hours: float) -> Answer:
    """Makes a new secret. The old one stays valid for `overlap_hours`. Raises OpsError."""
    subscriptions = Subscriptions.of(connection)
    key, now = _new_key(), utc_now()
    rotated = subscriptions.get(webhook_id).with_rotated_secret(key, now, timedelta(hours=overlap_hours))
    if not subscriptions.store.change_secrets(webhook_id, rotated.secrets):
        raise subscriptions._no_such_webhook_error(webhook_id)
    both = f"The secret before it is valid for {overlap_hours:g} h more." if overlap_hours else "No other one is valid."
    return Answer({**_webhook_data(rotated, now), "secret": key}, f"{_secret_text(key)}\n{both}")


def enable_webhook(connection: Connection, webhook_id: str) -> Answer:
    """Enables a disabled webhook, so that it gets deliveries again. Raises OpsError."""
    subscriptions = Subscriptions.of(connection)
    if not subscriptions.store.disable_for_reason_or_enable_if_exists(webhook_id, None):
        raise subscriptions._no_such_webhook_error(webhook_id)
    return Answer(
        {"id": webhook_id, "disabled": None}, "Enabled. What it missed is sent again when it asks for a replay."
    )


def remove_webhook(connection: Connection, webhook_id: str) -> Answer:
    """Deletes the subscription. Raises OpsError."""
    subscriptions = Subscriptions.of(connection)
    if not subscriptions.store.remove(webhook_id):
        raise subscriptions._no_such_webhook_error(webhook_id)
    return Answer({"id": webhook_id, "removed": True}, "Removed. Deliveries that are still queued for it are dropped.")


def send_test(connection: Connection, webhook_id: str) -> Answer:
    """Posts a signed test from this machine. Exit status 1 unless the receiver accepts it. Raises OpsError."""
    subscriptions = Subscriptions.of(connection)
    webhook, now = subscriptions.get(webhook_id), utc_now()
    event_id = f"{TEST_TYPE}:{secrets.token_urlsafe(8)}"
    content = {"version": VERSION, "id": event_id, "type": TEST_TYPE, "occurredAt": to_iso(now)}
    started = time.perf_counter()
    try:
        status = subscriptions.sender.post(webhook, f"{webhook.id}.{event_id}", content, now)
    except DeliveryFailed as failure:
        return Answer({"id": webhook.id, "accepted": False, "reason": str(failure)}, f"{failure}.", status=1)
    milliseconds = round((time.perf_counter() - started) * 1000)
    accepted = 200 <= status < 300
    data = {"id": webhook.id, "accepted": accepted, "status": status, "ms": milliseconds}
    verdict = "accepted it" if accepted else "did not accept it"
    return Answer(data, f"The receiver {verdict}: {status} after {milliseconds} ms.", status=0 if accepted else 1)


def _check_url(sender: HttpWebhookSender, url: str) -> None:
    """Raises OpsError when the sender would refuse the URL, or its host is unknown."""
    try:
        sender.check_url(url)
    except UrlRefused as refusal:
        raise OpsError(f"This URL can't be a webhook's: {refusal}.") from refusal
    except OSError as error:
        raise OpsError(f"The host of this URL can't be resolved ({error}): correct it.") from error


def _new_key() -> str:
    return f"whsec_{secrets.token_urlsafe(32)}"


def _secret_text(key: str) -> str:
    return f"Its secret, which is shown this once: {key}"


def _webhook_data(webhook: Webhook, now: datetime) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": sorted(webhook.event_types_or_empty_for_all),
        "created_at": to_iso(webhook.created_at),
        "disabled": webhook.disabled,
        "secrets": [_secret_data(secret) for secret in webhook.secrets if secret.is_valid_at(now)],
    }


def _secret_data(secret: Secret) -> dict[str, Any]:
    return {
        "ends_in": secret.key[-SHOWN_CHARACTERS:],
        "created_at": to_iso(secret.created_at),
        "expires_at": to_iso(secret.expires_at) if secret.expires_at else None,
    }


def _secrets_text(live: Sequence[dict[str, Any]]) -> str:
    """Gives the last characters of each valid secret, and the end of its validity."""
    ends = [f"…{one['ends_in']}" + (f" until {one['expires_at']}" if one["expires_at"] else "") for one in live]
    return ", ".join(ends) or "none"


def _state_text(webhook: dict[str, Any]) -> str:
    return f"disabled: {webhook['disabled']}" if webhook["disabled"] else "enabled"
