"""Makes clients of AWS by botocore, which boto3 is a shell of: boto3's import would add a tenth to a cold start."""

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session


def new_client(service: str, config: Config, **more: Any) -> Any:
    """Makes a client of an AWS service, like `boto3.client`.

    Passes `more` on to botocore, for example `endpoint_url`.
    """
    session = Session()
    session.register_component("data_loader", _models(session.get_config_variable("data_path")))
    return session.create_client(service, config=config, **more)


@cache
def _models(path: str | None) -> Any:
    """Makes the loader of botocore's service models. All clients share it, because it caches the models."""
    from botocore.loaders import create_loader

    return create_loader(path)
