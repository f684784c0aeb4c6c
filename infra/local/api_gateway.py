"""API Gateway for the local server: finds routes as Chalice does, makes events as AWS does, and refuses bad
requests."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import LocalGateway, LocalGatewayException, RouteMatcher

from chalicelib.api.http.errors import ERROR_ROWS_BY_CODE
from chalicelib.api.http.messages import error_message
from chalicelib.api.wire.languages import ENGLISH
from infra.local import lambda_proxy

MAX_BODY_BYTES = 10 * 1024 * 1024
"""API Gateway's limit for a REST API."""
BAD_PERCENT_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

FACTS: Mapping[int, Mapping[str, Any]] = {413: {"limitBytes": MAX_BODY_BYTES}}


def _contract_error(code: str, facts: Mapping[str, Any] = MappingProxyType({})) -> tuple[int, str, str]:
    """Gives the status, the code and the message of an error in the contract's table."""
    return ERROR_ROWS_BY_CODE[code].status, code, error_message(code, facts, ENGLISH)


GATEWAY_ERRORS: Mapping[int, tuple[int, str, str]] = {
    401: _contract_error("UNAUTHENTICATED"),
    403: _contract_error("FORBIDDEN"),
    404: _contract_error("NOT_FOUND"),
    408: (408, "REQUEST_TIMEOUT", "The request did not arrive in time."),
    413: _contract_error("PAYLOAD_TOO_LARGE", FACTS[413]),
    421: (421, "MISDIRECTED_REQUEST", "This server answers to localhost, 127.0.0.1 and [::1] only."),
    500: _contract_error("INTERNAL_ERROR"),
    501: (405, "METHOD_NOT_ALLOWED", "This address does not know this method."),
}
"""The status, code and message of the answer, by the status with which http.server refuses. Most are from the
contract."""

MALFORMED = _contract_error("MALFORMED_REQUEST")
"""The answer to any other unreadable request: a bad length, an endless address, another version of HTTP."""


class GatewayRefusal(LocalGatewayException):
    """A refusal by the gateway itself, without the application.

    `hang_up` ends the connection: after a malformed request, the beginning of the next one is unknown.
    """

    def __init__(self, status: int, *, hang_up: bool = False, **facts: str) -> None:
        self.CODE, code, message = GATEWAY_ERRORS.get(status, MALFORMED)
        self.hang_up = hang_up
        super().__init__({}, json.dumps({"error": code, "message": message, **FACTS.get(status, {}), **facts}).encode())


class Gateway(LocalGateway):
    """Finds the route of a request as Chalice does, and makes the event that AWS sends.

    Chalice's own gateway makes another event. It answers an unknown route with "Missing Authentication Token", not 404.
    """

    def __init__(self, app_object: Chalice, config: Config, client_address: str) -> None:
        super().__init__(app_object, config)
        self.routes = RouteMatcher(list(app_object.routes))
        self.binary_types = app_object.api.binary_types
        self.client_address = client_address

    def _generate_lambda_event(self, method: str, path: str, headers: Any, body: bytes | None) -> Any:
        if BAD_PERCENT_ESCAPE.search(path):
            raise GatewayRefusal(400)
        asked = lambda_proxy.ReceivedRequest(method, path, headers, body, self.client_address)
        try:
            found = self.routes.match_route(asked.address)
            resource = lambda_proxy.Resource(found.route, found.captured)
            return lambda_proxy.event(asked, resource, self.binary_types)
        except ValueError as error:
            raise GatewayRefusal(404) from error
