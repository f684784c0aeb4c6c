"""A request to DynamoDB: all of them are POST / with JSON."""

from typing import Any
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}


class RequestHeaders(dict[str, str]):
    """Headers by their names as they are sent. botocore's handlers set, find and replace them."""

    def replace_header(self, name: str, value: str) -> None:
        self[name] = value


class LeanRequest:
    """A request, as botocore's handlers, its signer and its hooks know one (`AWSRequest`, `AWSPreparedRequest`)."""

    __slots__ = ("auth_path", "body", "context", "headers", "method", "params", "stream_output", "url")

    def __init__(self, params: dict[str, Any]) -> None:
        self.method, self.url, self.body, self.context = "POST", params["url"], params["body"], params["context"]
        self.headers = RequestHeaders(params["headers"])
        self.params: dict[str, str] = {}
        self.auth_path, self.stream_output = None, False

    @property
    def data(self) -> bytes:
        body: bytes = self.body
        return body

    def reset_stream(self) -> None:
        """Does nothing: the body is sent anew as it is."""


def is_plain(params: dict[str, Any], url: str) -> bool:
    """Tells whether a request of botocore's is one to this URL that a LeanRequest can be."""
    return (
        params["url"] == url
        and params["method"] == "POST"
        and isinstance(params["body"], bytes)
        and params["context"].get("read_timeout") is None
        and params["context"].get("payload_signing_enabled", True) is True
    )


def host_of(url: str) -> str:
    """Gives the value of the header Host: without the port where that is the scheme's own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, PORTS.get(parts.scheme)) else f"{host}:{parts.port}"
