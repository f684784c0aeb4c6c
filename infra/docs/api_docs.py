"""Files that are made from the API's tables: `python -m infra.docs.api_docs [--check]`.

docs/api/openapi.json              the document at /openapi.json, so that a change of the contract shows in a diff
docs/api/cinema-tickets.http       requests for editors and terminals: the dialect of VS Code's REST Client
docs/api/cinema-tickets.postman_collection.json
chalicelib/web/board/reasons.js    the reasons of refusals, in the board's words

The requests of a purchase come first, each with values from earlier answers. One request of each other operation
follows.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalice.app import Chalice

from chalicelib.api.http.errors import ERRORS
from chalicelib.api.openapi.document import OpenApiTablesMismatch, document, to_indented_json
from infra.processes import ROOT

HERE = ROOT / "docs" / "api"
BASE_URL = "http://127.0.0.1:8000"

BUYERS_WAY = ("schedule_session", "show_seats", "hold_seats", "confirm_reservation", "list_purchases")
REMEMBERED = {"schedule_session": "sessionId", "hold_seats": "reservationId"}
"""The field of an operation's answer that later requests use."""
SUPPLIED = {"userId": "user-123", "queue": "email", "code": "K7QX-2MNP", "webhookId": "yours"}
"""The values of variables that come from no answer. `webhookId` is a placeholder, because its requests need a
signature."""
AS_THEY_STAND = {
    "start_payment": (409,),  # refused: it is paid for by then
    "cancel_reservation": (409,),  # refused for the same reason
    "show_invoice": (404, 303, 200),  # not made yet; made; the file itself, where the tool follows the redirect
    "show_tickets": (404, 200),  # not signed yet; signed
    "transfer_ticket": (404,),  # nobody has a ticket with the code of the example
    "admit_ticket": (404,),
    "hear_gateway": (401,),  # refused: only the gateway can sign
    "replay_notifications": (401,),
}
"""The expected statuses of requests that are only examples. They change nothing, and most are refused."""
FRESH = {"Idempotency-Key": "{{$guid}}", "transactionId": "tx-{{$guid}}"}
"""Headers and fields to which the tools give a new value for each request, because a payment buys only once."""

MULTIPLE_CHOICES = 300

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """An example request. `{{name}}` in its path or body stands for a variable. `expected` has the possible
    statuses."""

    view: str
    title: str
    topic: str
    method: str
    path: str
    expected: tuple[int, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    gets_json: bool = True

    @property
    def remembered(self) -> str | None:
        return REMEMBERED.get(self.view)


def generate_files(app: Chalice) -> dict[Path, str]:
    """Makes the contents of the generated files, by path."""
    text = to_indented_json(document(app)) + "\n"
    known = json.loads(text)
    requests = list(requests_of(known))
    return {
        HERE / "openapi.json": text,
        HERE / "cinema-tickets.http": http_file(requests),
        HERE / "cinema-tickets.postman_collection.json": postman_collection(requests, known["info"]),
        ROOT / "chalicelib" / "web" / "board" / "reasons.js": reasons_of_refusals(),
    }


def outdated(app: Chalice) -> list[str]:
    """Names the committed files that differ from the generated ones."""
    return [_name(path) for path, text in generate_files(app).items() if _text(path) != text]


def reasons_of_refusals() -> str:
    """Makes the board's module of reasons, in Prettier's form."""
    rows = [row for row in ERRORS if any(row.on_board)]
    english, portuguese = (
        "".join(f"    {row.code}: {json.dumps(row.on_board[language], ensure_ascii=False)},\n" for row in rows)
        for language in (0, 1)
    )
    return REASONS.format(english=english, portuguese=portuguese)


REASONS = """\
// @ts-check
/** Why requests are refused, in short texts. Made by `make api-docs` from chalicelib/api/http/errors.py. */

export const REASONS = {{
  en: {{
{english}  }},
  "pt-BR": {{
{portuguese}  }},
}};
"""


def requests_of(document: Json) -> Iterator[Request]:
    """Makes one request of each operation. The requests of a purchase come first."""
    operations = {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    others = [view for view in operations if view not in BUYERS_WAY]
    for view in (*BUYERS_WAY, *others):
        yield _request(view, *operations[view])


def _request(view: str, method: str, path: str, operation: Json) -> Request:
    headers = {
        parameter["name"]: FRESH[parameter["name"]]
        for parameter in operation["parameters"]
        if parameter.get("name") in FRESH
    }
    body = ""
    if "requestBody" in operation:
        headers["Content-Type"], content = next(iter(operation["requestBody"]["content"].items()))
        body = json.dumps(_with_variables(content["example"]), indent=2, ensure_ascii=False)
    placed = re.sub(r"{(\w+)}", lambda found: f"{{{{{_to_camel_case(found[1])}}}}}", path)
    expected = AS_THEY_STAND.get(view) or (int(min(operation["responses"])),)
    success = operation["responses"][min(operation["responses"])]
    gets_json = "application/json" in success["content"] and max(expected) < MULTIPLE_CHOICES
    return Request(view, operation["summary"], operation["tags"][0], method, placed, expected, headers, body, gets_json)


def _with_variables(example: Json) -> Json:
    variables = {name: f"{{{{{name}}}}}" for name in (*REMEMBERED.values(), *SUPPLIED)}
    return {name: (variables | FRESH).get(name, value) for name, value in example.items()}


def _to_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


# .http


def http_file(requests: list[Request]) -> str:
    head = [
        "# Made by `make api-docs`. For VS Code's REST Client and editors that read its dialect.",
        "# Send the requests from the top: each remembers what those after it are about.",
        "",
        f"@baseUrl = {BASE_URL}",
        *(f"@{name} = {value}" for name, value in SUPPLIED.items()),
        "",
    ]
    before = [None, *requests[:-1]]
    return "\n".join([*head, *map(_in_http, requests, before)])


def _in_http(request: Request, before: Request | None) -> str:
    """Writes a request, below the variable that the request before it sets: below that one's body it would be text."""
    lines = [f"### {request.title}"]
    if before and before.remembered:
        lines += [f"@{before.remembered} = {{{{{before.view}.response.body.$.{before.remembered}}}}}", ""]
    if request.remembered:
        lines.append(f"# @name {request.view}")
    lines.append(f"{request.method} {{{{baseUrl}}}}{request.path}")
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines += ["", request.body] if request.body else []
    return "\n".join([*lines, "", ""])


# Postman


def postman_collection(requests: list[Request], info: Json) -> str:
    topics = dict.fromkeys(request.topic for request in requests if request.view not in BUYERS_WAY)
    way = [_in_postman(request) for request in requests if request.view in BUYERS_WAY]
    folders = [
        {
            "name": topic,
            "item": [_in_postman(each) for each in requests if each.topic == topic and each.view not in BUYERS_WAY],
        }
        for topic in topics
    ]
    collection = {
        "info": {
            "name": info["title"],
            "description": "Made by `make api-docs`. Run the folder «Buying» from its top: each request remembers what "
            "those after it are about.",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "item": [{"name": "Buying", "item": way}, *folders],
        "variable": [
            {"key": "baseUrl", "value": BASE_URL},
            *({"key": name, "value": value} for name, value in SUPPLIED.items()),
            *({"key": name, "value": ""} for name in REMEMBERED.values()),
        ],
    }
    return json.dumps(collection, indent=1, ensure_ascii=False) + "\n"


def _in_postman(request: Request) -> Json:
    item: Json = {
        "name": request.title,
        "request": {
            "method": request.method,
            "header": [{"key": name, "value": value} for name, value in request.headers.items()],
            "url": {
                "raw": f"{{{{baseUrl}}}}{request.path}",
                "host": ["{{baseUrl}}"],
                "path": request.path.strip("/").split("/"),
            },
        },
    }
    if request.body:
        item["request"]["body"] = {
            "mode": "raw",
            "raw": request.body,
            "options": {"raw": {"language": "json"}},
        }
    item["event"] = [
        {"listen": "test", "script": {"type": "text/javascript", "exec": list(_postman_test_lines(request))}}
    ]
    return item


def _postman_test_lines(request: Request) -> Iterator[str]:
    """Gives the lines of Postman's test, which checks the answer and sets its variable."""
    statuses, words = list(request.expected), " or ".join(map(str, request.expected))
    yield f'pm.test("answers {words}", () => pm.expect(pm.response.code).to.be.oneOf({statuses}));'
    yield 'pm.test("tells its id", () => pm.response.to.have.header("X-Request-Id"));'
    if request.gets_json:
        yield 'pm.test("is JSON", () => pm.response.to.be.json);'
    if request.remembered:
        yield f'pm.collectionVariables.set("{request.remembered}", pm.response.json().{request.remembered});'


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.docs.api_docs", description="Writes docs/api and the board's reasons of refusals anew."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is out of date")
    checks_only = parser.parse_args().check
    os.environ["STAGE"] = "local"
    from app import app  # imported late: it reads the environment

    try:
        return _check_files(app) if checks_only else _write_files(app)
    except OpenApiTablesMismatch as remedy:
        sys.exit(str(remedy))


def _check_files(app: Chalice) -> int:
    late = outdated(app)
    print(f"Out of date: {', '.join(late)}. Run `make api-docs`." if late else "All files are up to date.")
    return 1 if late else 0


def _write_files(app: Chalice) -> int:
    HERE.mkdir(exist_ok=True)
    for path, text in generate_files(app).items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {_name(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
