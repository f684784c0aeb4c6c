"""Secrets in SSM, as encrypted parameters. A function asks for all of its own with one question."""

from collections.abc import Mapping

from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.infrastructure import aws
from chalicelib.settings import SettingInvalid

from .dynamodb.connection import outages_as_refusals

CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
"""The client's options. The timeouts, in seconds, are short, because somebody waits for the answer."""


def fetch_existing_secrets(parameter_names: Mapping[str, str]) -> dict[str, str]:
    """Fetches up to ten secrets from SSM. Gives the secrets by the same keys as `parameter_names`.

    Leaves out secrets that SSM does not have. Raises BackendUnavailable if SSM does not answer. Raises SettingInvalid
    if SSM refuses the call, for example because the function lacks the right.
    """
    try:
        with outages_as_refusals("GetParameters"):
            answer = aws.new_client("ssm", CONFIG).get_parameters(
                Names=sorted(set(parameter_names.values())), WithDecryption=True
            )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise SettingInvalid(f"{', '.join(parameter_names)} can not be read from SSM: {code}.") from error
    values = {one["Name"]: one["Value"] for one in answer["Parameters"]}
    return {key: values[name] for key, name in parameter_names.items() if name in values}
