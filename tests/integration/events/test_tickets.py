"""From a sale to the seat: through the real stream, queue, handler and table, over HTTP."""

import base64
import json
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar
import pytest

from chalicelib.domain.tickets.checking import OfflineGateList, verify_offline_except_reuse
from chalicelib.domain.tickets.tokens import PublicKey
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.tickets.signatures import is_signed
from infra.local.pump import Pump
from infra.ops.__main__ import main
from tests.conftest import STAGE, ApiServers
from tests.http_api import Answer, Api
from tests.integration.conftest import drain_until

SOON = timedelta(minutes=30)


@pytest.fixture
def api(server: str) -> Api:
    return Api(server)


@pytest.fixture
def session_id(api: Api) -> str:
    return api.schedule(startTime=(utc_now() + SOON).isoformat())


def sold(api: Api, session_id: str, *seats: str) -> str:
    reservation_id = str(api.hold(session_id, *seats, user=f"user-{uuid.uuid4()}").body["reservationId"])
    assert api.confirm(reservation_id).status == 200
    return reservation_id


def tickets_of(api: Api, reservation_id: str) -> Answer:
    return api.get(f"/api/reservations/{reservation_id}/tickets")


def bought(api: Api, pump: Pump, session_id: str, *seats: str) -> tuple[str, Answer]:
    reservation_id = sold(api, session_id, *seats)
    drain_until(pump, lambda: tickets_of(api, reservation_id).status == 200)
    return reservation_id, tickets_of(api, reservation_id)


def admit(api: Api, **fields: str) -> Answer:
    headers = {"Idempotency-Key": key} if (key := fields.pop("key", "")) else {}
    return api.post("/api/tickets/admit", {"gateId": "north", "roomNumber": "A1", **fields}, **headers)


def published_keys(api: Api) -> dict[str, PublicKey]:
    keys = api.get("/.well-known/jwks.json").body["keys"]
    return {key["kid"]: PublicKey(base64.urlsafe_b64decode(key["x"] + "=")) for key in keys}


def test_a_sale_becomes_tickets_that_a_gate_admits_once(api: Api, pump: Pump, session_id: str) -> None:
    reservation_id = sold(api, session_id, "A1", "A2")
    waiting = tickets_of(api, reservation_id)
    assert (waiting.status, waiting.body["error"], waiting.headers["retry-after"]) == (404, "TICKETS_NOT_READY", "2")
    drain_until(pump, lambda: tickets_of(api, reservation_id).status == 200)

    shown = tickets_of(api, reservation_id)

    assert shown.headers["cache-control"] == "no-store"
    assert [ticket["seat"] for ticket in shown.body["tickets"]] == ["A1", "A2"]
    assert (shown.body["movieTitle"], shown.body["roomNumber"]) == ("Oppenheimer", "A1")
    first, second = shown.body["tickets"]
    assert first["qr"].startswith("<svg ")

    scanned = admit(api, token=first["token"])
    typed = admit(api, code=second["code"].replace("-", "").lower())
    again = admit(api, token=first["token"], gateId="south")

    assert (scanned.status, scanned.body["seat"], scanned.body["gateId"]) == (200, "A1", "north")
    assert (typed.status, typed.body["seat"]) == (200, "A2")
    assert again.status == 409
    assert again.body["error"] == "ALREADY_ADMITTED"
    assert (again.body["gateId"], again.body["admittedAt"]) == ("north", scanned.body["admittedAt"])
    assert "user" not in scanned.text


def test_a_ticket_is_good_without_asking_the_api(api: Api, pump: Pump, session_id: str) -> None:
    _, shown = bought(api, pump, session_id, "A1")
    (ticket,) = shown.body["tickets"]
    known = OfflineGateList({session_id: utc_now() + SOON}, {})

    facts = verify_offline_except_reuse(
        ticket["token"], published_keys(api), is_signed, known, timedelta(hours=1), utc_now()
    )

    assert (facts.session_id, facts.seat, facts.code) == (session_id, "A1", ticket["code"])


def test_a_repeated_request_of_a_gate_is_one_admission(api: Api, pump: Pump, session_id: str) -> None:
    _, shown = bought(api, pump, session_id, "A1")
    token = shown.body["tickets"][0]["token"]

    answers = [admit(api, token=token, key="scan-1") for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body == answers[1].body
    assert admit(api, token=token, key="scan-2").status == 409
    assert admit(api, token=token, key="scan-1", gateId="south").status == 409


def test_a_transferred_ticket_is_void_and_its_seat_has_a_new_one(api: Api, pump: Pump, session_id: str) -> None:
    reservation_id, shown = bought(api, pump, session_id, "A1")
    (old,) = shown.body["tickets"]

    answers = [api.post(f"/api/tickets/{old['code']}/transfer", {}) for _ in range(2)]
    drain_until(pump, lambda: tickets_of(api, reservation_id).status == 200)

    (new,) = tickets_of(api, reservation_id).body["tickets"]
    assert [answer.status for answer in answers] == [202, 202]
    assert {answer.body["code"] for answer in answers} == {new["code"]}
    refused = admit(api, token=old["token"])
    assert (refused.status, refused.body["error"], refused.body["reason"]) == (410, "TICKET_VOID", "transferred")
    assert admit(api, token=new["token"]).status == 200
    assert api.post(f"/api/tickets/{new['code']}/transfer", {}).body["error"] == "ALREADY_ADMITTED"


def test_a_gate_is_told_why_it_admits_nobody(api: Api, pump: Pump, session_id: str) -> None:
    _, shown = bought(api, pump, session_id, "A1")
    code = shown.body["tickets"][0]["code"]
    _, tomorrows = bought(api, pump, api.schedule(startTime=(utc_now() + timedelta(days=1)).isoformat()), "A1")

    answers = {
        "WRONG_ROOM": admit(api, code=code, roomNumber="B2"),
        "TOO_EARLY": admit(api, code=tomorrows.body["tickets"][0]["code"]),
        "TICKET_NOT_FOUND": admit(api, code="ZZZZ-ZZZZ"),
        "TICKET_INVALID": admit(api, token="A" * 167),
        "VALIDATION_ERROR": admit(api),
    }

    assert {answer.body["error"]: answer.status for answer in answers.values()} == {
        "WRONG_ROOM": 409,
        "TOO_EARLY": 409,
        "TICKET_NOT_FOUND": 404,
        "TICKET_INVALID": 400,
        "VALIDATION_ERROR": 400,
    }
    assert list(answers) == [answer.body["error"] for answer in answers.values()]
    assert answers["WRONG_ROOM"].body["roomNumber"] == "A1"
    assert admit(api, token="x", code=code).status == 400


def test_an_admission_is_told_later_and_sent_again_without_harm(api: Api, pump: Pump, session_id: str) -> None:
    _, shown = bought(api, pump, session_id, "A1")
    token = shown.body["tickets"][0]["token"]
    came_in = (utc_now() - timedelta(minutes=2)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    told = [admit(api, token=token, key="scan-1", admittedAt=came_in) for _ in range(2)]
    conflict = admit(api, token=token, key="scan-1", gateId="south", admittedAt=came_in)

    assert [(answer.status, answer.body["admittedAt"]) for answer in told] == [(200, came_in)] * 2
    assert (conflict.status, conflict.body["error"], conflict.body["gateId"]) == (409, "ALREADY_ADMITTED", "north")
    assert conflict.body["admittedAt"] == came_in
    assert admit(api, token=token, admittedAt="2026-02-15T19:00:00").status == 400, "without its zone"
    before_the_doors = (utc_now() - timedelta(hours=2)).isoformat()
    assert admit(api, token=token, admittedAt=before_the_doors).body["error"] == "TOO_EARLY"


def test_a_gates_list_has_each_ticket_and_no_more(api: Api, pump: Pump, session_id: str) -> None:
    reservation_id, shown = bought(api, pump, session_id, "A1", "A2")
    first, second = shown.body["tickets"]
    admitted = admit(api, token=first["token"]).body
    new = api.post(f"/api/tickets/{second['code']}/transfer", {}).body["code"]

    pages = [api.get(f"/api/sessions/{session_id}/tickets?limit=2").body]
    pages.append(api.get(f"/api/sessions/{session_id}/tickets?limit=2&cursor={pages[0]['nextCursor']}").body)

    listed = [ticket for page in pages for ticket in page["tickets"]]
    assert sorted(listed, key=lambda ticket: (ticket["seat"], ticket["version"])) == [
        {"code": first["code"], "seat": "A1", "version": 1, "admittedAt": admitted["admittedAt"], "gateId": "north"},
        {"code": second["code"], "seat": "A2", "version": 1, "void": "transferred"},
        {"code": new, "seat": "A2", "version": 2},
    ]
    assert (pages[0]["roomNumber"], pages[0]["movieTitle"]) == ("A1", "Oppenheimer")
    assert pages[0]["opensAt"] < pages[0]["asOf"] < pages[0]["closesAt"]
    assert reservation_id not in str(pages)
    assert first["token"] not in str(pages)


def test_a_cancelled_screenings_tickets_are_void(api: Api, pump: Pump, session_id: str) -> None:
    reservation_id, shown = bought(api, pump, session_id, "A1")
    (ticket,) = shown.body["tickets"]
    assert main(["cancel", session_id, "--yes", "--stage", STAGE]) == 0

    drain_until(pump, lambda: admit(api, code=ticket["code"]).status == 410)

    assert tickets_of(api, reservation_id).status == 410
    assert json.loads(admit(api, token=ticket["token"]).text)["error"] in ("TICKET_VOID", "SESSION_CANCELLED")


def calendar_of(api: Api, reservation_id: str, **headers: str) -> Answer:
    return api.get(f"/api/reservations/{reservation_id}/calendar", **headers)


def event_in(answer: Answer) -> Any:
    (event,) = icalendar.Calendar.from_ical(answer.text).walk("VEVENT")
    return event


def test_a_sale_has_a_file_for_calendars_at_once(api: Api, session_id: str) -> None:
    reservation_id = sold(api, session_id, "A1", "A2")

    answer, portuguese = calendar_of(api, reservation_id), calendar_of(api, reservation_id, Accept_Language="pt-BR")

    assert (answer.status, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    event = event_in(answer)
    assert (event["SUMMARY"], event["STATUS"], event["SEQUENCE"]) == ("Oppenheimer", "CONFIRMED", 0)
    starts_at = datetime.fromisoformat(api.get(f"/api/sessions/{session_id}").body["startTime"])
    assert event["DTSTART"].dt == starts_at.replace(microsecond=0)
    assert answer.headers["content-disposition"] == f'attachment; filename="{event["DESCRIPTION"][-9:]}.ics"'
    assert "LOCATION:Sala A1" in portuguese.text


def test_a_file_for_calendars_is_of_a_sale_only(api: Api, session_id: str) -> None:
    held = api.hold(session_id, "A1", user=f"user-{uuid.uuid4()}").body["reservationId"]

    answers = [calendar_of(api, held), calendar_of(api, f"res-{'A' * 33}")]

    assert [(answer.status, answer.body["error"]) for answer in answers] == [
        (409, "RESERVATION_NOT_PAID"),
        (404, "RESERVATION_NOT_FOUND"),
    ]


def test_no_calendar_has_what_lets_people_in(api: Api, pump: Pump, session_id: str) -> None:
    reservation_id, shown = bought(api, pump, session_id, "A1")
    (ticket,) = shown.body["tickets"]
    text = calendar_of(api, reservation_id).text.replace("\r\n ", "")

    assert not [secret for secret in (ticket["code"], ticket["token"], reservation_id) if secret in text]


def test_a_purchase_leads_to_its_tickets_and_to_its_calendars_file(api: Api, pump: Pump, session_id: str) -> None:
    user = f"user-{uuid.uuid4()}"
    reservation_id = str(api.hold(session_id, "A1", user=user).body["reservationId"])
    api.confirm(reservation_id)
    drain_until(pump, lambda: tickets_of(api, reservation_id).status == 200)

    (purchase,) = api.get(f"/api/users/{user}/purchases").body["purchases"]

    assert api.get(purchase["ticketsUrl"]).body == tickets_of(api, reservation_id).body
    assert api.get(purchase["calendarUrl"]).text == calendar_of(api, reservation_id).text


def test_a_cancelled_screening_is_cancelled_in_the_calendar(
    api: Api, api_servers: ApiServers, pump: Pump, session_id: str
) -> None:
    """Asked of an instance that does not remember the screening as it was: others may, for a minute."""
    reservation_id, _ = bought(api, pump, session_id, "A1")
    before = event_in(calendar_of(api, reservation_id))
    assert main(["cancel", session_id, "--yes", "--stage", STAGE]) == 0

    after = event_in(calendar_of(Api(api_servers(2)[1]), reservation_id))

    assert (before["STATUS"], before["SEQUENCE"]) == ("CONFIRMED", 0)
    assert (after["STATUS"], after["SEQUENCE"], after["UID"]) == ("CANCELLED", 1, before["UID"])


def test_no_log_has_what_lets_people_in(api: Api, pump: Pump, session_id: str, run_dir: Path) -> None:
    _, shown = bought(api, pump, session_id, "A1")
    (ticket,) = shown.body["tickets"]
    new = api.post(f"/api/tickets/{ticket['code']}/transfer", {}).body["code"]
    assert admit(api, code=new, roomNumber="B2").status == 409
    assert admit(api, token=ticket["token"]).status == 410

    logged = "".join(path.read_text() for path in run_dir.glob("api-*.log"))

    assert '"transfer_ticket"' in logged
    assert not [secret for secret in (ticket["code"], ticket["token"], new) if secret in logged]
