"""What a function loads before anybody has asked it for anything; how long that takes is in `make bench ONLY=cold`."""

import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib import wiring
from infra.processes import ROOT

USED_BY_SOME = {
    "chalicelib.api.openapi.document": "/openapi.json",
    "chalicelib.api.openapi.routes": "/openapi.json",
    "chalicelib.api.wire.board": "the operator's board",
    "chalicelib.domain.board": "the operator's board",
    "chalicelib.api.wire.analytics": "a screening's numbers",
    "chalicelib.domain.analytics": "a screening's numbers",
    "chalicelib.api.wire.tickets": "tickets and gates",
    "chalicelib.domain.tickets.ticket": "tickets and gates",
    "jwt": "requests with a token",
    "cryptography": "requests with a token, the signing of tickets, and gates",
    "segno": "buyers who look at their tickets",
    "redis": "the gate, which is asked first when there is a Redis",
    "stripe": "payments, where Stripe is the gateway",
    "requests": "Stripe",
    "jinja2": "letters",
    "reportlab": "invoices, and letters with tickets",
    "zoneinfo": "letters and invoices",
    "tzdata": "letters and invoices",
}
"""By whom."""


HEAVY = {
    "jwt": {"identity"},
    "cryptography": {"identity", "ticket_signing"},
    "jinja2": {"email"},
    "reportlab": set[str](),
    "stripe": set[str](),
    "redis": set[str](),
    "segno": set[str](),
}
"""Who loads each as soon as the door is opened; the others wait until it is used."""


def loaded_after(statements: str, **settings: str) -> set[str]:
    script = f"import sys, app; {statements}; print(*sys.modules)"
    environment = {"STAGE": "test", "AWS_DEFAULT_REGION": "us-east-1", **settings}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, check=False)
    loaded = set(done.stdout.decode().split())
    assert "chalicelib.api.reservations" in loaded, done.stderr
    return loaded


def test_importing_the_app_loads_nothing_that_only_some_functions_or_requests_use() -> None:
    loaded = loaded_after("pass")

    assert USED_BY_SOME.keys() & loaded == set()
    assert {f"chalicelib.wiring{path}" for path in wiring.DOORS.values()} & loaded == set()


@pytest.mark.parametrize("door", wiring.DOORS)
def test_a_door_loads_no_heavy_library_of_another(door: str) -> None:
    loaded = loaded_after(f"app.wiring.{door}")

    assert f"chalicelib.wiring{wiring.DOORS[door]}" in loaded
    assert {name for name in HEAVY if name in loaded} == {name for name, doors in HEAVY.items() if door in doors}


def test_each_module_of_the_wiring_is_a_door() -> None:
    folder = Path(wiring.__file__).parent
    modules = [path.stem for path in (*folder.glob("[!_]*.py"), *folder.glob("queues/[!_]*.py"))]
    assert sorted(modules) == sorted(wiring.DOORS)
    with pytest.raises(AttributeError, match="has no attribute 'cellar'"):
        _ = wiring.cellar


def test_a_request_without_a_token_loads_nothing_that_verifies_one() -> None:
    """Access control is on: what verifies tokens is loaded by the first request that brings one."""
    client = "from chalice.test import Client; http = Client(app.app).__enter__().http"
    without = "a = http.post('/api/reservations', headers={'Content-Type': 'application/json'}, body=b'{}')"
    with_one = "b = http.get('/api/operations', headers={'Authorization': 'Bearer a.b.c'})"
    settings = {"AUTH": "on", "AUTH_ISSUER": "http://127.0.0.1:1", "AUTH_CLIENT_ID": "page"}

    none = loaded_after(f"{client}; {without}; assert a.status_code == 401", **settings)
    one = loaded_after(f"{client}; {without}; {with_one}; assert b.status_code == 401", **settings)

    assert {"jwt", "cryptography", "chalicelib.wiring.identity"} & none == set()
    assert {"jwt", "cryptography", "chalicelib.wiring.identity"} <= one


VIEWS = ("reservations", "sessions", "tickets", "board", "views", "live", "payments", "http.answers", "http.errors")
"""Some of what only requests meet, below chalicelib.api."""

MOST_MODULES = 480
"""More modules than a batch of a consumer in HANDLERS loads: 461 to 470, and 509 to 518 when each had the routes."""

HANDLERS = ("on_event_to_audit", "on_event_to_analytics", "on_event_to_notification", "on_event_to_cache")


def modules_of(handler: str, statements: str) -> set[str]:
    script = f"import sys, gc, app; {statements}; print(gc.isenabled(), *sys.modules)"
    environment = {"STAGE": "test", "AWS_DEFAULT_REGION": "us-east-1", "_HANDLER": handler}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, check=True)
    enabled, *loaded = done.stdout.decode().split()
    assert enabled == "True"
    return set(loaded)


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_consumer_loads_no_routes(handler: str) -> None:
    loaded = modules_of(f"app.{handler}", f"app.{handler}({{'Records': []}}, None)")

    assert {f"chalicelib.api.{view}" for view in VIEWS} & loaded == set()
    assert len(loaded) < MOST_MODULES


@pytest.mark.parametrize("handler", ["app.app", "", "an_extension.handler"])
def test_whoever_may_be_asked_by_http_has_the_routes(handler: str) -> None:
    loaded = modules_of(handler, "assert '/api/reservations' in app.app.routes")

    assert "chalicelib.api.reservations" in loaded


@pytest.mark.parametrize("handler", ["on_viewer_message", "on_row_changed_show", "on_reconciliation_due"])
def test_a_function_that_shares_a_module_with_views_is_loaded_without_it(handler: str) -> None:
    loaded = modules_of(f"app.{handler}", "assert app.app.routes == {}")

    assert {"chalicelib.api.live", "chalicelib.api.payments"} & loaded == set()


def test_a_batch_without_a_failure_makes_no_client_of_sqs() -> None:
    batch = "app.on_event_to_audit({'Records': []}, None)"
    made = "from chalicelib.wiring.shared import queues; assert queues.sqs.cache_info().currsize == 0"
    needed = "assert queues.redelivery().is_last_attempt({}) is False and queues.sqs.cache_info().currsize == 1"

    assert modules_of("app.on_event_to_audit", f"{batch}; {made}; {needed}")
