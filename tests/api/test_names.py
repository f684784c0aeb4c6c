"""Names that can't be seen, or turn the text around them, are refused at every door, in both languages."""

from urllib.parse import quote

import pytest

from tests.http_api import SCREENING, Answer, Api

REFUSED = {
    "zero width": ("\u200b\u200b", "characters that can be seen", "caracteres visíveis"),
    "a filler": ("\u3164", "characters that can be seen", "caracteres visíveis"),
    "an override": ("a\u202eb", "changes of direction", "mudanças de direção"),
    "an isolate": ("\u2066a", "changes of direction", "mudanças de direção"),
    "a line separator": ("a\u2028b", "line separators", "separadores de linha"),
    "a control character": ("a\u0085b", "characters that can't be shown", "caracteres que não se mostram"),
}

SEEN = ("👨\u200d👩\u200d👧", "نی\u200cی", "Amélie")


def assert_refused(answer: Answer, field: str, said: str) -> None:
    assert answer.status == 400, answer.text
    assert (answer.body["error"], answer.body["field"]) == ("VALIDATION_ERROR", field)
    assert said in answer.body["message"]


@pytest.mark.parametrize(("name", "english", "portuguese"), REFUSED.values(), ids=REFUSED)
def test_no_field_takes_it(api: Api, session_id: str, name: str, english: str, portuguese: str) -> None:
    hold: dict[str, object] = {"sessionId": session_id, "userId": "ana", "seatNumbers": ["A1"]}
    payment: dict[str, object] = {"paymentMethod": "card", "transactionId": "tx"}
    reservation = api.hold(session_id, "A2", user="bia").body["reservationId"]
    doors: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
        "/api/sessions": (dict(SCREENING), ("movieTitle", "roomNumber")),
        "/api/reservations": (hold, ("userId",)),
        f"/api/reservations/{reservation}/confirm": (payment, ("paymentMethod", "transactionId")),
    }
    for path, (body, fields) in doors.items():
        for field in fields:
            bad = {**body, field: name}
            assert_refused(api.post(path, bad), f"$.{field}", english)
            assert_refused(api.post(path, bad, Accept_Language="pt-BR"), f"$.{field}", portuguese)
    assert api.seats(session_id)["A1"] == "available"
    assert api.seats(session_id)["A2"] == "reserved"


@pytest.mark.parametrize("name", ["\u200b", "a\u202eb", "\u2028", "a\u0000"], ids=ascii)
def test_no_address_takes_it(api: Api, name: str) -> None:
    answer = api.get(f"/api/users/{quote(name)}/purchases")

    assert answer.status == 400
    assert (answer.body["error"], answer.body["field"]) == ("VALIDATION_ERROR", "userId")


@pytest.mark.parametrize("name", SEEN)
def test_what_is_seen_is_taken_as_it_is(api: Api, name: str) -> None:
    session_id = api.schedule(movieTitle=name, roomNumber=name)
    assert api.get(f"/api/sessions/{session_id}").body["movieTitle"] == name
    held = api.hold(session_id, "A1", user=name)
    assert held.status == 201

    api.confirm(held.body["reservationId"])

    bought = api.get(f"/api/users/{quote(name)}/purchases").body
    assert bought["userId"] == name
    assert session_id in {each["sessionId"] for each in bought["purchases"]}
