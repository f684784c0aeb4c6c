"""The system with one guard taken out: then a promise must break, or the simulator sees nothing."""

from dataclasses import dataclass, field

from .cloud.doors import Change, unchanged
from .instances import Adapters


@dataclass(frozen=True)
class Planted:
    """A fault of ours: adapters that lack a guard, or a change of the requests that go to DynamoDB."""

    adapters: Adapters = field(default_factory=Adapters)
    change: Change = unchanged


PLANTED: dict[str, Planted] = {}
