"""/openapi.json, /docs and its files over HTTP; and the requests of docs/api, sent as their tools would send them."""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infra.docs import api_docs
from tests.http_api import Answer, Api

ASSET = re.compile(r"""(?:src|href)=["'](assets/[^"']+)["']""")

Sent = list[tuple[str, Answer]]


def test_the_document_is_the_one_in_docs_and_is_sent_once(api: Api) -> None:
    first = api.get("/openapi.json")
    again = api.get("/openapi.json", If_None_Match=first.headers["etag"])
    weakly = api.get("/openapi.json", If_None_Match=f'"other", W/{first.headers["etag"]}')

    assert (first.status, first.headers["content-type"]) == (200, "application/json")
    assert first.text + "\n" == (api_docs.HERE / "openapi.json").read_text()
    assert (again.status, again.text, again.headers["etag"]) == (304, "", first.headers["etag"])
    assert weakly.status == 304
    assert first.headers["cache-control"] == "no-cache"


def test_the_docs_may_only_load_and_run_what_is_ours(api: Api) -> None:
    page = api.get("/docs")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))

    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert page.headers["x-content-type-options"] == "nosniff"


def test_every_file_of_the_docs_is_there_and_kept_for_good_under_its_version(api: Api) -> None:
    references = ASSET.findall(api.get("/docs").text)
    assert len(references) == 5
    for reference in references:
        versioned, plain = api.get(f"/{reference}"), api.get(f"/{reference.partition('?')[0]}")

        assert versioned.status == 200
        assert versioned.text == plain.text
        assert versioned.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert plain.headers["cache-control"] == "no-cache"
        assert api.get(f"/{reference}", If_None_Match=versioned.headers["etag"]).status == 304


def test_an_old_version_in_an_address_is_not_kept(api: Api) -> None:
    assert api.get("/assets/docs/docs.js?v=0").headers["cache-control"] == "no-cache"


def test_a_slash_too_much_leads_back_to_the_page_whose_references_are_relative(api: Api) -> None:
    answer = api.get("/docs/")

    assert (answer.status, answer.headers["location"]) == (308, "../docs")


# The .http file, as VS Code's REST Client reads it.


def http_requests(text: str) -> Iterator[tuple[str, str, list[str], str, str]]:
    """Reads each request: name, method and address, headers, body, and the variables set before it."""
    for block in re.split(r"(?m)^###.*\n", text)[1:]:
        lines = block.splitlines()
        start = next(number for number, line in enumerate(lines) if re.match(r"[A-Z]+ ", line))
        name = next((line.split()[-1] for line in lines[:start] if line.startswith("# @name ")), "")
        head, _, body = "\n".join(lines[start:]).partition("\n\n")
        request, *headers = head.strip().split("\n")
        yield name, request, headers, body.strip(), "\n".join(lines[:start])


@dataclass
class RestClient:
    """Fills the variables of an .http file, as the editor does."""

    variables: dict[str, str]
    named: dict[str, Answer]

    def define(self, part: str) -> None:
        self.variables.update({name: self.fill(text) for name, text in re.findall(r"(?m)^@(\w+) = (.*)$", part)})

    def fill(self, part: str) -> str:
        return re.sub(r"{{(.+?)}}", lambda found: self._value(found[1]), part)

    def _value(self, name: str) -> str:
        if name == "$guid":
            return str(uuid.uuid4())
        if ".response.body.$." in name:
            request, field = name.split(".response.body.$.")
            return str(self.named[request].body[field])
        return self.variables[name]


def sent_from_http_file(text: str, base_url: str) -> Sent:
    client = RestClient({}, {})
    sent: Sent = []
    client.define(text.partition("###")[0])
    client.variables["baseUrl"] = base_url
    for name, request, headers, body, before in http_requests(text):
        client.define(before)
        method, url = client.fill(request).split(" ")
        given = dict(header.split(": ", 1) for header in map(client.fill, headers))
        answer = Api(base_url).send(method, url.removeprefix(base_url), client.fill(body) or None, **given)
        client.named[name] = answer
        sent.append((f"{method} {request.split('}}', 1)[1]}", answer))
    return sent


# The Postman collection, as Postman runs it from its top.

SETS = re.compile(r'pm\.collectionVariables\.set\("(\w+)", pm\.response\.json\(\)\.(\w+)\);')


def sent_from_collection(collection: dict[str, Any], base_url: str) -> Sent:
    variables = {each["key"]: each["value"] for each in collection["variable"]} | {"baseUrl": base_url}
    sent: Sent = []

    def filled(part: str) -> str:
        known = {**variables, "$guid": str(uuid.uuid4())}
        return re.sub(r"{{(.+?)}}", lambda found: known[found[1]], part)

    for item in (item for folder in collection["item"] for item in folder["item"]):
        request = item["request"]
        url, body = filled(request["url"]["raw"]), filled(request.get("body", {}).get("raw", ""))
        headers = {header["key"]: filled(header["value"]) for header in request["header"]}
        answer = Api(base_url).send(request["method"], url.removeprefix(base_url), body or None, **headers)
        for event in item.get("event", []):
            for variable, field in SETS.findall("\n".join(event["script"]["exec"])):
                variables[variable] = answer.body[field]
        sent.append((f"{request['method']} {request['url']['raw'].split('}}', 1)[1]}", answer))
    return sent


@pytest.fixture(params=["http", "postman"])
def sent(api: Api, request: pytest.FixtureRequest) -> Sent:
    if request.param == "http":
        return sent_from_http_file((api_docs.HERE / "cinema-tickets.http").read_text(), api.base_url)
    collection = json.loads((api_docs.HERE / "cinema-tickets.postman_collection.json").read_text())
    return sent_from_collection(collection, api.base_url)


def test_the_requests_in_docs_buy_seats_from_top_to_bottom(sent: Sent) -> None:
    (_, session), (_, seats), (_, held), (_, sale), (_, purchases) = sent[:5]

    assert [answer.status for _, answer in sent[:5]] == [201, 200, 201, 200, 200]
    assert seats.body["sessionId"] == session.body["sessionId"]
    assert held.body["seats"] == sale.body["seats"] == ["A1", "A2"]
    assert sale.body["saleId"] in [purchase["saleId"] for purchase in purchases.body["purchases"]]


def test_every_operation_has_a_request_in_docs_that_is_answered(sent: Sent, api: Api) -> None:
    document = api.get("/openapi.json").body
    known = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    asked = {re.sub(r"{{(\w+?)(Id)?}}", _parameter, route) for route, _ in sent}
    refused = [(route, answer.status) for route, answer in sent if answer.status >= 300]

    assert asked == known
    assert dict(refused) == {
        "DELETE /api/reservations/{{reservationId}}": 409,  # its seats are sold by now
        "GET /api/reservations/{{reservationId}}/invoice": 404,  # it takes a consumer to make one
        "GET /api/reservations/{{reservationId}}/tickets": 404,  # as for the invoice
        "POST /api/tickets/admit": 404,  # no ticket has the code in the examples
        "POST /api/tickets/{{code}}/transfer": 404,
        "POST /api/webhooks/{{webhookId}}/replay": 401,  # it is not signed
        "POST /api/payments/webhook": 401,  # nor is this
        "POST /api/reservations/{{reservationId}}/payment": 409,  # it is paid for
    }


def _parameter(variable: re.Match[str]) -> str:
    name, is_id = variable.groups()
    return f"{{{name}_id}}" if is_id else f"{{{name}}}"
