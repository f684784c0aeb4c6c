"""Makes clients of AWS by botocore, which boto3 is a shell of: boto3's import would add a tenth to a cold start."""

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session


def new_client(service: str, config: Config, **more: Any) -> Any:
    """Makes a client of the service, as `boto3.client` does. `more` as there: `endpoint_url`, for one."""
    session = Session()
    session.register_component("data_loader", _models(session.get_config_variable("data_path")))
    return session.create_client(service, config=config, **more)


@cache
def _models(path: str | None) -> Any:
    """Gives the loader of botocore's models, which keeps what it has read: all clients read some of them."""
    from botocore.loaders import create_loader

    return create_loader(path)
