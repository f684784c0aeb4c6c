"""Texts of answers, each written once for as long as what it shows stays the same object in memory.

A page of the programme is kept for a second (infrastructure/dynamodb/sessions.py) and given to everybody who asks.
Writing its JSON, and hashing that for its ETag, took more CPU than all the rest of a request. A text has no age of its
own: it is asked for with the page that it shows, and another page has another text.
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
    """The texts of the objects that were shown last, which never change. Safe in threads."""

    render: Callable[[T], VersionedText]
    texts: dict[int, tuple[T, VersionedText]] = field(default_factory=dict)
    """The texts by `id()`, each beside its object, so that no other object gets that id meanwhile."""
    lock: Any = field(default_factory=Lock)

    def text_of(self, shown: T) -> VersionedText:
        """Gives the text of an object. Writes it if the object is new, in the place of the oldest."""
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
