"""What a function loads before anybody has asked it for anything; how long that takes is in `make benchmark`."""

import subprocess
import sys

from infra.processes import ROOT

USED_BY_SOME = {
    "chalicelib.api.openapi.document": "/openapi.json",
    "chalicelib.api.openapi.routes": "/openapi.json",
    "chalicelib.api.wire.board": "the operator's board",
    "chalicelib.domain.board": "the operator's board",
    "chalicelib.api.wire.analytics": "a screening's numbers",
    "chalicelib.domain.analytics": "a screening's numbers",
    "redis": "the gate, which is asked first when there is a Redis",
    "stripe": "payments, where Stripe is the gateway",
    "requests": "Stripe",
    "jinja2": "letters",
    "fpdf": "invoices",
    "fontTools": "invoices",
    "zoneinfo": "letters and invoices",
    "tzdata": "letters and invoices",
}
"""By whom."""


def test_importing_the_app_loads_nothing_that_only_some_functions_or_requests_use() -> None:
    script = "import sys, app; print(*sorted(sys.modules))"
    environment = {"STAGE": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, check=False)

    loaded = done.stdout.decode().split()
    assert "chalicelib.api.reservations" in loaded, done.stderr
    assert USED_BY_SOME.keys() & set(loaded) == set()
