"""Quotas: how the words of the configuration are understood, and what a quota says of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.rate_limits import (
    CLOCKS_DIFFER_US,
    LONGEST_WINDOW_SECONDS,
    MOST_REQUESTS,
    NO_LIMITS,
    Quota,
    QuotaUsage,
    RequesterKind,
    Verdict,
)

SECOND = 1_000_000


def test_an_entry_limits_its_route_for_whom_it_names() -> None:
    limits = NO_LIMITS.with_overrides(" hold_seats = 10/20s  per user ,")

    assert limits.quota_for(RequesterKind.USER, "hold_seats") == Quota(10, 20)
    assert limits.quota_for(RequesterKind.ADDRESS, "hold_seats") is None
    assert limits.quota_for(RequesterKind.USER, "show_seats") is None


def test_a_star_limits_all_that_is_not_named_after_it() -> None:
    limits = NO_LIMITS.with_overrides(
        "show_seats=1/1s per user, *=5/5s per user, hold_seats=2/2s per user, *=9/9s per address"
    )

    assert limits.quota_for(RequesterKind.USER, "hold_seats") == Quota(2, 2)
    assert limits.quota_for(RequesterKind.USER, "show_seats") == Quota(5, 5)
    assert limits.quota_for(RequesterKind.ADDRESS, "hold_seats") == Quota(9, 9)


def test_off_lifts_one_limit_or_all() -> None:
    limits = NO_LIMITS.with_overrides("*=5/5s per user, hold_seats=2/2s per user")

    assert limits.with_overrides("hold_seats=off per user").quota_for(RequesterKind.USER, "hold_seats") is None
    assert limits.with_overrides("hold_seats=off per user").quota_for(RequesterKind.USER, "show_seats") == Quota(5, 5)
    assert {limits.with_overrides("off").quota_for(requester, "hold_seats") for requester in RequesterKind} == {None}


def test_it_knows_which_routes_are_named() -> None:
    assert NO_LIMITS.with_overrides("*=1/1s per user, a=1/1s per user, b=off per address").routes == {"a", "b"}


@given(st.text())
def test_any_other_words_are_refused(words: str) -> None:
    if "per" not in words and words.strip(" ,\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0") not in ("", "off"):
        with pytest.raises(ValueError):
            NO_LIMITS.with_overrides(words)


@given(st.integers(1, 100_000), st.integers(1, 86_400))
def test_a_quota_never_promises_more_than_its_requests(requests: int, seconds: int) -> None:
    quota = Quota(requests, seconds)

    assert QuotaUsage(quota, 0).remaining == requests
    assert QuotaUsage(quota, quota.window_us).remaining == 0
    assert quota.interval_us * requests >= seconds * SECOND
    assert QuotaUsage(quota, quota.window_us).seconds_until_next_admitted_or_zero == -(-quota.interval_us // SECOND)


def test_whoever_asks_is_told_of_the_quota_that_refuses_longest_else_of_the_one_with_least_left() -> None:
    slow, fast = Quota(2, 60), Quota(10, 10)
    nearly, full = QuotaUsage(fast, 9 * SECOND), QuotaUsage(slow, 60 * SECOND)

    assert Verdict(admitted=False, usages=(nearly, full)).tightest == full
    assert Verdict(admitted=True, usages=(QuotaUsage(slow, 0), nearly)).tightest == nearly
    assert Verdict(admitted=True, usages=(QuotaUsage(fast, 0), QuotaUsage(slow, 0))).tightest == QuotaUsage(slow, 0)


@given(st.integers(1, 100), st.integers(-5, 200))
def test_a_request_that_weighs_more_takes_as_much_and_no_more_than_all_of_it(requests: int, weight: int) -> None:
    quota = Quota(requests, 60).with_clamped_weight(weight)
    taken = min(max(weight, 1), requests)

    assert quota.weighted_interval_us == taken * quota.interval_us
    assert quota.admits(0, 0)
    assert QuotaUsage(quota, quota.weighted_interval_us).remaining == requests - taken
    assert QuotaUsage(quota, quota.window_us).seconds_until_next_admitted_or_zero == -(
        -quota.weighted_interval_us // SECOND
    )


def test_a_quota_that_is_used_up_admits_nothing_and_a_moment_far_ahead_is_no_longer_wait() -> None:
    """Found by tests/mutants."""
    quota = Quota(requests=10, seconds=20)

    assert not quota.admits(quota.window_us, 0)
    assert quota.admits(quota.window_us - quota.interval_us, 0)
    assert quota.drained_at_before_request_us(10**15, 0) == quota.window_us


NOW_US = 1_000 * SECOND
WINDOW_US = 10 * SECOND


@pytest.mark.parametrize(
    ("known_us", "due_us"),
    [
        (0, NOW_US),
        (NOW_US - 1, NOW_US),
        (NOW_US + 1, NOW_US + 1),
        (NOW_US + WINDOW_US + CLOCKS_DIFFER_US, NOW_US + WINDOW_US + CLOCKS_DIFFER_US),
        (NOW_US + WINDOW_US + CLOCKS_DIFFER_US + 1, NOW_US + WINDOW_US),
    ],
    ids=["none stored", "past", "ahead", "as far ahead as a clock may be", "of another quota"],
)
def test_what_is_stored_too_far_ahead_counts_as_a_quota_used_up(known_us: int, due_us: int) -> None:
    assert Quota(10, 10).drained_at_before_request_us(known_us, NOW_US) == due_us


@pytest.mark.parametrize(("weight", "counted"), [(0, 1), (1, 1), (2, 2), (10, 10), (11, 10)])
def test_a_request_weighs_at_least_one_and_at_most_its_quota(weight: int, counted: int) -> None:
    assert Quota(10, 10).with_clamped_weight(weight).weight == counted


@pytest.mark.parametrize(
    ("entry", "is_read"),
    [
        (f"a={MOST_REQUESTS}/{LONGEST_WINDOW_SECONDS}s per user", True),
        (f"a={MOST_REQUESTS + 1}/1s per user", False),
        (f"a=1/{LONGEST_WINDOW_SECONDS + 1}s per user", False),
        ("a=0/1s per user", False),
        ("a=1/0s per user", False),
    ],
)
def test_a_quota_has_bounds_and_the_entry_beyond_them_is_named(entry: str, is_read: bool) -> None:
    if is_read:
        assert NO_LIMITS.with_overrides(entry).quota_for(RequesterKind.USER, "a") == Quota(
            MOST_REQUESTS, LONGEST_WINDOW_SECONDS
        )
        return
    with pytest.raises(ValueError, match=entry):
        NO_LIMITS.with_overrides(entry)
