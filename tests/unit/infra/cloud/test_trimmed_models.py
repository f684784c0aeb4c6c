"""The models of AWS that ship: clients made from them are the same, and read less."""

import json
import shutil
from pathlib import Path

import botocore
import pytest
from botocore.loaders import Loader
from botocore.session import Session

from infra.cloud.dependencies import AWS_SERVICES, trim_models, without_documentation

MODELS = Path(botocore.__file__).parent / "data"


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    for service in AWS_SERVICES:
        shutil.copytree(MODELS / service, data / service)
    for file in MODELS.glob("*.json"):
        shutil.copy(file, data)
    trim_models(data)
    return data


@pytest.mark.parametrize("service", sorted(AWS_SERVICES))
def test_a_client_has_the_same_operations_and_endpoint(trimmed: Path, service: str) -> None:
    made = []
    for loader in (Loader([str(trimmed)], include_default_search_paths=False), Loader([str(MODELS)])):
        session = Session()
        session.register_component("data_loader", loader)
        client = session.create_client(
            service, "eu-west-1", aws_access_key_id="a", aws_secret_access_key="s", verify=False
        )
        made.append((client.meta.endpoint_url, sorted(client.meta.method_to_api_mapping), client.meta.partition))

    assert made[0] == made[1]


def test_texts_for_people_and_endpoints_of_other_services_are_left_out(trimmed: Path) -> None:
    known = json.loads((trimmed / "endpoints.json").read_text())["partitions"][0]["services"]

    assert {"dynamodb", "sqs", "kms"} <= known.keys()
    assert "ec2" not in known
    assert list(trimmed.rglob("*.gz")) == []
    assert (trimmed / "endpoints.json").stat().st_size < 100_000


def test_a_member_that_is_named_documentation_stays() -> None:
    model = {"documentation": "for people", "members": {"documentation": {"shape": "String"}}, "list": [{"a": 1}]}

    assert without_documentation(model) == {"members": {"documentation": {"shape": "String"}}, "list": [{"a": 1}]}


@pytest.mark.parametrize("service", sorted(AWS_SERVICES))
def test_what_every_call_reads_of_a_model_is_there(trimmed: Path, service: str) -> None:
    session = Session()
    session.register_component(
        "data_loader", Loader(extra_search_paths=[str(trimmed)], include_default_search_paths=False)
    )

    parameters = session.get_service_model(service).client_context_parameters

    assert [one.name for one in parameters] == [
        one.name for one in Session().get_service_model(service).client_context_parameters
    ]
