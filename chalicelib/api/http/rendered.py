"""A cache of the texts of answers, by the object that each text shows.

A page of the programme is cached for a second (infrastructure/dynamodb/sessions.py): all requests in that second get
the same object. Encoding it as JSON, and hashing the JSON for the ETag, took more CPU than the rest of a request.
Cached texts need no expiry, because a newly read page is a new object, and gets a new text.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

from .static import VersionedText

T = TypeVar("T")

MOST_TEXTS = 64
"""The number of texts that are kept. The text of a page of a hundred screenings takes some 25 kB."""


@dataclass
class TextCacheByIdentity(Generic[T]):
    """A thread-safe cache of texts, by the identity of the immutable object shown. Keeps the MOST_TEXTS newest
    texts."""

    render: Callable[[T], VersionedText]
    texts: dict[int, tuple[T, VersionedText]] = field(default_factory=dict)
    """The texts by the object's `id()`. Each entry also holds the object, so that its id is not given to another
    object."""
    lock: Any = field(default_factory=Lock)

    def text_of(self, shown: T) -> VersionedText:
        """Gives the object's text. Renders and caches the text of a new object, and drops the oldest text if there are
        too many.
        """
        known, text = self.texts.get(id(shown), (None, None))
        if text is None or known is not shown:
            text = self.render(shown)
            self._keep(shown, text)
        return text

    def _keep(self, shown: T, text: VersionedText) -> None:
        with self.lock:
            self.texts[id(shown)] = shown, text
            if len(self.texts) > MOST_TEXTS:
                del self.texts[next(iter(self.texts))]
