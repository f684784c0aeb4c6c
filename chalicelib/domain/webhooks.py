"""Webhooks: URLs of subscribers, to which the events of each session are sent, numbered from 1.

session     1  ReservationCreated     a subscriber of all:        1, 2, 3, …          a missing number is a gap
            2  ReservationCreated     of PaymentConfirmed only:   3 (before it: 0), … each delivery names the one
            3  PaymentConfirmed                                                       before it for that subscriber
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from .events import Event

MOST_SECRETS = 3
"""How many secrets of a webhook sign at most: the newest, and those before it that have not expired."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that signs deliveries. `expires_at` is None for the newest; a replaced one signs until that moment."""

    key: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None

    def is_valid_at(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A webhook without its address and secrets: enough to tell which events it gets."""

    id: str
    event_types: frozenset[str]
    disabled: str | None

    def wants(self, event_type: str) -> bool:
        return not self.event_types or event_type in self.event_types


@dataclass(frozen=True, slots=True)
class Webhook:
    """A subscriber's URL. `secrets` are newest first. No `event_types` means all of them.

    `disabled` is the reason why it is not called; None while it is called.
    """

    id: str
    url: str = field(repr=False)
    secrets: tuple[Secret, ...]
    event_types: frozenset[str]
    created_at: datetime
    disabled: str | None = None

    @property
    def subscriber(self) -> Subscriber:
        return Subscriber(self.id, self.event_types, self.disabled)

    def wants(self, event_type: str) -> bool:
        return self.subscriber.wants(event_type)

    def signing_keys(self, now: datetime) -> tuple[str, ...]:
        """Gives the keys that sign now, newest first."""
        return tuple(secret.key for secret in self.secrets if secret.is_valid_at(now))

    def with_rotated_secret(self, key: str, now: datetime, overlap: timedelta) -> "Webhook":
        """Gives the webhook with a new secret. The secrets before it still sign for the time of `overlap`."""
        end = now + overlap
        still = [replace(s, expires_at=min(s.expires_at or end, end)) for s in self.secrets if s.is_valid_at(now)]
        kept = [secret for secret in still if secret.is_valid_at(now)]
        return replace(self, secrets=(Secret(key, now), *kept)[:MOST_SECRETS])


@dataclass(frozen=True, slots=True)
class Notification:
    """An event and its number in its session.

    `latest_before`: for each event type, the number of the last such event before this one.
    """

    event: Event
    sequence: int
    latest_before: Mapping[str, int]

    def previous_sequence_for(self, webhook: Webhook) -> int:
        """Gives the number of the last event before this one that the webhook wants; 0 when this is the first."""
        return max((number for kind, number in self.latest_before.items() if webhook.wants(kind)), default=0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification for one webhook. Its id stays the same when it is delivered again."""

    webhook_id: str
    session_id: str
    sequence: int

    @property
    def id(self) -> str:
        return f"{self.webhook_id}.{self.session_id}.{self.sequence}"


class DeliveryFailed(Exception):
    """A receiver did not accept a delivery: try again. The reason shows no more of the URL than its host."""


class DeliveryTimedOut(DeliveryFailed):
    """The receiver did not answer within the time that a delivery may take."""
