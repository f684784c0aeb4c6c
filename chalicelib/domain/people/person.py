"""A person whose data is exported or erased, and how they are told in what is stored.

A person is named by the user's id and by email addresses. Hashes that are made from them are no names: see
docs/privacy.md.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

ERASED = "erased"
"""The text that replaces an erased name."""

USER_FIELDS = frozenset(("userId", "user_id", "sub"))
"""The fields whose value is a user's id, in events, answers, tables and accounts."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person, identified by the user's id and the known email addresses."""

    user_id: str = field(repr=False)
    emails: frozenset[str] = field(default=frozenset(), repr=False)

    def with_more_emails(self, emails: Iterable[str]) -> "Person":
        """Gives the person with further email addresses. Ignores empty ones."""
        return replace(self, emails=self.emails | {email for email in emails if email})

    def is_named_in(self, value: Any) -> bool:
        """Tells whether a JSON value names the person. Searches strings, and JSON that is embedded in strings."""
        return bool(self.copy_with_person_erased(value) != value)

    def copy_with_person_erased(self, value: Any) -> Any:
        """Gives a copy of the value in which ERASED replaces each name of the person.

        A user's id is replaced only as the whole value of a field in USER_FIELDS, because it may also be the name of a
        seat or event. An email address is replaced anywhere, ignoring case. Names of fields stay.
        """
        match value:
            case str():
                return self._erase_from_text(value)
            case dict():
                return {name: self._erase_from_field(name, one) for name, one in value.items()}
            case list():
                return [self.copy_with_person_erased(one) for one in value]
        return value

    def _erase_from_field(self, name: str, value: Any) -> Any:
        """Gives the field's value without the person's names. A user's id may be plain text, or the value of a
        DynamoDB attribute, `{"S": …}`."""
        if name in USER_FIELDS:
            if value == self.user_id:
                return ERASED
            if value == {"S": self.user_id}:
                return {"S": ERASED}
        return self.copy_with_person_erased(value)

    def _erase_from_text(self, text: str) -> str:
        if text[:1] in ("{", "[") and (inner := _parse(text)) is not None:
            erased = self.copy_with_person_erased(inner)
            return text if erased == inner else json.dumps(erased)
        for email in self.emails:
            text = _address(email).sub(ERASED, text)
        return text


def _address(email: str) -> re.Pattern[str]:
    """Gives a pattern that matches the address, but not as part of a longer address."""
    return re.compile(rf"(?<![\w.+-]){re.escape(email)}(?![\w-]|\.\w)", re.IGNORECASE)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
