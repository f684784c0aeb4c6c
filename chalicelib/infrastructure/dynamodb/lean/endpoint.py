"""The endpoint of a client, which makes a request of a call, sends it, and reads the answer."""

from __future__ import annotations

import json
from binascii import crc32
from typing import TYPE_CHECKING, Any

from botocore.endpoint import Endpoint, convert_to_response_dict
from botocore.httpsession import URLLib3Session
from botocore.parsers import ResponseParserFactory

from .calls import LeanMakeApiCall
from .requests import FEWEST_ERRORS, PLAIN, LeanRequest, fits_lean_request
from .signing import LeanSigner
from .transport import BodyWithJson, LeanTransport

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CHECKSUM = "x-amz-crc32"
"""The header with the checksum of an answer's body."""


def make_client_lean_if_possible(client: DynamoDBClient) -> None:
    """Replaces the client's endpoint, serializer, signer and retry handler, so that its calls are faster.

    Leaves the client unchanged if it uses a proxy, or if its endpoint or HTTP session is not of botocore's own class.
    """
    inner: Any = client
    endpoint = inner._endpoint
    if type(endpoint) is not Endpoint or type(endpoint.http_session) is not URLLib3Session:
        return
    session: Any = endpoint.http_session
    if session._proxy_config.proxy_url_for(endpoint.host):
        return
    service = client.meta.service_model.service_id.hyphenize()
    inner._endpoint = LeanEndpoint(endpoint, service)
    inner._serializer = LeanSerializer(inner._serializer)
    signed = f"request-created.{service}"
    client.meta.events.unregister(signed, inner._request_signer.handler)
    client.meta.events.register(signed, LeanSigner(inner._request_signer))
    _shorten_retries(client, service)
    if inner._ruleset_resolver is not None and not inner.meta.config.auth_scheme_preference:
        inner._make_api_call = LeanMakeApiCall(inner)


def _shorten_retries(client: Any, service: str) -> None:
    """Replaces the client's handler of `needs-retry` with RetryRulesUnlessFirstAnswerGood."""
    event, unique = f"needs-retry.{service}", f"retry-config-{service}"
    known = client.meta.events._emitter._unique_id_handlers.get(unique)
    if known and client.meta.config.retries.get("mode") == "standard":
        client.meta.events.unregister(event, unique_id=unique)
        client.meta.events.register(event, RetryRulesUnlessFirstAnswerGood(known["handler"]), unique_id=unique)


class LeanEndpoint(Endpoint):
    """A replacement for botocore's endpoint, with the same host, events and connection pool.

    `service` is the service's name in events.
    """

    def __init__(self, stock: Any, service: str) -> None:
        self._service = service
        self._url = stock.host if stock.host.endswith("/") else f"{stock.host}/"
        self._events = stock._event_emitter
        transport: Any = LeanTransport(stock.http_session, self._url)
        super().__init__(stock.host, stock._endpoint_prefix, self._events, LeanDynamoParserFactory(), transport)

    def create_request(self, params: Any, operation_model: Any = None) -> Any:
        """Builds the request, and emits `request-created`, whose handlers sign the request.

        Builds botocore's kind of request if the parameters do not fit a LeanRequest.
        """
        if operation_model is None or not fits_lean_request(params, self._url):
            return super().create_request(params, operation_model)
        return self._create_lean_request(params, operation_model.name)

    def _create_lean_request(self, params: Any, operation: str) -> LeanRequest:
        request = LeanRequest(params)
        self._events.emit(f"request-created.{self._service}.{operation}", request=request, operation_name=operation)
        request.headers["Content-Length"] = str(len(request.body))
        return request

    def make_request(self, operation_model: Any, request_dict: Any) -> Any:
        """Sends a request, and repeats it as long as the handlers of `needs-retry` ask for that. A request that does
        not fit the lean way is left to botocore.

        Gives the answer and its parsed JSON. Raises the last error.
        """
        if operation_model.name not in PLAIN or not fits_lean_request(request_dict, self._url):
            return super().make_request(operation_model, request_dict)
        inner: Any = self  # botocore's stubs leave out what begins with an underscore
        attempts, answer, error = 0, None, None
        while not attempts or inner._needs_retry(attempts, operation_model, request_dict, answer, error):
            attempts += 1
            inner._update_retries_context(request_dict["context"], attempts, answer)
            request = self._create_lean_request(request_dict, operation_model.name)
            answer, error = self._attempt(operation_model, request)
        if answer is None:
            raise error or AssertionError("neither an answer nor an error")
        answer[1].setdefault("ResponseMetadata", {})["RetryAttempts"] = attempts - 1
        return answer

    def _attempt(self, operation_model: Any, request: Any) -> tuple[Any, Exception | None]:
        """Sends a request once. Gives the answer with its JSON and no error, or no answer and the error."""
        inner: Any = self
        try:
            said = self._events.emit(f"before-send.{self._service}.{operation_model.name}", request=request)
            http = next((each for _, each in said if each is not None), None) or inner._send(request)
        except Exception as error:  # noqa: BLE001 - whether it may be tried again is for the rules of retries
            return None, error
        return (http, self._parsed(operation_model, http)), None

    def _parsed(self, operation_model: Any, http: Any) -> Any:
        inner: Any = self
        response = convert_to_response_dict(http, operation_model)
        parser = inner._response_parser_factory.create_parser(operation_model.service_model.resolved_protocol)
        parsed = parser.parse(response, operation_model.output_shape)
        if http.status_code >= FEWEST_ERRORS:
            inner._add_modeled_error_fields(response, parsed, operation_model, parser)
        return parsed


class RetryRulesUnlessFirstAnswerGood:
    """A filter in front of botocore's rules for retries. The rules take time even when there is nothing to retry.

    If the first attempt succeeded and its answer is undamaged, the rules are not asked. In all other cases they decide.
    """

    def __init__(self, stock: Any) -> None:
        self._stock = stock

    def __call__(self, **facts: Any) -> Any:
        response = facts["response"]
        if facts["attempts"] == 1 and response is not None and _is_good(response[0]):
            return None
        return self._stock(**facts)


def _is_good(http: Any) -> bool:
    return http.status_code < FEWEST_ERRORS and http.headers.get(CHECKSUM) in (None, str(crc32(http.content)))


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


class LeanDynamoParserFactory(ResponseParserFactory):
    """A factory that wraps each of botocore's parsers in a LeanDynamoParser."""

    def create_parser(self, protocol_name: str) -> Any:
        return LeanDynamoParser(super().create_parser(protocol_name))


class LeanDynamoParser:
    """A parser of DynamoDB's answers. For an operation in PLAIN, uses the JSON that a BodyWithJson has parsed already.
    Calls botocore's parser for all other answers."""

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
