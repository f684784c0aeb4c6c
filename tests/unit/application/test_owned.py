"""What belongs to a buyer: only they and operators find it; to everybody else there is no such thing."""

from collections.abc import Callable

import pytest

from chalicelib.application.confirm import ConfirmReservationCommand
from chalicelib.application.release import CancelReservationCommand
from chalicelib.domain.identity import ANONYMOUS, UNCHECKED, AccessRule, Principal, Role, roles_from_groups_or_buyer
from chalicelib.domain.refusals import ReservationNotFound, UserNotFoundOrNotVisible
from chalicelib.domain.reservations import Reservation
from tests.builders import Cinema

OWNER = Principal("ana", frozenset({Role.BUYER}))
OTHER = Principal("bia", frozenset({Role.BUYER}))
OPERATOR = Principal("olga", frozenset({Role.OPERATOR}))
GATE = Principal("door", frozenset({Role.GATE}))

Act = Callable[[Cinema, Reservation, Principal], object]

ACTS: dict[str, Act] = {
    "show": lambda cinema, held, who: cinema.selling.show_reservation(held.id, who),
    "confirm": lambda cinema, held, who: cinema.selling.confirm(
        ConfirmReservationCommand(held.id, "card", "tx-1", who)
    ),
    "cancel": lambda cinema, held, who: cinema.selling.cancel(CancelReservationCommand(held.id, who)),
    "pay": lambda cinema, held, who: cinema.settling.start_payment(held.id, who),
}


@pytest.fixture
def cinema() -> Cinema:
    return Cinema()


@pytest.mark.parametrize("who", [OTHER, GATE, ANONYMOUS, Principal("", frozenset({Role.BUYER}))])
@pytest.mark.parametrize("act", ACTS)
def test_nobody_finds_a_reservation_of_somebody_else(cinema: Cinema, act: str, who: Principal) -> None:
    held = cinema.hold("A1", user="ana")

    with pytest.raises(ReservationNotFound) as refused:
        ACTS[act](cinema, held, who)

    assert refused.value.reservation_id == held.id
    assert cinema.seats() == {"A1": "reserved"}


@pytest.mark.parametrize("who", [OWNER, OPERATOR, UNCHECKED])
@pytest.mark.parametrize("act", ACTS)
def test_its_owner_and_operators_do(cinema: Cinema, act: str, who: Principal) -> None:
    held = cinema.hold("A1", user="ana")

    assert ACTS[act](cinema, held, who)


@pytest.mark.parametrize("who", [OWNER, OPERATOR, UNCHECKED])
def test_purchases_are_shown_to_their_buyer_and_to_operators(cinema: Cinema, who: Principal) -> None:
    cinema.confirm(cinema.hold("A1", user="ana").id)

    assert len(cinema.selling.list_purchases("ana", 10, None, who).items) == 1


@pytest.mark.parametrize("who", [OTHER, GATE, ANONYMOUS])
def test_and_to_nobody_else(cinema: Cinema, who: Principal) -> None:
    with pytest.raises(UserNotFoundOrNotVisible):
        cinema.selling.list_purchases("ana", 10, None, who)


@pytest.mark.parametrize(
    ("rule", "admitted"),
    [(AccessRule.BUYER, [OWNER, OTHER, OPERATOR, UNCHECKED]), (AccessRule.OPERATOR, [OPERATOR, UNCHECKED])],
)
def test_a_rule_admits_its_roles(rule: AccessRule, admitted: list[Principal]) -> None:
    assert rule.needs_token
    assert [
        who for who in (OWNER, OTHER, OPERATOR, GATE, ANONYMOUS, UNCHECKED) if rule.names_a_role_of(who)
    ] == admitted


@pytest.mark.parametrize("rule", [AccessRule.ANYONE, AccessRule.WEBHOOK_SIGNED])
def test_some_rules_ask_nobody(rule: AccessRule) -> None:
    assert not rule.needs_token


def test_who_belongs_to_no_group_is_a_buyer_and_who_belongs_to_one_is_that_only() -> None:
    assert roles_from_groups_or_buyer([]) == roles_from_groups_or_buyer(["staff"]) == {Role.BUYER}
    assert roles_from_groups_or_buyer(["gate"]) == {Role.GATE}


def test_an_address_is_never_shown_where_a_principal_is_written() -> None:
    assert "example.com" not in repr(Principal("ana", frozenset(), "ana@example.com"))
