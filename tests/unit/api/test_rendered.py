"""Texts that are written once for each object that is shown."""

from dataclasses import dataclass, field

import pytest

from chalicelib.api.http.rendered import MOST_TEXTS, TextCacheByIdentity
from chalicelib.api.http.static import VersionedText


@dataclass
class Writer:
    """Writes objects, and counts how often."""

    written: list[object] = field(default_factory=list)

    def __call__(self, shown: object) -> VersionedText:
        self.written.append(shown)
        return VersionedText(str(shown), "text/plain")


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def rendered(writer: Writer) -> TextCacheByIdentity[object]:
    return TextCacheByIdentity(writer)


def test_the_same_object_is_written_once(rendered: TextCacheByIdentity[object], writer: Writer) -> None:
    page = ["Oppenheimer"]

    assert rendered.text_of(page) is rendered.text_of(page)
    assert writer.written == [page]


def test_an_equal_object_is_another_one(rendered: TextCacheByIdentity[object], writer: Writer) -> None:
    """A page that was read anew may differ next time: only the very page that was written is known."""
    first, second = ["Oppenheimer"], ["Oppenheimer"]

    assert rendered.text_of(first) == rendered.text_of(second)
    assert len(writer.written) == 2


def test_an_object_that_takes_the_place_of_a_forgotten_one_in_memory_is_not_mistaken_for_it(
    rendered: TextCacheByIdentity[object], writer: Writer
) -> None:
    for number in range(1000):  # without a reference of our own: CPython gives the next one the same address
        assert rendered.text_of([number]).body == f"[{number}]"
    assert len(writer.written) == 1000


def test_no_more_texts_are_kept_than_most_and_the_oldest_goes_first(
    rendered: TextCacheByIdentity[object], writer: Writer
) -> None:
    pages = [[number] for number in range(MOST_TEXTS + 1)]
    for page in pages:
        rendered.text_of(page)

    assert len(rendered.texts) == MOST_TEXTS
    rendered.text_of(pages[-1])
    assert len(writer.written) == len(pages)
    rendered.text_of(pages[0])
    assert len(writer.written) == len(pages) + 1
