"""What one WebSocket, and one address with many of them, may ask for; and how it is told that it is too much."""

import json
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest
from chalice.app import Chalice

from chalicelib import wiring
from chalicelib.api import live
from chalicelib.api.http import limits
from chalicelib.domain.rate_limits import NO_LIMITS, RequesterKind
from chalicelib.settings import RATE_LIMITS, load
from chalicelib.wiring.shared.adapters import adapters
from infra.local.serving import serve
from tests.builders import a_session
from tests.conftest import other_settings


@dataclass
class Connections:
    """API Gateway's: `shown` is what each viewer was sent."""

    shown: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


@pytest.fixture
def screens(app: Chalice, data_stack: str) -> Iterator[Connections]:
    """What viewers are sent, with the limits that ship."""
    connections = Connections()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            viewer = unquote(self.path.rpartition("/")[2])
            connections.shown[viewer].append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with (
        serve(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url,
        other_settings(RATE_LIMITS=RATE_LIMITS.strip(), CONNECTIONS_URL=url),
    ):
        yield connections


@pytest.fixture
def session_id(data_stack: str, app: Chalice) -> str:
    session = a_session()
    adapters().sessions.get_or_add_with_rows(session)
    return session.id


def subscribes(screens: Connections, viewer: str, session_id: str, address: str) -> dict[str, object]:
    message = json.dumps({"action": "subscribe", "sessionId": session_id})
    live.subscribe_viewer_and_answer(viewer, message, {"identity": {"sourceIp": address}})
    answer: dict[str, object] = json.loads(screens.shown[viewer][-1])
    return answer


def an_address() -> str:
    return f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"


def test_150_subscribes_on_one_connection_are_ten(screens: Connections, session_id: str) -> None:
    viewer, address, began = f"viewer-{uuid.uuid4()}", an_address(), time.monotonic()
    answers = [subscribes(screens, viewer, session_id, address) for _ in range(150)]
    come_back = int((time.monotonic() - began) / 6) + 1  # one each six seconds, which a busy machine may take

    assert answers[:10] == [{"type": "subscribed", "sessionId": session_id}] * 10
    refused = answers[-1]
    assert refused["error"] == "RATE_LIMITED"
    assert 1 <= int(str(refused["retryAfterSeconds"])) <= 6
    assert str(refused["message"]).startswith("Too many requests: try again in ")
    errors = [answer.get("error") for answer in answers]
    assert set(errors) == {None, "RATE_LIMITED"}
    assert errors.count(None) <= 10 + come_back


def test_what_is_no_subscription_counts_too(screens: Connections) -> None:
    viewer = f"viewer-{uuid.uuid4()}"
    for _ in range(11):
        live.subscribe_viewer_and_answer(viewer, "nonsense", {"identity": {"sourceIp": an_address()}})

    errors = [json.loads(answer)["error"] for answer in screens.shown[viewer]]
    assert errors == ["MALFORMED_JSON"] * 10 + ["RATE_LIMITED"]


def test_an_address_has_sixty_viewers_and_its_neighbours_theirs(screens: Connections, session_id: str) -> None:
    address = an_address()
    here = [subscribes(screens, f"viewer-{uuid.uuid4()}", session_id, address).get("type") for _ in range(70)]
    same_network = address.replace("::1", "::2:3")

    assert here[:60] == ["subscribed"] * 60
    assert here[62:] == [None] * 8
    assert subscribes(screens, f"viewer-{uuid.uuid4()}", session_id, same_network)["error"] == "RATE_LIMITED"
    assert subscribes(screens, f"viewer-{uuid.uuid4()}", session_id, an_address())["type"] == "subscribed"


def test_who_is_refused_looks_at_nothing(screens: Connections, session_id: str) -> None:
    viewer, address = f"viewer-{uuid.uuid4()}", an_address()
    for _ in range(10):
        live.subscribe_viewer_and_answer(viewer, "nonsense", {"identity": {"sourceIp": address}})
    subscribes(screens, viewer, session_id, address)

    assert viewer not in wiring.live.viewers().viewers_of(session_id)


def test_the_settings_know_connections_and_subscribing(app: Chalice) -> None:
    chosen = load({"RATE_LIMITS": "subscribe=2/1s per connection"}).rate_limits
    limits.require_known_routes(app, chosen)

    assert (quota := chosen.quota_for(RequesterKind.CONNECTION, "subscribe"))
    assert (quota.requests, quota.seconds) == (2, 1)
    assert NO_LIMITS.with_overrides(RATE_LIMITS).quota_for(RequesterKind.ADDRESS, "subscribe")
    assert load({}).rate_limits.quota_for(RequesterKind.ADDRESS, "subscribe") is None, (
        "on a laptop all have one address"
    )
