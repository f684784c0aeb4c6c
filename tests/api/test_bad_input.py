"""Whatever a client sends: 4xx in the contract's form, never 5xx, and nothing has changed."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import ApiServers
from tests.http_api import PROVIDERS, SCREENING, Answer, Api

HOLD = {"sessionId": "", "userId": "user-123", "seatNumbers": ["A1"]}
PAYMENT = {"paymentMethod": "credit_card", "transactionId": "tx-456"}

BAD_SCREENINGS: dict[str, dict[str, Any]] = {
    "no title": {"movieTitle": None},
    "empty title": {"movieTitle": ""},
    "blank title": {"movieTitle": "   "},
    "title of 100 kB": {"movieTitle": "x" * 50_000},
    "control characters": {"movieTitle": "a\u0000b"},
    "a line break": {"roomNumber": "A1\n"},
    "0 seats": {"totalSeats": 0},
    "-1 seats": {"totalSeats": -1},
    "2,001 seats": {"totalSeats": 2001},
    "a billion seats": {"totalSeats": 10**9},
    "10^30 seats": {"totalSeats": 10**30},
    "seats as text": {"totalSeats": "16"},
    "seats as a boolean": {"totalSeats": True},
    "half a seat": {"totalSeats": 1.5},
    "price as a boolean": {"ticketPrice": True},
    "price as text": {"ticketPrice": "25.00"},
    "negative price": {"ticketPrice": -0.01},
    "three decimals": {"ticketPrice": 1.001},
    "price beyond reason": {"ticketPrice": 1e12},
    "impossible date": {"startTime": "2024-02-30T19:00:00Z"},
    "no time zone": {"startTime": "2024-02-15T19:00:00"},
    "date as a number": {"startTime": 1708023600},
    "before the calendar": {"startTime": "0001-01-01T00:00:00+14:00"},
    "the year 1": {"startTime": "0001-01-02T00:00:00Z"},
    "the year 1999": {"startTime": "1999-12-31T23:59:59Z"},
    "the year 2100": {"startTime": "2100-01-01T00:00:00Z"},
    "the year 9999": {"startTime": "9999-12-31T23:59:59Z"},
    "seats and a bit": {"totalSeats": 16.000001},
    "a title that arrived damaged": {"movieTitle": "Am\ufffdlie"},
    "rows of 0": {"seatsPerRow": 0},
    "rows of 51": {"seatsPerRow": 51},
    "rows as a boolean": {"seatsPerRow": True},
}

BAD_HOLDS: dict[str, dict[str, Any]] = {
    "no seats": {"seatNumbers": []},
    "seats as text": {"seatNumbers": "A1"},
    "seats as numbers": {"seatNumbers": [1]},
    "5,000 seats": {"seatNumbers": [f"A{n}" for n in range(1, 5001)]},
    "nine seats": {"seatNumbers": [f"A{n}" for n in range(1, 10)]},
    "a malformed seat": {"seatNumbers": ["1A"]},
    "seat 0": {"seatNumbers": ["A0"]},
    "a leading zero": {"seatNumbers": ["A01"]},
    "lower case": {"seatNumbers": ["a1"]},
    "a seat with a line break": {"seatNumbers": ["A1\n"]},
    "an expression": {"seatNumbers": ["A1, seats.A2"]},
    "a seat of 50 kB": {"seatNumbers": ["A" * 50_000]},
    "a seat beyond the row": {"seatNumbers": ["A11"]},
    "a row beyond the room": {"seatNumbers": ["C1"]},
    "one good, one unknown": {"seatNumbers": ["A1", "Z9"]},
    "no user": {"userId": None},
    "empty user": {"userId": ""},
    "user as a boolean": {"userId": True},
    "user of 129 characters": {"userId": "u" * 129},
    "user with a control character": {"userId": "user\u0007"},
    "an empty address": {"email": ""},
    "an address without @": {"email": "ana.example.com"},
    "an address without a domain": {"email": "ana@"},
    "an address without a dot": {"email": "ana@localhost"},
    "two addresses": {"email": "ana@example.com, bia@example.com"},
    "an address with a name": {"email": "Ana <ana@example.com>"},
    "an address with a header": {"email": "ana@example.com\r\nBcc: all@example.com"},
    "an address with a line break": {"email": "ana@example.com\n"},
    "an address with a space": {"email": "ana @example.com"},
    "an address with two dots": {"email": "ana..b@example.com"},
    "an address beyond ASCII": {"email": "anã@example.com"},
    "a domain beyond ASCII": {"email": "ana@exãmple.com"},
    "an address literal": {"email": "ana@[127.0.0.1]"},
    "a local part of 65": {"email": f"{'a' * 65}@example.com"},
    "an address of 255": {"email": f"ana@{'b.' * 123}comma"},
    "an address of 50 kB": {"email": f"{'a.' * 25_000}@example.com"},
    "an address as a number": {"email": 7},
    "unknown session": {"sessionId": "550e8400-e29b-41d4-a716-446655440000"},
    "malformed session": {"sessionId": "../../etc/passwd"},
    "session of 50 kB": {"sessionId": "x" * 50_000},
    "session as a number": {"sessionId": 7},
}

BAD_BODIES: dict[str, str | bytes] = {
    "nothing": b"",
    "half a body": '{"sessionId": "x", ',
    "not JSON": "seat=A1",
    "NaN": '{"totalSeats": NaN}',
    "beyond any number": json.dumps(SCREENING).replace("25.0", "1e999"),
    "minus beyond any number": json.dumps(SCREENING).replace("25.0", "-1e999"),
    "a list": "[]",
    "null": "null",
    "a number": "7",
    "not UTF-8": b'{"movieTitle": "\xff\xfe"}',
    "a lone surrogate": '{"movieTitle": "\\ud800"}',
    "10,000 brackets": "[" * 10_000,
    "brackets inside": '{"movieTitle": ' + "[" * 5000 + "]" * 5000 + "}",
}


def assert_refused(answer: Answer, *statuses: int) -> None:
    assert answer.status in statuses, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.body["error"] == answer.body["error"].upper()
    assert answer.body["message"]


@pytest.mark.parametrize("change", BAD_SCREENINGS.values(), ids=BAD_SCREENINGS)
def test_a_bad_screening_is_refused(api: Api, change: dict[str, Any]) -> None:
    assert_refused(api.post("/api/sessions", {**SCREENING, **change}), 400)


@pytest.mark.parametrize("field", ["movieTitle", "startTime", "roomNumber", "totalSeats", "ticketPrice"])
def test_a_missing_field_is_named(api: Api, field: str) -> None:
    answer = api.post("/api/sessions", {name: value for name, value in SCREENING.items() if name != field})

    assert_refused(answer, 400)
    assert answer.body["field"] == f"$.{field}"
    assert answer.body["message"] == f"The request is not valid: “{field}” is missing."


@pytest.mark.parametrize("change", [{"totalSeats": 16.0}, {"seatsPerRow": 1e1}, {"ticketPrice": 25}])
def test_a_whole_number_may_be_written_with_a_point_as_in_json_schema(api: Api, change: dict[str, Any]) -> None:
    answer = api.post("/api/sessions", {**SCREENING, **change})

    assert (answer.status, answer.body["availableSeats"]) == (201, 16)


@pytest.mark.parametrize("start", ["2000-01-01T00:00:00+14:00", "2099-12-31T23:59:59-12:00", "2024-02-15T19:00:00Z"])
def test_the_first_and_last_moments_are_taken_and_can_be_asked_for(api: Api, start: str) -> None:
    session_id = api.schedule(startTime=start)

    assert api.get(f"/api/sessions/{session_id}").status == 200
    assert api.get(f"/api/sessions?limit=1&from={quote(start)}").status == 200


@pytest.mark.parametrize("seats", [["A1\n"], ["A1", "A2\n"], ["\nA1"], ["A1\r\n"]])
def test_a_line_break_in_a_seat_is_malformed_and_not_a_seat_that_is_missing(
    api: Api, session_id: str, seats: list[str]
) -> None:
    answer = api.hold(session_id, *seats)

    assert_refused(answer, 400)
    assert answer.body["field"].startswith("$.seatNumbers[")


@pytest.mark.parametrize("change", BAD_HOLDS.values(), ids=BAD_HOLDS)
def test_a_bad_hold_is_refused_and_holds_nothing(api: Api, session_id: str, change: dict[str, Any]) -> None:
    answer = api.post("/api/reservations", {**HOLD, "sessionId": session_id, **change})

    elsewhere = (403,) if PROVIDERS and "email" in change else ()  # who is signed in is written to at no other address
    assert_refused(answer, 400, 404, *elsewhere)
    assert set(api.seats(session_id).values()) == {"available"}


def test_a_bad_address_is_named_in_the_readers_language(api: Api, session_id: str) -> None:
    bad = {**HOLD, "sessionId": session_id, "email": "ana"}
    english = api.post("/api/reservations", bad).body
    portuguese = api.post("/api/reservations", bad, Accept_Language="pt-BR").body

    assert english["field"] == portuguese["field"] == "$.email"
    assert english["message"] == (
        "The request is not valid: “email” must be an e-mail address such as ana@example.com."
    )
    assert portuguese["message"] == (
        "A requisição não é válida: “email” deve ser um endereço de e-mail como ana@example.com."
    )


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
@pytest.mark.parametrize("path", ["/api/sessions", "/api/reservations", "/api/reservations/res-x/confirm"])
def test_a_body_that_is_no_request_is_refused(api: Api, path: str, body: str | bytes) -> None:
    """Or, where `{}` is a request, for free seats: what it does not know is left alone, and the id is nobody's."""
    statuses = (400, 404) if path.endswith("/confirm") else (400,)
    assert_refused(api.send("POST", path, body, Content_Type="application/json"), *statuses)


@pytest.mark.parametrize(
    "change",
    [{"transactionId": ""}, {"transactionId": 5}, {"transactionId": "t" * 101}, {"paymentMethod": None}],
)
def test_a_bad_payment_is_refused_and_sells_nothing(api: Api, session_id: str, change: dict[str, Any]) -> None:
    reservation = api.hold(session_id, "A1").body["reservationId"]

    answer = api.post(f"/api/reservations/{reservation}/confirm", {**PAYMENT, **change})

    assert_refused(answer, 400)
    assert api.seats(session_id)["A1"] == "reserved"


def test_a_body_of_100_kb_is_too_large(api: Api) -> None:
    answer = api.post("/api/sessions", {**SCREENING, "movieTitle": "x" * 100_000})

    assert_refused(answer, 413)
    assert answer.body["error"] == "PAYLOAD_TOO_LARGE"


def test_a_form_is_not_json(api: Api) -> None:
    answer = api.send("POST", "/api/sessions", "movieTitle=X", Content_Type="application/x-www-form-urlencoded")

    assert_refused(answer, 415)
    assert answer.body["error"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("key", ["k" * 256, "   "], ids=["256 characters", "blank"])
def test_a_malformed_key_is_refused_and_holds_nothing(api: Api, session_id: str, key: str) -> None:
    answer = api.hold(session_id, "A1", Idempotency_Key=key)

    assert_refused(answer, 400)
    assert api.seats(session_id)["A1"] == "available"


def test_a_key_of_255_characters_is_taken(api: Api, session_id: str) -> None:
    assert api.hold(session_id, "A1", Idempotency_Key="k" * 255).status == 201


UNKNOWN = ["res-unknown", "res-" + "A" * 33, "x" * 2000, "%00", "..%2F..", "res-%F0%9F%8E%AC", "{reservation_id}"]


@pytest.mark.parametrize("reservation_id", UNKNOWN)
def test_an_unknown_reservation_is_404(api: Api, reservation_id: str) -> None:
    address = f"/api/reservations/{reservation_id}"

    for answer in (api.get(address), api.delete(address), api.post(f"{address}/confirm", PAYMENT)):
        assert_refused(answer, 404)
        assert answer.body["error"] in ("RESERVATION_NOT_FOUND", "NOT_FOUND")


@pytest.mark.parametrize("session_id", ["unknown", "550e8400-e29b-41d4-a716-446655440000", "x" * 2000, "%00"])
def test_an_unknown_session_is_404(api: Api, session_id: str) -> None:
    for address in (f"/api/sessions/{session_id}", f"/api/sessions/{session_id}/seats"):
        assert_refused(api.get(address), 404)


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/nothing", "/api/sessions/a/b/c", "/%2e%2e/"])
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    answer = api.get(path)

    assert_refused(answer, 404)
    assert answer.body["error"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/sessions"),
        ("DELETE", "/api/sessions"),
        ("GET", "/api/reservations"),
        ("PATCH", "/api/reservations/res-x"),
        ("GET", "/api/reservations/res-x/confirm"),
        ("POST", "/health"),
        ("HEAD", "/api/reservations"),
    ],
)
def test_a_wrong_method_is_405_and_names_the_right_ones(api: Api, method: str, path: str) -> None:
    answer = api.send(method, path)

    assert answer.status == 405
    assert answer.headers["allow"]
    if method != "HEAD":
        assert_refused(answer, 405)


@pytest.mark.parametrize("query", ["limit=1.0", "limit=100.00"])
def test_a_limit_may_be_written_with_a_point_as_in_json_schema(api: Api, query: str) -> None:
    assert api.get(f"/api/sessions?{query}").status == 200


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=-1",
        "limit=²",
        "limit=99999999999",
        "limit=1.5",
        "limit=1.",
        "limit=5%0A",
    ],
)
def test_a_bad_limit_is_refused(api: Api, query: str) -> None:
    quoted = query.replace("²", "%C2%B2")
    for path in ("/api/sessions", "/api/users/u/purchases"):
        assert_refused(api.get(f"{path}?{quoted}"), 400)


@pytest.mark.parametrize("cursor", ["x", "%00", "W10=", "WzEsMl0=", "A" * 3000, "bnVsbA==", "W10=%0A", "=", "é", ""])
def test_a_made_up_cursor_is_refused(api: Api, cursor: str) -> None:
    for path in ("/api/sessions", "/api/users/u/purchases"):
        answer = api.get(f"{path}?cursor={quote(cursor, safe='%=')}")
        assert_refused(answer, 400)
        assert answer.body["error"] == "CURSOR_INVALID"


@pytest.mark.parametrize("moment", ["1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "2024-02-15T19:00:00Z%0A"])
def test_a_moment_out_of_range_is_refused(api: Api, moment: str) -> None:
    assert_refused(api.get(f"/api/sessions?from={moment}"), 400)


@pytest.mark.parametrize(
    "moment", ["", "yesterday", "2024-02-30", "2024-02-15T19:00:00", "0001-01-01T00:00:00%2B14:00"]
)
def test_a_bad_moment_is_refused(api: Api, moment: str) -> None:
    assert_refused(api.get(f"/api/sessions?from={moment}"), 400)


def test_messages_are_portuguese_where_asked_for(api: Api, session_id: str) -> None:
    api.hold(session_id, "A1")
    body = {**HOLD, "sessionId": session_id}

    portuguese = api.post("/api/reservations", body, Accept_Language="pt-BR,pt;q=0.9,en;q=0.8")
    english = api.post("/api/reservations", body, Accept_Language="fr, en;q=0.5")

    assert "já estão ocupados: [A1]" in portuguese.body["message"]
    assert "already taken: [A1]" in english.body["message"]


def test_a_store_that_is_away_is_503_and_says_when_to_come_back(api_servers: ApiServers) -> None:
    answer = Api(api_servers(1, AWS_ENDPOINT_URL="http://127.0.0.1:9")[0]).get(
        "/api/sessions/550e8400-e29b-41d4-a716-446655440000"
    )

    assert_refused(answer, 503)
    assert (answer.body["error"], answer.headers["retry-after"]) == ("TEMPORARILY_UNAVAILABLE", "1")
