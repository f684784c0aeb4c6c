"""The endpoint of a client, which makes a request of a call, sends it, and reads the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.endpoint import Endpoint
from botocore.httpsession import URLLib3Session
from botocore.parsers import ResponseParserFactory

from .requests import LeanRequest, fits_lean_request
from .signing import LeanSigner
from .transport import BodyWithJson, LeanTransport

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PLAIN = frozenset(
    (
        *("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"),
        *("BatchGetItem", "BatchWriteItem", "TransactGetItems", "TransactWriteItems"),
    )
)
"""The operations whose requests and answers have, beside bytes, no value that JSON has not."""


def use_lean_endpoint(client: DynamoDBClient) -> None:
    """Makes the client send through LeanEndpoint.

    Changes nothing if a proxy is set, or botocore's classes are unknown.
    """
    inner: Any = client
    endpoint = inner._endpoint
    if type(endpoint) is not Endpoint or type(endpoint.http_session) is not URLLib3Session:
        return
    session: Any = endpoint.http_session
    if session._proxy_config.proxy_url_for(endpoint.host):
        return
    inner._endpoint = LeanEndpoint(endpoint)
    inner._serializer = LeanSerializer(inner._serializer)
    signed = f"request-created.{client.meta.service_model.service_id.hyphenize()}"
    client.meta.events.unregister(signed, inner._request_signer.handler)
    client.meta.events.register(signed, LeanSigner(inner._request_signer))


class LeanEndpoint(Endpoint):
    """A replacement of botocore's endpoint, with the same host, events and connection pool."""

    def __init__(self, stock: Any) -> None:
        self._url = stock.host if stock.host.endswith("/") else f"{stock.host}/"
        self._events = stock._event_emitter
        transport: Any = LeanTransport(stock.http_session, self._url)
        super().__init__(stock.host, stock._endpoint_prefix, self._events, LeanParserFactory(), transport)

    def create_request(self, params: Any, operation_model: Any = None) -> Any:
        """Builds the request. Emits `request-created`, whose handlers sign the request."""
        if operation_model is None or not fits_lean_request(params, self._url):
            return super().create_request(params, operation_model)
        request = LeanRequest(params)
        name = f"request-created.{operation_model.service_model.service_id.hyphenize()}.{operation_model.name}"
        self._events.emit(name, request=request, operation_name=operation_model.name)
        request.headers["Content-Length"] = str(len(request.body))
        return request


class LeanSerializer:
    """A serializer that writes a call's arguments as JSON. Calls with bytes go to botocore's serializer."""

    def __init__(self, stock: Any) -> None:
        self._stock = stock

    def serialize_to_request(self, parameters: Any, operation_model: Any) -> Any:
        if operation_model.name not in PLAIN:
            return self._stock.serialize_to_request(parameters, operation_model)
        try:
            body = json.dumps(parameters)
        except TypeError:  # bytes
            return self._stock.serialize_to_request(parameters, operation_model)
        metadata = operation_model.metadata
        headers = {
            "X-Amz-Target": f"{metadata['targetPrefix']}.{operation_model.name}",
            "Content-Type": f"application/x-amz-json-{metadata['jsonVersion']}",
        }
        return {"url_path": "/", "query_string": "", "method": "POST", "headers": headers, "body": body.encode()}


class LeanParserFactory(ResponseParserFactory):
    """The factory of LeanParser."""

    def create_parser(self, protocol_name: str) -> Any:
        return LeanParser(super().create_parser(protocol_name))


class LeanParser:
    """A parser that gives the JSON that BodyWithJson has parsed. Other answers go to botocore's parser."""

    def __init__(self, stock: Any) -> None:
        self._stock = stock

    def parse(self, response: dict[str, Any], shape: Any) -> dict[str, Any]:
        body, headers = response["body"], response["headers"]
        result = body.result if isinstance(body, BodyWithJson) else None
        if result is None or response["context"]["operation_name"] not in PLAIN:
            parsed: dict[str, Any] = self._stock.parse(response, shape)
            return parsed
        metadata: dict[str, Any] = {"HTTPStatusCode": response["status_code"], "HTTPHeaders": dict(headers)}
        if request_id := headers.get("x-amzn-requestid"):
            metadata["RequestId"] = request_id
        return {**result, "ResponseMetadata": metadata}
