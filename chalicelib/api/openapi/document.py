"""Makes the OpenAPI document of the app's routes from the table in routes.py."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from http import HTTPStatus
from itertools import chain

import msgspec
from chalice.app import Chalice
from msgspec.json import schema_components

from chalicelib.api.http.answers import HEADERS
from chalicelib.api.http.errors import ERROR_ROWS_BY_CODE, ERRORS, ErrorRow, nearest_error_row
from chalicelib.api.http.methods import is_added_head_or_refusal_view
from chalicelib.api.http.routes import route_row_of_view
from chalicelib.domain.identity import AccessRule

from .error_schemas import error_code_table, error_examples_by_name, error_header_names, error_schema, schema_name
from .parameters import LANGUAGE, PATH, Parameter
from .routes import FOR_BROWSERS, OPERATIONS, TOPICS, Operation
from .schemas import Json, refs_and_schemas, require_printable_texts_drop_null_defaults

JSON = HEADERS["Content-Type"]
CALENDAR = "text/calendar"

ABOUT = """\
Sells cinema seats under extreme contention. Hold seats for 30 seconds, pay, or let them go: for one seat and any
number of simultaneous requests there is exactly one winner, and everybody else is told at once.

All times are ISO 8601 in UTC with `Z`. Money is a number with two decimals. Every error is
`{"error": "CODE", "message": "…"}` with the facts of the case beside them; messages are in English, or in Portuguese
where `Accept-Language` asks for it. A method that a path does not have is a 405, an unknown path a 404. `HEAD` is
answered as `GET`, without the body.

Where access control is on, as it is everywhere but on a laptop, a request says who asks by an access token of the
identity provider: `Authorization: Bearer …`. Buyers reach what is theirs, and all else is a 404 for them; what only
operators may do is a 403 for others.

Who asks too often is told when to come again (429). Where there is a limit, each answer says what is left of it in
`RateLimit-Limit`, `-Remaining`, `-Reset` and `-Policy`.
"""

ERRORS_OF_EVERY_OPERATION = ("MALFORMED_REQUEST", "RATE_LIMITED", "INTERNAL_ERROR")
"""The codes of the errors with which every operation may answer."""

ERRORS_WITH_TOKEN = ("UNAUTHENTICATED", "FORBIDDEN")
"""Codes of the errors that an operation may answer if it needs a token."""

TOKEN = "token"  # noqa: S105 - the name of a security scheme
NEEDS_TOKEN: list[Json] = [{TOKEN: []}]
SECURITY_SCHEMES: Json = {
    TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of the identity provider, as Amazon Cognito shapes them. Its groups are the "
        "roles: `operator`, `buyer`, `gate`; who belongs to none is a buyer. On a laptop access control is off, and "
        "no token is looked at, unless `AUTH=on` says otherwise.",
    }
}
FOR_WHOM = {AccessRule.OPERATOR: "For operators only."}

ERRORS_WITH_BODY = ("MALFORMED_JSON", "VALIDATION_ERROR", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")
"""Codes of the errors that an operation may answer if its request has a body."""

ANSWER_HEADERS: Mapping[str, Json] = {
    "X-Request-Id": {"description": "Tell us this one when something went wrong.", "schema": {"type": "string"}},
    "Content-Language": {"description": "The language of the message.", "schema": {"enum": ["en", "pt-BR"]}},
    "Retry-After": {"description": "In how many seconds to try again.", "schema": {"type": "integer"}},
    "RateLimit-Limit": {"description": "Requests at once.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "How many of them are left.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "In how many seconds all are there again.", "schema": {"type": "integer"}},
    "RateLimit-Policy": {"description": "Requests, and their window: `10;w=60`.", "schema": {"type": "string"}},
    "Location": {"description": "Where it is.", "schema": {"type": "string", "format": "uri"}},
    "WWW-Authenticate": {"description": "How to prove who asks.", "schema": {"type": "string"}},
    "ETag": {"description": "Changes with the content: send it as `If-None-Match`.", "schema": {"type": "string"}},
}
IF_NONE_MATCH = Parameter("If-None-Match", "The `ETag` of what you have: 304 when it is still the same.")


class OpenApiTablesMismatch(Exception):
    """A route, parameter, header or error of the app has no entry in the document's tables, or an entry has no route.

    The message tells which entry to add or to remove.
    """


def document(app: Chalice) -> Json:
    """Makes the app's OpenAPI document. Raises OpenApiTablesMismatch, for example if a route is missing from the table
    OPERATIONS."""
    refs, schemas = refs_and_schemas(OPERATIONS.values())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cinema Tickets",
            "version": "1.0.0",
            "description": f"{ABOUT}\n{error_code_table(ERRORS)}",
            "license": {"name": "MIT", "identifier": "MIT"},
            "contact": {"name": "Whoever runs this cinema"},
        },
        "servers": [{"url": ".", "description": "Where this document is"}],
        "security": [],
        "tags": [{"name": topic, "description": description} for topic, description in TOPICS.items()],
        "paths": _paths(_view_name_by_route(app), refs),
        "components": _components(schemas),
    }


def to_indented_json(made: Json) -> str:
    return msgspec.json.format(msgspec.json.encode(made), indent=1).decode()


def require_described(names: Iterable[str], described: Container[str], table: str) -> None:
    """Raises OpenApiTablesMismatch unless all names are in `described`.

    `table` is the name of the Python table that lacks them, for the message.
    """
    missing = sorted(name for name in names if name not in described)
    if missing:
        raise OpenApiTablesMismatch(f"Describe {', '.join(missing)} in {table}.")


def _components(schemas: Json) -> Json:
    return {
        "schemas": {**schemas, **{schema_name(row): error_schema(row) for row in ERRORS}},
        "examples": {name: example for row in ERRORS for name, example in error_examples_by_name(row)},
        "headers": ANSWER_HEADERS,
        "parameters": {LANGUAGE.name: _parameter(LANGUAGE, "header")},
        "securitySchemes": SECURITY_SCHEMES,
    }


# Routes


def _view_name_by_route(app: Chalice) -> dict[str, str]:
    """Gives the name of each route's view. Raises OpenApiTablesMismatch when the routes and OPERATIONS differ."""
    registered = {
        f"{method} {path}": entry.view_function.__name__
        for path, entries in app.routes.items()
        for method, entry in entries.items()
        if not is_added_head_or_refusal_view(entry.view_function)
    }
    require_described(registered.keys() - FOR_BROWSERS, OPERATIONS, "OPERATIONS of chalicelib/api/openapi/routes.py")
    gone = OPERATIONS.keys() - registered.keys()
    if gone:
        raise OpenApiTablesMismatch(
            f"No route is {', '.join(sorted(gone))}: remove it from chalicelib/api/openapi/routes.py."
        )
    return registered


def _paths(views: Mapping[str, str], refs: Mapping[type, Json]) -> Json:
    paths: Json = {}
    for route, operation in OPERATIONS.items():
        method, path = route.split(" ")
        paths.setdefault(path, {})[method.lower()] = {
            "operationId": views[route],
            **_operation(path, operation, route_row_of_view(views[route]).admits, refs),
            "responses": _responses(operation, route_row_of_view(views[route]).admits, refs, views),
        }
    return paths


def _operation(path: str, operation: Operation, admits: AccessRule, refs: Mapping[type, Json]) -> Json:
    body = operation.request
    description = " ".join(filter(None, (operation.description, FOR_WHOM.get(admits))))
    fields = {
        "tags": [operation.topic],
        "summary": operation.summary,
        "description": description,
        "security": NEEDS_TOKEN if admits.needs_token else None,
        "parameters": _parameters(path, operation),
        "requestBody": body and {"required": True, "content": _content(body, refs)},
    }
    return {name: value for name, value in fields.items() if value}


def _parameters(path: str, operation: Operation) -> list[Json]:
    names = re.findall(r"{(\w+)}", path)
    require_described(names, PATH, "PATH of chalicelib/api/openapi/parameters.py")
    headers = (*operation.headers, IF_NONE_MATCH) if operation.has_etag else operation.headers
    return [
        *(_parameter(PATH[name], "path") for name in names),
        *(_parameter(parameter, "query") for parameter in operation.query),
        *(_parameter(parameter, "header") for parameter in headers),
        {"$ref": f"#/components/parameters/{LANGUAGE.name}"},
    ]


def _parameter(parameter: Parameter, place: str) -> Json:
    ((schema,), _) = schema_components([parameter.kind])
    example = {} if parameter.example is None else {"example": parameter.example}
    if place == "path" and "pattern" in schema:
        # bodies.check_user_id_in_path looks at it as at a text of a body.
        schema = require_printable_texts_drop_null_defaults(schema)
    required = {"required": True} if place == "path" else {}
    fields = {"name": parameter.name, "in": place, "description": parameter.description, "schema": schema}
    return fields | required | example


# Answers


def _responses(operation: Operation, admits: AccessRule, refs: Mapping[type, Json], views: Mapping[str, str]) -> Json:
    """Gives the operation's answers by status, in the order of the statuses."""
    own_headers = ["ETag"] * operation.has_etag + ["Location"] * (operation.status == HTTPStatus.SEE_OTHER)
    success = _response(HTTPStatus(operation.status).phrase, operation.answer, refs, own_headers)
    answers: Json = {str(operation.status): success | _links(operation, views)}
    if operation.has_etag:
        answers["304"] = {"description": "It is what you have", "headers": _headers("X-Request-Id", "ETag")}
    others = operation.other_answers.items()
    answers |= {str(status): _response(HTTPStatus(status).phrase, body, refs) for status, body in others}
    rows = [ERROR_ROWS_BY_CODE[code] for code in dict.fromkeys(_codes(operation, admits))]
    for status in sorted({row.status for row in rows}):
        answers[str(status)] = _error_response([row for row in rows if row.status == status])
    return dict(sorted(answers.items()))


def _codes(operation: Operation, admits: AccessRule) -> Iterator[str]:
    """Gives the codes of the errors with which the operation may answer. Raises OpenApiTablesMismatch if one of its
    errors has no row in the table of errors."""
    for kind in operation.errors:
        if (row := nearest_error_row(kind)) is None:
            raise OpenApiTablesMismatch(f"Describe {kind.__name__} in ERRORS of chalicelib/api/http/errors.py.")
        yield row.code
    yield from chain(
        ERRORS_WITH_TOKEN if admits.needs_token else (),
        ERRORS_WITH_BODY if operation.request else (),
        ("VALIDATION_ERROR",) if operation.query or operation.headers else (),
        ("TEMPORARILY_UNAVAILABLE",) if operation.asks_the_database else (),
        ERRORS_OF_EVERY_OPERATION,
    )


def _response(
    description: str, body: msgspec.Struct | str, refs: Mapping[type, Json], own_headers: Iterable[str] = ()
) -> Json:
    headers = _headers("X-Request-Id", *own_headers)
    return {"description": description, "headers": headers, "content": _content(body, refs)}


def _error_response(rows: list[ErrorRow]) -> Json:
    refs = [{"$ref": f"#/components/schemas/{schema_name(row)}"} for row in rows]
    examples = {
        name: {"$ref": f"#/components/examples/{name}"} for row in rows for name, _ in error_examples_by_name(row)
    }
    headers = sorted({name for row in rows for name in error_header_names(row)})
    return {
        "description": ", ".join(f"`{row.code}`" for row in rows),
        "headers": _headers("X-Request-Id", "Content-Language", *headers),
        "content": {JSON: {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}, "examples": examples}},
    }


def _links(operation: Operation, views: Mapping[str, str]) -> Json:
    """Gives the links of an operation that creates a resource: a link to each operation that takes an id from the
    answer.

    Empty for any other operation.
    """
    if operation.status != HTTPStatus.CREATED:
        return {}
    ids = [name for name in msgspec.to_builtins(operation.answer, enc_hook=str) if name.endswith("Id")]
    links = dict(chain.from_iterable(_links_by_id(name, views) for name in ids))
    return {"links": links} if links else {}


def _links_by_id(name: str, views: Mapping[str, str]) -> Iterator[tuple[str, Json]]:
    """Makes an OpenAPI link to each operation that takes the id called `name` in its path or its body. Gives pairs of a
    link's name and the link."""
    value, in_path = f"$response.body#/{name}", re.sub(r"(?=[A-Z])", "_", name).lower()
    for route, operation in OPERATIONS.items():
        body = msgspec.to_builtins(operation.request) if operation.request else {}
        if f"{{{in_path}}}" in route:
            yield views[route], {"operationId": views[route], "parameters": {in_path: value}}
        elif name in body:
            yield views[route], {"operationId": views[route], "requestBody": {**body, name: value}}


def _headers(*names: str) -> Json:
    """Gives references to the headers of these names. Raises OpenApiTablesMismatch for one that is not in
    ANSWER_HEADERS."""
    require_described(names, ANSWER_HEADERS, "ANSWER_HEADERS of chalicelib/api/openapi/document.py")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _content(body: msgspec.Struct | str, refs: Mapping[type, Json]) -> Json:
    """Gives the schema and the example of a body, by media type: text/calendar if the body is a text, else JSON."""
    return {CALENDAR if isinstance(body, str) else JSON: {"schema": refs[type(body)], "example": _raw(body)}}


def _raw(body: object) -> msgspec.Raw:
    """Encodes an example as it goes over the wire: 50.00 stays 50.00."""
    return msgspec.Raw(msgspec.json.encode(body))
