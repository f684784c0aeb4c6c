"""A cache of answers' texts, by the object that they show.

A page of the programme is cached for a second (infrastructure/dynamodb/sessions.py), and given to every request.
Encoding the page as JSON, and hashing the JSON for the ETag, took more CPU than the rest of a request. A text needs no
expiry of its own: a new page is a new object, and gets a new text.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

from .static import VersionedText

T = TypeVar("T")

MOST_TEXTS = 64
"""How many texts are kept. A page of a hundred screenings has some 25 kB."""


@dataclass
class TextCache(Generic[T]):
    """A thread-safe cache of texts, by the identity of immutable objects. Keeps the MOST_TEXTS newest ones."""

    render: Callable[[T], VersionedText]
    texts: dict[int, tuple[T, VersionedText]] = field(default_factory=dict)
    """The texts by `id()`, each beside its object, so that no other object gets that id meanwhile."""
    lock: Any = field(default_factory=Lock)

    def text_of(self, shown: T) -> VersionedText:
        """Gives the object's text. Renders and caches the text of a new object; the oldest cached text is dropped."""
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
