"""GET /ready: every dependency with its state, and the breakers of other processes."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from chalice.app import Chalice

from chalicelib import wiring
from chalicelib.domain.email import EmailNotConfirmed
from chalicelib.infrastructure.breakers import POLICIES, Breaker, BreakerChange, BreakerOpen, BreakerState
from chalicelib.infrastructure.email.ses import CircuitBreakerEmailSender
from chalicelib.infrastructure.payments.guarded_gateway import CircuitBreakerGateway, GatewaySilent
from chalicelib.wiring.shared.breaker_board import breaker_board
from chalicelib.wiring.shared.gateway import payment_gateway
from infra.local.serving import serve
from tests.conftest import ApiServers
from tests.http_api import Api
from tests.wire import Wire

NOBODY = "http://127.0.0.1:9"


def dependency(api: Api, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in api.ready().body["dependencies"] if one["name"] == name)
    return found


@pytest.fixture
def consumers(app: Chalice, data_stack: str) -> Iterator[dict[str, Breaker]]:
    """The breakers of a process that has just started to send letters and to return money."""
    wiring.replace_settings_and_drop_objects(wiring.settings())
    mail, gateway = wiring.email.email_sender(), payment_gateway()
    assert isinstance(mail, CircuitBreakerEmailSender)
    assert isinstance(gateway, CircuitBreakerGateway)
    yield {"ses": mail.breaker, "payments": gateway.breaker}
    wiring.replace_settings_and_drop_objects(wiring.settings())


def an_answer(name: str) -> None:
    """Another process's probe was answered."""
    breaker_board().record_change(
        BreakerChange(name, BreakerState.CLOSED, was_closed=False, trips=1, stays_open_seconds=0)
    )


@pytest.mark.parametrize(("name", "silence"), [("ses", EmailNotConfirmed), ("payments", GatewaySilent)])
def test_a_breaker_that_opens_in_a_consumer_is_seen_by_who_asks_an_api_process(
    consumers: dict[str, Breaker], server: str, name: str, silence: type[Exception]
) -> None:
    def hang() -> None:
        raise silence("no answer")

    api = Api(server)
    an_answer(name)
    before = dependency(api, name)
    for _ in range(POLICIES[name].failures):
        with pytest.raises(silence):
            consumers[name].call(hang, (silence,))
    with pytest.raises(BreakerOpen):
        consumers[name].call(hang, (silence,))

    assert before["breaker"] == "closed"
    after = dependency(api, name)
    assert after["breaker"] == "open"
    assert after["trips"] == before["trips"] + 1
    an_answer(name)
    assert dependency(api, name)["breaker"] == "closed"


def test_letters_and_refunds_that_nobody_takes_are_told_and_bookings_go_on(api_servers: ApiServers) -> None:
    api = Api(api_servers(1, AWS_ENDPOINT_URL_SES=NOBODY, PAYMENTS_URL=NOBODY)[0])
    ready = api.ready()

    assert (ready.status, ready.body["status"]) == (200, "ready")
    down = {one["name"]: one["reason"] for one in ready.body["dependencies"] if one["state"] == "down"}
    assert down == {"ses": "EndpointConnectionError", "payments": "GatewaySilent"}
    assert api.hold(api.schedule(), "A1").status == 201


def test_where_no_gateway_is_set_up_none_is_named(api_servers: ApiServers) -> None:
    names = [one["name"] for one in Api(api_servers(1, PAYMENTS_URL="")[0]).get("/ready").body["dependencies"]]
    assert names == ["dynamodb", "sqs", "redis", "ses"]


def test_it_costs_one_call_for_each_sign_of_life_and_one_for_each_breaker(wired_api: Api, wire: Wire) -> None:
    wired_api.ready()
    with wire.counting() as calls:
        assert wired_api.ready().status == 200

    assert Counter(call.operation for call in calls) == {"GetItem": 1 + 2, "GetQueueUrl": 1, "GetSendQuota": 1}


@pytest.fixture
def counted_gateway() -> Iterator[tuple[str, list[str]]]:
    """A payment gateway's URL, and what it is asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with serve(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url, asked


def test_a_crowd_of_strangers_is_one_call_a_second_to_the_payment_gateway(
    api_servers: ApiServers, counted_gateway: tuple[str, list[str]]
) -> None:
    url, asked = counted_gateway
    api = Api(api_servers(1, PAYMENTS_URL=url)[0])
    started = time.monotonic()
    with ThreadPoolExecutor(25) as crowd:
        statuses = set(crowd.map(lambda _: api.get("/ready").status, range(100)))

    assert statuses == {200}
    assert 1 <= len(asked) <= 1 + (time.monotonic() - started)
