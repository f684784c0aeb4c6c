"""The schemas of requests and answers in the OpenAPI document, made from the types in api/wire."""

from collections.abc import Iterable
from inspect import cleandoc
from typing import Any

from msgspec.json import schema_components

from chalicelib.api.wire import names

from .routes import Operation

Json = dict[str, Any]

_NEVER = f"{names.CONTROLS}{names.LINES_AND_DIRECTIONS}"
PRINTABLE = f"^[^{_NEVER}]*[^{_NEVER}{names.BLANK}][^{_NEVER}]*$"
"""A regular expression for free texts in requests. It expresses the rule in names.py, as far as a pattern can."""


def refs_and_schemas(operations: Iterable[Operation]) -> tuple[dict[type, Json], Json]:
    """Makes the schemas of all requests and answers. Gives the references to them by type, and the schemas by name."""
    known = list(operations)
    requests = list(dict.fromkeys(type(each.request) for each in known if each.request))
    bodies = (body for each in known for body in (each.answer, *each.other_answers.values()))
    answers = list(dict.fromkeys(map(type, bodies)))
    refs, schemas = schema_components([*requests, *answers], ref_template="#/components/schemas/{name}")
    of_requests = {kind.__name__ for kind in requests}
    schemas = {name: _with_clean_description(schema) for name, schema in schemas.items()}
    shaped = {
        name: require_printable_texts_drop_null_defaults(schema) if name in of_requests else _as_answer_schema(schema)
        for name, schema in schemas.items()
    }
    return dict(zip([*requests, *answers], refs, strict=True)), shaped


def require_printable_texts_drop_null_defaults(schema: Json) -> Json:
    """Makes a request's schema: adds the pattern PRINTABLE to its free texts, and drops defaults that are null.

    The types in api/wire don't have the pattern, because bodies.py checks texts with `check_name`.
    """
    if "properties" in schema:
        return {
            **schema,
            "properties": {
                name: require_printable_texts_drop_null_defaults(one) for name, one in schema["properties"].items()
            },
        }
    if schema.get("default", ...) is None:
        schema = {name: value for name, value in schema.items() if name != "default"}
    is_free_text = schema.get("type") == "string" and not {"format", "enum"} & schema.keys()
    return {**schema, "pattern": PRINTABLE} if is_free_text else schema


def _with_clean_description(schema: Json) -> Json:
    """Removes the source's indentation from a description: Python before 3.13 keeps it in docstrings."""
    return {**schema, "description": cleandoc(schema["description"])} if "description" in schema else schema


def _as_answer_schema(schema: Json) -> Json:
    """Removes null from the types: an answer leaves out a field that is None."""
    if "properties" not in schema:
        return schema
    return {**schema, "properties": {name: _without_null(one) for name, one in schema["properties"].items()}}


def _without_null(schema: Json) -> Json:
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    return choices[0] if len(choices) == 1 else schema
