"""Principals: callers of the API with their roles, and the rules by which routes admit them.

A token proves who asks. Its groups give the roles; whoever is signed in and belongs to no group of ours is a buyer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Role(StrEnum):
    BUYER = "buyer"
    OPERATOR = "operator"
    GATE = "gate"
    """A device at a cinema's entrance: it admits tickets, and buys nothing."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request. `subject` is the verified id of the user; empty without sign-in."""

    subject: str
    roles: frozenset[Role]
    email: str = field(default="", repr=False)
    """The user's verified address; empty if the token has none."""

    @property
    def is_signed_in(self) -> bool:
        return bool(self.subject)

    @property
    def may_act_for_all(self) -> bool:
        return Role.OPERATOR in self.roles

    def may_act_for(self, user_id: str) -> bool:
        """Tells whether the principal may see and change that user's bookings."""
        return self.may_act_for_all or (self.is_signed_in and self.subject == user_id)


UNCHECKED = Principal("", frozenset(Role))
"""Whoever asks where access control is off, and our own event handlers: in every role, and nobody in particular."""

ANONYMOUS = Principal("", frozenset())
"""Somebody without a token, or with one that is not valid."""


class AccessRule(Enum):
    """A route's rule: the principals that it admits."""

    ANYONE = frozenset[Role]()
    """Everybody: no token is looked at."""
    SIGNED = "signed"
    """Whoever signs the request with a secret of theirs: the view checks it, and no token is looked at."""
    BUYER = frozenset({Role.BUYER, Role.OPERATOR})
    """Whoever buys, and operators. The view is told who asks: only the owner and operators reach a reservation."""
    OPERATOR = frozenset({Role.OPERATOR})
    GATE = frozenset({Role.GATE, Role.OPERATOR})
    """A device at an entrance, and operators, who help where one fails."""

    @property
    def needs_token(self) -> bool:
        return self not in (AccessRule.ANYONE, AccessRule.SIGNED)

    def admits(self, principal: Principal) -> bool:
        """Tells whether the principal has one of the roles. For rules that need a token."""
        return isinstance(self.value, frozenset) and not self.value.isdisjoint(principal.roles)


def roles_from_groups(groups: Iterable[object]) -> frozenset[Role]:
    """Gives the roles of a user in these groups. Unknown groups count for nothing."""
    known = frozenset(Role(group) for group in groups if isinstance(group, str) and group in set(Role))
    return known or frozenset({Role.BUYER})
