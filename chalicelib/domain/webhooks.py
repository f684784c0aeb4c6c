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
"""The largest number of secrets that a webhook can have: the newest, and earlier ones that have not expired. Deliveries
are signed with each of them."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that signs deliveries. It is valid until `expires_at`; None for the newest secret."""

    key: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None

    def is_valid_at(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A webhook without its URL and secrets. It receives the events of the types in `event_types_or_empty_for_all`.

    If the webhook is disabled, `disabled` is the reason, else None.
    """

    id: str
    event_types_or_empty_for_all: frozenset[str]
    disabled: str | None

    def wants_type(self, event_type: str) -> bool:
        return not self.event_types_or_empty_for_all or event_type in self.event_types_or_empty_for_all


@dataclass(frozen=True, slots=True)
class Webhook:
    """A subscriber's URL. `secrets` are newest first.

    If the webhook is disabled, `disabled` is the reason, else None.
    """

    id: str
    url: str = field(repr=False)
    secrets: tuple[Secret, ...]
    event_types_or_empty_for_all: frozenset[str]
    created_at: datetime
    disabled: str | None = None

    @property
    def without_url_and_secrets(self) -> Subscriber:
        return Subscriber(self.id, self.event_types_or_empty_for_all, self.disabled)

    def wants_type(self, event_type: str) -> bool:
        return self.without_url_and_secrets.wants_type(event_type)

    def signing_keys(self, now: datetime) -> tuple[str, ...]:
        """Gives the secrets that are valid at `now`, newest first."""
        return tuple(secret.key for secret in self.secrets if secret.is_valid_at(now))

    def with_rotated_secret(self, key: str, now: datetime, overlap: timedelta) -> "Webhook":
        """Gives the webhook with this new secret.

        Earlier secrets remain valid for at most `overlap`. Only the newest MOST_SECRETS are kept.
        """
        end = now + overlap
        still = [replace(s, expires_at=min(s.expires_at or end, end)) for s in self.secrets if s.is_valid_at(now)]
        kept = [secret for secret in still if secret.is_valid_at(now)]
        return replace(self, secrets=(Secret(key, now), *kept)[:MOST_SECRETS])


@dataclass(frozen=True, slots=True)
class Notification:
    """An event with its number in its session.

    `latest_before_by_type` has, by event type, the number of the last event of that type before this one. Types without
    an earlier event are missing.
    """

    event: Event
    sequence: int
    latest_before_by_type: Mapping[str, int]

    def previous_sequence_for(self, webhook: Webhook) -> int:
        """Gives the number of the previous event that the webhook receives. 0 if this is the first one."""
        return max(
            (number for kind, number in self.latest_before_by_type.items() if webhook.wants_type(kind)), default=0
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification for one webhook. Its id stays the same in every attempt."""

    webhook_id: str
    session_id: str
    sequence: int

    @property
    def id(self) -> str:
        return f"{self.webhook_id}.{self.session_id}.{self.sequence}"


class DeliveryFailed(Exception):
    """The receiver did not accept the delivery. A retry may help. The reason shows only the host of the URL."""


class DeliveryTimedOut(DeliveryFailed):
    """The receiver did not answer in time."""
