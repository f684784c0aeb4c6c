"""The OpenAPI document: complete, valid, and as the code is."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from chalice.app import Blueprint, Chalice
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.api import audit
from chalicelib.api.http import methods
from chalicelib.api.http.errors import ERROR_ROWS_BY_CODE, ERRORS, nearest_error_row
from chalicelib.api.http.messages import error_message
from chalicelib.api.openapi.document import OpenApiTablesMismatch, document, require_described, to_indented_json
from chalicelib.api.openapi.parameters import PATH
from chalicelib.api.openapi.routes import FOR_BROWSERS, OPERATIONS
from chalicelib.api.wire.languages import ENGLISH, PORTUGUESE
from infra.docs import api_docs
from infra.local import api_gateway
from infra.processes import ROOT
from tests.documented import closed

Json = dict[str, Any]

LOCAL_ONLY = {"MISDIRECTED_REQUEST", "REQUEST_TIMEOUT"}
"""Codes of infra/local/server.py alone, which API Gateway never answers."""


@pytest.fixture(scope="module")
def made(app: Chalice) -> Json:
    return dict(json.loads(to_indented_json(document(app))))


def resolved(made: Json, node: Json) -> Json:
    """Follows a $ref."""
    while "$ref" in node:
        found: Any = made
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def operations(made: Json) -> Iterator[tuple[str, Json]]:
    for path, known in made["paths"].items():
        for method, operation in known.items():
            yield f"{method.upper()} {path}", operation


def contents(made: Json) -> Iterator[tuple[str, Json, Any]]:
    """Gives the place, the schema and the value of each example of a body."""
    for route, operation in operations(made):
        bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for where, body in bodies.items():
            for media in body.get("content", {}).values():
                if "example" in media:
                    yield f"{route} {where}", media["schema"], media["example"]
                for name, example in media.get("examples", {}).items():
                    yield f"{route} {where} {name}", media["schema"], resolved(made, example)["value"]


def answers_of(made: Json) -> Json:
    return {name: schema for name, schema in made["components"]["schemas"].items() if not name.endswith("Request")}


def codes(made: Json) -> set[str]:
    return {re.sub(r"(\.\d)?\.[\w-]+$", "", name) for name in made["components"]["examples"]}


def test_it_is_valid_openapi(made: Json) -> None:
    assert made["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(made).validate()


def test_every_example_is_what_its_schema_says_and_nothing_more(made: Json) -> None:
    types = closed(made["components"]["schemas"])
    found = list(contents(made))
    for where, schema, example in found:
        whole = {**schema, "components": {"schemas": types}}
        check = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
        assert not list(check.iter_errors(example)), where
    assert {where.split()[1] for where, _, _ in found} == set(made["paths"])


def test_every_parameters_example_is_what_its_schema_says(made: Json) -> None:
    for route, operation in operations(made):
        for parameter in (resolved(made, each) for each in operation["parameters"]):
            if "example" in parameter:
                assert Draft202012Validator(parameter["schema"]).is_valid(parameter["example"]), (route, parameter)
        in_path = {p["name"] for p in operation["parameters"] if p.get("in") == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", route))


def test_the_routes_are_in_it_and_the_views_that_only_say_405_are_not(made: Json, app: Chalice) -> None:
    served = {
        f"{method} {path}"
        for path, known in app.routes.items()
        for method, entry in known.items()
        if entry.view_function.__name__ != "refuse_method" and method != "HEAD"
    }
    assert served - {route for route, _ in operations(made)} == served & FOR_BROWSERS
    assert len(dict(operations(made))) >= 14


def test_a_route_that_is_not_described_is_refused_with_the_remedy(app: Chalice) -> None:
    added = Chalice("with-a-new-route", configure_logs=False)
    added.routes.update(app.routes)
    routes = Blueprint(__name__)
    routes.route("/api/new/{thing}", methods=["POST"])(audit.list_events)
    added.register_blueprint(routes)

    with pytest.raises(
        OpenApiTablesMismatch, match=r"Describe POST /api/new/\{thing\} in OPERATIONS of chalicelib/api"
    ):
        document(added)


def test_each_refusal_and_path_parameter_of_the_future_is_asked_for_by_name() -> None:
    with pytest.raises(OpenApiTablesMismatch, match=r"Describe thing in PATH of chalicelib/api/openapi/parameters.py"):
        require_described(["session_id", "thing"], PATH, "PATH of chalicelib/api/openapi/parameters.py")


def test_an_operation_without_a_route_is_refused_with_the_remedy() -> None:
    with pytest.raises(OpenApiTablesMismatch, match=r"No route is .*GET /health.*: remove it"):
        document(Chalice("without-routes", configure_logs=False))


def test_a_view_that_only_says_405_or_answers_head_is_known_as_such() -> None:
    app = Chalice("one-route", configure_logs=False)
    app.register_blueprint(audit.routes)
    methods.answer_head_and_refuse_others(app)
    views = app.routes["/api/sessions/{session_id}/events"]

    assert [
        method for method, entry in views.items() if not methods.is_added_head_or_refusal_view(entry.view_function)
    ] == ["GET"]


def test_every_error_that_a_route_names_has_its_row() -> None:
    assert not [
        kind for operation in OPERATIONS.values() for kind in operation.errors if nearest_error_row(kind) is None
    ]


def test_every_error_is_answered_by_some_operation(made: Json) -> None:
    """A new one is not forgotten in the routes. API Gateway answers for a route what is left here, or no route does."""
    described = " ".join(answer["description"] for _, one in operations(made) for answer in one["responses"].values())

    assert {code for code in ERROR_ROWS_BY_CODE if f"`{code}`" not in described} == {"METHOD_NOT_ALLOWED"}


def test_every_code_is_in_it_in_each_language_that_it_is_told_in(made: Json) -> None:
    ours = {row.code for row in ERRORS if row.examples}
    examples = made["components"]["examples"].values()
    told = {(example["value"]["error"], example["value"]["message"]) for example in examples}

    assert codes(made) == ERROR_ROWS_BY_CODE.keys()
    assert len(told) >= 2 * len(ours)
    assert all(f"`{code}`" in made["info"]["description"] for code in codes(made))
    for code in ours:
        spoken = {name.rpartition(".")[2] for name in made["components"]["examples"] if name.startswith(f"{code}.")}
        assert spoken == {ENGLISH, PORTUGUESE}, code


def test_what_the_gateway_says_by_itself_is_in_it_with_the_gateways_words(made: Json) -> None:
    template = yaml.safe_load((ROOT / "infra" / "cloud" / "app.yaml").read_text())
    responses = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"][
        "x-amazon-apigateway-gateway-responses"
    ]
    said = {name: json.loads(each["responseTemplates"]["application/json"]) for name, each in responses.items()}
    told = {body["error"] for body in said.values()}
    locally = {code for _, code, _ in (*api_gateway.GATEWAY_ERRORS.values(), api_gateway.MALFORMED)}

    assert told | (locally - LOCAL_ONLY) <= codes(made)
    assert {row.code for row in ERRORS if not row.examples} <= told
    for name, body in said.items():
        row = ERROR_ROWS_BY_CODE[body["error"]]
        assert body["message"] == error_message(row.code, body, ENGLISH), name
        assert responses[name].get("statusCode", str(row.status)) == str(row.status), name


def test_every_answer_may_be_that_something_went_wrong_or_that_there_are_too_many_requests(made: Json) -> None:
    for route, operation in operations(made):
        assert {"400", "429", "500"} <= operation["responses"].keys(), route


def test_no_description_has_the_indentation_of_our_source(made: Json) -> None:
    """Python 3.13 removes it from docstrings, earlier ones keep it: the document is the same on each."""
    described = [schema["description"] for schema in made["components"]["schemas"].values() if "description" in schema]

    assert described
    assert not [text for text in described if "\n " in text]


def test_money_is_shown_with_two_decimals(made: Json, app: Chalice) -> None:
    assert '"totalAmount": 50.00' in to_indented_json(document(app))
    assert made["components"]["schemas"]["HeldBody"]["properties"]["totalAmount"]["type"] == "number"


def test_what_is_left_out_when_it_is_not_known_is_not_said_to_be_null(made: Json) -> None:
    reservation = made["components"]["schemas"]["ReservationBody"]

    assert reservation["properties"]["saleId"] == {"type": "string"}
    assert "saleId" not in reservation["required"]
    assert not [name for name, schema in answers_of(made).items() if '"null"' in json.dumps(schema)]


def test_what_is_made_leads_to_the_operations_that_are_about_it(made: Json) -> None:
    links = made["paths"]["/api/reservations"]["post"]["responses"]["201"]["links"]

    assert links.keys() == {
        "show_reservation",
        "show_calendar_entry",
        "start_payment",
        "confirm_reservation",
        "cancel_reservation",
        "show_invoice",
        "show_tickets",
    }
    assert links["confirm_reservation"]["parameters"] == {"reservation_id": "$response.body#/reservationId"}


def test_the_files_made_by_api_docs_are_up_to_date(app: Chalice) -> None:
    assert not api_docs.outdated(app), "run `make api-docs` and commit what it writes"
