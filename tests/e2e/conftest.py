"""An emulator that enforces IAM, with both stacks deployed as in production: API Gateway, Lambda, event handlers.

It is one of its own: whatever runs already at AWS_ENDPOINT_URL may neither run functions nor check their roles.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import urllib3

from infra import processes
from infra.cloud import deploy
from infra.cloud.deploying.parameters import APP_SETTINGS, DATA_SETTINGS
from infra.cloud.deploying.secrets import SECRETS
from infra.local import emulator, emulator_packages, payment_gateway
from infra.local.identity_provider import Person, Provider, run_provider

STAGE = "dev"
HOLD_SECONDS = 20
OPERATOR, BUYER = Person("operator"), Person("buyer")
PAYMENTS_SECRET = "whsec_of_this_stage"  # noqa: S105 - names what it is


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: urllib3.HTTPHeaderDict


@dataclass(frozen=True)
class Api:
    """The deployed API, asked over HTTP by operators and, for holds, by the users whom these name."""

    url: str
    http: urllib3.PoolManager
    provider: Provider

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Sends one request with a JSON body, and a token."""
        headers = {"Authorization": f"Bearer {self._token_for(body)}", **headers}
        answer = self.http.request(method, f"{self.url}{path}", json=body, headers=headers, retries=False)
        return Answer(answer.status, answer.json(), answer.headers)

    def _token_for(self, body: object) -> str:
        fields = body if isinstance(body, dict) else {}
        named = {claim: fields[name] for name, claim in (("userId", "sub"), ("email", "email")) if name in fields}
        return self.provider.access_token(OPERATOR, **named)


@pytest.fixture(scope="package")
def emulator_with_iam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Runs an emulator that checks the roles of functions; gives its URL."""
    try:
        emulator_packages.install_emulator()
    except processes.CannotRunError as reason:
        pytest.skip(str(reason))
    run_dir, port = tmp_path_factory.mktemp("e2e"), processes.free_port()
    endpoint = f"http://{processes.HOST}:{port}"
    settings = {"AUTH": "true", "GATEWAY_PORT": str(port), "BIND_HOST": processes.HOST}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [str(emulator_packages.VENV / "bin" / "python"), "-m", "ministack"]
    with (
        emulator.functions_folder() as folder,
        processes.run_child(
            "emulator-with-iam", command, {**kept, **settings, "TMPDIR": folder}, run_dir=run_dir
        ) as started,
    ):
        processes.wait_for_http(endpoint + emulator.HEALTH_PATH, started, "The emulator")
        yield endpoint


@pytest.fixture(scope="package")
def simulated_gateway() -> Iterator[tuple[str, payment_gateway.Gateway]]:
    """Runs the simulated payment gateway; gives its address and itself."""
    signing = payment_gateway.Gateway(messenger=payment_gateway.Messenger(secrets=(PAYMENTS_SECRET,)))
    with payment_gateway.run_gateway(gateway=signing) as served:
        yield served


@pytest.fixture(scope="package")
def provider() -> Iterator[Provider]:
    with run_provider() as provider:
        yield provider


@pytest.fixture(scope="package")
def deployed(
    emulator_with_iam: str, simulated_gateway: tuple[str, payment_gateway.Gateway], provider: Provider
) -> Iterator[deploy.AppDeployment]:
    """Deploys both stacks. Tokens come from a provider of ours: the emulator's issuer has Amazon's address."""
    with pytest.MonkeyPatch.context() as environment:
        for name in (*APP_SETTINGS.values(), *DATA_SETTINGS.values(), *SECRETS):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_ENDPOINT_URL", emulator_with_iam)
        environment.setenv("HOLD_SECONDS", str(HOLD_SECONDS))
        environment.setenv("PAYMENTS_URL", simulated_gateway[0])
        environment.setenv("PAYMENTS_WEBHOOK_SECRETS", PAYMENTS_SECRET)
        environment.setenv("AUTH_ISSUER", provider.issuer)
        environment.setenv("AUTH_CLIENT_ID", provider.client_id)
        environment.setenv("AUTH_SIGN_IN_URL", provider.issuer)
        for name, value in emulator.CREDENTIALS.items():
            environment.setenv(name, value)
        deploy.deploy_data(STAGE)
        deployment = deploy.deploy_app(STAGE)
        _start_functions(deployment.url)
        simulated_gateway[1].messenger.url = f"{deployment.url}/api/payments/webhook"
        yield deployment


def _start_functions(url: str) -> None:
    """Starts every handler of events, and the API twice: the gateway tells of a payment while the API starts it.

    On a laptop each takes seconds, and the first sale would start them all at once, for as long as a hold.
    """
    client = boto3.client("lambda")
    pages = client.get_paginator("list_event_source_mappings").paginate()
    for handler in {one["FunctionArn"] for page in pages for one in page["EventSourceMappings"]}:
        answer = client.invoke(FunctionName=handler, Payload=json.dumps({"Records": []}))
        assert "FunctionError" not in answer, (handler, answer["Payload"].read())
    with ThreadPoolExecutor(2) as clients:
        answers = clients.map(lambda _: urllib3.request("GET", f"{url}/health", timeout=60), range(2))
        assert [answer.status for answer in answers] == [200, 200]


@pytest.fixture(scope="package")
def api(deployed: deploy.AppDeployment, provider: Provider) -> Iterator[Api]:
    with urllib3.PoolManager() as http:
        yield Api(deployed.url, http, provider)
