"""Page cursors come back from clients, who may send anything."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.refusals import CursorInvalid
from chalicelib.infrastructure.dynamodb.cursors import from_cursor, to_cursor

anything_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
)
keys_of_ours = st.lists(st.text(st.characters(max_codepoint=126), min_size=1, max_size=40), min_size=2, max_size=2)


def cursor_of(text: str) -> str:
    return urlsafe_b64encode(text.encode(errors="surrogatepass")).decode()


@given(keys_of_ours)
def test_a_cursor_gives_its_key_back(key: list[str]) -> None:
    assert from_cursor(to_cursor(key), 2) == key


@given(st.text(st.characters()) | st.binary().map(lambda raw: urlsafe_b64encode(raw).decode()))
def test_garbage_is_refused_and_nothing_else(cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        from_cursor(cursor, 2)


@given(anything_json)
def test_json_that_is_no_key_is_refused(value: Any) -> None:
    try:
        key = from_cursor(cursor_of(json.dumps(value)), 2)
    except CursorInvalid:
        return
    assert key == value
    assert [type(part) for part in key] == [str, str]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '["a"]',
        '["a", "b", "c"]',
        '["a", ""]',
        '["a", 1]',
        "[" * 300,
        '["a", "\\ud800"]',
        "[NaN, 1]",
    ],
)
def test_a_key_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(CursorInvalid):
        from_cursor(cursor_of(text), 2)


def test_a_cursor_longer_than_any_of_ours_is_refused() -> None:
    with pytest.raises(CursorInvalid):
        from_cursor(to_cursor(["a" * 300, "b" * 300]), 2)
