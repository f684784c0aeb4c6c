"""Moments in requests, at the ends of the calendar."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.api.wire.bodies import MalformedRequest
from chalicelib.api.wire.tickets import read_admit_command

SCAN = {"gateId": "north", "roomNumber": "A1", "code": "K7QX-2MNP"}


def scanned(admitted_at: str) -> Any:
    body = json.dumps({**SCAN, "admittedAt": admitted_at}).encode()
    return SimpleNamespace(raw_body=body, headers={})


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1999-12-31T23:59:59Z",
        "2100-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_an_admission_beyond_the_calendar_is_malformed(moment: str) -> None:
    """In UTC, two of these are before the year 1 and after 9999."""
    with pytest.raises(MalformedRequest) as refusal:
        read_admit_command(scanned(moment))

    assert refusal.value.field == "$.admittedAt"


@pytest.mark.parametrize("moment", ["2000-01-01T00:00:00+14:00", "2099-12-31T23:59:59.999999-14:00"])
def test_an_admission_within_it_is_read(moment: str) -> None:
    assert read_admit_command(scanned(moment)).admitted_at
