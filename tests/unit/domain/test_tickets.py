"""A ticket's token: what is in it, how small its QR code is, and what a gate without a connection refuses."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.booking_codes import (
    ALPHABET,
    CODES,
    code_from_number_modulo_codes,
    number_from_code,
    to_hyphenated_code,
)
from chalicelib.domain.refusals import AdmissionNotOpenYet, AdmissionOver, TicketTokenInvalid, TicketVoid, WrongRoom
from chalicelib.domain.sessions import row_letters
from chalicelib.domain.tickets.checking import GateListEntry, OfflineGateList, verify_offline_except_reuse
from chalicelib.domain.tickets.ticket import ADMITTED_FOR, LAST_VERSION, VoidReason
from chalicelib.domain.tickets.tokens import PublicKey, TicketFacts, TokenMalformed, decode_token, encode_token
from chalicelib.domain.times import from_ms
from chalicelib.infrastructure.tickets.qr import to_qr, to_svg_without_size
from chalicelib.infrastructure.tickets.signatures import is_signed
from tests.builders import NOW
from tests.fakes import FakeSigner

SESSION, OTHER_SESSION = "550e8400-e29b-41d4-a716-446655440000", "00000000-0000-4000-8000-000000000000"
STARTS = NOW.replace(microsecond=0) + timedelta(minutes=20)
OPENS_BEFORE = timedelta(minutes=60)
SIGNER = FakeSigner()
KEYS = {SIGNER.public_key().id: SIGNER.public_key()}
FACTS = TicketFacts(
    key_id=SIGNER.public_key().id,
    session_id=SESSION,
    code="K7QX-2MNP",
    seat="AB12",
    version=1,
    starts_at=STARTS,
    issued_at=NOW.replace(microsecond=0),
)
KNOWN = OfflineGateList({SESSION: STARTS}, {(SESSION, "AB12"): GateListEntry("K7QX-2MNP", 1)})


def token_of(facts: TicketFacts = FACTS, signer: FakeSigner = SIGNER) -> str:
    return encode_token(facts.to_bytes(), signer.sign(facts.to_bytes()))


def check(token: str, known: OfflineGateList = KNOWN, now: datetime = NOW) -> TicketFacts:
    return verify_offline_except_reuse(token, KEYS, is_signed, known, OPENS_BEFORE, now)


# The token


@given(
    session=st.uuids().map(str),
    code=st.integers(0, CODES - 1).map(code_from_number_modulo_codes),
    row=st.integers(0, 18_277),
    number=st.integers(1, 9_999),
    version=st.integers(1, LAST_VERSION),
    second=st.integers(946_684_800, 4_102_444_799),  # of the years 2000 to 2099
)
def test_a_token_says_what_was_put_into_it(
    session: str, code: str, row: int, number: int, version: int, second: int
) -> None:
    at = from_ms(second * 1000)
    facts = TicketFacts(FACTS.key_id, session, code, f"{row_letters(row)}{number}", version, at, at)

    assert decode_token(encode_token(facts.to_bytes(), bytes(64))).facts == facts


def test_every_token_fits_into_a_small_qr_code() -> None:
    qr = to_qr(token_of(replace(FACTS, seat="ZZZ9999", version=LAST_VERSION)))

    assert (qr.version, qr.error, qr.mode) == (7, "M", "alphanumeric")
    assert len(token_of()) == 167


def test_the_same_facts_as_a_json_web_token_would_need_twice_the_version() -> None:
    """Why the token is none: header, claims and signature, each in base64url, in the QR code's byte mode."""
    jws = "x" * (len("eyJhbGciOiJFZERTQSIsImtpZCI6IjEyMzQ1Njc4In0") + len(str(FACTS)) * 4 // 3 + 86)

    assert int(segno.make(jws, error="m", boost_error=False, micro=False).version) >= 14


def test_the_svg_is_for_a_page_of_any_size() -> None:
    svg = to_svg_without_size(token_of())

    assert svg.startswith("<svg ")
    assert 'viewBox="0 0 53 53"' in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 167,
        token_of()[:-1],
        token_of().lower(),
        token_of() + "A",
        "é" * 167,
        token_of()[:-1] + ("C" if token_of()[-1] != "C" else "D"),
    ],
    ids=["nothing", "another layout", "short", "small letters", "long", "letters of no alphabet", "unused bits set"],
)
def test_other_texts_are_no_tokens(text: str) -> None:
    with pytest.raises(TokenMalformed):
        decode_token(text)
    with pytest.raises(TicketTokenInvalid):
        check(text)


def test_a_session_whose_id_is_no_uuid_has_no_token() -> None:
    for session_id in ("session-1", "abcd"):
        with pytest.raises(ValueError, match=r"no UUID|hexadecimal"):
            replace(FACTS, session_id=session_id).to_bytes()


# Codes


@given(st.integers(0, CODES - 1))
def test_a_code_is_its_number(number: int) -> None:
    assert number_from_code(code_from_number_modulo_codes(number)) == number
    assert set(code_from_number_modulo_codes(number)) <= {*ALPHABET, "-"}


def test_a_code_is_read_however_it_is_typed() -> None:
    for typed in ("K7QX-2MNP", "k7qx2mnp", " K7 QX-2m np "):
        assert to_hyphenated_code(typed) == "K7QX-2MNP"
    for typed in ("", "K7QX-2MN", "K7QX-2MNO", "K7QX-2MNPP", "res-K7QX", "keys", "\u017f7QX-2MNP"):
        assert to_hyphenated_code(typed) is None


# Without a connection


def test_a_ticket_in_force_is_admitted_offline() -> None:
    assert check(token_of()) == FACTS


def test_a_ticket_sold_after_the_list_was_made_is_admitted_offline() -> None:
    assert check(token_of(replace(FACTS, seat="C1", code="ZZZZ-ZZZZ"))).seat == "C1"


def test_a_forged_ticket_is_refused_offline() -> None:
    good, stranger = token_of(), FakeSigner()
    elsewhere = replace(FACTS, seat="A1").to_bytes()
    forged = [
        token_of(signer=stranger),  # by a key of their own, under our key's id
        token_of(replace(FACTS, key_id=stranger.public_key().id), stranger),  # and under its own
        encode_token(elsewhere, decode_token(good).signature),  # another seat under a good signature
        encode_token(FACTS.to_bytes(), bytes(64)),
        encode_token(FACTS.to_bytes(), decode_token(good).signature[::-1]),
    ]

    for token in forged:
        with pytest.raises(TicketTokenInvalid):
            check(token)


@given(st.integers(0, 103), st.integers(1, 255))
def test_no_byte_of_a_token_can_be_changed(place: int, change: int) -> None:
    token = decode_token(token_of())
    raw = bytearray(token.signed + token.signature)
    raw[place] ^= change

    with pytest.raises(TicketTokenInvalid):
        check(encode_token(bytes(raw[:40]), bytes(raw[40:])))


def test_an_old_version_is_refused_offline() -> None:
    """The ticket was transferred before the list was made: the list has the next version, under another code."""
    listed = OfflineGateList(KNOWN.starts, {(SESSION, "AB12"): GateListEntry("BBBB-BBBB", 2)})

    with pytest.raises(TicketVoid) as refusal:
        check(token_of(), listed)

    assert refusal.value.reason == "transferred"
    assert check(token_of(replace(FACTS, code="BBBB-BBBB", version=2)), listed).version == 2


def test_another_ticket_of_the_same_version_is_refused_offline() -> None:
    """The seat was sold again after a refund: both tickets are the first version."""
    listed = OfflineGateList(KNOWN.starts, {(SESSION, "AB12"): GateListEntry("BBBB-BBBB", 1)})

    with pytest.raises(TicketVoid):
        check(token_of(), listed)


def test_a_transferred_ticket_is_refused_offline_and_the_new_one_is_not() -> None:
    renewed = replace(FACTS, code="CCCC-CCCC", version=2)
    listed = OfflineGateList(KNOWN.starts, {(SESSION, "AB12"): GateListEntry(renewed.code, renewed.version)})

    with pytest.raises(TicketVoid):
        check(token_of(), listed)
    assert check(token_of(renewed), listed) == renewed


def test_what_offline_can_not_know_is_let_in() -> None:
    """A transfer after the list was made: both are good there, and only one of them is when the gate tells the API."""
    renewed = replace(FACTS, code="CCCC-CCCC", version=2)

    assert check(token_of(renewed), KNOWN) == renewed
    assert check(token_of(), KNOWN) == FACTS


def test_a_refunded_ticket_is_refused_offline() -> None:
    listed = OfflineGateList(KNOWN.starts, {(SESSION, "AB12"): GateListEntry(FACTS.code, 1, VoidReason.REFUNDED)})

    with pytest.raises(TicketVoid) as refusal:
        check(token_of(), listed)

    assert refusal.value.reason == "refunded"


def test_a_ticket_of_another_room_or_time_is_refused_offline() -> None:
    with pytest.raises(WrongRoom):
        check(token_of(replace(FACTS, session_id=OTHER_SESSION)))
    with pytest.raises(AdmissionNotOpenYet) as early:
        check(token_of(), now=STARTS - OPENS_BEFORE - timedelta(milliseconds=1))
    with pytest.raises(AdmissionOver) as late:
        check(token_of(), now=STARTS + ADMITTED_FOR)

    assert early.value.opens_at == STARTS - OPENS_BEFORE
    assert late.value.closed_at == STARTS + ADMITTED_FOR
    assert check(token_of(), now=STARTS - OPENS_BEFORE) == FACTS
    assert check(token_of(), now=STARTS + ADMITTED_FOR - timedelta(milliseconds=1)) == FACTS


def test_a_keys_id_follows_from_the_key() -> None:
    assert PublicKey(bytes(32)).id == "66687aad"  # SHA-256 of 32 zero bytes begins so


def test_a_token_loses_no_letter_at_its_end() -> None:
    assert encode_token(b"", b"\0\0\0\0\x17") == "AAAAAAAX"
