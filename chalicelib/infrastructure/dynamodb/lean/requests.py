"""A request to DynamoDB: all of them are POST / with JSON."""

from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest

PLAIN = frozenset(
    (
        *("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"),
        *("BatchGetItem", "BatchWriteItem", "TransactGetItems", "TransactWriteItems"),
    )
)
"""The operations whose requests and answers are plain JSON, except for bytes, which are in base64."""

FEWEST_ERRORS = 300
"""The lowest HTTP status that counts as an error."""

PORTS = {"http": 80, "https": 443}


class HeadersToSend(dict[str, str]):
    """The headers of a request. Keys are the names in the letter case in which they are sent. botocore's handlers
    change the headers."""

    def replace_header(self, name: str, value: str) -> None:
        self[name] = value


class LeanRequest(AWSPreparedRequest):
    """A request to DynamoDB. It replaces botocore's AWSRequest, and the AWSPreparedRequest that is made from one."""

    body: Any
    headers: Any
    context: Any

    def __init__(self, params: dict[str, Any]) -> None:
        headers: Any = HeadersToSend(params["headers"])
        super().__init__("POST", params["url"], headers, params["body"], stream_output=False)
        self.context = params["context"]
        self.params: dict[str, str] = {}
        self.data = self.body


def fits_lean_request(params: dict[str, Any], url: str) -> bool:
    """Tells whether botocore's request can be sent as a LeanRequest to this URL."""
    return (
        params["url"] == url
        and params["method"] == "POST"
        and isinstance(params["body"], bytes)
        and params["context"].get("read_timeout") is None
        and params["context"].get("payload_signing_enabled", True) is True
    )


def host_header(url: str) -> str:
    """Gives the value of the header Host. Leaves out the scheme's default port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, PORTS.get(parts.scheme)) else f"{host}:{parts.port}"
