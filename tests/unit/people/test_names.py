"""How a person is told in what is stored, and how the names are taken out."""

import json

import pytest

from chalicelib.domain.people.person import ERASED, Person

ANA = Person("ana").with_more_emails(["Ana.Lima@example.com", ""])


@pytest.mark.parametrize(
    ("stored", "erased"),
    [
        ({"userId": "ana"}, {"userId": ERASED}),
        ({"user_id": {"S": "ana"}}, {"user_id": {"S": ERASED}}),
        ({"attributes": {"sub": "ana"}}, {"attributes": {"sub": ERASED}}),
        ({"userId": "Ana"}, {"userId": "Ana"}),
        ({"userId": "banana"}, {"userId": "banana"}),
        ({"userId": "for ana"}, {"userId": "for ana"}),
        ({"userId": None, "user_id": ["bia"]}, {"userId": None, "user_id": ["bia"]}),
        ("ana", "ana"),
        ("ana.lima@example.com", ERASED),
        ("550 <ANA.LIMA@EXAMPLE.COM>... unknown", f"550 <{ERASED}>... unknown"),
        ("joana.lima@example.com", "joana.lima@example.com"),
        ("x-ana.lima@example.com", "x-ana.lima@example.com"),
        ("ana_lima@example.com", "ana_lima@example.com"),
        ("ana.lima@example.com.br", "ana.lima@example.com.br"),
        ("to ana.lima@example.com.", f"to {ERASED}."),
        (7, 7),
        (None, None),
        ({"ana": ["ana", {"S": "ana"}]}, {"ana": ["ana", {"S": "ana"}]}),
        ([{"userId": "ana", "to": ["ana.lima@example.com"]}], [{"userId": ERASED, "to": [ERASED]}]),
        (json.dumps({"userId": "ana"}), json.dumps({"userId": ERASED})),
        (json.dumps([json.dumps({"userId": "ana"})]), json.dumps([json.dumps({"userId": ERASED})])),
        ('{"userId":"bia"}', '{"userId":"bia"}'),
        ('{"userId": "ana"', '{"userId": "ana"'),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_a_name_is_taken_out_wherever_it_stands_and_nothing_else_is(stored: object, erased: object) -> None:
    assert ANA.copy_with_person_erased(stored) == erased
    assert ANA.is_named_in(stored) is (stored != erased)
    assert not ANA.is_named_in(erased)


@pytest.mark.parametrize("user_id", ["A1", "ReservationCreated", "A", "S", "erased-by", "2", "sub", "userId"])
def test_a_user_id_that_is_a_word_of_ours_takes_no_other_away(user_id: str) -> None:
    """Where users choose their ids, one may be a seat's name. An event's type that is erased can't be read again."""
    event = {"type": "ReservationCreated", "seats": ["A1", "A", "S", "2"], "userId": "bia", "data": {"sub": {"S": "x"}}}

    assert Person(user_id).copy_with_person_erased(event) == event
    assert Person(user_id).copy_with_person_erased({**event, "userId": user_id}) == {**event, "userId": ERASED}


def test_json_that_escapes_letters_is_read() -> None:
    zoe = Person("Zoë")

    assert zoe.is_named_in(json.dumps({"userId": "Zoë"}))


def test_a_person_is_not_shown() -> None:
    assert "ana" not in repr(ANA).casefold()
