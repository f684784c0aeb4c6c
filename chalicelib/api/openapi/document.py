"""Makes the OpenAPI document of the routes that are registered, by the table in operations.py."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from inspect import cleandoc
from itertools import chain
from typing import Any

import msgspec
from chalice.app import Chalice
from msgspec.json import schema_components

from chalicelib.api.http.answers import CHALICE_CODES, HEADERS, REFUSALS, Facts, Refused
from chalicelib.api.http.messages import ENGLISH, MESSAGES, message
from chalicelib.api.http.methods import is_added
from chalicelib.api.wire import names

from .routes import FOR_BROWSERS, LANGUAGE, OPERATIONS, PATH, TOPICS, Operation, Parameter
from .routes import REFUSALS as EXAMPLES

Json = dict[str, Any]

JSON = HEADERS["Content-Type"]
_NEVER = f"{names.CONTROLS}{names.LINES_AND_DIRECTIONS}"
PRINTABLE = f"^[^{_NEVER}]*[^{_NEVER}{names.BLANK}][^{_NEVER}]*$"
"""What a text of a request must be at least, as far as a pattern can say it: see names.py."""

ABOUT = """\
Sells cinema seats under extreme contention. Hold seats for 30 seconds, pay, or let them go: for one seat and any
number of simultaneous requests there is exactly one winner, and everybody else is told at once.

All times are ISO 8601 in UTC with `Z`. Money is a number with two decimals. Every error is
`{"error": "CODE", "message": "…"}` with the facts of the case beside them; messages are in English, or in Portuguese
where `Accept-Language` asks for it. A method that a path does not have is a 405, an unknown path a 404. `HEAD` is
answered as `GET`, without the body.

Who asks too often is told when to come again (429). Where there is a limit, each answer says what is left of it in
`RateLimit-Limit`, `-Remaining`, `-Reset` and `-Policy`.
"""

GATEWAY_ERRORS: Mapping[str, tuple[int, str, Facts]] = {
    "MALFORMED_REQUEST": (400, "The request can not be understood.", {}),
    "FORBIDDEN": (403, "You may not do this.", {}),
}
"""What API Gateway answers without asking us, by infra/cloud/app.yaml: code → status, message, facts. English only."""

ANYWHERE = ("MALFORMED_REQUEST", "RATE_LIMITED", "INTERNAL_ERROR")
"""What every operation may answer."""
OF_BODIES = ("MALFORMED_JSON", "VALIDATION_ERROR", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")

HEADERS_OF_ANSWERS: Mapping[str, Json] = {
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


class NotDescribed(Exception):
    """Routes and operations.py differ. The message says what is to be done."""


@dataclass(frozen=True)
class Problem:
    """One code: its status, and examples of what comes with it, each as (language, body)."""

    code: str
    status: int
    examples: tuple[tuple[str, Json], ...]
    headers: frozenset[str] = frozenset()


def document(app: Chalice) -> Json:
    """Raises NotDescribed when a route has no entry in the table, or an entry no route."""
    views = _views(app)
    of_types, types = _types_of(OPERATIONS.values())
    known = {problem.code: problem for problem in _problems()}
    paths: dict[str, Json] = {}
    for route, said in OPERATIONS.items():
        method, path = route.split(" ")
        responses = _responses(said, known, of_types, views)
        operation = {"operationId": views[route], **_operation(path, said, of_types), "responses": responses}
        paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cinema Tickets",
            "version": "1.0.0",
            "description": f"{ABOUT}\n{_table_of(known.values())}",
            "license": {"name": "MIT", "identifier": "MIT"},
            "contact": {"name": "Whoever runs this cinema"},
        },
        "servers": [{"url": ".", "description": "Where this document is"}],
        "security": [],
        "tags": [{"name": topic, "description": says} for topic, says in TOPICS.items()],
        "paths": paths,
        "components": {
            "schemas": {**types, **{_schema_name(problem): _error_schema(problem) for problem in known.values()}},
            "examples": {name: example for problem in known.values() for name, example in _examples(problem)},
            "headers": HEADERS_OF_ANSWERS,
            "parameters": {LANGUAGE.name: _parameter(LANGUAGE, "header")},
        },
    }


def encoded(made: Json) -> str:
    return msgspec.json.format(msgspec.json.encode(made), indent=1).decode()


# Routes


def _views(app: Chalice) -> dict[str, str]:
    """The name of the view of each operation. Raises NotDescribed."""
    registered = {
        f"{method} {path}": entry.view_function.__name__
        for path, entries in app.routes.items()
        for method, entry in entries.items()
        if not is_added(entry.view_function)
    }
    demand(registered.keys() - FOR_BROWSERS, OPERATIONS, "OPERATIONS")
    gone = OPERATIONS.keys() - registered.keys()
    if gone:
        raise NotDescribed(f"No route is {', '.join(sorted(gone))}: remove it from chalicelib/api/openapi/routes.py.")
    return registered


def demand(names: Iterable[str], described: Container[str], table: str) -> None:
    missing = sorted(name for name in names if name not in described)
    if missing:
        raise NotDescribed(f"Describe {', '.join(missing)} in {table} of chalicelib/api/openapi/routes.py.")


def _operation(path: str, said: Operation, of_types: Mapping[type, Json]) -> Json:
    names = re.findall(r"{(\w+)}", path)
    demand(names, PATH, "PATH")
    in_path = [_parameter(PATH[name], "path") for name in names]
    in_query = [_parameter(parameter, "query") for parameter in said.query]
    asked = (*said.headers, IF_NONE_MATCH) if said.has_etag else said.headers
    in_headers = [_parameter(parameter, "header") for parameter in asked]
    language = {"$ref": f"#/components/parameters/{LANGUAGE.name}"}
    made = {
        "tags": [said.topic],
        "summary": said.summary,
        "description": said.says,
        "parameters": [*in_path, *in_query, *in_headers, language],
        "requestBody": said.takes and {"required": True, "content": _content(said.takes, of_types)},
    }
    return {name: value for name, value in made.items() if value}


def _parameter(parameter: Parameter, where: str) -> Json:
    ((schema,), _) = schema_components([parameter.kind])
    example = {} if parameter.example is None else {"example": parameter.example}
    if where == "path" and "pattern" in schema:
        schema = _of_request(schema)  # wire.check_path looks at it as at a text of a body
    required = {"required": True} if where == "path" else {}
    made = {"name": parameter.name, "in": where, "description": parameter.says, "schema": schema}
    return made | required | example


# Answers


def _responses(
    said: Operation, known: Mapping[str, Problem], of_types: Mapping[type, Json], views: Mapping[str, str]
) -> Json:
    own_headers = ["ETag"] * said.has_etag + ["Location"] * (said.status == HTTPStatus.SEE_OTHER)
    success = _answer(HTTPStatus(said.status).phrase, said.gives, of_types, own_headers)
    answers: Json = {str(said.status): success | _links(said, views)}
    if said.has_etag:
        answers["304"] = {"description": "It is what you have", "headers": _headers("X-Request-Id", "ETag")}
    answers |= {str(status): _answer(HTTPStatus(status).phrase, body, of_types) for status, body in said.also.items()}
    codes = dict.fromkeys(_codes(said))
    for status in sorted({known[code].status for code in codes}):
        answers[str(status)] = _refusal([known[code] for code in codes if known[code].status == status])
    return dict(sorted(answers.items()))


def _codes(said: Operation) -> Iterable[str]:
    """The codes that the operation may answer with, those that need no mention in the table included."""
    return chain(
        (REFUSALS[kind].code for kind in said.refuses),
        OF_BODIES if said.takes else (),
        ("VALIDATION_ERROR",) if said.query or said.headers else (),
        ("TEMPORARILY_UNAVAILABLE",) if said.asks_the_database else (),
        ANYWHERE,
    )


def _answer(
    description: str, body: msgspec.Struct, of_types: Mapping[type, Json], own_headers: Iterable[str] = ()
) -> Json:
    headers = _headers("X-Request-Id", *own_headers)
    return {"description": description, "headers": headers, "content": _content(body, of_types)}


def _links(said: Operation, views: Mapping[str, str]) -> Json:
    """From what is made here to every operation that takes its id."""
    ids = [name for name in msgspec.to_builtins(said.gives, enc_hook=str) if name.endswith("Id")]
    links = dict(chain.from_iterable(_uses(name, views) for name in ids)) if said.status == HTTPStatus.CREATED else {}
    return {"links": links} if links else {}


def _uses(name: str, views: Mapping[str, str]) -> Iterator[tuple[str, Json]]:
    """Each operation that takes the id called `name`, in its path or its body, as a link."""
    value, in_path = f"$response.body#/{name}", re.sub(r"(?=[A-Z])", "_", name).lower()
    for route, said in OPERATIONS.items():
        body = msgspec.to_builtins(said.takes) if said.takes else {}
        if f"{{{in_path}}}" in route:
            yield views[route], {"operationId": views[route], "parameters": {in_path: value}}
        elif name in body:
            yield views[route], {"operationId": views[route], "requestBody": {**body, name: value}}


def _refusal(problems: list[Problem]) -> Json:
    refs = [{"$ref": f"#/components/schemas/{_schema_name(problem)}"} for problem in problems]
    examples = {
        name: {"$ref": f"#/components/examples/{name}"} for problem in problems for name, _ in _examples(problem)
    }
    headers = frozenset().union(*(problem.headers for problem in problems))
    return {
        "description": ", ".join(f"`{problem.code}`" for problem in problems),
        "headers": _headers("X-Request-Id", "Content-Language", *sorted(headers)),
        "content": {JSON: {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}, "examples": examples}},
    }


def _headers(*names: str) -> Json:
    """Raises NotDescribed."""
    if missing := sorted(set(names) - HEADERS_OF_ANSWERS.keys()):
        raise NotDescribed(
            f"Describe {', '.join(missing)} in HEADERS_OF_ANSWERS of chalicelib/api/openapi/document.py."
        )
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _content(body: msgspec.Struct, of_types: Mapping[type, Json]) -> Json:
    return {JSON: {"schema": of_types[type(body)], "example": _raw(body)}}


def _raw(body: object) -> msgspec.Raw:
    """As it goes over the wire: 50.00 stays 50.00."""
    return msgspec.Raw(msgspec.json.encode(body))


# Types


def _types_of(operations: Iterable[Operation]) -> tuple[dict[type, Json], Json]:
    """How to refer to each type that is taken or given, and the schemas of them all."""
    said = list(operations)
    taken = list(dict.fromkeys(type(each.takes) for each in said if each.takes))
    given = list(dict.fromkeys(type(body) for each in said for body in (each.gives, *each.also.values())))
    refs, types = schema_components([*taken, *given], ref_template="#/components/schemas/{name}")
    requests = {kind.__name__ for kind in taken}
    types = {name: _described(one) for name, one in types.items()}
    shaped = {name: _of_request(one) if name in requests else _of_answer(one) for name, one in types.items()}
    return dict(zip([*taken, *given], refs, strict=True)), shaped


def _described(schema: Json) -> Json:
    """Without the indentation of our source, which Python keeps in docstrings before 3.13."""
    return {**schema, "description": cleandoc(schema["description"])} if "description" in schema else schema


def _of_request(schema: Json) -> Json:
    """With the rule for texts that wire.py keeps apart from the types, for the sake of its words."""
    if "properties" in schema:
        return {**schema, "properties": {name: _of_request(one) for name, one in schema["properties"].items()}}
    if schema.get("default", ...) is None:
        schema = {name: value for name, value in schema.items() if name != "default"}
    is_free_text = schema.get("type") == "string" and not {"format", "enum"} & schema.keys()
    return {**schema, "pattern": PRINTABLE} if is_free_text else schema


def _of_answer(schema: Json) -> Json:
    """An answer leaves out what is None: it never says null."""
    return (
        {**schema, "properties": {name: _without_null(one) for name, one in schema["properties"].items()}}
        if ("properties" in schema)
        else schema
    )


def _without_null(schema: Json) -> Json:
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    return choices[0] if len(choices) == 1 else schema


# Errors


def _problems() -> Iterator[Problem]:
    """Each code once: ours by the examples in operations.py, Chalice's, and the gateway's."""
    demand((kind.__name__ for kind in REFUSALS), [type(raised).__name__ for raised in EXAMPLES], "REFUSALS")
    told: dict[str, Problem] = {}
    for raised in EXAMPLES:
        refused = REFUSALS[type(raised)]
        headers = {**(refused.headers or {}), **refused.told(raised)}
        one = _ours(refused, refused.facts(raised), refused.hidden(raised), headers)
        before = told.get(one.code)
        told[one.code] = (
            Problem(one.code, one.status, (*before.examples, *one.examples), one.headers) if before else one
        )
    yield from told.values()
    yield from (_ours(refused, *_chalice_facts(name)) for name, refused in CHALICE_CODES.items())
    for code, (status, text, facts) in GATEWAY_ERRORS.items():
        body = {"error": code, "message": text, **facts}
        yield Problem(code, status, ((ENGLISH, body),))


def _chalice_facts(name: str) -> tuple[Facts, Facts]:
    """What Chalice's own errors show, and what only fills in their message."""
    if name == "InternalServerError":
        return {"requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"}, {}
    return {}, {"method": "PUT"}


def _ours(refused: Refused, facts: Facts, hidden: Facts, headers: Iterable[str] = ()) -> Problem:
    bodies = (
        (spoken, {"error": refused.code, "message": message(refused.code, facts | hidden, spoken), **facts})
        for spoken in MESSAGES[refused.code]
    )
    return Problem(refused.code, refused.status, tuple(bodies), frozenset(headers))


def _schema_name(problem: Problem) -> str:
    return "".join(word.capitalize() for word in problem.code.split("_")).removesuffix("Error") + "Error"


def _error_schema(problem: Problem) -> Json:
    """By its examples: what all of them have is required."""
    bodies = [body for _, body in problem.examples]
    properties = {name: _schema_of(name, value) for body in bodies for name, value in body.items()}
    return {
        "type": "object",
        "properties": {**properties, "error": {"const": problem.code}},
        "required": [name for name in properties if all(name in body for body in bodies)],
    }


def _schema_of(name: str, value: object) -> Json:
    match value:
        case int():
            return {"type": "integer"}
        case list() | tuple():
            return {"type": "array", "items": {"type": "string"}}
        case str() if name.endswith("At"):
            return {"type": "string", "format": "date-time"}
    return {"type": "string"}


def _examples(problem: Problem) -> Iterator[tuple[str, Json]]:
    for number, (spoken, body) in enumerate(problem.examples):
        suffix = f".{number // 2 + 1}" if len(problem.examples) > 2 else ""
        yield f"{problem.code}{suffix}.{spoken}", {"summary": f"{problem.code} ({spoken})", "value": body}


def _table_of(problems: Iterable[Problem]) -> str:
    """Every code there is, for people."""
    rows = [
        f"| {problem.status} | `{problem.code}` | {problem.examples[0][1]['message'].replace('|', ' ')} |"
        for problem in sorted(problems, key=lambda problem: (problem.status, problem.code))
    ]
    lines = ["| Status | Code | For example |", "|---|---|---|", *rows]
    return "\n".join(["<details><summary>Every error code</summary>", "", *lines, "", "</details>"]) + "\n"
