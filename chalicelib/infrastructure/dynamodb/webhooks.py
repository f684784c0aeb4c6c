"""Subscriptions in DynamoDB. Their secrets are encrypted at rest there, as everything is, and are never logged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.domain.times import from_ms, to_ms
from chalicelib.domain.webhooks import Secret, Subscriber, Webhook

from .connection import ConditionFailed, Item, Table, outages_as_refusals

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

IT_EXISTS = "attribute_exists(id)"
LONGEST_ID = 100

OF_A_SUBSCRIBER = "id, event_types, disabled"
"""Whoever numbers events may read no more: infra/cloud/permissions.py."""


@dataclass(frozen=True)
class DynamoWebhooks:
    client: "DynamoDBClient"
    table_name: str

    def add(self, webhook: Webhook) -> None:
        Table(self.client, self.table_name).put(_key(webhook.id), Item=_item(webhook))

    def find(self, webhook_id: str) -> Webhook | None:
        item = Table(self.client, self.table_name).get(_key(webhook_id)) if _can_be_ours(webhook_id) else None
        return _webhook(item) if item else None

    def all(self) -> Sequence[Webhook]:
        return sorted(map(_webhook, self._scanned()), key=lambda webhook: (webhook.created_at, webhook.id))

    def subscribers(self) -> Sequence[Subscriber]:
        return list(map(_subscriber, self._scanned(Select="SPECIFIC_ATTRIBUTES", ProjectionExpression=OF_A_SUBSCRIBER)))

    def change_secrets(self, webhook_id: str, secrets: Sequence[Secret]) -> bool:
        return self._update(webhook_id, "SET secrets = :new", {":new": _secrets_item(secrets)})

    def disable(self, webhook_id: str, reason: str | None) -> bool:
        if reason is None:
            return self._update(webhook_id, "REMOVE disabled", {})
        return self._update(webhook_id, "SET disabled = :why", {":why": {"S": reason}})

    def remove(self, webhook_id: str) -> bool:
        with outages_as_refusals("DeleteItem"):
            answer = self.client.delete_item(TableName=self.table_name, Key=_key(webhook_id), ReturnValues="ALL_OLD")
        return "Attributes" in answer

    def _scanned(self, **what: Any) -> Sequence[Item]:
        """One page of 1 MB: a thousand of them, and more than an event could be told to."""
        with outages_as_refusals("Scan"):
            return self.client.scan(TableName=self.table_name, ConsistentRead=True, **what)["Items"]

    def _update(self, webhook_id: str, expression: str, values: Item) -> bool:
        """False when there is none: a webhook that is removed meanwhile is not made again."""
        request: dict[str, Any] = {"UpdateExpression": expression, "ConditionExpression": IT_EXISTS}
        if values:
            request["ExpressionAttributeValues"] = values
        try:
            Table(self.client, self.table_name).update(_key(webhook_id), **request)
        except ConditionFailed:
            return False
        return True


def _can_be_ours(webhook_id: str) -> bool:
    return webhook_id.isascii() and 0 < len(webhook_id) <= LONGEST_ID


def _key(webhook_id: str) -> Item:
    return {"id": {"S": webhook_id}}


def _item(webhook: Webhook) -> Item:
    item = {
        **_key(webhook.id),
        "url": {"S": webhook.url},
        "secrets": _secrets_item(webhook.secrets),
        "event_types": {"L": [{"S": kind} for kind in sorted(webhook.event_types)]},
        "created_at_ms": {"N": str(to_ms(webhook.created_at))},
    }
    return item if webhook.disabled is None else {**item, "disabled": {"S": webhook.disabled}}


def _secrets_item(secrets: Iterable[Secret]) -> Item:
    return {"L": [{"M": _secret_item(secret)} for secret in secrets]}


def _secret_item(secret: Secret) -> Item:
    item = {"key": {"S": secret.key}, "created_at_ms": {"N": str(to_ms(secret.created_at))}}
    return {**item, "expires_at_ms": {"N": str(to_ms(secret.expires_at))}} if secret.expires_at else item


def _webhook(item: Item) -> Webhook:
    return Webhook(
        id=item["id"]["S"],
        url=item["url"]["S"],
        secrets=tuple(_secret(entry["M"]) for entry in item["secrets"]["L"]),
        event_types=_event_types(item),
        created_at=from_ms(int(item["created_at_ms"]["N"])),
        disabled=_disabled(item),
    )


def _subscriber(item: Item) -> Subscriber:
    return Subscriber(item["id"]["S"], _event_types(item), _disabled(item))


def _event_types(item: Item) -> frozenset[str]:
    return frozenset(kind["S"] for kind in item["event_types"]["L"])


def _disabled(item: Item) -> str | None:
    return item["disabled"]["S"] if "disabled" in item else None


def _secret(entry: Item) -> Secret:
    expires_at = from_ms(int(entry["expires_at_ms"]["N"])) if "expires_at_ms" in entry else None
    return Secret(entry["key"]["S"], from_ms(int(entry["created_at_ms"]["N"])), expires_at)
