"""Draws one purchase in time into docs/img, from the traces of the real system: `python -m infra.docs.purchase`."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from infra.cloud import deploy
from infra.cloud.deploying.stacks import DeploymentError
from infra.command import as_command
from infra.local import emulator
from infra.local.payment_gateway import run_gateway
from infra.local.redis_server import run_redis
from infra.local.serving import serve
from infra.local.tools.waterfall import draw_purchase, read_spans, spans_of
from infra.ops.connection import Connection
from infra.ops.webhooks import add_webhook
from infra.processes import HOST, ROOT, CannotRunError, run_child, say
from infra.races import instances
from tests.http_api import Api

PICTURE = ROOT / "docs" / "img" / "waterfall.svg"
STAGE = "local"
QUIET_SECONDS = 4.0
"""The silence after which a purchase's last span counts as written."""
DEADLINE_SECONDS = 90.0


class _Receiver(BaseHTTPRequestHandler):
    """Takes webhooks and answers 204."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response_only(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Prints nothing."""


@contextmanager
def run_traced_system(run_dir: Path, traces: Path) -> Iterator[Api]:
    """Runs emulator, Redis, an instance of the API, the pump and a receiver of webhooks. Their traces go into a
    file."""
    with ExitStack() as stack:
        aws = stack.enter_context(emulator.run_emulator(run_dir=run_dir))
        payments, _ = stack.enter_context(run_gateway())
        os.environ.update(emulator.CREDENTIALS, STAGE=STAGE, AWS_ENDPOINT_URL=aws.endpoint, PAYMENTS_URL=payments)
        os.environ["REDIS_URL"] = stack.enter_context(run_redis(run_dir=run_dir))
        deploy.deploy_data(STAGE)
        receiver = stack.enter_context(serve(ThreadingHTTPServer((HOST, 0), _Receiver)))
        add_webhook(Connection.to(STAGE), f"{receiver}/", [])
        traced = {**os.environ, "TRACES": "on", "TRACES_FILE": str(traces)}
        pump = [sys.executable, "-m", "infra.local.pump"]
        stack.enter_context(run_child("pump", pump, traced, run_dir=run_dir))
        (url,) = stack.enter_context(instances.run_instances(1, traced, run_dir=run_dir))
        yield Api(url)


def buy_seats(api: Api, session_id: str, *seats: str, trace_id: str) -> str:
    """Looks at the seats, holds some and pays for them, as one trace. Gives the reservation's id."""
    traceparent = f"00-{trace_id}-{secrets.token_hex(8)}-01"
    api.get(f"/api/sessions/{session_id}/seats", traceparent=traceparent)
    held = api.hold(session_id, *seats, email="buyer@example.com", traceparent=traceparent)
    reservation_id = str(held.body["reservationId"])
    payment = {"paymentMethod": "credit_card", "transactionId": f"tx-{secrets.token_hex(8)}"}
    api.post(f"/api/reservations/{reservation_id}/confirm", payment, traceparent=traceparent)
    return reservation_id


def wait_for_silence(traces: Path) -> None:
    """Waits until no span has been written for a while. Raises CannotRunError if spans keep coming."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if traces.exists() and time.time() - traces.stat().st_mtime > QUIET_SECONDS:
            return
        time.sleep(0.2)
    raise CannotRunError(f"Spans were still written after {DEADLINE_SECONDS} s: see {traces}.")


def draw_one(into: Path = PICTURE) -> Path:
    """Buys seats twice, and draws the second purchase: the first one loads what each function needs."""
    with tempfile.TemporaryDirectory() as scratch:
        traces = Path(scratch) / "traces.jsonl"
        with run_traced_system(Path(scratch), traces) as api:
            session_id = api.schedule()
            for seats in (("A1", "A2"), ("B3", "B4")):
                trace_id = secrets.token_hex(16)
                buy_seats(api, session_id, *seats, trace_id=trace_id)
                wait_for_silence(traces)
            into.write_text(draw_purchase(spans_of(read_spans(traces), trace_id)), encoding="utf-8")
    return into


def main() -> int:
    say(f"{draw_one().relative_to(ROOT)} is new.")
    return 0


if __name__ == "__main__":
    as_command(main, CannotRunError, DeploymentError)
