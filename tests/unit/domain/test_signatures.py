"""What is signed, by whom and when, and nothing else."""

import hashlib
import hmac
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.domain.signatures import TOLERANCE, is_signature_time_recent, is_signed, sign_body
from tests.builders import NOW

BODY = b'{"id": "e-1"}'
MOMENT = int(NOW.timestamp())
SECOND = timedelta(seconds=1)


def test_the_signature_is_over_the_moment_and_the_raw_body() -> None:
    wanted = hmac.new(b"key", f"{MOMENT}.".encode() + BODY, hashlib.sha256).hexdigest()

    assert sign_body(["key"], BODY, NOW) == f"t={MOMENT},v1={wanted}"


def test_while_a_secret_is_rotated_either_verifies_and_no_third() -> None:
    header = sign_body(["new", "old"], BODY, NOW)

    assert header.count("v1=") == 2
    assert is_signed(header, BODY, ["new"], NOW)
    assert is_signed(header, BODY, ["old"], NOW)
    assert not is_signed(header, BODY, ["other"], NOW)
    assert not is_signed(header, BODY, [], NOW)


def test_another_body_is_not_signed() -> None:
    assert not is_signed(sign_body(["key"], BODY, NOW), BODY + b" ", ["key"], NOW)


def test_another_moment_is_not_signed() -> None:
    header = sign_body(["key"], BODY, NOW).replace(f"t={MOMENT}", f"t={MOMENT + 1}")

    assert not is_signed(header, BODY, ["key"], NOW)


@pytest.mark.parametrize(("late", "signed"), [(TOLERANCE - SECOND, True), (TOLERANCE + SECOND, False)])
def test_a_signature_is_worth_five_minutes_both_ways(late: timedelta, signed: bool) -> None:
    header = sign_body(["key"], BODY, NOW)

    assert is_signed(header, BODY, ["key"], NOW + late) is signed
    assert is_signed(header, BODY, ["key"], NOW - late) is signed


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1=",
        "t=,v1=",
        f"t={MOMENT}",
        f"t={MOMENT},v1=",
        f"t={MOMENT},v1=é",
        f"t={MOMENT},v1=\ud800",
        f"t={MOMENT},t={MOMENT},v1={'0' * 64}",
        "t=-1,v1=00",
        "t=١٢٣,v1=00",
        f"t={'9' * 500},v1=00",
        "t=1e9,v1=00",
        "," * 5000,
    ],
)
def test_what_is_no_signature_is_none(header: str) -> None:
    assert not is_signed(header, BODY, ["key"], NOW)


def test_a_moment_said_twice_is_not_signed_though_one_of_them_is() -> None:
    header = sign_body(["key"], BODY, NOW)

    assert not is_signed(f"t=1,{header}", BODY, ["key"], NOW)


@given(some.text(), some.binary())
def test_any_header_over_any_body_is_answered(header: str, body: bytes) -> None:
    assert not is_signed(header, body, ["key"], NOW)


@given(some.binary(), some.lists(some.text("abcdef\u00e9"), min_size=1, max_size=3))
def test_what_is_signed_verifies_with_each_key(body: bytes, keys: list[str]) -> None:
    header = sign_body(keys, body, NOW)

    assert all(is_signed(header, body, [key], NOW) for key in keys)


def test_a_header_with_two_moments_is_not_signed_by_either() -> None:
    moment, signature = sign_body(["key"], BODY, NOW).split(",")

    assert not is_signed(f"{moment},t={MOMENT + 1},{signature}", BODY, ["key"], NOW)


def test_a_header_beyond_its_bound_is_not_read() -> None:
    assert not is_signed(sign_body(["key"], BODY, NOW) + ",x=" * 1000, BODY, ["key"], NOW)


@pytest.mark.parametrize("moment", ["", "soon", "-1", "9" * 13])
def test_a_signature_over_what_is_no_moment_is_none(moment: str) -> None:
    made = hmac.new(b"key", f"{moment}.".encode() + BODY, hashlib.sha256).hexdigest()

    assert not is_signed(f"t={moment},v1={made}", BODY, ["key"], NOW)


@pytest.mark.parametrize(("late", "recent"), [(TOLERANCE - SECOND, True), (TOLERANCE + SECOND, False)])
def test_a_header_is_recent_by_its_moment_alone(late: timedelta, recent: bool) -> None:
    assert is_signature_time_recent(f"t={MOMENT},v1=00", NOW + late) is recent
    assert is_signature_time_recent(f"t={MOMENT},v1=00", NOW - late) is recent
    assert not is_signature_time_recent(f"v1={MOMENT}", NOW)
