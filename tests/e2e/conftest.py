"""An emulator that enforces IAM, with both stacks deployed as in production: API Gateway, Lambda, event handlers.

It is one of its own: whatever runs already at AWS_ENDPOINT_URL may neither run functions nor check their roles.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3

from infra import processes
from infra.cloud import deploy
from infra.cloud.parameters import APP_SETTINGS, DATA_SETTINGS
from infra.local import emulator as machine
from infra.local import payment_gateway

STAGE = "dev"
HOLD_SECONDS = 15
PAYMENTS_SECRET = "whsec_of_this_stage"  # noqa: S105 - names what it is


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: urllib3.HTTPHeaderDict


@dataclass(frozen=True)
class Api:
    """The deployed API, asked over HTTP."""

    url: str
    http: urllib3.PoolManager

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        answer = self.http.request(method, f"{self.url}{path}", json=body, headers=headers, retries=False)
        return Answer(answer.status, answer.json(), answer.headers)


@pytest.fixture(scope="package")
def emulator_with_iam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        machine.install()
    except processes.CannotRunError as reason:
        pytest.skip(str(reason))
    run_dir, port = tmp_path_factory.mktemp("e2e"), processes.free_port()
    endpoint = f"http://{processes.HOST}:{port}"
    settings = {"AUTH": "true", "GATEWAY_PORT": str(port), "BIND_HOST": processes.HOST}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [str(machine.VENV / "bin" / "python"), "-m", "ministack"]
    with processes.child("emulator-with-iam", command, kept | settings, run_dir=run_dir) as started:
        processes.wait_for_http(endpoint + machine.HEALTH_PATH, started, "The emulator")
        yield endpoint


@pytest.fixture(scope="package")
def returned() -> Iterator[tuple[str, payment_gateway.Gateway]]:
    """The simulated payment gateway and its address."""
    signing = payment_gateway.Gateway(messenger=payment_gateway.Messenger(secrets=(PAYMENTS_SECRET,)))
    with payment_gateway.serving(gateway=signing) as served:
        yield served


@pytest.fixture(scope="package")
def deployed(emulator_with_iam: str, returned: tuple[str, payment_gateway.Gateway]) -> Iterator[deploy.AppDeployment]:
    with pytest.MonkeyPatch.context() as environment:
        for name in (*APP_SETTINGS.values(), *DATA_SETTINGS.values()):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_ENDPOINT_URL", emulator_with_iam)
        environment.setenv("HOLD_SECONDS", str(HOLD_SECONDS))
        environment.setenv("PAYMENTS_URL", returned[0])
        environment.setenv("PAYMENTS_WEBHOOK_SECRETS", PAYMENTS_SECRET)
        for name, value in machine.CREDENTIALS.items():
            environment.setenv(name, value)
        deploy.deploy_data(STAGE)
        deployment = deploy.deploy_app(STAGE)
        returned[1].messenger.url = f"{deployment.url}/api/payments/webhook"
        yield deployment


@pytest.fixture(scope="package")
def api(deployed: deploy.AppDeployment) -> Iterator[Api]:
    with urllib3.PoolManager() as http:
        yield Api(deployed.url, http)
