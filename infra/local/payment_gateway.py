"""A simulated payment gateway: charges, sends signed messages about it, and returns money.

`make run` starts it; by hand: `python -m infra.local.payment_gateway --port 8090 --webhook-url URL --secret S`.
chalicelib/infrastructure/payments/simulated_gateway.py asks it:

    POST /payments           Idempotency-Key: …   {"reservationId": "res-…", "amountCents": 5000, "currency": "BRL"}
                             201 with the payment: the bank charges at once. "transactionId" names it, for tests
    GET  /payments/{id}      the payment, or 404 UNKNOWN_TRANSACTION
    GET  /payments?since=MS  {"payments": […], "next": 100}: the charges from that moment on. &after=100 gives the next
                             page, until "next" is null
    POST /refunds            Idempotency-Key: …   {"transactionId": "…", "amountCents": 2500}; without: all that is left
                             201 {"refundId": "…"}
                             404 UNKNOWN_TRANSACTION   nothing was charged
                             409 ALREADY_REFUNDED      nothing is left; with the "refundId"
                             422 AMOUNT_TOO_LARGE      less is left
    GET  /refunds            all of them; ?transactionId=… those of one payment
    GET  /messages           the messages to the webhook, sent or still to be sent
    PUT  /webhook            {"url": "…"}: sets the webhook's address, where it is known only after the start

A payment is {"paymentId", "reservationId", "status": "charged" or "declined", "amountCents": charged, "currency",
"chargedAtMs", "refundedCents"}. A request that comes again with its Idempotency-Key gets the first answer; the key with
another request is 422 KEY_REUSED.

A message is {"id": "evt-…", "type": "payment.charged", "payment": {…}}, or of type payment.declined, payment.refunded.
Its header is `Payment-Signature: t=<seconds>,v1=<hex>`: HMAC-SHA-256 with the secret over `<seconds>.<body>`, one v1
for each secret. It is sent again, later each time, until the webhook answers 2xx.

Parts of a transaction's id choose how its payment ends, as the test cards of real gateways do:

    tx-1            charged, with a message at once; returned when asked
    tx-1-short      charged one cent less than asked
    tx-1-uncharged  declined: nothing was charged
    tx-1-late       its message comes seconds later
    tx-1-twice      its message comes twice
    tx-1-lost       its message never comes
    tx-1-shuffled   its message comes after the next one, whosever that is
    tx-1-decline    the refund is declined, always; tx-1-decline-3: the first 3 times
    tx-1-fail-3     the refund is answered with 503 the first 3 times
    tx-1-timeout    returned, but the first answer comes after the caller's timeout
    tx-1-duplicate  somebody has returned it before: ALREADY_REFUNDED
    tx-1-unknown    there is no such payment

`--messages late` (twice, lost, shuffled) treats all messages so. It is one file, of the standard library only:
localstack-compose.yml runs it alone. Nothing outlives the process.
"""

import argparse
import contextlib
import hashlib
import heapq
import hmac
import http.client
import itertools
import json
import os
import re
import secrets
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeGuard
from urllib.parse import parse_qs, unquote, urlsplit

LOOPBACK = "127.0.0.1"
SLOW_SECONDS = 6.0
"""The delay of a slow answer: twice the timeout of chalicelib/infrastructure/payments/simulated_gateway.py."""
LARGEST_BODY_BYTES = 10_000
PAGE = 100
TIMES = re.compile(r"-(decline|fail)(?:-(\d{1,3}))?(?=-|$)")
CURRENCY = "BRL"

SIGNATURE_HEADER = "Payment-Signature"
SECRET = "not-a-secret: anyone can read it here"  # noqa: S105 - names what it is
"""The secret of stages on a laptop, the same as LOCAL_SECRET of chalicelib/settings.py."""
MESSAGES = ("late", "twice", "lost", "shuffled")
LATE_SECONDS = 5.0
WEBHOOK_TIMEOUT_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0
MOST_TRIES = 12
"""The largest number of attempts to send a message. With pauses of 1, 2, 4, … 60 seconds, they take over six
minutes."""

StatusAndBody = tuple[HTTPStatus, dict[str, Any]]


@dataclass(frozen=True)
class RefundRequest:
    """A request for a refund."""

    transaction_id: str
    amount_cents: int | None
    """The amount; None stands for all that is left."""


@dataclass(frozen=True)
class PaymentRequest:
    """A request for a payment."""

    reservation_id: str
    amount_cents: int
    currency: str
    transaction_id: str = ""
    """The transaction's id. If it is empty, the gateway makes an id."""


@dataclass(order=True)
class _Delivery:
    """A message on its way. Of two with the same due time, the one that was enqueued first is sent first."""

    due: float
    number: int
    body: bytes = field(compare=False)
    tries: int = field(compare=False, default=0)


@dataclass
class Messenger:
    """Sends messages to the webhook, one after the other, from a thread that starts with the first message.

    `url` may be set later. Messages made before that are not sent.
    """

    url: str = ""
    secrets: Sequence[str] = (SECRET,)
    """The secrets, each of which signs every message. During a rotation the first is the new one."""
    pause_seconds: float = 1.0
    messages: list[dict[str, Any]] = field(default_factory=list)
    """Every message, in the order in which they were made."""
    _waiting: list[_Delivery] = field(default_factory=list)
    _held_back: list[_Delivery] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None
    _busy: bool = False
    _closed: bool = False

    def send(self, message: dict[str, Any], seconds: float = 0.0, *, times: int = 1, shuffled: bool = False) -> None:
        """Sends the message `times` times, after `seconds`.

        A shuffled message waits for the next one and is sent after it, but no longer than `seconds`.
        """
        with self._changed:
            self.messages.append(message)
            if not self.url or self._closed:
                return
            overtaken = bool(self._held_back)
            for _ in range(times):
                delivery = self._enqueue(json.dumps(message).encode(), 0.0 if overtaken else seconds)
                if shuffled and not overtaken:
                    self._held_back.append(delivery)
            if overtaken:
                self._release_held_back()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait_until_idle(self, seconds: float) -> bool:
        """Waits until all messages are sent, but at most `seconds`. Tells whether all are sent."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._busy), seconds)

    def close(self) -> None:
        """Stops sending and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join()

    def _enqueue(self, body: bytes, seconds: float, tries: int = 0) -> _Delivery:
        """Adds a delivery that is due in `seconds`. Call it with the lock."""
        delivery = _Delivery(time.monotonic() + seconds, next(self._numbers), body, tries)
        heapq.heappush(self._waiting, delivery)
        return delivery

    def _release_held_back(self) -> None:
        """Makes the shuffled messages due now. Call it with the lock."""
        for delivery in self._held_back:
            if delivery in self._waiting:
                self._waiting.remove(delivery)
                self._enqueue(delivery.body, 0.0)
        self._held_back.clear()
        heapq.heapify(self._waiting)

    def _run(self) -> None:
        """Sends due messages until the messenger is closed. Sends a message again later when it was not accepted."""
        while delivery := self._take_next():
            accepted = self._post(delivery.body)
            with self._changed:
                self._busy = False
                if not accepted and delivery.tries + 1 < MOST_TRIES:
                    pause = min(self.pause_seconds * 2**delivery.tries, LONGEST_PAUSE_SECONDS)
                    self._enqueue(delivery.body, pause, delivery.tries + 1)
                self._changed.notify_all()

    def _take_next(self) -> _Delivery | None:
        """Waits until a delivery is due and takes it from the queue. Gives None once the messenger is closed."""
        with self._changed:
            while not self._closed:
                wait = self._waiting[0].due - time.monotonic() if self._waiting else None
                if wait is not None and wait <= 0:
                    self._busy = True
                    delivery = heapq.heappop(self._waiting)
                    self._held_back = [one for one in self._held_back if one is not delivery]
                    return delivery
                self._changed.wait(wait)
            return None

    def _post(self, body: bytes) -> bool:
        """Posts the signed message. Tells whether the webhook has accepted it."""
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature(self.secrets, body, time.time())}
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310 - whoever starts it chose it
        try:
            with _DIRECT.open(request, timeout=WEBHOOK_TIMEOUT_SECONDS) as answer:
                return bool(200 <= answer.status < 300)
        except (OSError, http.client.HTTPException, ValueError):
            return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_: Any) -> None:
        """Gives None, so that a redirect counts as an answer other than 2xx."""


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def signature(keys: Sequence[str], body: bytes, seconds: float) -> str:
    """Signs the body and gives the header's value.

    The scheme is that of chalicelib/domain/signatures.py, which this file can't import.
    """
    moment = str(int(seconds))
    signed = moment.encode() + b"." + body
    return ",".join(
        [f"t={moment}", *(f"v1={hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()}" for key in keys)]
    )


@dataclass
class Gateway:
    """A simulated gateway: its payments and refunds, and the first answer to each idempotency key."""

    slow_seconds: float = SLOW_SECONDS
    messages: str = ""
    """How all messages are sent, one of MESSAGES. If empty, each transaction's id decides."""
    late_seconds: float = LATE_SECONDS
    messenger: Messenger = field(default_factory=Messenger)
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[tuple[str, object], tuple[object, StatusAndBody]] = field(default_factory=dict)
    tries: "Counter[str]" = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def pay(self, key: str, request: PaymentRequest) -> StatusAndBody:
        """Charges the payment, once for each key."""
        with self.lock:
            return self._answer_once(key, request, lambda: self._make_payment(request))

    def refund(self, key: str, request: RefundRequest) -> tuple[StatusAndBody, float]:
        """Refunds the payment, once for each key. Gives the answer, and the seconds by which to delay it."""
        with self.lock:
            is_new = (type(request).__name__, key) not in self.answers
            answer = self._answer_once(
                key, request, lambda: self._decide_refund(request.transaction_id, request.amount_cents)
            )
            slow = is_new and "-timeout" in request.transaction_id and answer[0] < HTTPStatus.PAYMENT_REQUIRED
            return answer, self.slow_seconds if slow else 0.0

    def charge(
        self, transaction_id: str, reservation_id: str, amount_cents: int, currency: str = CURRENCY
    ) -> dict[str, Any]:
        """Charges a payment, as `POST /payments` does. Raises ValueError when the id is taken."""
        with self.lock:
            status, answer = self._make_payment(PaymentRequest(reservation_id, amount_cents, currency, transaction_id))
        if status is not HTTPStatus.CREATED:
            raise ValueError(f"{transaction_id}: {answer['error']}")
        return answer

    def find_payment(self, transaction_id: str) -> StatusAndBody:
        with self.lock:
            found = self.payments.get(transaction_id)
            return (HTTPStatus.OK, dict(found)) if found else _UNKNOWN

    def list_charged(self, moment_ms: int, after: int) -> dict[str, Any]:
        """Gives a page of the payments that were charged from this moment on.

        `after` is the last page's `next`.
        """
        with self.lock:
            page = list(self.payments.values())[after : after + PAGE]
            following = after + PAGE if after + PAGE < len(self.payments) else None
            wanted = [dict(one) for one in page if one["status"] == "charged" and one["chargedAtMs"] >= moment_ms]
            return {"payments": wanted, "next": following}

    def list_refunds(self, transaction_id: str | None) -> list[dict[str, Any]]:
        """Gives the refunds of this transaction; None stands for all."""
        with self.lock:
            return [one for one in self.refunds if transaction_id in (None, one["transactionId"])]

    def _answer_once(self, key: str, request: object, decide: Callable[[], StatusAndBody]) -> StatusAndBody:
        """Gives the first answer to this key. Without one, calls `decide` and remembers its answer.

        A refusal is not remembered: the same request is decided again.
        """
        known = type(request).__name__, key
        if known in self.answers:
            before, answer = self.answers[known]
            return answer if before == request else (HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "KEY_REUSED"})
        answer = decide()
        if answer[0] < HTTPStatus.PAYMENT_REQUIRED:
            self.answers[known] = request, answer
        return answer

    def _make_payment(self, request: PaymentRequest) -> StatusAndBody:
        """Records a payment and sends its message, as the transaction's id chooses."""
        transaction_id = request.transaction_id or f"pay-{secrets.token_hex(12)}"
        if transaction_id in self.payments:
            return HTTPStatus.CONFLICT, {"error": "TRANSACTION_EXISTS"}
        if "-unknown" in transaction_id:
            return _UNKNOWN
        declined = "-uncharged" in transaction_id
        self.payments[transaction_id] = {
            "paymentId": transaction_id,
            "reservationId": request.reservation_id,
            "status": "declined" if declined else "charged",
            "amountCents": 0 if declined else request.amount_cents - ("-short" in transaction_id),
            "currency": request.currency,
            "chargedAtMs": None if declined else round(time.time() * 1000),
            "refundedCents": 0,
        }
        self._send_message("payment.declined" if declined else "payment.charged", transaction_id)
        return HTTPStatus.CREATED, dict(self.payments[transaction_id])

    def _send_message(self, kind: str, transaction_id: str) -> None:
        """Sends one, several or no messages about the payment, as the transaction's id chooses."""
        payment = self.payments[transaction_id]
        message = {"id": f"evt-{secrets.token_hex(12)}", "type": kind, "payment": dict(payment)}
        behaviours = {one for one in MESSAGES if one == self.messages or f"-{one}" in transaction_id}
        if kind == "payment.refunded":
            behaviours &= {"lost", "twice"}
        if "lost" in behaviours:
            return
        seconds = self.late_seconds if behaviours & {"late", "shuffled"} else 0.0
        self.messenger.send(
            message, seconds, times=2 if "twice" in behaviours else 1, shuffled="shuffled" in behaviours
        )

    def _decide_refund(self, transaction_id: str, amount_cents: int | None) -> StatusAndBody:
        """Refunds the amount (None: the rest), unless the transaction's id chooses a refusal."""
        self.tries[transaction_id] += 1
        payment = self.payments.get(transaction_id)
        if payment is None or payment["status"] != "charged":
            return _UNKNOWN
        return self._chosen_refusal(transaction_id) or self._refund_payment(payment, amount_cents)

    def _chosen_refusal(self, transaction_id: str) -> StatusAndBody | None:
        """Gives the refusal that the transaction's id chooses for this try, or None."""
        chosen = TIMES.search(transaction_id)
        if chosen is None or self.tries[transaction_id] > int(chosen[2] or sys.maxsize):
            return None
        if chosen[1] == "fail":
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "UNAVAILABLE"}
        return HTTPStatus.PAYMENT_REQUIRED, {"error": "DECLINED", "message": "The bank declined the refund."}

    def _refund_payment(self, payment: dict[str, Any], amount_cents: int | None) -> StatusAndBody:
        """Refunds the amount (None: the rest). Refuses when less is left."""
        transaction_id = payment["paymentId"]
        if "-duplicate" in transaction_id and not payment["refundedCents"]:
            self._record_refund(payment, payment["amountCents"])
        left = payment["amountCents"] - payment["refundedCents"]
        if not left:
            earlier = [one for one in self.refunds if one["transactionId"] == transaction_id]
            return HTTPStatus.CONFLICT, {"error": "ALREADY_REFUNDED", "refundId": earlier[-1]["refundId"]}
        if amount_cents is not None and amount_cents > left:
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "AMOUNT_TOO_LARGE", "message": f"{left} cents are left."}
        return HTTPStatus.CREATED, {"refundId": self._record_refund(payment, amount_cents or left)}

    def _record_refund(self, payment: dict[str, Any], amount_cents: int) -> str:
        """Records the refund, sends its message and gives its id."""
        refund_id = f"re-{secrets.token_hex(12)}"
        refund = {"refundId": refund_id, "transactionId": payment["paymentId"], "amountCents": amount_cents}
        self.refunds.append(refund)
        payment["refundedCents"] += amount_cents
        self._send_message("payment.refunded", payment["paymentId"])
        return refund_id


_UNKNOWN: StatusAndBody = (HTTPStatus.NOT_FOUND, {"error": "UNKNOWN_TRANSACTION"})
_MALFORMED: StatusAndBody = (HTTPStatus.BAD_REQUEST, {"error": "MALFORMED"})
_NOT_FOUND: StatusAndBody = (HTTPStatus.NOT_FOUND, {"error": "NOT_FOUND"})


class _Handler(BaseHTTPRequestHandler):
    """Serves one connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "cinema-tickets-payments", ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 30

    def do_GET(self) -> None:
        """Answers from the gateway's records."""
        address = urlsplit(self.path)
        wanted = {name: values[0] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
        self._answer(*self._find_answer(address.path, wanted))

    def do_POST(self) -> None:
        """Charges or refunds a payment."""
        body, key = self._read_body(), self.headers.get("Idempotency-Key", "")
        if self.path == "/refunds":
            refund = _parse_refund(body) if key else None
            answer, seconds = self._gateway.refund(key, refund) if refund else (_MALFORMED, 0.0)
            time.sleep(seconds)
        elif self.path == "/payments":
            payment = _parse_payment(body) if key else None
            answer = self._gateway.pay(key, payment) if payment else _MALFORMED
        else:
            answer = _NOT_FOUND
        self._answer(*answer)

    def do_PUT(self) -> None:
        """Sets the webhook's address."""
        url = self._read_body().get("url")
        if self.path != "/webhook" or not isinstance(url, str) or not url.startswith(("http://", "https://")):
            return self._answer(*(_MALFORMED if self.path == "/webhook" else _NOT_FOUND))
        self._gateway.messenger.url = url
        return self._answer(HTTPStatus.OK, {"url": url})

    def _find_answer(self, path: str, wanted: dict[str, str]) -> StatusAndBody:
        """Gives the answer to `GET` of this path."""
        match path.split("/")[1:]:
            case ["health"]:
                return HTTPStatus.OK, {"status": "ok"}
            case ["refunds"]:
                return HTTPStatus.OK, {"refunds": self._gateway.list_refunds(wanted.get("transactionId"))}
            case ["messages"]:
                return HTTPStatus.OK, {"messages": list(self._gateway.messenger.messages)}
            case ["payments"]:
                numbers = [wanted.get("since", "0"), wanted.get("after", "0")]
                if not all(re.fullmatch(r"[0-9]{1,15}", number) for number in numbers):
                    return _MALFORMED
                return HTTPStatus.OK, self._gateway.list_charged(*map(int, numbers))
            case ["payments", transaction_id]:
                return self._gateway.find_payment(unquote(transaction_id))
            case _:
                return _NOT_FOUND

    @property
    def _gateway(self) -> Gateway:
        found: Gateway = self.server.gateway  # type: ignore[attr-defined] # how http.server hands things on
        return found

    def _read_body(self) -> dict[str, Any]:
        """Reads the request's JSON object; empty where it is none."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY_BYTES:
            self.close_connection = True
            return {}
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            return {}
        return body if isinstance(body, dict) else {}

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        with contextlib.suppress(ConnectionError):  # the caller has given up
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Prints nothing: `GET /payments` and `GET /refunds` show the decisions."""


def _parse_refund(body: dict[str, Any]) -> RefundRequest | None:
    """Reads the request; None for a malformed one."""
    transaction, amount = body.get("transactionId"), body.get("amountCents")
    if not isinstance(transaction, str) or not transaction:
        return None
    return RefundRequest(transaction, amount) if amount is None or _is_amount(amount) else None


def _parse_payment(body: dict[str, Any]) -> PaymentRequest | None:
    """Reads the request; None for a malformed one."""
    reservation, transaction = body.get("reservationId"), body.get("transactionId", "")
    amount, currency = body.get("amountCents"), body.get("currency")
    if not (isinstance(reservation, str) and reservation and isinstance(transaction, str)):
        return None
    if not (_is_amount(amount) and isinstance(currency, str) and re.fullmatch(r"[A-Z]{3}", currency)):
        return None
    return PaymentRequest(reservation, amount, currency, transaction)


def _is_amount(value: object) -> TypeGuard[int]:
    return type(value) is int and value > 0


@contextlib.contextmanager
def run_gateway(
    port: int = 0, *, host: str = LOOPBACK, gateway: Gateway | None = None
) -> Iterator[tuple[str, Gateway]]:
    """Serves until the block is left. Gives the gateway's URL and the gateway itself."""
    gateway = gateway or Gateway()
    server = ThreadingHTTPServer((host, port), _Handler)
    server.daemon_threads = True
    server.gateway = gateway  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}", gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        gateway.messenger.close()


def main(arguments: Sequence[str] | None = None) -> int:
    options = _make_parser().parse_args(arguments)
    gateway = Gateway(
        messages=options.messages,
        late_seconds=options.late_seconds,
        messenger=Messenger(options.webhook_url, options.secret or _read_secrets()),
    )
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with run_gateway(options.port, host=options.host, gateway=gateway) as (url, _):
        print(f"payments: {url}/payments, {url}/refunds", flush=True)
        stopped.wait()
    return 0


def _read_secrets() -> list[str]:
    """Reads the secrets from PAYMENTS_WEBHOOK_SECRETS, as the application does."""
    given = os.environ.get("PAYMENTS_WEBHOOK_SECRETS", "")
    return [one.strip() for one in given.split(",") if one.strip()] or [SECRET]


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.payment_gateway", description="A simulated payment gateway."
    )
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--host", default=LOOPBACK)
    url = os.environ.get("PAYMENTS_WEBHOOK_URL", "")
    parser.add_argument("--webhook-url", default=url, help="who is told of payments; nobody unless given")
    parser.add_argument("--secret", action="append", help="signs the messages; given several times, each of them signs")
    behaviour = os.environ.get("PAYMENTS_MESSAGES", "")
    parser.add_argument("--messages", default=behaviour, choices=["", *MESSAGES], help="how all of them are treated")
    parser.add_argument("--late-seconds", type=float, default=LATE_SECONDS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
