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
    """The caller of a request. `subject` is the user's verified id; empty without sign-in."""

    subject: str
    roles: frozenset[Role]
    email: str = field(default="", repr=False)
    """The user's verified address; empty if the token has none."""

    @property
    def is_signed_in(self) -> bool:
        """Tells whether the caller presented a valid token."""
        return bool(self.subject)

    @property
    def may_act_for_all(self) -> bool:
        """Tells whether the caller is an operator, who may see and change every user's bookings."""
        return Role.OPERATOR in self.roles

    def may_act_for(self, user_id: str) -> bool:
        """Tells whether the principal may see and change that user's bookings."""
        return self.may_act_for_all or (self.is_signed_in and self.subject == user_id)


UNCHECKED = Principal("", frozenset(Role))
"""The caller when access control is off, and in our own event handlers. Has every role and no identity."""

ANONYMOUS = Principal("", frozenset())
"""A caller without a valid token."""


class AccessRule(Enum):
    """The rule of a route: which principals the route admits."""

    ANYONE = frozenset[Role]()
    """Admits everybody, without reading a token."""
    WEBHOOK_SIGNED = "signed"
    """Admits requests that are signed with a webhook's secret. The view verifies the signature; no token is read."""
    BUYER = frozenset({Role.BUYER, Role.OPERATOR})
    """Admits buyers and operators. The view checks that a reservation belongs to the caller, unless the caller is an
    operator."""
    OPERATOR = frozenset({Role.OPERATOR})
    GATE = frozenset({Role.GATE, Role.OPERATOR})
    """Admits gates, and operators as their substitutes."""

    @property
    def needs_token(self) -> bool:
        return self not in (AccessRule.ANYONE, AccessRule.WEBHOOK_SIGNED)

    def names_a_role_of(self, principal: Principal) -> bool:
        """Tells whether the principal has one of the rule's roles. False for rules that need no token."""
        return isinstance(self.value, frozenset) and not self.value.isdisjoint(principal.roles)


def roles_from_groups_or_buyer(groups: Iterable[object]) -> frozenset[Role]:
    """Gives the roles for the groups of a token. Ignores unknown groups. A user without a known group is a buyer."""
    known = frozenset(Role(group) for group in groups if isinstance(group, str) and group in set(Role))
    return known or frozenset({Role.BUYER})
