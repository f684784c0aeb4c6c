"""The messages of errors: their facts, their words in each language, and the language that a client prefers."""

import json
import re
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from chalicelib.api.http.errors import ERRORS, ErrorRow, nearest_error_row
from chalicelib.api.http.messages import error_message
from chalicelib.api.wire import bodies
from chalicelib.api.wire.bodies import NOT_BLANK, CalendarMoment, MalformedRequest, parsed
from chalicelib.api.wire.languages import ENGLISH, PORTUGUESE, preferred_language
from chalicelib.api.wire.reservations import Email, Seat
from chalicelib.domain import refusals
from tests.builders import NOW

EXAMPLES: list[Exception] = [
    *(example for row in ERRORS for example in row.examples),
    refusals.PaymentForCancelledSession("s-1", "res-1", "tx-1"),
    refusals.LatePayment("res-1", NOW, "tx-1"),
    refusals.PaymentForCancelledReservation("res-1", "tx-1"),
]
"""Of every kind of exception; those at the end are answered as the kind that they are derived from."""


def refused_as(error: Exception) -> ErrorRow:
    row = nearest_error_row(type(error))
    assert row, f"{type(error).__name__} has no row in chalicelib/api/http/errors.py"
    return row


def all_kinds(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*(all_kinds(narrower) for narrower in kind.__subclasses__()))


def test_every_refusal_has_its_status_and_its_example_here() -> None:
    """An adapter's narrower kind, such as WriteConflict, is answered as the one that it is derived from."""
    kinds = {kind for kind in all_kinds(refusals.Refusal) if kind.__module__ == refusals.__name__} - {refusals.Refusal}

    assert {type(example) for example in EXAMPLES} >= kinds
    assert all(400 <= refused_as(example).status < 600 for example in EXAMPLES)


@pytest.mark.parametrize("spoken", [ENGLISH, PORTUGUESE])
@pytest.mark.parametrize("refusal", EXAMPLES, ids=lambda refusal: type(refusal).__name__)
def test_every_refusal_is_told_with_its_own_facts_in_every_language(refusal: Exception, spoken: str) -> None:
    refused = refused_as(refusal)

    told = error_message(refused.code, {**refused.facts(refusal), **refused.message_facts(refusal)}, spoken)

    assert told
    assert "{" not in told


def test_every_code_is_told_in_both_languages_and_differently() -> None:
    for told in (row.template_by_available_language for row in ERRORS if row.examples):
        assert set(told) == {ENGLISH, PORTUGUESE}
        assert told[ENGLISH] != told[PORTUGUESE]


def test_every_refusal_that_is_counted_has_a_short_text_for_the_board_in_both_languages() -> None:
    counted = [row for row in ERRORS if row.example and row.counts_as_refusal]

    assert [row.code for row in counted if not all(row.on_board)] == []
    assert [row.code for row in ERRORS if any(row.on_board) and row not in counted] == []


def test_facts_that_the_body_shows_are_facts_that_a_client_can_use() -> None:
    shown = refused_as(refusals.SeatsUnavailable(("A1",))).facts(refusals.SeatsUnavailable(("A1",)))

    assert shown == {"conflictingSeats": ("A1",)}


@pytest.mark.parametrize("spoken", [ENGLISH, PORTUGUESE])
def test_taken_seats_are_listed_in_brackets(spoken: str) -> None:
    assert "[A1, B2]" in error_message("SEAT_ALREADY_RESERVED", {"seats": ("A1", "B2")}, spoken)


def test_a_fault_names_its_field_where_that_is_known() -> None:
    fault = {"detail": "Expected `int`, got `str`"}

    told = error_message("VALIDATION_ERROR", {**fault, "field": "$.totalSeats"}, ENGLISH)
    assert told == "The request is not valid: “totalSeats” must be a whole number."
    assert error_message("VALIDATION_ERROR", fault, PORTUGUESE).endswith(": ela deve ser um número inteiro.")


class EveryKind(msgspec.Struct, rename="camel"):
    """A field of every type that our requests have, with every limit."""

    text: Annotated[str, Meta(min_length=1, max_length=3, pattern=NOT_BLANK)]
    seats: Annotated[list[Seat], Meta(min_length=1, max_length=2)]
    number: Annotated[int, Meta(ge=1, le=3)]
    price: Annotated[float, Meta(ge=0, le=10)]
    start: CalendarMoment
    flag: bool
    word: Literal["subscribe"]
    address: Email | None = None


RIGHT: dict[str, Any] = {
    "text": "a",
    "seats": ["A1"],
    "number": 1,
    "price": 1,
    "start": "2030-01-01T00:00:00Z",
    "flag": True,
    "word": "subscribe",
}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=2), values, max_size=2),
    max_leaves=4,
)
ODD: tuple[Any, ...] = (7, "x", "", [], {}, 1.5, True, "xxxx", " ")
BEYOND: tuple[Any, ...] = (None, -1, 4.25, 10**9, 10**30, ["1A"], ["A1"] * 3, [""])
WRONG = [
    *({name: value for name, value in RIGHT.items() if name != missing} for missing in RIGHT),
    *(RIGHT | {name: odd} for name in (*RIGHT, "address") for odd in ODD),
    *(RIGHT | {name: beyond} for name in RIGHT for beyond in BEYOND),
    *(RIGHT | {"start": moment} for moment in ("2030-01-01T00:00:00", "2030-02-30T00:00:00Z", "yesterday")),
    *(RIGHT | {"text": text} for text in ("\x00", "a\n", "\u2028\x7f")),
    *(RIGHT | {"seats": seats} for seats in (["A1\n"], ["A1", "B1\n"])),
]


def refusal_of(body: object) -> MalformedRequest | None:
    try:
        parsed(json.dumps(body), EveryKind)
    except MalformedRequest as refusal:
        return refusal
    return None


def assert_told_to_people(refusal: MalformedRequest) -> None:
    refused = refused_as(refusal)
    facts = {**refused.facts(refusal), **refused.message_facts(refusal)}
    english, portuguese = (error_message(refused.code, facts, spoken) for spoken in (ENGLISH, PORTUGUESE))

    for told in (english, portuguese):
        assert not re.search(r"`|Expected|\$|regex|>=|<=|got |float|datetime|str\b", told), told
        assert told.endswith(".")
    assert english.partition(": ")[2] != portuguese.partition(": ")[2]
    assert not re.search(r"\b(must|is|not|the|of|have)\b", portuguese), portuguese
    assert "right form" not in english, refusal.detail
    assert refusal.field.removeprefix("$.") in english


@pytest.mark.parametrize("body", WRONG, ids=repr)
def test_every_fault_is_a_sentence_for_people_in_both_languages(body: dict[str, Any]) -> None:
    refusal = refusal_of(body)

    if refusal is not None:
        assert_told_to_people(refusal)
        assert refusal.field


def test_most_of_what_is_looked_at_above_is_refused() -> None:
    assert sum(refusal_of(body) is not None for body in WRONG) > len(WRONG) * 0.8


@given(st.sampled_from([*RIGHT, "address"]), JSON_VALUES)
def test_whatever_is_wrong_with_a_value_is_told_to_people(name: str, value: object) -> None:
    refusal = refusal_of(RIGHT | {name: value})

    if refusal is not None:
        assert_told_to_people(refusal)


@pytest.mark.parametrize("body", ["[]", "7", "null", '"x"'])
def test_what_is_no_object_is_told_to_people(body: str) -> None:
    refusal = refusal_of(json.loads(body))

    assert refusal is not None
    assert_told_to_people(refusal)


@pytest.mark.parametrize(
    ("body", "english", "portuguese"),
    [
        ("x", " (see byte 0).", " (veja o byte 0)."),
        ('{"a": 1,}', " (see byte 8).", " (veja o byte 8)."),
        ('{"a":', ": it ends too early.", ": termina antes do fim."),
        ("", ": it ends too early.", ": termina antes do fim."),
        (b'{"text": "\xff"}', ".", "."),
    ],
)
def test_what_is_no_json_is_told_with_its_place_and_no_words_of_the_parser(
    body: str | bytes, english: str, portuguese: str
) -> None:
    with pytest.raises(bodies.MalformedJson) as refused:
        parsed(body, EveryKind)

    facts = {"detail": refused.value.detail}
    assert error_message("MALFORMED_JSON", facts, ENGLISH) == f"The body is not valid JSON{english}"
    assert error_message("MALFORMED_JSON", facts, PORTUGUESE) == f"O corpo não é um JSON válido{portuguese}"


def test_a_fault_that_nobody_has_words_for_is_still_told_in_ones_own_language() -> None:
    assert error_message("VALIDATION_ERROR", {"detail": "Something new", "field": "$.x"}, ENGLISH).endswith(
        "“x” is not of the right form."
    )
    assert "Something" not in error_message("VALIDATION_ERROR", {"detail": "Something new"}, PORTUGUESE)


def test_braces_in_what_a_client_sent_are_only_text() -> None:
    assert "“{method}”" in error_message("VALIDATION_ERROR", {"detail": "x", "field": "$.{method}"}, ENGLISH)


@pytest.mark.parametrize(
    ("header", "spoken"),
    [
        ("", ENGLISH),
        ("pt-BR", PORTUGUESE),
        ("pt", PORTUGUESE),
        ("PT-br", PORTUGUESE),
        ("pt-PT, en;q=0.5", PORTUGUESE),
        ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", PORTUGUESE),
        ("en-US,en;q=0.9,pt-BR;q=0.8", ENGLISH),
        ("en;q=0.3, pt;q=0.4", PORTUGUESE),
        ("en, pt", ENGLISH),
        ("pt;q=0", ENGLISH),
        ("de, fr;q=0.5", ENGLISH),
        ("de, pt;q=0.1", PORTUGUESE),
        ("ptx", ENGLISH),
        (", ;q=1,,", ENGLISH),
    ],
)
def test_portuguese_is_spoken_where_it_is_preferred(header: str, spoken: str) -> None:
    assert preferred_language(header) == spoken


@given(st.text())
def test_any_header_gives_one_of_our_languages(header: str) -> None:
    assert preferred_language(header) in (ENGLISH, PORTUGUESE)
