"""The matrix of access control: every route, asked by everybody, on a server with access control on."""

from collections.abc import Iterator

import pytest
from chalice.app import Chalice

from chalicelib.api.http.methods import is_added_head_or_refusal_view
from infra.local.identity_provider import Person, Provider, SigningKey, run_provider
from tests.access import ALL, GATES, NEED_TOKENS, OPEN, OPERATORS, OWNERS, SIGNED, UNAUTHENTICATED, Cinema, Request
from tests.conftest import ApiServers
from tests.documented import Document
from tests.http_api import Answer
from tests.tokens import GATE, OPERATOR, Forger, bearer


def by_route(request: Request) -> str:
    return request.route


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with run_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def cinema(api_servers: ApiServers, provider: Provider) -> Cinema:
    settings = {"AUTH": "on", "AUTH_ISSUER": provider.issuer, "AUTH_CLIENT_ID": provider.client_id}
    return Cinema(api_servers(1, MAX_LIVE_HOLDS="10", **settings)[0], Forger(provider)).with_screening()


@pytest.fixture(scope="module")
def held(cinema: Cinema) -> tuple[str, Person]:
    """Holds a seat: the reservation that nobody but its owner and operators may see."""
    return cinema.reserve()


def filled(request: Request, cinema: Cinema, held: tuple[str, Person]) -> tuple[str, str, object]:
    reservation_id, owner = held
    return request.filled(session_id=cinema.session_id, reservation_id=reservation_id, user_id=owner.subject)


def refused_as(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["error"]


def test_each_route_has_an_entry(app: Chalice) -> None:
    routes = {
        f"{method} {path}"
        for path, entries in app.routes.items()
        for method, entry in entries.items()
        if not is_added_head_or_refusal_view(entry.view_function)
    }

    assert {request.route for request in ALL} == routes, "say in tests/access.py whom the route admits"
    assert len(ALL) == len(routes)


# Who can't prove who they are


@pytest.mark.parametrize("way", UNAUTHENTICATED)
@pytest.mark.parametrize("request_", NEED_TOKENS, ids=by_route)
def test_without_a_valid_token_there_is_nothing(
    cinema: Cinema, held: tuple[str, Person], document: Document, request_: Request, way: str
) -> None:
    method, path, body = filled(request_, cinema, held)

    answer = UNAUTHENTICATED[way](cinema, method, path, body)

    assert refused_as(answer) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert ("error=" in answer.headers["www-authenticate"]) == (way not in ("nobody", "another header"))
    assert not document.faults(method, path, answer)


@pytest.mark.parametrize("way", UNAUTHENTICATED)
@pytest.mark.parametrize("request_", [*OPEN, *SIGNED], ids=by_route)
def test_where_no_token_is_needed_none_is_looked_at(
    cinema: Cinema, held: tuple[str, Person], request_: Request, way: str
) -> None:
    answer = UNAUTHENTICATED[way](cinema, *filled(request_, cinema, held))

    assert answer.status == request_.admitted
    assert "Bearer" not in answer.headers.get("www-authenticate", "")


@pytest.mark.parametrize("request_", SIGNED, ids=by_route)
def test_what_is_signed_is_not_opened_by_a_token(cinema: Cinema, held: tuple[str, Person], request_: Request) -> None:
    answer = cinema.as_user(OPERATOR, *filled(request_, cinema, held))

    assert refused_as(answer) == (401, "SIGNATURE_INVALID")


@pytest.mark.parametrize("request_", [one for one in NEED_TOKENS if one.method == "GET"], ids=by_route)
def test_head_is_no_way_round(cinema: Cinema, held: tuple[str, Person], request_: Request) -> None:
    _, path, _ = filled(request_, cinema, held)

    assert cinema.ask("HEAD", path).status == 401


def test_an_expired_token_is_said_to_be_expired(cinema: Cinema) -> None:
    answer = cinema.ask("GET", "/api/users/me/purchases", headers=bearer(cinema.forger.expired()))

    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token", error_description="expired"'


# Who can


@pytest.mark.parametrize("person", [Person("buyer", "bob"), GATE], ids=["buyer", "gate"])
@pytest.mark.parametrize("request_", OPERATORS, ids=by_route)
def test_what_is_the_operators_is_nobody_elses(
    cinema: Cinema, held: tuple[str, Person], document: Document, request_: Request, person: Person
) -> None:
    method, path, body = filled(request_, cinema, held)

    answer = cinema.as_user(person, method, path, body)

    assert refused_as(answer) == (403, "FORBIDDEN")
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert not document.faults(method, path, answer)


@pytest.mark.parametrize("request_", OPERATORS, ids=by_route)
def test_operators_operate(cinema: Cinema, held: tuple[str, Person], request_: Request) -> None:
    answer = cinema.as_user(OPERATOR, *filled(request_, cinema, held))

    assert answer.status == request_.admitted


@pytest.mark.parametrize("person", [GATE, OPERATOR], ids=["gate", "operator"])
@pytest.mark.parametrize("request_", GATES, ids=by_route)
def test_gates_admit_and_operators_help(
    cinema: Cinema, held: tuple[str, Person], document: Document, request_: Request, person: Person
) -> None:
    method, path, body = filled(request_, cinema, held)

    answer = cinema.as_user(person, method, path, body)

    assert answer.status == request_.admitted
    assert not document.faults(method, path, answer)


@pytest.mark.parametrize("request_", GATES, ids=by_route)
def test_a_buyer_admits_nobody(cinema: Cinema, held: tuple[str, Person], request_: Request) -> None:
    answer = cinema.as_user(held[1], *filled(request_, cinema, held))

    assert refused_as(answer) == (403, "FORBIDDEN")


@pytest.mark.parametrize("request_", OWNERS, ids=by_route)
def test_what_is_somebody_elses_is_not_there(
    cinema: Cinema, held: tuple[str, Person], document: Document, request_: Request
) -> None:
    method, path, body = filled(request_, cinema, held)

    answer = cinema.as_user(Person("buyer", "bob"), method, path, body)

    assert answer.status == request_.to_others
    assert not document.faults(method, path, answer)


@pytest.mark.parametrize("request_", OWNERS, ids=by_route)
def test_a_gate_buys_nothing_and_sees_no_buyer(cinema: Cinema, held: tuple[str, Person], request_: Request) -> None:
    answer = cinema.as_user(GATE, *filled(request_, cinema, held))

    assert refused_as(answer) == (403, "FORBIDDEN")


@pytest.mark.parametrize("role", ["owner", "operator"])
@pytest.mark.parametrize("request_", [one for one in OWNERS if "{" in one.path], ids=by_route)
def test_owners_and_operators_reach_a_reservation(cinema: Cinema, request_: Request, role: str) -> None:
    """Each has a reservation of its own, because some requests end it."""
    mine = cinema.reserve()

    answer = cinema.as_user(mine[1] if role == "owner" else OPERATOR, *filled(request_, cinema, mine))

    assert answer.status == request_.admitted, answer.text


def test_nothing_was_changed_by_the_refused(cinema: Cinema, held: tuple[str, Person]) -> None:
    reservation_id, owner = held

    assert cinema.as_user(owner, "GET", f"/api/reservations/{reservation_id}").body["status"] in ("pending", "expired")


# Who asks is who buys


def hold(cinema: Cinema, person: Person, **fields: object) -> Answer:
    seats = cinema.ask("GET", f"/api/sessions/{cinema.session_id}/seats").body["seats"]
    free = next(seat["number"] for seat in seats if seat["status"] == "available")
    body = {"sessionId": cinema.session_id, "seatNumbers": [free], **fields}
    return cinema.as_user(person, "POST", "/api/reservations", body)


def test_a_hold_is_the_token_holders(cinema: Cinema) -> None:
    carla = Person("buyer", "carla")
    unnamed, named = hold(cinema, carla), hold(cinema, carla, userId=carla.subject)

    for answer in (unnamed, named):
        assert answer.status == 201
        path = f"/api/reservations/{answer.body['reservationId']}"
        assert cinema.as_user(carla, "GET", path).body["userId"] == carla.subject


@pytest.mark.parametrize("person", [Person("buyer", "carla"), OPERATOR], ids=["buyer", "operator"])
@pytest.mark.parametrize("user", ["user-123", "me", Person("buyer", "bob").subject])
def test_nobody_holds_in_anothers_name(cinema: Cinema, person: Person, user: str) -> None:
    assert refused_as(hold(cinema, person, userId=user)) == (403, "FORBIDDEN")


def test_nobody_has_emails_sent_to_a_stranger(cinema: Cinema) -> None:
    carla = Person("buyer", "carla")

    assert refused_as(hold(cinema, carla, email="stranger@example.com")) == (403, "FORBIDDEN")
    assert hold(cinema, carla, email="Carla@example.com").status == 201


def test_me_is_whoever_is_signed_in(cinema: Cinema) -> None:
    reservation_id, buyer = cinema.reserve()
    payment = {"paymentMethod": "card", "transactionId": f"tx-{reservation_id}"}
    assert cinema.as_user(buyer, "POST", f"/api/reservations/{reservation_id}/confirm", payment).status == 200

    mine = cinema.as_user(buyer, "GET", "/api/users/me/purchases").body

    assert mine["userId"] == buyer.subject
    assert len(mine["purchases"]) == 1
    assert cinema.as_user(buyer, "GET", f"/api/users/{buyer.subject}/purchases").body == mine
    assert cinema.as_user(OPERATOR, "GET", f"/api/users/{buyer.subject}/purchases").body == mine


def test_a_key_is_the_token_holders_own(cinema: Cinema) -> None:
    """The same key of two buyers names two requests: ids are derived from the verified subject."""
    body = {"sessionId": cinema.session_id}
    first, second = Person("buyer", "key-1"), Person("buyer", "key-2")
    answers = [
        cinema.ask(
            "POST",
            "/api/reservations",
            {**body, "seatNumbers": [seat]},
            [*bearer(cinema.forger.good(person)), ("Idempotency-Key", "the-same")],
        )
        for person, seat in ((first, "T19"), (second, "T20"), (first, "T19"))
    ]

    assert [answer.status for answer in answers] == [201, 201, 201]
    assert answers[0].body == answers[2].body
    assert answers[0].body["reservationId"] != answers[1].body["reservationId"]


def test_a_user_is_limited_by_the_verified_subject(api_servers: ApiServers, provider: Provider) -> None:
    settings = {"AUTH": "on", "AUTH_ISSUER": provider.issuer, "AUTH_CLIENT_ID": provider.client_id}
    limits = {"RATE_LIMITS": "off, list_purchases=2/60s per user".replace("off, ", "*=off per address, ")}
    cinema = Cinema(api_servers(1, **limits, **settings)[0], Forger(provider))
    ana, bob = Person("buyer", "limited"), Person("buyer", "unlimited")

    statuses = [cinema.as_user(ana, "GET", "/api/users/me/purchases").status for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert cinema.as_user(bob, "GET", f"/api/users/{ana.subject}/purchases").status == 404
    assert cinema.as_user(bob, "GET", "/api/users/me/purchases").status == 200


def test_a_rotated_key_is_accepted_and_so_are_tokens_of_the_one_before(api_servers: ApiServers) -> None:
    with run_provider(Provider(keys=[SigningKey.make("EdDSA")])) as rotating:
        settings = {"AUTH": "on", "AUTH_ISSUER": rotating.issuer, "AUTH_CLIENT_ID": rotating.client_id}
        before = bearer(rotating.access_token(OPERATOR))
        rotating.rotate_keys()
        cinema = Cinema(api_servers(1, **settings)[0], Forger(rotating))

        for headers in (before, bearer(rotating.access_token(OPERATOR))):
            assert cinema.ask("GET", "/api/operations", headers=headers).status == 200


def test_while_nobody_can_tell_the_answer_is_to_come_again(api_servers: ApiServers, provider: Provider) -> None:
    settings = {"AUTH": "on", "AUTH_ISSUER": "http://127.0.0.1:1", "AUTH_CLIENT_ID": provider.client_id}
    cinema = Cinema(api_servers(1, **settings)[0], Forger(provider))

    answer = cinema.as_user(OPERATOR, "GET", "/api/operations")

    assert refused_as(answer) == (503, "TEMPORARILY_UNAVAILABLE")
    assert "retry-after" in answer.headers
