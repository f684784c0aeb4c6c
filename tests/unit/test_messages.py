"""What people read when the answer is no, and in which language."""

from typing import Any

import pytest
from chalice.app import NotFoundError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api import wire
from chalicelib.api.answers import CHALICE_CODES, REFUSALS, Refused
from chalicelib.api.messages import ENGLISH, MESSAGES, PORTUGUESE, language, message
from chalicelib.domain import refusals
from chalicelib.domain.rate_limits import Quota, Standing
from tests.builders import NOW

EXAMPLES: list[Exception] = [
    wire.MalformedJson("trailing characters"),
    wire.MalformedRequest("Expected `int`, got `str`", "$.totalSeats"),
    wire.MalformedRequest("Expected 1 to 255 characters"),
    wire.BodyTooLarge(),
    refusals.CursorInvalid(),
    refusals.TooManySeats(asked=9, limit=8),
    NotFoundError(),
    refusals.SessionNotFound("s-1"),
    refusals.ReservationNotFound("res-1"),
    refusals.PaymentNotReceived("res-1", "tx-1"),
    refusals.PaymentAlreadyUsed("res-1", "tx-1"),
    refusals.PaymentReturned("res-1", "tx-1"),
    refusals.PaymentsUnavailable("res-1"),
    refusals.NothingToPay("res-1"),
    refusals.TransactionMissing("res-1"),
    refusals.SessionCancelled("s-1"),
    refusals.PaymentForCancelledSession("s-1", "res-1", "tx-1"),
    refusals.SeatsNotFound(("A1", "C9")),
    refusals.QueueNotFound("letters"),
    refusals.QueueOutOfReach(),
    wire.UnnamedMediaType(),
    refusals.SeatsUnavailable(("A1", "C9")),
    refusals.TooManyHolds(2, NOW),
    refusals.ReservationConfirmed("res-1"),
    refusals.AlreadyPaid("res-1", "sale-1", "tx-2"),
    refusals.ReservationExpired("res-1", NOW),
    refusals.LatePayment("res-1", NOW, "tx-1"),
    refusals.ReservationCancelled("res-1"),
    refusals.PaymentForCancelled("res-1", "tx-1"),
    refusals.ReservationNotPaid("res-1"),
    refusals.InvoiceNotReady("res-1"),
    refusals.IdempotencyKeyReused(),
    refusals.SignatureInvalid(),
    refusals.WebhookDisabled("wh-1"),
    refusals.RateLimited(Standing(Quota(10, 10), 10_000_000)),
    refusals.StoreUnavailable("UpdateItem"),
]


def refused_as(error: Exception) -> Refused:
    return next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)


def all_kinds(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*(all_kinds(narrower) for narrower in kind.__subclasses__()))


def test_every_refusal_has_its_status_and_its_example_here() -> None:
    kinds = all_kinds(refusals.Refusal) - {refusals.Refusal} | set(REFUSALS)

    assert {type(example) for example in EXAMPLES} == kinds
    assert all(400 <= refused_as(example).status < 600 for example in EXAMPLES)


@pytest.mark.parametrize("spoken", [ENGLISH, PORTUGUESE])
@pytest.mark.parametrize("refusal", EXAMPLES, ids=lambda refusal: type(refusal).__name__)
def test_every_refusal_is_told_with_its_own_facts_in_every_language(refusal: Exception, spoken: str) -> None:
    refused = refused_as(refusal)

    told = message(refused.code, refused.facts(refusal) | refused.hidden(refusal), spoken)

    assert told
    assert "{" not in told


@pytest.mark.parametrize("spoken", [ENGLISH, PORTUGUESE])
@pytest.mark.parametrize("refused", CHALICE_CODES.values(), ids=lambda refused: refused.code)
def test_what_chalice_refuses_is_told_in_every_language(refused: Refused, spoken: str) -> None:
    assert message(refused.code, {"method": "PUT"}, spoken)


def test_every_code_is_told_in_both_languages_and_differently() -> None:
    for told in MESSAGES.values():
        assert set(told) == {ENGLISH, PORTUGUESE}
        assert told[ENGLISH] != told[PORTUGUESE]


def test_facts_that_the_body_shows_are_facts_that_a_client_can_use() -> None:
    shown: dict[str, Any] = refused_as(refusals.SeatsUnavailable(("A1",))).facts(refusals.SeatsUnavailable(("A1",)))

    assert shown == {"conflictingSeats": ("A1",)}


@pytest.mark.parametrize("spoken", [ENGLISH, PORTUGUESE])
def test_taken_seats_are_listed_in_brackets(spoken: str) -> None:
    assert "[A1, B2]" in message("SEAT_ALREADY_RESERVED", {"seats": ("A1", "B2")}, spoken)


def test_a_fault_names_its_field_where_that_is_known() -> None:
    fault = {"detail": "Expected `int`, got `str`"}

    assert message("VALIDATION_ERROR", {**fault, "field": "$.totalSeats"}, ENGLISH).endswith(" ($.totalSeats).")
    assert "(" not in message("VALIDATION_ERROR", fault, ENGLISH)


def test_a_known_fault_is_translated_and_an_unknown_one_left_as_it_is() -> None:
    assert "esperado `int`, recebido `str`" in message(
        "VALIDATION_ERROR", {"detail": "Expected `int`, got `str`"}, PORTUGUESE
    )
    assert "Something new" in message("VALIDATION_ERROR", {"detail": "Something new"}, PORTUGUESE)


def test_braces_in_what_a_client_sent_are_only_text() -> None:
    assert "{method}" in message("MALFORMED_JSON", {"detail": "{method}"}, ENGLISH)


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
    assert language(header) == spoken


@given(st.text())
def test_any_header_gives_one_of_our_languages(header: str) -> None:
    assert language(header) in (ENGLISH, PORTUGUESE)
