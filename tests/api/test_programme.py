"""GET /api/sessions and /api/sessions/{id} as something that a CDN may answer for a second."""

import pytest

from tests.http_api import Answer, Api

START = "2071-05-0{}T19:00:00Z"
PROGRAMME = "/api/sessions?from=2071-05-01T00:00:00Z"


def tag_of(answer: Answer) -> str:
    assert answer.headers["cache-control"] == "public, max-age=0, s-maxage=1"
    return answer.headers["etag"]


@pytest.mark.parametrize("path", [PROGRAMME, "/api/sessions/{session_id}"])
def test_who_has_the_answer_already_is_told_so_and_nothing_else(api: Api, session_id: str, path: str) -> None:
    path = path.format(session_id=session_id)
    tag = tag_of(api.get(path))
    again = api.get(path, If_None_Match=tag)

    assert (again.status, again.text, tag_of(again)) == (304, "", tag)
    assert api.get(path, If_None_Match='"another"').status == 200


def test_a_new_screening_is_in_the_programme_of_who_scheduled_it_at_once(api: Api) -> None:
    tag = tag_of(api.get(PROGRAMME))
    scheduled = api.schedule(startTime=START.format(2))

    answer = api.get(PROGRAMME, If_None_Match=tag)
    assert scheduled in [one["sessionId"] for one in answer.body["sessions"]]


@pytest.mark.parametrize("path", ["/api/sessions/unknown", "/api/sessions?limit=0", "/api/sessions?cursor=x"])
def test_a_refusal_is_kept_by_nobody(api: Api, path: str) -> None:
    answer = api.get(path)

    assert answer.status in (400, 404)
    assert answer.headers["cache-control"] == "no-store"
