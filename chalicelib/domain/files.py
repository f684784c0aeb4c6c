"""Files that buyers get: by email, or as the answer to a request."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class File:
    """A file. Its content is left out where it is logged: a ticket's lets its holder in."""

    name: str
    content_type: str
    content: bytes = field(repr=False)
