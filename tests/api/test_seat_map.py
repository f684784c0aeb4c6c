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


def test_an_unknown_screening_has_no_map_whatever_one_has(api: Api) -> None:
    path = "/api/sessions/550e8400-e29b-41d4-a716-446655440000/seats"

    assert api.get(path, If_None_Match="*").status == 404
