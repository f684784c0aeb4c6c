"""The operator's commands look for a stage on AWS, and on a laptop for a laptop's stages only."""

import fcntl
from pathlib import Path
from typing import Any

import pytest

from infra.ops.__main__ import make_parser
from infra.ops.connection import Connection, OpsError, PlaceOptions
from infra.ops.doctor import api_ports

LAPTOP = "http://127.0.0.1:4566"


@pytest.fixture(autouse=True)
def laptop_with_an_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets up a laptop that has an emulator and credentials of an AWS account."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "somebody")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", LAPTOP)


def endpoint_of(connection: Connection) -> str:
    client: Any = connection.client("sqs")
    return str(client.meta.endpoint_url)


@pytest.mark.parametrize("stage", ["prod", "dev", "staging"])
def test_a_stage_that_is_not_a_laptops_is_on_aws_whatever_runs_here(stage: str) -> None:
    connection = Connection.to(stage)

    assert endpoint_of(connection) == "https://sqs.eu-west-1.amazonaws.com"
    assert connection.where == "AWS in eu-west-1"
    assert connection.deploy_command == f"make deploy STAGE={stage}"


@pytest.mark.parametrize("stage", ["local", "test"])
def test_a_stage_of_a_laptop_is_on_its_emulator(stage: str) -> None:
    assert endpoint_of(Connection.to(stage)) == LAPTOP


def test_an_endpoint_that_is_given_is_meant_and_repeated_in_what_is_advised() -> None:
    connection = Connection.to("prod", PlaceOptions("http://127.0.0.1:9"))

    assert endpoint_of(connection) == "http://127.0.0.1:9"
    assert connection.command("dlq", "list") == (
        "python -m infra.ops dlq list --stage prod --endpoint http://127.0.0.1:9"
    )
    assert connection.deploy_command == "AWS_ENDPOINT_URL=http://127.0.0.1:9 make deploy STAGE=prod"


def test_a_region_that_is_given_is_meant() -> None:
    assert endpoint_of(Connection.to("prod", PlaceOptions(region="sa-east-1"))) == "https://sqs.sa-east-1.amazonaws.com"


def test_a_laptops_stage_never_asks_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")

    with pytest.raises(OpsError, match=r"never on AWS: start one with `make run`"):
        Connection.to("local", run_dir=tmp_path).client("sqs")


def test_the_applications_own_clients_are_sent_to_the_same_place() -> None:
    there = {"AWS_ENDPOINT_URL": LAPTOP, "AWS_ACCESS_KEY_ID": "test", "PATH": "/bin"}

    assert Connection.to("prod").environment_for(there) == {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "PATH": "/bin",
    }
    assert Connection.to("dev", PlaceOptions(LAPTOP)).environment_for({})["AWS_ENDPOINT_URL"] == LAPTOP


def test_a_profile_that_is_given_is_not_overruled_by_keys_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[profile cinema]\nregion = us-west-2\n")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    connection = Connection.to("prod", PlaceOptions(profile="cinema"))

    changed = connection.environment_for({"AWS_ACCESS_KEY_ID": "other", "AWS_SECRET_ACCESS_KEY": "other"})

    assert connection.where == "AWS in us-west-2"
    assert changed["AWS_PROFILE"] == "cinema"
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & changed.keys()


@pytest.mark.parametrize("address", ["localhost:4566", "4566", "ftp://x", "http://"])
def test_an_endpoint_is_an_address_of_http(address: str) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(["status", "--endpoint", address])


def test_the_doctor_finds_the_api_where_make_run_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    (tmp_path / "run-8003.pid").write_text("1")  # of one that has ended
    with (tmp_path / "run-8001.pid").open("w") as running:
        fcntl.flock(running, fcntl.LOCK_EX)

        assert api_ports(tmp_path) == [8001]

    assert api_ports(tmp_path) == [8000]
    monkeypatch.setenv("PORT", "8002")
    assert api_ports(tmp_path) == [8002]
