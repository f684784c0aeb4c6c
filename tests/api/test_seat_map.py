"""GET /api/sessions/{id}/seats as something to be kept and asked about again."""

import pytest

from tests.http_api import Api


def seats(api: Api, session_id: str, known: str = "") -> tuple[int, str, str]:
    """Status, ETag and body."""
    answer = api.get(f"/api/sessions/{session_id}/seats", **({"If_None_Match": known} if known else {}))
    assert answer.headers["cache-control"] == "no-cache"
    return answer.status, answer.headers["etag"], answer.text


def test_who_has_the_map_already_is_told_so_and_nothing_else(api: Api, session_id: str) -> None:
    _, tag, body = seats(api, session_id)

    assert tag.startswith('"')
    assert tag.endswith('"')
    assert seats(api, session_id) == (200, tag, body)
    assert seats(api, session_id, tag) == (304, tag, "")


@pytest.mark.parametrize("known", ["W/{}", '"another", {}', '"another",W/{}', "*"])
def test_a_tag_is_found_however_it_is_named(api: Api, session_id: str, known: str) -> None:
    _, tag, _ = seats(api, session_id)

    assert seats(api, session_id, known.format(tag))[0] == 304


@pytest.mark.parametrize("known", ['"another"', "not a tag", ",,,", '"', "W/", "x" * 4000])
def test_another_tag_or_none_gets_the_map(api: Api, session_id: str, known: str) -> None:
    assert seats(api, session_id, known)[0] == 200


def test_each_change_of_the_seats_has_another_tag_at_once(api: Api, session_id: str) -> None:
    tags = [seats(api, session_id)[1]]
    reservation = api.hold(session_id, "A1").body["reservationId"]
    tags.append(seats(api, session_id)[1])
    api.confirm(reservation)
    tags.append(seats(api, session_id)[1])

    assert len(set(tags)) == 3
    assert seats(api, session_id, tags[1])[0] == 200


def test_a_hold_that_lapses_changes_the_tag_though_nobody_wrote_anything(quick: Api) -> None:
    session_id = quick.schedule()
    free = seats(quick, session_id)[1]
    quick.hold(session_id, "A1")
    held = seats(quick, session_id)[1]
    assert held != free

    while seats(quick, session_id, held)[0] == 304:
        pass
    assert seats(quick, session_id)[1] == free


def test_who_takes_a_map_that_is_a_second_old_may_be_answered_by_a_cache_in_between(api: Api, session_id: str) -> None:
    fresh = api.get(f"/api/sessions/{session_id}/seats")
    shared = api.get(f"/api/sessions/{session_id}/seats?maxAge=1")

    assert shared.headers["cache-control"] == "public, max-age=0, s-maxage=1"
    assert (shared.text, shared.headers["etag"]) == (fresh.text, fresh.headers["etag"])
    assert "ratelimit-limit" not in shared.headers, "the quota of one would mislead the others"


@pytest.mark.parametrize(("age", "status"), [("0", 200), ("2", 400), ("", 400), ("-1", 400), ("1.0", 400)])
def test_another_age_is_not_shared(api: Api, session_id: str, age: str, status: int) -> None:
    answer = api.get(f"/api/sessions/{session_id}/seats?maxAge={age}")

    assert answer.status == status
    assert "public" not in answer.headers["cache-control"]


def test_a_refusal_is_shared_with_nobody(api: Api) -> None:
    answer = api.get("/api/sessions/550e8400-e29b-41d4-a716-446655440000/seats?maxAge=1")

    assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")


def test_an_unknown_screening_has_no_map_whatever_one_has(api: Api) -> None:
    path = "/api/sessions/550e8400-e29b-41d4-a716-446655440000/seats"

    assert api.get(path, If_None_Match="*").status == 404
