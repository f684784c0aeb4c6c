"""The errors in the OpenAPI document: the schema and the examples of each code, made from the table of errors."""

from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.api.http.errors import ErrorRow
from chalicelib.api.http.messages import error_body
from chalicelib.api.wire.languages import ENGLISH

Json = dict[str, Any]


def schema_name(row: ErrorRow) -> str:
    return "".join(word.capitalize() for word in row.code.split("_")).removesuffix("Error") + "Error"


def error_schema(row: ErrorRow) -> Json:
    """Makes the JSON schema of an error's body from the error's examples. A field that all examples have is
    required."""
    bodies = [body for _, body in _bodies(row)]
    properties = {name: _schema_of(name, value) for body in bodies for name, value in body.items()}
    return {
        "type": "object",
        "properties": {**properties, "error": {"const": row.code}},
        "required": [name for name in properties if all(name in body for body in bodies)],
    }


def error_examples_by_name(row: ErrorRow) -> Iterator[tuple[str, Json]]:
    """Gives an error's examples by name. A name has the code and the language, and a number if there are several
    examples.
    """
    bodies = _bodies(row)
    for number, (language, body) in enumerate(bodies):
        suffix = f".{number // 2 + 1}" if len(bodies) > 2 else ""
        yield f"{row.code}{suffix}.{language}", {"summary": f"{row.code} ({language})", "value": body}


def error_header_names(row: ErrorRow) -> set[str]:
    return {name for example in row.examples for name in row.headers(example)}


def error_code_table(rows: Iterable[ErrorRow]) -> str:
    """Makes a Markdown table of all error codes, for people."""
    cells = [
        f"| {row.status} | `{row.code}` | {str(_bodies(row)[0][1]['message']).replace('|', ' ')} |"
        for row in sorted(rows, key=lambda row: (row.status, row.code))
    ]
    lines = ["| Status | Code | For example |", "|---|---|---|", *cells]
    return "\n".join(["<details><summary>Every error code</summary>", "", *lines, "", "</details>"]) + "\n"


def _bodies(row: ErrorRow) -> list[tuple[str, Json]]:
    """Gives the body of each example in each language, as pairs of language and body."""
    if not row.examples:
        return [(ENGLISH, error_body(row, None, ENGLISH))]
    return [
        (language, error_body(row, example, language))
        for example in row.examples
        for language in row.template_by_available_language
    ]


def _schema_of(name: str, value: object) -> Json:
    match value:
        case int():
            return {"type": "integer"}
        case list() | tuple():
            return {"type": "array", "items": {"type": "string"}}
        case str() if name.endswith("At"):
            return {"type": "string", "format": "date-time"}
    return {"type": "string"}
