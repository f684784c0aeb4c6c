"""The event source mappings of a deployed stage, which feed its functions from streams and queues."""

import time
from collections.abc import Iterator

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .deploying.stacks import DeploymentError, app_stack, physical_name
from .functions import FUNCTIONS

DEADLINE_SECONDS = 60


def does_endpoint_run_functions(stage: str) -> bool:
    """Tells whether the endpoint runs the deployed functions. Invokes one of them with an empty batch.

    False for functions that are not deployed, and on endpoints that keep definitions only (LocalStack without Docker).
    """
    one_try = Config(retries={"total_max_attempts": 1}, read_timeout=40)
    try:
        name = physical_name(app_stack(stage), "OnHoldLapsed")
        answer = boto3.client("lambda", config=one_try).invoke(FunctionName=name, Payload=b'{"Records": []}')
    except (ClientError, BotoCoreError):
        return False
    return answer["StatusCode"] == 200 and "FunctionError" not in answer


def set_event_mappings(stage: str, *, enabled: bool) -> None:
    """Starts or pauses the deployed event handlers and waits until that is done. Raises DeploymentError.

    While they are paused, streams and queues keep their records, and a pump may feed the handlers.
    """
    client = boto3.client("lambda")
    wanted = "Enabled" if enabled else "Disabled"
    handlers = [function.logical_id for function in FUNCTIONS if function.consumer or function.stream]
    mappings = [mapping for name in handlers for mapping in _mappings_of(stage, name)]
    for uuid in mappings:
        client.update_event_source_mapping(UUID=uuid, Enabled=enabled)
    deadline = time.monotonic() + DEADLINE_SECONDS
    for uuid in mappings:
        while client.get_event_source_mapping(UUID=uuid)["State"] != wanted:
            if time.monotonic() > deadline:
                raise DeploymentError(f"Event source mapping {uuid} did not become {wanted}.")
            time.sleep(0.5)


def _mappings_of(stage: str, handler: str) -> Iterator[str]:
    function = physical_name(app_stack(stage), handler)
    for page in boto3.client("lambda").get_paginator("list_event_source_mappings").paginate(FunctionName=function):
        yield from (mapping["UUID"] for mapping in page["EventSourceMappings"])
