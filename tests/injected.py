"""Hooks for a client of AWS: answers that no emulator gives by itself, and the costs of its calls."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import ConnectTimeoutError

from .wire import Call

CONFLICT = {"Code": "TransactionConflict"}
NOTHING_WRONG = {"Code": "None"}


@dataclass(frozen=True)
class HttpStatus:
    status_code: int


Answer = tuple[HttpStatus, dict[str, Any]]


def error(code: str, **facts: Any) -> Answer:
    return HttpStatus(400), {"Error": {"Code": code, "Message": "injected"}, "ResponseMetadata": {}, **facts}


def cancelled(*reasons: dict[str, Any]) -> Answer:
    return error("TransactionCanceledException", CancellationReasons=list(reasons))


@dataclass
class Answers:
    """Answers in place of the endpoint's, in turn; after the last, the endpoint answers. For None it answers, too."""

    answers: list[Answer | None]
    calls: int = 0

    def __call__(self, **_: Any) -> Answer | None:
        self.calls += 1
        return self.answers[self.calls - 1] if self.calls <= len(self.answers) else None


class Adapter(Protocol):
    @property
    def client(self) -> Any: ...


@contextmanager
def hooked(adapter: Adapter, event: str, handler: Callable[..., Any]) -> Iterator[None]:
    """Calls the handler for an event of the client, by botocore's name."""
    adapter.client.meta.events.register(event, handler)
    try:
        yield
    finally:
        adapter.client.meta.events.unregister(event, handler)


def unreachable(**_: Any) -> None:
    raise ConnectTimeoutError(endpoint_url="injected")


@contextmanager
def answering(dynamo: Adapter, operation: str, *answers: Answer | None) -> Iterator[Answers]:
    scripted = Answers(list(answers))
    with hooked(dynamo, f"before-call.dynamodb.{operation}", scripted):
        yield scripted


@dataclass
class Pauses:
    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@contextmanager
def counting(dynamo: Adapter) -> Iterator[list[Call]]:
    """Records the calls that the client makes within, each with its cost, as the endpoint reckons it."""
    calls: list[Call] = []

    def ask_for_the_bill(params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "TOTAL"

    def note(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        calls.append(Call("DynamoDB", model.name, parsed))

    with (
        hooked(dynamo, "before-parameter-build.dynamodb", ask_for_the_bill),
        hooked(dynamo, "after-call.dynamodb", note),
    ):
        yield calls
