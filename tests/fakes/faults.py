"""Faults: a port at which the process dies, something else happens, or an answer is lost."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

__all__ = ["Crash", "crash", "interposed", "sent_twice"]

T = TypeVar("T")


class Crash(Exception):
    """The process died here."""


def crash() -> None:
    raise Crash


def _nothing() -> None:
    pass


def interposed(
    port: T, method: str, *, before: Callable[[], object] = _nothing, after: Callable[[], object] = _nothing
) -> T:
    """Makes a port like this one, but with something happening right before or after each call of one method."""

    def among(found: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            before()
            answer = found(*arguments)
            after()
            return answer

        return call

    return cast(T, _With(port, method, among))


def sent_twice(port: T, method: str) -> T:
    """Makes a port that writes twice, as a client library does that lost the first answer. The second answer counts."""

    def twice(write: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: (write(*arguments), write(*arguments))[-1]

    return cast(T, _With(port, method, twice))


@dataclass
class _With:
    """A port with one method changed. Raises AttributeError at once if the port has no such method."""

    port: Any
    method: str
    change: Callable[[Callable[..., Any]], Callable[..., Any]]

    def __post_init__(self) -> None:
        getattr(self.port, self.method)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.port, name)
        return self.change(found) if name == self.method else found
