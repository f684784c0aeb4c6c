"""The packaged functions, and an endpoint between them and the emulator that answers as AWS does where a test asks."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from chalicelib.settings import load
from infra.cloud.deploying.secrets import SECRETS
from infra.cloud.package import Package
from infra.local.identity_provider import Provider, run_provider
from infra.local.payment_gateway import Gateway
from tests.conftest import SETTINGS

from . import events
from .clients import Items, PackagedApi, Queues
from .endpoint import Endpoint, run_endpoint
from .runtime import Functions, read_template

PAYMENTS_SECRET = "whsec_of_prod"  # noqa: S105 - names what it is
STORED_SECRETS = {
    "ID_SECRET": "of production",
    "EDGE_SECRET": "of production's edge",
    "PAYMENTS_WEBHOOK_SECRETS": PAYMENTS_SECRET,
}


@pytest.fixture(scope="session")
def unpacked(prod_package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's code, as Lambda unpacks it."""
    code = tmp_path_factory.mktemp("var-task")
    with zipfile.ZipFile(prod_package.archive) as archive:
        archive.extractall(code)
    return code


@pytest.fixture(scope="session")
def endpoint(emulator: str) -> Iterator[Endpoint]:
    with run_endpoint(emulator) as running:
        yield running


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    with run_provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def functions(
    prod_package: Package,
    unpacked: Path,
    endpoint: Endpoint,
    data_stack: str,
    simulated_gateway: Gateway,
    provider: Provider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Functions]:
    """Production's functions. Only the names of tables, queues and buckets are those of the tests' stage.

    Their secrets are in SSM, where their environments say.
    """
    for variable, value in STORED_SECRETS.items():
        name = SECRETS[variable].ssm_parameter_in("prod")
        boto3.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    made = Functions(
        code=unpacked,
        template=read_template(prod_package.template),
        values={**_deployed_values(endpoint), **_values_of(provider)},
        everywhere={"AWS_ENDPOINT_URL": endpoint.url, "TABLE_PREFIX": data_stack},
        logs=tmp_path_factory.mktemp("logs"),
    )
    with made.stack:
        yield made


def _deployed_values(endpoint: Endpoint) -> dict[str, str]:
    """Gives the values that a deployment of this machine has, by variable."""
    here = load({"STAGE": SETTINGS["STAGE"]})
    return {
        "CONNECTIONS_URL": f"{endpoint.url}/connections",
        "LIVE_URL": f"wss://{events.SOCKETS_ID}.execute-api.us-east-1.amazonaws.com/prod",
        "INVOICES_BUCKET": here.invoices_bucket,
        "STREAM_FAILURES_BUCKET": here.stream_failures_bucket,
        "PAYMENTS_URL": os.environ["PAYMENTS_URL"],
        "RATE_LIMITS": "*=off per address, *=off per user",
    }


def _values_of(provider: Provider) -> dict[str, str]:
    """Gives the values of the user pool that the data stack exports and the API's template imports."""
    return {
        "AUTH_ISSUER": provider.issuer,
        "AUTH_CLIENT_ID": provider.client_id,
        "AUTH_SIGN_IN_URL": provider.issuer,
    }


@pytest.fixture(scope="session")
def packaged_api(functions: Functions, provider: Provider) -> PackagedApi:
    return PackagedApi("", function=functions["api_handler"], template=functions.template, provider=provider)


@pytest.fixture(scope="session")
def queues(data_stack: str) -> Queues:
    return Queues(boto3.client("sqs"), data_stack)


@pytest.fixture(scope="session")
def items(data_stack: str) -> Items:
    return Items(boto3.client("dynamodb"), data_stack)
