"""A client that compares each answer with the API's document: an operation answers nothing undocumented."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

from tests.http_api import Answer, Api

Json = dict[str, Any]
JSON = "application/json"


@dataclass(frozen=True)
class Document:
    content: Json
    checks: dict[tuple[str, str], Draft202012Validator] = field(default_factory=dict)

    def faults(self, method: str, path: str, answer: Answer) -> list[str]:
        """Lists how the answer differs from the document. A request for no operation must get 404 or 405.

        HEAD is like GET, without a body.
        """
        if method == "HEAD":
            return ["it has a body"] if answer.text else []
        route = next((route for route, form in self._forms if form.fullmatch(urlsplit(path).path)), None)
        if route is None or method.lower() not in self.content["paths"][route]:
            return [] if answer.status in (404, 405) or not _is_json(answer) else ["it is about no operation"]
        response = self.content["paths"][route][method.lower()]["responses"].get(str(answer.status))
        if response is None:
            return [f"{answer.status} is not documented"]
        if "content" not in response:
            return ["it has a body"] if answer.text else []
        (media_type,) = response["content"]
        if _media_type(answer) != media_type:
            return [f"{_media_type(answer)} is not documented"]
        if media_type != JSON:
            return []
        return [
            fault.message
            for fault in self._check(f"{method} {route}", answer.status, response).iter_errors(answer.body)
        ]

    @cached_property
    def _forms(self) -> list[tuple[str, re.Pattern[str]]]:
        """Gives each path with its pattern, those with fewer parameters first."""
        paths = sorted(self.content["paths"], key=lambda path: path.count("{"))
        return [(path, re.compile(re.sub(r"{\w+}", "[^/]+", path) + "/?")) for path in paths]

    def _check(self, operation: str, status: int, response: Json) -> Draft202012Validator:
        key = operation, str(status)
        if key not in self.checks:
            (media,) = response["content"].values()
            known = {"components": {"schemas": closed(self.content["components"]["schemas"])}}
            formats = Draft202012Validator.FORMAT_CHECKER
            self.checks[key] = Draft202012Validator(media["schema"] | known, format_checker=formats)
        return self.checks[key]


def closed(schema: Any) -> Any:
    """Gives the same schema, which allows no field that it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    shaped = {name: closed(each) for name, each in schema.items()}
    return {**shaped, "additionalProperties": False} if "properties" in shaped else shaped


def _is_json(answer: Answer) -> bool:
    return _media_type(answer) == JSON


def _media_type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0]


@dataclass(frozen=True)
class DocumentedApi(Api):
    document: Document

    def send(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        answer = super().send(method, path, body, **headers)
        faults = self.document.faults(method, path, answer)
        assert not faults, (
            f"{method} {path} is not as /openapi.json says (see chalicelib/api/openapi/routes.py): {faults}"
        )
        return answer
