"""Deliveries over HTTP: signed, within five seconds in all, to public addresses only, and no redirect is followed.

The name is resolved once, every address that it has is checked, and one of those is called: a name that leads
elsewhere a moment later leads nowhere. The certificate must be the name's all the same.
"""

import json
import logging
import socket
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock, Thread
from typing import Any, TypeVar

import urllib3

from chalicelib.domain.addresses import Target, UrlRefused, check_address, target_of
from chalicelib.domain.ports import WebhookSender
from chalicelib.domain.signatures import HEADER, sign_body
from chalicelib.domain.webhooks import Delivery, DeliveryFailed, NoAnswerInTime, Notification, Webhook
from chalicelib.infrastructure.breakers import Breaker, BreakerOpen
from chalicelib.infrastructure.sqs.envelopes import VERSION, event_to_wire

T = TypeVar("T")

log = logging.getLogger(__name__)

DELIVERY_SECONDS = 5.0
"""In all: name, connection, TLS, answer. A batch is delivered at the same time, so that it takes no longer."""

MOST_BREAKERS = 1000
"""As many as one page of webhooks, which is all that an event is told to (DynamoWebhooks.all)."""

DELIVERY_HEADER = "Cinema-Delivery"
USER_AGENT = "cinema-tickets-webhooks/1"


def addresses_of(host: str, port: int) -> Sequence[str]:
    """Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True)
class HttpWebhookSender:
    """`local` as in `addresses.target_of`: a webhook may be on this machine."""

    local: bool
    seconds: float = DELIVERY_SECONDS
    resolve: Callable[[str, int], Sequence[str]] = addresses_of

    def deliver(self, webhook: Webhook, notification: Notification, now: datetime) -> int:
        event = notification.event
        delivery = Delivery(webhook.id, event.session_id, notification.sequence)
        return self.post(webhook, delivery.id, body_of(notification, webhook), now)

    def post(self, webhook: Webhook, delivery_id: str, content: Mapping[str, Any], now: datetime) -> int:
        """As deliver, for any content."""
        body = json.dumps(content, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            HEADER: sign_body(webhook.keys(now), body, now),
            DELIVERY_HEADER: delivery_id,
        }
        status = self._status(webhook, body, headers)
        log.info("webhook %s: delivery %s was answered %d", webhook.id, delivery_id, status)
        return status

    def check(self, url: str) -> None:
        """Raises UrlRefused for where no webhook may lead, OSError when the name can't be resolved."""
        self._address(target_of(url, local=self.local))

    def _status(self, webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            target = target_of(webhook.url, local=self.local)
            return _within(self.seconds, lambda: self._posted(target, body, headers))
        except UrlRefused as refusal:
            raise DeliveryFailed(f"webhook {webhook.id} may not have its URL: {refusal}") from refusal
        except (TimeoutError, urllib3.exceptions.HTTPError, OSError) as error:
            raise _failure(webhook, error, self.seconds) from error

    def _posted(self, target: Target, body: bytes, headers: Mapping[str, str]) -> int:
        """The body of the answer is not read: whatever its size, it costs nothing."""
        sent = {**headers, "Host": target.host_header}
        with closing(self._pool(target, self._address(target))) as pool:
            answer = pool.urlopen("POST", target.path, body, sent, retries=False, redirect=False, preload_content=False)
            with closing(answer):
                return answer.status

    def _pool(self, target: Target, address: str) -> urllib3.HTTPConnectionPool:
        timeout = urllib3.Timeout(total=self.seconds)
        if target.scheme == "http":
            return urllib3.HTTPConnectionPool(address, target.port, timeout=timeout)
        name = target.host
        return urllib3.HTTPSConnectionPool(
            address, target.port, timeout=timeout, cert_reqs="REQUIRED", server_hostname=name, assert_hostname=name
        )

    def _address(self, target: Target) -> str:
        """One that the host has, all of which are allowed."""
        addresses = self.resolve(target.host, target.port)
        for address in addresses:
            check_address(target, address, local=self.local)
        return addresses[0]


@dataclass(frozen=True)
class GuardedWebhookSender:
    """Who hangs is left alone for a while, so that it does not take the time of the others' deliveries.

    Only time-outs count: who refuses at once, or is not reached, costs nothing. What is put off meanwhile comes again
    by the queue, as what failed does. A webhook whose breaker was forgotten, because `most` others were called since,
    is found out anew.
    """

    courier: WebhookSender
    new_breaker: Callable[[], Breaker]
    most: int = MOST_BREAKERS
    _breakers: OrderedDict[str, Breaker] = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def deliver(self, webhook: Webhook, notification: Notification, now: datetime) -> int:
        breaker = self._breaker_of(webhook.id)
        try:
            return breaker.call(lambda: self.courier.deliver(webhook, notification, now), (NoAnswerInTime,))
        except BreakerOpen as error:
            raise DeliveryFailed(f"webhook {webhook.id} is left alone: it did not answer in time") from error

    def _breaker_of(self, webhook_id: str) -> Breaker:
        """One for all threads: the deliveries of a batch are made at the same time."""
        with self._lock:
            breaker = self._breakers.pop(webhook_id, None) or self.new_breaker()
            self._breakers[webhook_id] = breaker
            while len(self._breakers) > self.most:
                self._breakers.popitem(last=False)
            return breaker


def _failure(webhook: Webhook, error: Exception, seconds: float) -> DeliveryFailed:
    """A refused connection is a time-out to urllib3, by its class; it has taken no time."""
    timed_out = isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError)
    if timed_out and not isinstance(error, urllib3.exceptions.NewConnectionError):
        return NoAnswerInTime(f"webhook {webhook.id} did not answer within {seconds:g} s")
    return DeliveryFailed(f"webhook {webhook.id} was not reached: {type(error).__name__}")


def body_of(notification: Notification, webhook: Webhook) -> dict[str, Any]:
    wire = event_to_wire(notification.event)
    numbers = {"sequence": notification.sequence, "previousSequence": notification.previous_for(webhook)}
    return {"version": VERSION, **wire, **numbers, "data": notification.event.public_data}


def _within(seconds: float, work: Callable[[], T]) -> T:
    """Raises TimeoutError. The work goes on by itself then: neither a name's lookup nor a trickling answer can be
    interrupted, and a timeout of each step would add up to more than is allowed."""
    future: Future[T] = Future()
    Thread(target=_worked, args=(future, work), daemon=True).start()
    return future.result(timeout=seconds)


def _worked(future: "Future[T]", work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - who waits for it raises it
        future.set_exception(error)
