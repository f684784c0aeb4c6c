"""The answers of product.md, field by field, over HTTP."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from tests.conftest import ApiServers
from tests.http_api import SCREENING, Api

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


def some_moment() -> datetime:
    """A second that no other test starts a screening in."""
    return datetime(2060, 1, 1, tzinfo=UTC) + timedelta(seconds=uuid.uuid4().int % 900_000_000)


def test_a_scheduled_session_is_answered_with_its_id_and_free_seats(api: Api) -> None:
    answer = api.post("/api/sessions", SCREENING)

    assert answer.status == 201
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.body) == {"sessionId", "movieTitle", "availableSeats", "createdAt"}
    assert uuid.UUID(answer.body["sessionId"])
    assert (answer.body["movieTitle"], answer.body["availableSeats"]) == ("Oppenheimer", 16)
    assert MOMENT.fullmatch(answer.body["createdAt"])


def test_a_session_is_shown_as_it_was_scheduled(api: Api) -> None:
    session_id = api.schedule(startTime="2030-01-01T20:30:00-03:00", ticketPrice=32.5, seatsPerRow=8)

    answer = api.get(f"/api/sessions/{session_id}")

    assert answer.status == 200
    created_at = answer.body.pop("createdAt")
    assert MOMENT.fullmatch(created_at)
    assert answer.body == {
        "sessionId": session_id,
        "movieTitle": "Oppenheimer",
        "startTime": "2030-01-01T23:30:00Z",
        "roomNumber": "A1",
        "totalSeats": 16,
        "seatsPerRow": 8,
        "ticketPrice": 32.5,
    }
    assert '"ticketPrice":32.50' in answer.text


def test_the_same_key_and_screening_give_the_same_answer_and_no_second_screening(api: Api, key: str) -> None:
    first = api.post("/api/sessions", SCREENING, Idempotency_Key=key)
    again = api.post("/api/sessions", SCREENING, Idempotency_Key=key)
    other = api.post("/api/sessions", {**SCREENING, "totalSeats": 17}, Idempotency_Key=key)

    assert (first.status, again.status, again.text) == (201, 201, first.text)
    assert uuid.UUID(first.body["sessionId"])
    assert (other.status, other.body["error"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert api.get(f"/api/sessions/{first.body['sessionId']}").body["totalSeats"] == 16


def test_the_programme_is_paged_by_start_time(api: Api) -> None:
    moment = some_moment()
    starts = [(moment + timedelta(milliseconds=number)).isoformat() for number in (18, 15, 21)]
    ids = [api.schedule(startTime=start) for start in starts]

    first = api.get(f"/api/sessions?limit=2&from={quote(moment.isoformat())}").body
    second = api.get(f"/api/sessions?limit=2&from={quote(moment.isoformat())}&cursor={first['nextCursor']}").body

    found = [session["sessionId"] for page in (first, second) for session in page["sessions"]]
    assert found[:3] == [ids[1], ids[0], ids[2]]
    assert len(first["sessions"]) == 2


def test_every_page_of_the_programme_together_names_each_session_once(api: Api) -> None:
    same_start = some_moment().strftime("%Y-%m-%dT%H:%M:%SZ")
    ids = {api.schedule(startTime=same_start) for _ in range(5)}
    listed: list[str] = []
    cursor = ""
    for _ in range(500):
        page = api.get(f"/api/sessions?limit=2&from={same_start}{cursor}").body
        listed += [item["sessionId"] for item in page["sessions"] if item["startTime"] == same_start]
        if "nextCursor" not in page:
            break
        cursor = f"&cursor={page['nextCursor']}"

    assert sorted(listed) == sorted(ids)


def test_the_seat_map_shows_free_held_and_sold_seats_in_order(api: Api, session_id: str) -> None:
    sold = api.hold(session_id, "A3").body["reservationId"]
    api.confirm(sold)
    held = api.hold(session_id, "A2").body

    answer = api.get(f"/api/sessions/{session_id}/seats")

    assert answer.status == 200
    seats = answer.body.pop("seats")
    assert answer.body == {"sessionId": session_id, "totalSeats": 16, "availableSeats": 14}
    assert seats[:3] == [
        {"number": "A1", "status": "available"},
        {"number": "A2", "status": "reserved", "expiresAt": held["expiresAt"]},
        {"number": "A3", "status": "sold"},
    ]
    assert [seat["number"] for seat in seats] == [f"A{n}" for n in range(1, 11)] + [f"B{n}" for n in range(1, 7)]


def test_a_hold_is_answered_with_its_seats_price_and_expiry(api: Api, session_id: str) -> None:
    answer = api.hold(session_id, "A2", "A1")

    assert answer.status == 201
    assert answer.body.pop("reservationId").startswith("res-")
    left = datetime.fromisoformat(answer.body.pop("expiresAt")) - datetime.now().astimezone()
    assert timedelta(seconds=20) < left <= timedelta(seconds=30)
    assert answer.body == {"status": "pending", "seats": ["A1", "A2"], "totalAmount": 50.00}
    assert '"totalAmount":50.00' in answer.text


@pytest.mark.parametrize(
    "email",
    [None, "ana@example.com", "o'brien+cinema@a.b-c.example", f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 57}.com"],
)
def test_an_address_is_optional_and_never_shown(api: Api, session_id: str, email: str | None) -> None:
    request = {"sessionId": session_id, "userId": "ana", "seatNumbers": ["A1"], "email": email}
    held = api.post("/api/reservations", request)
    assert held.status == 201, held.text
    shown = api.get(f"/api/reservations/{held.body['reservationId']}")

    assert "email" not in shown.body
    assert not email or email not in held.text + shown.text


def test_the_same_key_with_another_address_is_another_request(api: Api, session_id: str) -> None:
    first = api.hold(session_id, "A1", email="ana@example.com", Idempotency_Key="k1")
    again = api.hold(session_id, "A1", email="ana@example.com", Idempotency_Key="k1", Accept_Language="pt")
    other = api.hold(session_id, "A1", email="bia@example.com", Idempotency_Key="k1")

    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert (other.status, other.body["error"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_refused_hold_names_the_seats_and_holds_none(api: Api, session_id: str) -> None:
    api.hold(session_id, "A1", "B1")

    answer = api.hold(session_id, "A1", "A2", "B1", user="someone-else")

    assert answer.status == 409
    assert answer.body["error"] == "SEAT_ALREADY_RESERVED"
    assert answer.body["conflictingSeats"] == ["A1", "B1"]
    assert "[A1, B1]" in answer.body["message"]
    assert api.seats(session_id)["A2"] == "available"


@pytest.mark.parametrize(("language", "words"), [("en", "give some back"), ("pt-BR", "desista")])
def test_a_third_live_hold_of_a_user_is_refused_until_the_first_lapses_or_ends(
    api: Api, session_id: str, user: str, language: str, words: str
) -> None:
    first = api.hold(session_id, "A1", user=user).body
    api.hold(session_id, "A2", user=user)

    refused = api.hold(session_id, "A3", user=user, Accept_Language=language)

    assert refused.status == 409
    assert words in refused.body.pop("message")
    assert refused.body == {"error": "TOO_MANY_HOLDS", "limit": 2, "freeAt": first["expiresAt"]}
    assert api.seats(session_id)["A3"] == "available"
    api.confirm(first["reservationId"])
    assert api.hold(session_id, "A3", user=user).status == 201


def test_the_same_seat_twice_in_one_request_is_one_seat(api: Api, session_id: str) -> None:
    answer = api.hold(session_id, "A1", "A1", "A1")

    assert (answer.body["seats"], answer.body["totalAmount"]) == (["A1"], 25.00)


def test_a_hold_of_two_rows_is_sold_as_one(api: Api, session_id: str) -> None:
    reservation = api.hold(session_id, "A10", "B1").body["reservationId"]

    assert api.confirm(reservation).body["seats"] == ["A10", "B1"]
    assert [api.seats(session_id)[seat] for seat in ("A10", "B1")] == ["sold", "sold"]


def test_the_same_key_and_body_give_the_same_answer_and_no_second_effect(api: Api, session_id: str) -> None:
    first = api.hold(session_id, "A1", Idempotency_Key="k")
    again = api.hold(session_id, "A1", Idempotency_Key="k")

    assert (first.status, first.text) == (again.status, again.text)
    assert list(api.seats(session_id).values()).count("reserved") == 1


def test_a_resend_of_a_hold_that_was_cancelled_is_told_so_and_takes_nothing(api: Api, session_id: str) -> None:
    first = api.hold(session_id, "A1", Idempotency_Key="gone")
    api.delete(f"/api/reservations/{first.body['reservationId']}")
    api.hold(session_id, "A1", user="someone-else")

    again = api.hold(session_id, "A1", Idempotency_Key="gone")

    assert (again.status, again.body["error"]) == (410, "RESERVATION_CANCELLED")
    assert again.body["reservationId"] == first.body["reservationId"]


def test_a_resend_after_cancelling_takes_nothing_back(api: Api, session_id: str) -> None:
    first = api.hold(session_id, "A1", Idempotency_Key="cancelled")
    api.delete(f"/api/reservations/{first.body['reservationId']}")

    again = api.hold(session_id, "A1", Idempotency_Key="cancelled")

    assert (again.status, again.body["error"]) == (410, "RESERVATION_CANCELLED")
    assert api.seats(session_id)["A1"] == "available"


def test_a_key_reused_for_another_body_holds_nothing(api: Api, session_id: str) -> None:
    api.hold(session_id, "A1", Idempotency_Key="reused")

    answer = api.hold(session_id, "A2", "B2", Idempotency_Key="reused")

    assert (answer.status, answer.body["error"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert [api.seats(session_id)[seat] for seat in ("A1", "A2", "B2")] == ["reserved", "available", "available"]


def test_two_users_may_use_the_same_key(api: Api, session_id: str) -> None:
    first = api.hold(session_id, "A1", user="one", Idempotency_Key="mine")
    second = api.hold(session_id, "A2", user="two", Idempotency_Key="mine")

    assert (first.status, second.status) == (201, 201)
    assert first.body["reservationId"] != second.body["reservationId"]


def test_a_reservation_is_shown_through_its_life(api: Api, session_id: str, user: str) -> None:
    held = api.hold(session_id, "A1", user=user).body
    address = f"/api/reservations/{held['reservationId']}"
    pending = api.get(address).body
    sale = api.confirm(held["reservationId"]).body
    confirmed = api.get(address).body

    common = {
        "reservationId": held["reservationId"],
        "sessionId": session_id,
        "userId": user,
        "expiresAt": held["expiresAt"],
        "seats": ["A1"],
        "totalAmount": 25.0,
    }
    assert pending == {**common, "status": "pending"}
    assert confirmed == {**common, "status": "confirmed", "saleId": sale["saleId"], "paidAt": sale["paidAt"]}


def test_a_payment_makes_a_sale_and_the_same_payment_the_same_sale(api: Api, session_id: str) -> None:
    reservation = api.hold(session_id, "A1", "A2").body["reservationId"]

    first = api.confirm(reservation)
    again = api.confirm(reservation)

    assert first.status == 200
    assert set(first.body) == {"saleId", "status", "seats", "paidAt", "bookingCode"}
    assert first.body["saleId"].startswith("sale-")
    assert (first.body["status"], first.body["seats"]) == ("confirmed", ["A1", "A2"])
    assert MOMENT.fullmatch(first.body["paidAt"])
    assert (again.status, again.text) == (200, first.text)


def test_a_second_payment_is_refused(api: Api, session_id: str) -> None:
    reservation = api.hold(session_id, "A1").body["reservationId"]
    api.confirm(reservation, "tx-1")

    answer = api.confirm(reservation, "tx-2")

    assert (answer.status, answer.body["error"]) == (409, "RESERVATION_ALREADY_PAID")


def test_a_purchase_is_in_the_history_as_soon_as_it_is_confirmed(api: Api, session_id: str, user: str) -> None:
    reservation = api.hold(session_id, "A1", "A2", user=user).body["reservationId"]
    api.hold(session_id, "A3", user=user)
    sale = api.confirm(reservation).body

    answer = api.get(f"/api/users/{user}/purchases")

    assert (answer.status, answer.body.keys(), answer.body["userId"]) == (200, {"userId", "purchases"}, user)
    assert answer.body["purchases"] == [
        {
            "saleId": sale["saleId"],
            "sessionId": session_id,
            "movieTitle": "Oppenheimer",
            "seats": ["A1", "A2"],
            "totalAmount": 50.0,
            "purchasedAt": sale["paidAt"],
            "bookingCode": sale["bookingCode"],
            **{f"{what}Url": f"/api/reservations/{reservation}/{what}" for what in ("invoice", "tickets", "calendar")},
        }
    ]
    assert '"totalAmount":50.00' in answer.text


def test_purchases_are_paged_newest_first(api: Api, session_id: str, user: str) -> None:
    sales = [
        api.confirm(api.hold(session_id, seat, user=user).body["reservationId"]).body["saleId"]
        for seat in ("A1", "A2", "A3")
    ]

    first = api.get(f"/api/users/{user}/purchases?limit=2").body
    second = api.get(f"/api/users/{user}/purchases?limit=2&cursor={first['nextCursor']}").body

    assert [item["saleId"] for item in first["purchases"] + second["purchases"]] == sales[::-1]
    assert "nextCursor" not in second


def test_a_user_id_may_be_any_text(api: Api, session_id: str) -> None:
    api.confirm(api.hold(session_id, "A1", user="José da Silva/7%").body["reservationId"])

    answer = api.get("/api/users/Jos%C3%A9%20da%20Silva%2F7%25/purchases")

    assert answer.body["userId"] == "José da Silva/7%"
    assert len(answer.body["purchases"]) == 1


def test_a_user_who_bought_nothing_has_an_empty_history(api: Api, user: str) -> None:
    assert api.get(f"/api/users/{user}/purchases").body == {"userId": user, "purchases": []}


def test_cancelling_gives_the_seats_back_also_the_second_time(api: Api, session_id: str) -> None:
    reservation = api.hold(session_id, "A1", "B1").body["reservationId"]

    answer = api.delete(f"/api/reservations/{reservation}")
    again = api.delete(f"/api/reservations/{reservation}")

    assert (answer.status, answer.body["status"]) == (200, "cancelled")
    assert (again.status, again.text) == (200, answer.text)
    assert api.hold(session_id, "A1", "B1", user="next").status == 201


def test_a_sold_reservation_is_not_cancelled(api: Api, session_id: str) -> None:
    reservation = api.hold(session_id, "A1").body["reservationId"]
    api.confirm(reservation)

    answer = api.delete(f"/api/reservations/{reservation}")

    assert (answer.status, answer.body["error"]) == (409, "RESERVATION_ALREADY_CONFIRMED")
    assert api.seats(session_id)["A1"] == "sold"


def test_a_payment_for_a_cancelled_reservation_is_refused(api: Api, session_id: str) -> None:
    reservation = api.hold(session_id, "A1").body["reservationId"]
    api.delete(f"/api/reservations/{reservation}")

    answer = api.confirm(reservation)

    assert (answer.status, answer.body["error"]) == (410, "RESERVATION_CANCELLED")


def test_health_touches_nothing_and_ready_names_each_dependency(api: Api) -> None:
    health = api.get("/health")
    ready = api.get("/ready")

    assert (health.status, health.body) == (200, {"status": "ok"})
    assert (ready.status, ready.body["status"]) == (200, "ready")
    states = {item["name"]: (item["state"], item["required"]) for item in ready.body["dependencies"]}
    assert states == {
        "dynamodb": ("up", True),
        "sqs": ("up", False),
        "redis": ("up", False),
        "ses": ("up", False),
        "payments": ("up", False),
    }
    assert all(item["latencyMs"] >= 0 for item in ready.body["dependencies"])
    breakers = {item["name"]: item["breaker"] for item in ready.body["dependencies"] if "breaker" in item}
    assert breakers == {"redis": "closed", "ses": "closed", "payments": "closed"}
    assert all(item["trips"] >= 0 for item in ready.body["dependencies"] if "breaker" in item)


def test_ready_is_503_only_when_bookings_are_impossible(api_servers: ApiServers) -> None:
    without_database = Api(api_servers(1, AWS_ENDPOINT_URL="http://127.0.0.1:9")[0]).get("/ready")
    without_redis = Api(api_servers(1, REDIS_URL="redis://127.0.0.1:9")[0]).get("/ready")

    assert (without_database.status, without_database.body["status"]) == (503, "unavailable")
    assert (without_redis.status, without_redis.body["status"]) == (200, "ready")
    assert {"redis": "down"}.items() <= {d["name"]: d["state"] for d in without_redis.body["dependencies"]}.items()


@pytest.mark.parametrize(
    "path", ["/", "/health", "/ready", "/docs", "/openapi.json", "/api/sessions", "/api/sessions/{}", "/api/live"]
)
def test_head_is_answered_as_get_without_the_body(api: Api, session_id: str, path: str) -> None:
    path = path.format(session_id)
    got, head = api.get(path), api.send("HEAD", path)

    assert (head.status, head.text) == (got.status, "")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers.get("etag") == got.headers.get("etag")
    assert head.headers.get("content-length", str(len(got.text.encode()))) == str(len(got.text.encode()))


def test_head_of_what_is_not_there_says_so(api: Api) -> None:
    assert api.send("HEAD", "/api/sessions/unknown").status == 404
    assert api.send("HEAD", "/openapi.json", If_None_Match=api.get("/openapi.json").headers["etag"]).status == 304
