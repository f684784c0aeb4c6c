"""Headers that every answer has, whoever gives it: ours, Chalice's, the gateway's."""

from collections.abc import Iterator

import pytest
from chalice.app import Chalice

from infra.local import server
from tests.conftest import other_settings
from tests.http_api import SCREENING, Api


def answers_of(api: Api) -> dict[str, dict[str, str]]:
    answers = {
        "an answer": api.get("/health"),
        "a page": api.get("/"),
        "the docs": api.get("/docs"),
        "what is known already": api.get("/openapi.json", If_None_Match=api.get("/openapi.json").headers["etag"]),
        "a refusal": api.get("/api/sessions?limit=0"),
        "no such screening": api.get("/api/sessions/unknown"),
        "no such file": api.get("/assets/docs/unknown.js"),
        "no such address": api.get("/nothing"),
        "a wrong method": api.send("PUT", "/api/sessions"),
        "not JSON": api.send("POST", "/api/sessions", "a=b", Content_Type="application/x-www-form-urlencoded"),
        "unreadable": api.send("GET", "/api/sessions/%zz"),
        "too long": api.post("/api/sessions", {**SCREENING, "movieTitle": "x" * 100_000}),
    }
    return {what: answer.headers for what, answer in answers.items()}


def test_every_answer_is_what_it_says_it_is(api: Api) -> None:
    for what, headers in answers_of(api).items():
        assert headers["x-content-type-options"] == "nosniff", what
        assert "strict-transport-security" not in headers, f"{what}: there is no HTTPS on a laptop"


@pytest.fixture
def deployed(app: Chalice, data_stack: str) -> Iterator[Api]:
    """Gives an API of a stage that is not on a laptop, as on AWS."""
    with other_settings(STAGE="prod", ID_SECRET="s" * 32), server.serve_app(app) as url:
        yield Api(url)


def test_where_https_serves_it_every_answer_of_ours_says_that_only_https_does(deployed: Api) -> None:
    by_the_gateway = {"no such address", "unreadable"}
    for what, headers in answers_of(deployed).items():
        assert headers["x-content-type-options"] == "nosniff", what
        if what not in by_the_gateway:
            assert headers["strict-transport-security"] == "max-age=31536000", what
