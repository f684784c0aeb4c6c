"""Clients of the packaged functions: the API behind an API Gateway, and the queues of the stage."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from infra.local.identity_provider import Person, Provider
from tests.http_api import Answer, Api, claims_named_in

from . import events
from .runtime import Instance

PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class PackagedApi(Api):
    """The API of the package. Its routes are those of its template; the most exact one is taken, as by API Gateway.

    A request that names a user is this buyer's; any other is that of `subject`, or an operator's where that is empty.
    """

    function: Instance = field(kw_only=True)
    template: Mapping[str, Any] = field(kw_only=True)
    provider: Provider | None = field(default=None, kw_only=True)
    """Who issues the tokens of requests. Without one they have none."""
    subject: str = field(default="", kw_only=True)

    def as_buyer(self, subject: str) -> "PackagedApi":
        return replace(self, subject=subject)

    def send(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        """Sends one request: its event goes to the function, whose answer is read as API Gateway reads it."""
        resource, captured = self.find_route(path)
        text = body.decode() if isinstance(body, bytes) else body
        sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
        event = events.rest_request(method, path, resource, text, path_parameters=captured, headers=sent)
        return self.hand_over(event)

    def hand_over(self, event: events.Event) -> Answer:
        """Invokes the function with an event, signed in. Gives the answer that a client gets."""
        answered = self.function(self._signed_in(event))
        headers = {name.lower(): str(value) for name, value in (answered.get("headers") or {}).items()}
        headers |= {
            name.lower(): ", ".join(values) for name, values in (answered.get("multiValueHeaders") or {}).items()
        }
        raw = answered.get("body") or ""
        return Answer(
            int(answered["statusCode"]),
            headers,
            base64.b64decode(raw).decode() if answered.get("isBase64Encoded") else raw,
        )

    def _signed_in(self, event: events.Event) -> events.Event:
        if self.provider is None:
            return event
        body = event["body"]
        named = claims_named_in(base64.b64decode(body) if event["isBase64Encoded"] else body)
        buyer = {"sub": self.subject} if self.subject else {}
        role = "buyer" if self.subject or "sub" in named else "operator"
        header = f"Bearer {self.provider.access_token(Person(role), **buyer | named)}"
        return event | {
            "headers": {**event["headers"], "Authorization": header},
            "multiValueHeaders": {**event["multiValueHeaders"], "Authorization": [header]},
        }

    def find_route(self, address: str) -> tuple[str, dict[str, str]]:
        """Finds the resource for an address, and its path parameters as they were sent."""
        path = urlsplit(address).path
        for resource in sorted(self._resources, key=lambda one: one.count("{")):
            pattern = PARAMETER.sub(r"(?P<\1>[^/]+)", resource.replace(".", r"\."))
            if found := re.fullmatch(pattern + "/?", path):
                return resource, found.groupdict()
        raise LookupError(f"API Gateway has no resource for {path}")

    @property
    def _resources(self) -> Mapping[str, Any]:
        paths: Mapping[str, Any] = self.template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
        return paths


@dataclass(frozen=True)
class Queues:
    """The stage's queues, read past the endpoint."""

    sqs: Any
    prefix: str

    def take(self, name: str) -> list[Any]:
        """Takes all messages that the queue shows, and deletes them. Gives their bodies, read as JSON."""
        url, bodies = self.sqs.get_queue_url(QueueName=f"{self.prefix}-{name}")["QueueUrl"], list[Any]()
        while messages := self._receive(url):
            bodies += [json.loads(message["Body"]) for message in messages]
            entries = [{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(messages)]
            self.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        return bodies

    def count(self, name: str) -> int:
        """Counts the queue's messages, with those that are delayed or in flight."""
        url = self.sqs.get_queue_url(QueueName=f"{self.prefix}-{name}")["QueueUrl"]
        kinds = ["", "Delayed", "NotVisible"]
        names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def _receive(self, url: str) -> list[Any]:
        """Receives up to ten messages at once: else the queue's own waiting time of 20 s would hold."""
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        messages: list[Any] = answer.get("Messages", [])
        return messages


@dataclass(frozen=True)
class Items:
    """The stage's tables, read past the endpoint."""

    dynamodb: Any
    prefix: str

    def row(self, session_id: str, row: str = "A") -> Any:
        return self.get("rows", id=f"{session_id}#{row}")

    def reservation(self, reservation_id: str) -> Any:
        return self.get("reservations", **reservation_key(reservation_id))

    def get(self, table: str, **key: str) -> Any:
        """Gives an item, or None."""
        named = {name: {"S": value} for name, value in key.items()}
        return self.dynamodb.get_item(TableName=self.name(table), Key=named, ConsistentRead=True).get("Item")

    def name(self, table: str) -> str:
        return f"{self.prefix}-{table}"

    def change(self, table: str, before: Any, after: Any, **more: Any) -> events.Event:
        """Makes the record of the table's stream for a change of an item."""
        names = {"rows": ("id",), "reservations": ("buyer", "id"), "payments": ("transaction_id",)}[table]
        key = {name: (after or before)[name] for name in names}
        return events.stream_record(self.name(table), key, before=before, after=after, **more)


def reservation_key(reservation_id: str) -> dict[str, str]:
    return {"buyer": reservation_id[4:15], "id": reservation_id}
