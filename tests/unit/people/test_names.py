"""How a person is told in what is stored, and how the names are taken out."""

import json

import pytest

from chalicelib.domain.people.person import ERASED, Person

ANA = Person("ana").with_emails(["Ana.Lima@example.com", ""])


@pytest.mark.parametrize(
    ("stored", "erased"),
    [
        ("ana", ERASED),
        ("Ana", "Ana"),
        ("banana", "banana"),
        ("for ana", "for ana"),
        ("ana.lima@example.com", ERASED),
        ("550 <ANA.LIMA@EXAMPLE.COM>... unknown", f"550 <{ERASED}>... unknown"),
        ("joana.lima@example.com", "joana.lima@example.com"),
        ("x-ana.lima@example.com", "x-ana.lima@example.com"),
        ("ana_lima@example.com", "ana_lima@example.com"),
        ("ana.lima@example.com.br", "ana.lima@example.com.br"),
        ("to ana.lima@example.com.", f"to {ERASED}."),
        (7, 7),
        (None, None),
        ({"ana": ["ana", {"S": "ana"}]}, {"ana": [ERASED, {"S": ERASED}]}),
        (json.dumps({"userId": "ana"}), json.dumps({"userId": ERASED})),
        (json.dumps([json.dumps({"userId": "ana"})]), json.dumps([json.dumps({"userId": ERASED})])),
        ('{"userId":"bia"}', '{"userId":"bia"}'),
        ('{"userId": "ana"', '{"userId": "ana"'),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_a_name_is_taken_out_wherever_it_stands_and_nothing_else_is(stored: object, erased: object) -> None:
    assert ANA.erase_from(stored) == erased
    assert ANA.is_named_in(stored) is (stored != erased)
    assert not ANA.is_named_in(erased)


def test_json_that_escapes_letters_is_read() -> None:
    zoe = Person("Zoë")

    assert zoe.is_named_in(json.dumps({"userId": "Zoë"}))


def test_a_person_is_not_shown() -> None:
    assert "ana" not in repr(ANA).casefold()
