"""Webhooks in DynamoDB. Their secrets are encrypted at rest, as everything in DynamoDB is, and are never logged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.domain.webhooks import Secret, Subscriber, Webhook
from chalicelib.infrastructure.dynamodb.connection import ConditionFailed, Table, outages_as_refusals
from chalicelib.infrastructure.dynamodb.values import (
    Item,
    Value,
    find_ms,
    find_text,
    list_value,
    map_value,
    ms_value,
    read_ms,
    read_required_list_of_maps,
    read_required_texts,
    read_text,
    text_key,
    text_list_value,
    text_value,
)
from chalicelib.infrastructure.ttl_cache import TtlCache

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.domain.ports import AllSubscribersReader

WEBHOOK_EXISTS = "attribute_exists(id)"
LONGEST_ID = 100
"""An id has at most this many characters."""

SUBSCRIBERS_SECONDS = 5.0
"""How long an instance that numbers events caches the list of subscribers, so that it does not scan the table for each
batch. Therefore a new subscriber may miss the events of its first five seconds."""

SUBSCRIBER_ATTRIBUTES = "id, event_types, disabled"
"""The attributes of a webhook that the function for numbering events may read: see infra/cloud/permissions.py."""


@dataclass(frozen=True)
class DynamoWebhooks:
    """The webhooks in a table."""

    client: DynamoDBClient
    table_name: str

    def put(self, webhook: Webhook) -> None:
        Table(self.client, self.table_name).put(_item_from_webhook(webhook))

    def find(self, webhook_id: str) -> Webhook | None:
        if not _can_be_id(webhook_id):
            return None
        item = Table(self.client, self.table_name).get(text_key(id=webhook_id))
        return _webhook_from_item(item) if item else None

    def list_all(self) -> Sequence[Webhook]:
        return sorted(map(_webhook_from_item, self._scan()), key=lambda webhook: (webhook.created_at, webhook.id))

    def list_all_subscribers_without_urls_and_secrets(self) -> Sequence[Subscriber]:
        items = self._scan(Select="SPECIFIC_ATTRIBUTES", ProjectionExpression=SUBSCRIBER_ATTRIBUTES)
        return list(map(_subscriber_from_item, items))

    def change_secrets(self, webhook_id: str, secrets: Sequence[Secret]) -> bool:
        return self._update(webhook_id, "SET secrets = :new", {":new": _secrets_value(secrets)})

    def disable_for_reason_or_enable_if_exists(self, webhook_id: str, reason: str | None) -> bool:
        if reason is None:
            return self._update(webhook_id, "REMOVE disabled", {})
        return self._update(webhook_id, "SET disabled = :why", {":why": text_value(reason)})

    def remove(self, webhook_id: str) -> bool:
        with outages_as_refusals("DeleteItem"):
            answer = self.client.delete_item(
                TableName=self.table_name, Key=text_key(id=webhook_id), ReturnValues="ALL_OLD"
            )
        return "Attributes" in answer

    def _scan(self, **request: Any) -> Sequence[Item]:
        """Scans the table. One page is enough: it holds about a thousand webhooks, and a stage has 50 at most."""
        with outages_as_refusals("Scan"):
            return self.client.scan(TableName=self.table_name, ConsistentRead=True, **request)["Items"]

    def _update(self, webhook_id: str, expression: str, values: Item) -> bool:
        """Updates a webhook. False if there is no such webhook: a removed one is not created again."""
        request: dict[str, Any] = {"UpdateExpression": expression, "ConditionExpression": WEBHOOK_EXISTS}
        if values:
            request["ExpressionAttributeValues"] = values
        try:
            Table(self.client, self.table_name).update(text_key(id=webhook_id), **request)
        except ConditionFailed:
            return False
        return True


@dataclass(frozen=True)
class CachedSubscribers:
    """The list of subscribers, cached for SUBSCRIBERS_SECONDS.

    A subscriber that was removed or disabled meanwhile gets no delivery, because a delivery reads the webhook again.
    """

    webhooks: AllSubscribersReader
    kept: TtlCache[Sequence[Subscriber]] = field(default_factory=lambda: TtlCache(SUBSCRIBERS_SECONDS))

    def list_all_subscribers_without_urls_and_secrets(self) -> Sequence[Subscriber]:
        return self.kept.get_or_read("all", self.webhooks.list_all_subscribers_without_urls_and_secrets)


def _can_be_id(webhook_id: str) -> bool:
    return webhook_id.isascii() and 0 < len(webhook_id) <= LONGEST_ID


def _item_from_webhook(webhook: Webhook) -> Item:
    item = {
        **text_key(id=webhook.id, url=webhook.url),
        "secrets": _secrets_value(webhook.secrets),
        "event_types": text_list_value(sorted(webhook.event_types_or_empty_for_all)),
        "created_at_ms": ms_value(webhook.created_at),
    }
    return item if webhook.disabled is None else {**item, "disabled": text_value(webhook.disabled)}


def _secrets_value(secrets: Iterable[Secret]) -> Value:
    return list_value(map_value(_item_from_secret(secret)) for secret in secrets)


def _item_from_secret(secret: Secret) -> Item:
    item = {"key": text_value(secret.key), "created_at_ms": ms_value(secret.created_at)}
    return {**item, "expires_at_ms": ms_value(secret.expires_at)} if secret.expires_at else item


def _webhook_from_item(item: Item) -> Webhook:
    return Webhook(
        id=read_text(item, "id"),
        url=read_text(item, "url"),
        secrets=tuple(map(_secret_from_item, read_required_list_of_maps(item, "secrets"))),
        event_types_or_empty_for_all=frozenset(read_required_texts(item, "event_types")),
        created_at=read_ms(item, "created_at_ms"),
        disabled=find_text(item, "disabled"),
    )


def _subscriber_from_item(item: Item) -> Subscriber:
    return Subscriber(
        id=read_text(item, "id"),
        event_types_or_empty_for_all=frozenset(read_required_texts(item, "event_types")),
        disabled=find_text(item, "disabled"),
    )


def _secret_from_item(item: Item) -> Secret:
    return Secret(
        key=read_text(item, "key"),
        created_at=read_ms(item, "created_at_ms"),
        expires_at=find_ms(item, "expires_at_ms"),
    )
