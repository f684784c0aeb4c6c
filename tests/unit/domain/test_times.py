"""Moments in whole milliseconds."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.times import from_ms, to_iso, to_ms, to_utc_in_whole_ms, utc_whole_ms_from_iso_with_zone

moments = st.datetimes(datetime(1970, 1, 2), datetime(9998, 1, 1), timezones=st.just(UTC)).map(to_utc_in_whole_ms)  # noqa: DTZ001


@given(moments)
def test_a_moment_survives_being_stored_in_milliseconds(moment: datetime) -> None:
    assert from_ms(to_ms(moment)) == moment


@given(moments)
def test_a_moment_survives_being_written_as_text(moment: datetime) -> None:
    assert utc_whole_ms_from_iso_with_zone(to_iso(moment)) == moment


@given(moments, moments)
def test_texts_sort_as_the_moments_do(one: datetime, other: datetime) -> None:
    assert (to_iso(one) < to_iso(other)) == (one < other)


def test_a_text_has_milliseconds_and_z() -> None:
    assert to_iso(datetime(2024, 2, 15, 19, tzinfo=UTC)) == "2024-02-15T19:00:00.000Z"


def test_microseconds_are_cut_off_never_rounded_up() -> None:
    assert to_utc_in_whole_ms(datetime(2024, 2, 15, 19, 0, 0, 1999, UTC)).microsecond == 1000


def test_another_time_zone_is_turned_into_utc() -> None:
    in_sao_paulo = datetime(2024, 2, 15, 16, tzinfo=timezone(timedelta(hours=-3)))

    assert to_iso(in_sao_paulo) == "2024-02-15T19:00:00.000Z"


@pytest.mark.parametrize("text", ["", "soon", "2024-02-30T00:00:00Z", "2024-02-15T19:00:00"])
def test_what_is_no_moment_or_names_no_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        utc_whole_ms_from_iso_with_zone(text)
