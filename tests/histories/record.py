"""What clients did: one operation a line of JSON, with its start and end in seconds since the epoch."""

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Operation:
    """A request and its answer."""

    kind: str
    """`schedule`, `hold`, `pay`, `confirm`, `cancel`, `seats`, `reservation` or `purchases`."""
    start: float
    end: float
    request: dict[str, Any]
    """`session`, `user`, `key`, `seats`, `reservation` and `transaction`, as far as the request names them."""
    status: int = NO_ANSWER
    """The HTTP status; NO_ANSWER when the connection broke or the answer did not come in time."""
    answer: dict[str, Any] = field(default_factory=dict)
    repeated: bool = False
    """True when the wire sends the same request once more, later."""

    @property
    def is_unknown(self) -> bool:
        """Tells whether its client does not know its outcome."""
        return self.status == NO_ANSWER or self.status >= 500

    @property
    def error(self) -> str:
        return str(self.answer.get("error", ""))


@dataclass
class History:
    """The operations of a run, in the order of their ends. Every operation is also a line of the file."""

    path: Path
    operations: list[Operation] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, operation: Operation) -> None:
        line = json.dumps(asdict(operation), separators=(",", ":"))
        with self._lock:
            self.operations.append(operation)
            with self.path.open("a") as file:
                file.write(line + "\n")

    def forget(self) -> None:
        """Drops the operations from memory; the file keeps them."""
        with self._lock:
            self.operations.clear()


def read_operations(lines: Iterable[str]) -> Iterator[Operation]:
    """Reads operations from their lines."""
    return (Operation(**json.loads(line)) for line in lines)
