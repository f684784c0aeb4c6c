"""Webhook deliveries over HTTP: signed, within five seconds in all, to public addresses only, without redirects.

The name is resolved once, all its addresses are checked, and one of these is called. So a name that changes its
addresses a moment later gains nothing. The certificate must still be that of the name.
"""

from __future__ import annotations

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
from typing import TYPE_CHECKING, Any, TypeVar

import urllib3

from chalicelib.domain.addresses import (
    ParsedUrl,
    UrlRefused,
    check_scheme_and_resolved_address,
    parse_webhook_url_without_address_check,
)
from chalicelib.domain.signatures import HEADER, sign_body
from chalicelib.domain.webhooks import Delivery, DeliveryFailed, DeliveryTimedOut, Notification, Webhook
from chalicelib.infrastructure.breakers import Breaker, BreakerOpen
from chalicelib.infrastructure.sqs.envelopes import VERSION, event_to_wire

if TYPE_CHECKING:
    from chalicelib.domain.ports import WebhookSender

T = TypeVar("T")

log = logging.getLogger(__name__)

DELIVERY_SECONDS = 5.0
"""The longest time of one delivery: name, connection, TLS and answer together. The deliveries of a batch are made at
the same time, so a batch takes no longer."""

MOST_BREAKERS = 1000
"""The largest number of breakers that are kept: far more than the 50 webhooks that a stage may have."""

DELIVERY_HEADER = "Cinema-Delivery"
USER_AGENT = "cinema-tickets-webhooks/1"


def resolve_host(host: str, port: int) -> Sequence[str]:
    """Looks up the IP addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True)
class HttpWebhookSender:
    """A sender of deliveries over HTTP. `local` allows webhooks on this machine and in its network: see `allows_http`
    and `allows_private` in domain/addresses.py."""

    local: bool
    seconds: float = DELIVERY_SECONDS
    resolve: Callable[[str, int], Sequence[str]] = resolve_host

    def post_and_get_status(self, webhook: Webhook, notification: Notification, now: datetime) -> int:
        event = notification.event
        delivery = Delivery(webhook_id=webhook.id, session_id=event.session_id, sequence=notification.sequence)
        return self.post(webhook, delivery.id, delivery_body(notification, webhook), now)

    def post(self, webhook: Webhook, delivery_id: str, content: Mapping[str, Any], now: datetime) -> int:
        """Signs the content and posts it as a delivery. Gives the status of the answer. Raises DeliveryFailed."""
        body = json.dumps(content, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            HEADER: sign_body(webhook.signing_keys(now), body, now),
            DELIVERY_HEADER: delivery_id,
        }
        status = self._post_in_time(webhook, body, headers)
        log.info("webhook %s: delivery %s was answered %d", webhook.id, delivery_id, status)
        return status

    def check_url(self, url: str) -> None:
        """Checks that a webhook may have the URL. Raises UrlRefused, and OSError if the host can't be resolved."""
        self._resolve_address(parse_webhook_url_without_address_check(url, allows_http=self.local))

    def _post_in_time(self, webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> int:
        """Posts the body. Gives the status of the answer. Raises DeliveryFailed, DeliveryTimedOut."""
        try:
            target = parse_webhook_url_without_address_check(webhook.url, allows_http=self.local)
            return _call_within(self.seconds, lambda: self._post_to(target, body, headers))
        except UrlRefused as refusal:
            raise DeliveryFailed(f"webhook {webhook.id} may not have its URL: {refusal}") from refusal
        except (TimeoutError, urllib3.exceptions.HTTPError, OSError) as error:
            raise _delivery_failure(webhook, error, self.seconds) from error

    def _post_to(self, target: ParsedUrl, body: bytes, headers: Mapping[str, str]) -> int:
        """Posts the body and gives the status of the answer. Leaves the answer's body unread."""
        sent = {**headers, "Host": target.host_header}
        with closing(self._pool(target, self._resolve_address(target))) as pool:
            answer = pool.urlopen(
                "POST", target.path_and_query, body, sent, retries=False, redirect=False, preload_content=False
            )
            with closing(answer):
                return answer.status

    def _pool(self, target: ParsedUrl, address: str) -> urllib3.HTTPConnectionPool:
        timeout = urllib3.Timeout(total=self.seconds)
        if target.scheme == "http":
            return urllib3.HTTPConnectionPool(address, target.port, timeout=timeout)
        name = target.host
        return urllib3.HTTPSConnectionPool(
            address, target.port, timeout=timeout, cert_reqs="REQUIRED", server_hostname=name, assert_hostname=name
        )

    def _resolve_address(self, target: ParsedUrl) -> str:
        """Looks up an IP address of the host. Raises UrlRefused if any of its addresses is not allowed.

        Raises OSError.
        """
        addresses = self.resolve(target.host, target.port)
        for address in addresses:
            check_scheme_and_resolved_address(target, address, allows_private=self.local)
        return addresses[0]


@dataclass(frozen=True)
class WebhookSenderWithBreakerPerWebhook:
    """A sender of deliveries with a circuit breaker for each webhook, so that a hanging webhook does not delay others.

    Only time-outs count as failures, because other errors cost no time. While a breaker is open, a delivery raises
    DeliveryFailed, and the queue retries the delivery later. Breakers are kept for the webhooks that were called last,
    for at most `most_breakers` of them.
    """

    sender: WebhookSender
    new_breaker: Callable[[], Breaker]
    most_breakers: int = MOST_BREAKERS
    _breakers: OrderedDict[str, Breaker] = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def post_and_get_status(self, webhook: Webhook, notification: Notification, now: datetime) -> int:
        breaker = self._breaker_of(webhook.id)
        try:
            return breaker.call(
                lambda: self.sender.post_and_get_status(webhook, notification, now), (DeliveryTimedOut,)
            )
        except BreakerOpen as error:
            raise DeliveryFailed(f"webhook {webhook.id} is left alone: it did not answer in time") from error

    def _breaker_of(self, webhook_id: str) -> Breaker:
        """Gives the webhook's breaker. All threads get the same one, because deliveries are made concurrently."""
        with self._lock:
            breaker = self._breakers.pop(webhook_id, None) or self.new_breaker()
            self._breakers[webhook_id] = breaker
            while len(self._breakers) > self.most_breakers:
                self._breakers.popitem(last=False)
            return breaker


def _delivery_failure(webhook: Webhook, error: Exception, seconds: float) -> DeliveryFailed:
    """Gives the error of a failed delivery: DeliveryTimedOut for a time-out, else DeliveryFailed. A refused connection
    is no time-out, although urllib3's exception for it is a subclass of its time-out exception."""
    timed_out = isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError)
    if timed_out and not isinstance(error, urllib3.exceptions.NewConnectionError):
        return DeliveryTimedOut(f"webhook {webhook.id} did not answer within {seconds:g} s")
    return DeliveryFailed(f"webhook {webhook.id} was not reached: {type(error).__name__}")


def delivery_body(notification: Notification, webhook: Webhook) -> dict[str, Any]:
    """Makes the body of a delivery, as docs/webhooks.md describes it."""
    wire = event_to_wire(notification.event)
    numbers = {"sequence": notification.sequence, "previousSequence": notification.previous_sequence_for(webhook)}
    return {"version": VERSION, **wire, **numbers, "data": notification.event.public_data}


def _call_within(seconds: float, work: Callable[[], T]) -> T:
    """Runs `work` in a thread, and gives its result. Raises TimeoutError after `seconds`; the thread then goes on.

    A thread is needed, because DNS lookups and slow answers can't be interrupted, and the timeouts of single steps add
    up.
    """
    future: Future[T] = Future()
    Thread(target=_set_result, args=(future, work), daemon=True).start()
    return future.result(timeout=seconds)


def _set_result(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
        future.set_exception(error)
