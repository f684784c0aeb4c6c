"""Calls of a client: from the arguments to the answer or the error, with the events that botocore emits.

Much of what botocore does for each call gives the same for every one of ours: the endpoint follows from the client's
configuration, the headers from the operation, and there is nothing to checksum, compress or stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from botocore.client import BaseClient
from botocore.regions import EndpointResolverBuiltins

from .requests import FEWEST_ERRORS, PLAIN

BOTOCORES: Any = BaseClient._make_api_call  # type: ignore[attr-defined]


class Operation(NamedTuple):
    """What is the same for all calls of an AWS operation: botocore's model of the operation, the context that each call
    begins with, and the names under which botocore emits the operation's events."""

    model: Any
    context: Mapping[str, Any]
    name_of_event: Mapping[str, str]


EVENTS = ("provide-client-params", "before-parameter-build", "before-call", "after-call", "after-call-error")


class LeanMakeApiCall:
    """A faster replacement for a client's `_make_api_call`. Emits the same events."""

    def __init__(self, client: Any) -> None:
        self._client, self._events = client, client.meta.events
        self._operations = {name: _operation(client, name) for name in PLAIN}
        self._account = client._ruleset_resolver._builtins.get(EndpointResolverBuiltins.ACCOUNT_ID)
        self._urls: dict[str | None, str] = {}

    def __call__(self, name: str, params: Any) -> Any:
        """Makes a call and gives its answer. Raises the error of the answer, or of the connection.

        If another tool, such as the one for traces, has wrapped botocore's `_make_api_call`, makes the call through
        that tool.
        """
        operation, wrapped = self._operations.get(name), BaseClient._make_api_call  # type: ignore[attr-defined]
        if operation is None or wrapped is not BOTOCORES:
            return wrapped(self._client, name, params)
        context = dict(operation.context)
        emit = partial(self._emit, operation, context=context)
        for changed in (given for _, given in emit("provide-client-params", params=params) if given is not None):
            params = changed
            break
        emit("before-parameter-build", params=params)
        http, parsed = self._answer(operation, self._request(operation, params, context), emit)
        emit("after-call", http_response=http, parsed=parsed)
        if http.status_code < FEWEST_ERRORS:
            return parsed
        code = context.get("error_code_override") or parsed.get("Error", {}).get("Code")
        raise self._client.exceptions.from_code(code)(parsed, name)

    def _emit(self, operation: Operation, event: str, **facts: Any) -> Any:
        return self._events.emit(operation.name_of_event[event], model=operation.model, **facts)

    def _answer(self, operation: Operation, request: Any, emit: Any) -> Any:
        """Sends the request and gives its answer.

        If a handler of `before-call` gives an answer, gives that one without sending.
        """
        name = operation.name_of_event["before-call"]
        facts = {"model": operation.model, "context": request["context"]}
        signer = self._client._request_signer
        _, instead = self._events.emit_until_response(name, params=request, request_signer=signer, **facts)
        if instead is not None:
            return instead
        try:
            return self._client._endpoint.make_request(operation.model, request)
        except Exception as error:
            self._events.emit(operation.name_of_event["after-call-error"], exception=error, context=request["context"])
            raise

    def _request(self, operation: Operation, params: Any, context: dict[str, Any]) -> Any:
        url, headers = self._endpoint(operation, params, context)
        request = self._client._serializer.serialize_to_request(params, operation.model)
        request["headers"].update(headers)
        request["headers"]["User-Agent"] = self._client._user_agent_creator.to_string()
        return request | {"url": url if url.endswith("/") else f"{url}/", "context": context}

    def _endpoint(self, operation: Operation, params: Any, context: dict[str, Any]) -> tuple[str, Mapping[str, str]]:
        """Gives the endpoint's URL and headers. They may depend on the account and on the ARNs of tables.

        Caches the URL of a call for which `_names_its_tables` is true, if the endpoint has neither headers nor
        properties.
        """
        account = self._account() if callable(self._account) else self._account
        named = _names_its_tables(params)
        if named and (url := self._urls.get(account)) is not None:
            return url, {}
        url, headers, properties = self._client._resolve_endpoint_ruleset(operation.model, params, context)
        if properties:
            context["endpoint_properties"] = properties
        elif named and not headers:
            self._urls[account] = url
        return url, headers


def _operation(client: Any, name: str) -> Operation:
    model = client.meta.service_model.operation_model(name)
    context = {
        "client_region": client.meta.region_name,
        "client_config": client.meta.config,
        "has_streaming_input": model.has_streaming_input,
        "auth_type": model.resolved_auth_type,
        "unsigned_payload": model.unsigned_payload,
        "auth_options": client.meta.service_model.metadata.get("auth"),
    }
    service = client.meta.service_model.service_id.hyphenize()
    return Operation(model, context, {event: f"{event}.{service}.{name}" for event in EVENTS})


def _names_its_tables(params: Mapping[str, Any]) -> bool:
    """Tells whether the call gives a name, and not an ARN, for each of its tables. Always False for a transaction,
    because its tables are not looked at."""
    names = [params["TableName"]] if "TableName" in params else params.get("RequestItems", ("arn:",))
    return not any(name.startswith("arn:") for name in names)
