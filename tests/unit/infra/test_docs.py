"""What the documents tell others to run really runs."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.signatures import sign_body

ROOT = Path(__file__).parents[3]
WEBHOOKS = ROOT / "docs" / "webhooks.md"
BODY = '{"version": 1, "title": "Amélie"}'.encode()


@pytest.fixture(scope="module")
def is_from_the_cinema() -> Callable[[str, str, bytes], bool]:
    (example,) = re.findall(r"```python\n(.*?)```", WEBHOOKS.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own document
    found: Callable[[str, str, bytes], bool] = names["is_from_the_cinema"]
    return found


def test_the_receivers_example_verifies_what_we_sign(is_from_the_cinema: Callable[[str, str, bytes], bool]) -> None:
    now = datetime.now(UTC)
    header = sign_body(["new", "old"], BODY, now)

    assert is_from_the_cinema("new", header, BODY)
    assert is_from_the_cinema("old", header, BODY)
    assert not is_from_the_cinema("other", header, BODY)
    assert not is_from_the_cinema("new", header, BODY + b" ")
    assert not is_from_the_cinema("new", sign_body(["new"], BODY, now - timedelta(minutes=6)), BODY)


def test_the_first_request_of_the_readme_is_for_a_screening_that_is_still_to_come() -> None:
    starts = re.findall(r'"startTime": "([^"]+)"', (ROOT / "README.md").read_text())

    assert starts
    assert all(datetime.fromisoformat(start) > datetime.now(UTC) + timedelta(days=1) for start in starts)
