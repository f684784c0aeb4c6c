"""Requests as API Gateway and its emulators hand them over, through the packaged API: who is meant is found by each."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest

from tests.http_api import SCREENING, Api

from . import events
from .clients import PackagedApi
from .events import Event, rest_request
from .runtime import Functions

PURCHASES = "/api/users/{user_id}/purchases"
JSON = ("Content-Type", "application/json")
FREE = {"ticketPrice": 0}
"""A screening whose seats are confirmed without a payment."""


def from_aws(address: str) -> Event:
    """As recorded on AWS: nothing in a path is decoded, and there is no `version`."""
    return rest_request("GET", address, PURCHASES, path_parameters={"user_id": urlsplit(address).path.split("/")[3]})


def from_custom_domain(address: str) -> Event:
    """As it comes by a custom domain whose mapping has a base path."""
    captured = {"user_id": urlsplit(address).path.split("/")[3]}
    return rest_request(
        "GET", address, PURCHASES, path_parameters=captured, domain="tickets.example.com", base_path="booking"
    )


def from_ministack(address: str) -> Event:
    """As ministack 1.5.33 makes it: all of the path is decoded, names of headers are in lower case."""
    decoded, sent = unquote(urlsplit(address).path), from_aws(address)
    return sent | {
        "version": "1.0",
        "path": decoded,
        "pathParameters": {"user_id": decoded.split("/")[3]},
        "headers": {"accept": "*/*"},
        "multiValueHeaders": {"accept": ["*/*"]},
        "requestContext": sent["requestContext"] | {"path": f"/dev{decoded}", "stage": "dev"},
    }


def read_purchases(api: PackagedApi, sent: Event) -> Any:
    answer = api.hand_over(sent)
    assert answer.status == 200, answer
    return answer.body


def buy(api: Api, user: str) -> str:
    """Buys a seat that costs nothing, and gives the sale."""
    held = api.hold(api.schedule(**FREE), "A1", user=user).body["reservationId"]
    return str(api.post(f"/api/reservations/{held}/confirm", {}).body["saleId"])


# Names in a path


@pytest.mark.parametrize("user", ["qa@example.com", "qa%40example.com", "José da Silva 7%", "a+b c", "100%25", "%"])
@pytest.mark.parametrize("sender", [from_aws, from_custom_domain, from_ministack])
def test_purchases_are_those_of_the_user_who_is_meant(
    packaged_api: PackagedApi, server: str, user: str, sender: Callable[[str], Event]
) -> None:
    """An operator may ask for any user, also for one of before access control, whose id is free text."""
    user = f"{uuid.uuid4()}{user}"
    sale, address = buy(Api(server), user), PURCHASES.format(user_id=quote(user, safe=""))

    by_event, by_http = read_purchases(packaged_api, sender(address)), Api(server).get(address).body

    assert by_event == by_http
    assert by_event["userId"] == user
    assert [purchase["saleId"] for purchase in by_event["purchases"]] == [sale]


def test_an_address_may_be_written_with_or_without_escapes(packaged_api: PackagedApi, server: str) -> None:
    user = f"{uuid.uuid4()}@example.com"
    plain, escaped = (PURCHASES.format(user_id=quote(user, safe=safe)) for safe in ("@", ""))

    assert plain != escaped
    by_each = [read_purchases(packaged_api, from_aws(address)) for address in (plain, escaped)]
    assert by_each == [{"userId": user, "purchases": []}] * 2
    assert Api(server).get(plain).body == Api(server).get(escaped).body


def test_an_escaped_letter_of_a_name_is_that_letter(packaged_api: PackagedApi) -> None:
    """Else a new quota was to be had by writing one's name in another way."""
    sent = [from_aws(PURCHASES.format(user_id=user)) for user in ("ana", "%61na", "a%6Ea")]

    assert {read_purchases(packaged_api, each)["userId"] for each in sent} == {"ana"}


def test_an_escaped_slash_of_a_name_is_part_of_the_name(packaged_api: PackagedApi) -> None:
    """AWS finds the route before anything is decoded; ministack does not (docs/emulators.md)."""
    user = f"{uuid.uuid4()}/a"

    assert packaged_api.get(PURCHASES.format(user_id=quote(user, safe=""))).body["userId"] == user


# Bodies


@pytest.mark.parametrize("title", ["Oppenheimer", "Ação & Reação", "映画 🎬"])
@pytest.mark.parametrize("binary", [False, True], ids=["text", "base64"])
def test_a_body_in_text_or_in_base64_is_the_body(packaged_api: PackagedApi, title: str, binary: bool) -> None:
    """Base64, as it comes once a REST API's binary media types include `*/*`."""
    body = json.dumps({**SCREENING, "movieTitle": title}, ensure_ascii=False)
    sent = rest_request("POST", "/api/sessions", "/api/sessions", body.encode() if binary else body, headers=[JSON])

    answer = packaged_api.hand_over(sent)

    assert (answer.status, answer.body["movieTitle"]) == (201, title), answer


@pytest.mark.parametrize("body", [None, "", b"", b"\xff\xfe\x00", "null", '{"movieTitle"'])
def test_a_body_that_is_not_there_or_no_json_is_refused_in_the_contract_s_form(
    packaged_api: PackagedApi, body: str | bytes | None
) -> None:
    sent = rest_request("POST", "/api/sessions", "/api/sessions", body, headers=[JSON])

    answer = packaged_api.hand_over(sent)

    assert (answer.status, answer.body["error"]) in ((400, "MALFORMED_JSON"), (400, "VALIDATION_ERROR")), answer


# Who asks


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/sessions"), ("POST", "/api/reservations"), ("GET", "/api/users/ana/purchases")],
)
def test_without_a_token_nobody_schedules_holds_or_sees_purchases(
    packaged_api: PackagedApi, method: str, path: str
) -> None:
    answer = replace(packaged_api, provider=None).send(method, path, json.dumps(SCREENING), Content_Type=JSON[1])

    assert (answer.status, answer.body["error"]) == (401, "UNAUTHENTICATED"), answer
    assert answer.body.keys() == {"error", "message"}
    assert answer.headers["www-authenticate"] == "Bearer"


# Headers and query


@pytest.mark.parametrize("name", ["Accept-Language", "accept-language", "ACCEPT-LANGUAGE"])
def test_a_header_is_found_however_its_name_is_written(packaged_api: PackagedApi, name: str) -> None:
    sent = rest_request(
        "GET",
        "/api/sessions/none",
        "/api/sessions/{session_id}",
        path_parameters={"session_id": "none"},
        headers=[(name, "pt-BR,pt;q=0.9")],
    )

    answer = packaged_api.hand_over(sent)

    assert (answer.status, answer.headers["content-language"]) == (404, "pt-BR"), answer


def test_the_same_key_in_any_case_of_its_header_is_one_hold(packaged_api: PackagedApi) -> None:
    session_id, key = packaged_api.schedule(), uuid.uuid4().hex
    body = json.dumps({"sessionId": session_id, "userId": "ana", "seatNumbers": ["A1"]})

    held = [
        packaged_api.hand_over(
            rest_request("POST", "/api/reservations", "/api/reservations", body, headers=[JSON, (name, key)])
        )
        for name in ("Idempotency-Key", "idempotency-key")
    ]

    assert [answer.status for answer in held] == [201, 201]
    assert held[0].body == held[1].body


def test_of_a_repeated_parameter_and_header_the_last_value_counts(packaged_api: PackagedApi) -> None:
    """As in AWS's maps of single values."""
    session = packaged_api.schedule()
    sent = rest_request("GET", "/api/sessions?limit=100&limit=1", "/api/sessions")
    twice = [("Accept-Language", "en"), ("Accept-Language", "pt-BR")]
    in_portuguese = rest_request(
        "GET",
        f"/api/sessions/{session}x",
        "/api/sessions/{session_id}",
        path_parameters={"session_id": f"{session}x"},
        headers=twice,
    )

    assert len(packaged_api.hand_over(sent).body["sessions"]) == 1
    assert packaged_api.hand_over(in_portuguese).headers["content-language"] == "pt-BR"


def test_a_cursor_that_came_percent_encoded_is_read_decoded(packaged_api: PackagedApi) -> None:
    packaged_api.schedule(), packaged_api.schedule()
    first = packaged_api.get("/api/sessions?limit=1").body

    second = packaged_api.get(f"/api/sessions?limit=1&cursor={quote(first['nextCursor'], safe='')}").body

    assert len(second["sessions"]) == 1
    assert second["sessions"] != first["sessions"]


# Where the API stands


@pytest.mark.parametrize(
    ("place", "path", "moved"),
    [
        ({}, "/prod", "./prod/"),
        ({"domain": "tickets.example.com", "base_path": "booking"}, "/booking", "./booking/"),
    ],
)
def test_the_root_without_its_slash_is_redirected_to_where_the_page_s_references_work(
    packaged_api: PackagedApi, place: Any, path: str, moved: str
) -> None:
    """API Gateway hands both `/prod` and `/prod/` to the root's function."""
    sent = rest_request("GET", "/", "/", **place)
    bare = sent | {"requestContext": sent["requestContext"] | {"path": path}}

    assert packaged_api.hand_over(sent).status == 200
    redirected = packaged_api.hand_over(bare)

    assert (redirected.status, redirected.headers["location"]) == (308, moved)


def test_the_page_of_a_custom_domain_without_a_base_path_is_at_its_root(packaged_api: PackagedApi) -> None:
    assert packaged_api.hand_over(rest_request("GET", "/", "/", domain="tickets.example.com")).status == 200


def test_head_is_get_without_a_body(packaged_api: PackagedApi) -> None:
    answer = packaged_api.hand_over(rest_request("HEAD", "/api/sessions", "/api/sessions"))

    assert (answer.status, answer.text) == (200, "")


def test_an_address_is_limited_by_where_it_comes_from_not_by_what_it_says_of_itself(
    functions: Functions, redis_url: str
) -> None:
    """X-Forwarded-For is what a client sends, with the true address behind it; `sourceIp` is API Gateway's word."""
    limits = {"RATE_LIMITS": "list_sessions=2/60s per address", "REDIS_URL": redis_url, "STAGE": f"prod-{uuid.uuid4()}"}
    with functions.new_instance("api_handler", **limits) as limited:
        api = PackagedApi("", function=limited, template=functions.template)
        forged = [f"198.51.100.{each}" for each in range(3)]
        answers = [api.get("/api/sessions", X_Forwarded_For=address) for address in forged]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


# The event itself


def test_the_builder_s_event_has_no_authorizer_and_none_of_the_fields_of_http_apis() -> None:
    """So `version`, by which path parameters are known to be decoded already, is not there."""
    sent = rest_request("GET", "/api/sessions", "/api/sessions")

    assert not {"version", "rawPath", "routeKey", "cookies"} & sent.keys()
    assert "authorizer" not in sent["requestContext"]
    assert sent["requestContext"]["accountId"] == events.ACCOUNT
