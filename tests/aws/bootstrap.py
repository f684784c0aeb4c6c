"""Runs one function of the package as Lambda's runtime does: `python -I -S bootstrap.py CODE HANDLER`.

Reads an event from each line of standard input; writes an answer for each to standard output. Both are JSON, so what
Lambda could not carry fails here, too. What the function prints goes to standard error. It knows nothing of this
project or its packages: all that it imports is in the package.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any


class Context:
    """The context object, with the fields of "AWS Lambda context object in Python" in the Lambda Developer Guide."""

    def __init__(self, request_id: str, seconds: float) -> None:
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = "$LATEST"
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.aws_request_id = request_id
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = "2026/11/27/[$LATEST]0123456789abcdef0123456789abcdef"
        self.identity = self.client_context = None
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends - time.monotonic()) * 1000))


def invoke(handler: Callable[[Any, Context], Any], asked: Any) -> dict[str, Any]:
    """Calls the handler. Gives its answer, or the error as Lambda reports one."""
    try:
        return {"answer": handler(asked["event"], Context(asked["requestId"], asked["seconds"]))}
    except Exception as error:  # noqa: BLE001 - whatever it is, Lambda reports it and goes on
        traceback.print_exc()
        return {"error": {"errorType": type(error).__name__, "errorMessage": str(error)}}


def leave_out_pauses() -> None:
    """Lets botocore try again at once: its pauses, a second and a half on average, would be most of the tests' time."""
    from botocore.retries.standard import ExponentialBackoff

    longest, *others = ExponentialBackoff.__init__.__defaults__ or ()
    assert longest > 0, "the first is the longest pause"
    ExponentialBackoff.__init__.__defaults__ = (0, *others)


def main(code: str, named: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path.insert(0, code)
    module, _, name = named.partition(".")
    handler = getattr(__import__(module), name)
    leave_out_pauses()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(invoke(handler, json.loads(line))), file=answers, flush=True)


main(*sys.argv[1:])
