"""Pages of other origins: who is named in CORS_ORIGINS may call, and sees the headers that it needs; nobody else."""

import pytest

from tests.conftest import ApiServers
from tests.http_api import Answer, Api

OURS, STRANGERS = "https://cinema.example", "https://evil.example"
PREFLIGHT = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization,idempotency-key"}


@pytest.fixture(scope="module")
def open_api(api_servers: ApiServers) -> Api:
    return Api(api_servers(1, CORS_ORIGINS=f"{OURS}, http://localhost:3000")[0])


def allowed(answer: Answer, name: str) -> set[str]:
    return {one.strip().lower() for one in answer.headers.get(f"access-control-{name}", "").split(",")}


def test_a_page_of_ours_may_send_a_token_and_an_idempotency_key(open_api: Api) -> None:
    answer = open_api.send("OPTIONS", "/api/reservations", Origin=OURS, **PREFLIGHT)

    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["access-control-allow-origin"] == OURS
    assert answer.headers["vary"] == "Origin"
    assert allowed(answer, "allow-methods") >= {"get", "post", "delete"}
    assert allowed(answer, "allow-headers") >= {"authorization", "idempotency-key", "content-type"}
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/api/sessions", "/api/sessions/unknown", "/api/reservations/unknown"])
def test_it_reads_answers_and_errors_with_their_headers(open_api: Api, path: str) -> None:
    answer = open_api.get(path, Origin=OURS)

    assert answer.headers["access-control-allow-origin"] == OURS
    shown = {"etag", "retry-after", "ratelimit-remaining", "ratelimit-limit", "location", "x-request-id"}
    assert allowed(answer, "expose-headers") >= shown


@pytest.mark.parametrize("origin", [STRANGERS, "null", "", f"{OURS}.evil.example", "https://CINEMA.example"])
def test_nobody_else_does(open_api: Api, origin: str) -> None:
    question = open_api.send("OPTIONS", "/api/reservations", Origin=origin, **PREFLIGHT)
    answer = open_api.get("/api/sessions", Origin=origin)

    assert (question.status, question.body["error"]) == (405, "METHOD_NOT_ALLOWED")
    for one in (question, answer):
        assert not {name for name in one.headers if name.startswith("access-control-")}
        assert one.headers["vary"] == "Origin"


def test_without_the_setting_no_page_of_another_origin_may_call(api: Api) -> None:
    question = api.send("OPTIONS", "/api/reservations", Origin=OURS, **PREFLIGHT)

    assert (question.status, question.body["error"], question.headers["allow"]) == (405, "METHOD_NOT_ALLOWED", "POST")
    assert not {name for name in question.headers if name.startswith("access-control-")}
