"""The endpoint of a client, which makes a request of a call, sends it, and reads the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.endpoint import Endpoint
from botocore.httpsession import URLLib3Session
from botocore.parsers import ResponseParserFactory

from .requests import LeanRequest, is_plain
from .signing import keep_keys
from .transport import Body, Transport

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PLAIN_ANSWERS = frozenset(
    (
        *("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"),
        *("BatchGetItem", "BatchWriteItem", "TransactGetItems", "TransactWriteItems"),
    )
)
"""The operations whose answers have, beside bytes, no value that JSON has not."""


def shorten(client: DynamoDBClient) -> None:
    """Has the client go the shorter way. Leaves it as it is where a proxy is set, or botocore is not as we know it."""
    inner: Any = client
    endpoint = inner._endpoint
    if type(endpoint) is not Endpoint or type(endpoint.http_session) is not URLLib3Session:
        return
    session: Any = endpoint.http_session
    if session._proxy_config.proxy_url_for(endpoint.host):
        return
    inner._endpoint = LeanEndpoint(endpoint)
    keep_keys(inner._request_signer)


class LeanEndpoint(Endpoint):
    """Takes the place of another endpoint, with its host, its events and its connections."""

    def __init__(self, stock: Any) -> None:
        self._url = stock.host if stock.host.endswith("/") else f"{stock.host}/"
        self._events = stock._event_emitter
        transport: Any = Transport(stock.http_session, self._url)
        super().__init__(stock.host, stock._endpoint_prefix, self._events, LeanParsers(), transport)

    def create_request(self, params: Any, operation_model: Any = None) -> Any:
        """Makes the request, has handlers add to it and sign it."""
        if operation_model is None or not is_plain(params, self._url):
            return super().create_request(params, operation_model)
        request = LeanRequest(params)
        name = f"request-created.{operation_model.service_model.service_id.hyphenize()}.{operation_model.name}"
        self._events.emit(name, request=request, operation_name=operation_model.name)
        request.headers["Content-Length"] = str(len(request.body))
        return request


class LeanParsers(ResponseParserFactory):
    """Makes the parsers of answers."""

    def create_parser(self, protocol_name: str) -> Any:
        return LeanParser(super().create_parser(protocol_name))


class LeanParser:
    """Gives an answer's JSON as it is, where it has been read already; else what botocore's parser makes of it."""

    def __init__(self, stock: Any) -> None:
        self._stock = stock

    def parse(self, response: dict[str, Any], shape: Any) -> dict[str, Any]:
        body, headers = response["body"], response["headers"]
        result = body.result if isinstance(body, Body) else None
        if result is None or response["context"]["operation_name"] not in PLAIN_ANSWERS:
            parsed: dict[str, Any] = self._stock.parse(response, shape)
            return parsed
        metadata: dict[str, Any] = {"HTTPStatusCode": response["status_code"], "HTTPHeaders": dict(headers)}
        if request_id := headers.get("x-amzn-requestid"):
            metadata["RequestId"] = request_id
        return {**result, "ResponseMetadata": metadata}
