"""The ports of notifying in memory."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.domain.email import EmailContext, EmailRefused, Enclosures, File, RenderedEmail
from chalicelib.domain.events import Event
from chalicelib.domain.webhooks import Notification, Secret, Subscriber, Webhook

__all__ = [
    "FakeConnections",
    "FakeEmailRenderer",
    "FakeEmailSender",
    "FakeNotifications",
    "FakeSuppressedAddresses",
    "FakeViewers",
    "FakeWebhookSender",
    "FakeWebhooks",
]


class FakeEmailRenderer:
    """Renders the kind of the email, the id of its reservation and the codes of its tickets, no words.

    Each ticket is a picture under the name of its seat.
    """

    def render(self, email: EmailContext) -> RenderedEmail:
        contact, event = email.contact, email.event
        codes = " ".join(ticket.code for ticket in email.tickets)
        pictures = tuple(File(ticket.seat, "image/png", ticket.token.encode()) for ticket in email.tickets)
        enclosed = Enclosures(pictures)
        return RenderedEmail(
            contact.email, contact.language, email.kind, email.reservation.id, codes, event.id, enclosed
        )


@dataclass
class FakeEmailSender:
    """`sent` has the sent messages. The sender must be a verified one."""

    sender: str = "tickets@example.com"
    verified: frozenset[str] = frozenset({"tickets@example.com"})
    sent: list[RenderedEmail] = field(default_factory=list)

    def send(self, message: RenderedEmail) -> None:
        if self.sender not in self.verified:
            raise EmailRefused("the sender is not verified")
        self.sent.append(message)


@dataclass
class FakeSuppressedAddresses:
    """`known` has the reason and the moment of each address."""

    known: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def add(self, address: str, reason: str, since: datetime) -> None:
        self.known[address.casefold()] = (reason, since)

    def contains(self, address: str) -> bool:
        return address.casefold() in self.known

    def remove(self, address: str) -> bool:
        return self.known.pop(address.casefold(), None) is not None


@dataclass
class FakeWebhooks:
    known: dict[str, Webhook] = field(default_factory=dict)

    def put(self, webhook: Webhook) -> None:
        self.known[webhook.id] = webhook

    def find(self, webhook_id: str) -> Webhook | None:
        return self.known.get(webhook_id)

    def list_all(self) -> Sequence[Webhook]:
        return sorted(self.known.values(), key=lambda webhook: (webhook.created_at, webhook.id))

    def list_all_subscribers_without_urls_and_secrets(self) -> Sequence[Subscriber]:
        return [webhook.without_url_and_secrets for webhook in self.known.values()]

    def change_secrets(self, webhook_id: str, secrets: Sequence[Secret]) -> bool:
        return self._changed(webhook_id, secrets=tuple(secrets))

    def disable_for_reason_or_enable_if_exists(self, webhook_id: str, reason: str | None) -> bool:
        return self._changed(webhook_id, disabled=reason)

    def remove(self, webhook_id: str) -> bool:
        return self.known.pop(webhook_id, None) is not None

    def _changed(self, webhook_id: str, **changes: Any) -> bool:
        if webhook_id not in self.known:
            return False
        self.known[webhook_id] = replace(self.known[webhook_id], **changes)
        return True


@dataclass
class FakeNotifications:
    told: dict[str, list[Notification]] = field(default_factory=lambda: defaultdict(list))

    def assign_number_in_session(self, event: Event) -> Notification:
        before = self.told[event.session_id]
        known = [notification for notification in before if notification.event.id == event.id]
        if not known:
            latest = {str(notification.event.type): notification.sequence for notification in before}
            known = [Notification(event, len(before) + 1, latest)]
            before += known
        return known[0]

    def assign_numbers_in_session(self, events: Sequence[Event]) -> Sequence[Notification]:
        return list(map(self.assign_number_in_session, events))

    def find(self, session_id: str, sequence: int) -> Notification | None:
        return next((one for one in self.told[session_id] if one.sequence == sequence), None)

    def list_after(self, session_id: str, sequence: int, limit: int) -> Sequence[Notification]:
        return [one for one in self.told[session_id] if one.sequence > sequence][:limit]


@dataclass
class FakeWebhookSender:
    """Answers `answers` in turn, a status or a failure, and the last one for ever; `posted` has the deliveries."""

    answers: list[int | Exception] = field(default_factory=lambda: [204])
    posted: list[tuple[str, int]] = field(default_factory=list)

    def post_and_get_status(self, webhook: Webhook, notification: Notification, now: datetime) -> int:
        self.posted.append((webhook.id, notification.sequence))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class FakeViewers:
    watched: dict[str, str] = field(default_factory=dict)

    def set_watched_session(self, viewer_id: str, session_id: str) -> None:
        self.watched[viewer_id] = session_id

    def remove(self, viewer_id: str) -> None:
        self.watched.pop(viewer_id, None)

    def count(self, session_id: str, most: int) -> int:
        return min(len(self.viewers_of(session_id)), most)

    def viewers_of(self, session_id: str) -> Sequence[str]:
        return [viewer_id for viewer_id, watched in self.watched.items() if watched == session_id]


@dataclass
class FakeConnections:
    """`shown` has the messages of each viewer, in order, and `seconds` the time for each.

    Viewers in `gone` can't be reached any more.
    """

    gone: set[str] = field(default_factory=set)
    shown: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    seconds: list[float] = field(default_factory=list)

    def send_and_list_gone(self, viewer_ids: Sequence[str], message: str, seconds: float = 20.0) -> set[str]:
        self.seconds.append(seconds)
        for viewer_id in set(viewer_ids) - self.gone:
            self.shown[viewer_id].append(message)
        return self.gone & set(viewer_ids)
