"""localstack-compose.yml keeps what is promised of it, and Compose itself takes it where it is installed."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.localstack import COMPOSE_FILE, FUNCTIONS_PAYMENTS_URL, FUNCTIONS_REDIS_URL
from infra.local.ports import AWS_PORT, PAYMENTS_PORT, REDIS_PORT


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
    return parsed


@pytest.fixture(scope="module")
def localstack(compose: dict[str, Any]) -> dict[str, Any]:
    service: dict[str, Any] = compose["services"]["localstack"]
    return service


def test_the_images_are_the_ones_that_work_without_an_account(compose: dict[str, Any]) -> None:
    images = {name: service["image"] for name, service in compose["services"].items()}

    assert images["localstack"] == "localstack/localstack:4.14.0"
    assert images["redis"].startswith("redis:7")


def test_every_port_is_open_on_loopback_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service["ports"]]

    assert sorted(ports) == sorted(f"127.0.0.1:{port}:{port}" for port in (AWS_PORT, REDIS_PORT, PAYMENTS_PORT))


def test_every_service_says_when_it_is_ready(compose: dict[str, Any]) -> None:
    checks = {name: " ".join(service["healthcheck"]["test"]) for name, service in compose["services"].items()}

    assert checks["localstack"].endswith("/_localstack/health")
    assert checks["redis"].endswith("redis-cli ping")
    assert f":{PAYMENTS_PORT}/health" in checks["payments"]
    assert all(service["healthcheck"]["retries"] for service in compose["services"].values())


def test_localstack_can_start_the_functions_containers(localstack: dict[str, Any]) -> None:
    assert any(volume.startswith("/var/run/docker.sock:") for volume in localstack["volumes"])


def test_functions_reach_redis_and_the_payment_gateway_by_their_names(
    compose: dict[str, Any], localstack: dict[str, Any]
) -> None:
    network = localstack["environment"]["LAMBDA_DOCKER_NETWORK"]
    names = {settings["name"] for settings in compose["networks"].values()}

    assert network in names
    assert all(service["networks"] == [network] for service in compose["services"].values())
    assert f"redis://redis:{REDIS_PORT}/0" == FUNCTIONS_REDIS_URL
    assert f"http://payments:{PAYMENTS_PORT}" == FUNCTIONS_PAYMENTS_URL
    assert compose["services"].keys() >= {"redis", "payments"}


def test_localstack_behaves_as_the_application_expects(localstack: dict[str, Any]) -> None:
    settings = localstack["environment"]

    assert settings["SQS_ENDPOINT_STRATEGY"] == "path"
    assert int(settings["LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC"]) < 10
    assert settings["DYNAMODB_REMOVE_EXPIRED_ITEMS"] == "1"


def test_every_named_volume_is_declared(compose: dict[str, Any]) -> None:
    used = {volume.split(":")[0] for service in compose["services"].values() for volume in service["volumes"]}

    assert {name for name in used if not name.startswith(("/", "."))} == set(compose["volumes"])


def test_the_payment_gateway_needs_no_other_file_and_no_package(compose: dict[str, Any], tmp_path: Path) -> None:
    """Its container has Python and that one file."""
    [volume] = compose["services"]["payments"]["volumes"]
    alone = shutil.copy(COMPOSE_FILE.parent / volume.split(":")[0], tmp_path)

    done = subprocess.run([sys.executable, "-I", "-S", alone, "--help"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_compose_takes_the_file() -> None:
    command = _compose_command()
    if not command:
        pytest.skip(
            "neither `docker compose` nor `docker-compose` is installed; the file itself was checked all the same"
        )

    done = subprocess.run(
        [*command, "-f", str(COMPOSE_FILE), "config", "--quiet"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def _compose_command() -> list[str]:
    """Gives the command of Compose, empty where there is none. Its `config` needs no engine."""
    if (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []
