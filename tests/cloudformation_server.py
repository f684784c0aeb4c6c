"""A CloudFormation that answers as AWS documents it, where emulators are kinder: an emulator for one stack's states.

From the API reference (CreateChangeSet, ExecuteChangeSet, ContinueUpdateRollback) and the User Guide ("Stack status
codes", "Troubleshooting CloudFormation"):

- a parameter that is left out of an update takes the template's default, not its present value;
- a change set without changes FAILs, and says so in its StatusReason;
- a stack whose creation failed can be neither created anew nor updated, only deleted;
- a stack in UPDATE_ROLLBACK_FAILED takes no update before its roll-back is continued.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from infra.local.serving import serve

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
MAY_BE_UPDATED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
Fields = Mapping[str, str]


class RefusedError(Exception):
    """A request that is answered with a ValidationError."""


@dataclass
class Stack:
    name: str
    number: int
    status: str
    parameters: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, str]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"arn:aws:cloudformation:us-east-1:123456789012:stack/{self.name}/{self.number}"

    def enter(self, status: str) -> None:
        self.status = status
        self.record(self.name, "AWS::CloudFormation::Stack", status)

    def record(self, logical_id: str, kind: str, status: str, reason: str = "", at: datetime | None = None) -> None:
        self.events.insert(
            0,
            {
                "StackId": self.id,
                "EventId": str(len(self.events)),
                "StackName": self.name,
                "LogicalResourceId": logical_id,
                "ResourceType": kind,
                "Timestamp": (at or datetime.now(UTC)).isoformat(),
                "ResourceStatus": status,
                **({"ResourceStatusReason": reason} if reason else {}),
            },
        )


@dataclass
class CloudFormation:
    """The stacks. `defaults` are the template's parameters; `failures` the reasons of the next operations' failures."""

    defaults: dict[str, str]
    failures: list[str | None] = field(default_factory=list)
    stacks: list[Stack] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    change_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, name: str, status: str, **parameters: str) -> Stack:
        """Puts a stack there."""
        stack = Stack(name, next(self.numbers), status, {**self.defaults, **parameters})
        self.stacks.append(stack)
        return stack

    def asked(self, action: str) -> list[dict[str, str]]:
        """Gives the requests of an action so far."""
        return [one for one in self.requests if one["Action"] == action]

    def find(self, name: str) -> Stack:
        """Finds a stack by its name, or also a deleted one by its id."""
        for stack in self.stacks:
            if name == stack.id or (name == stack.name and stack.status != "DELETE_COMPLETE"):
                return stack
        raise RefusedError(f"Stack with id {name} does not exist")

    def answer(self, request: dict[str, str]) -> Any:
        with self.lock:
            self.requests.append(request)
            return getattr(self, request["Action"])(request)

    # The actions, by their names

    def DescribeStacks(self, request: Fields) -> Any:  # noqa: N802 - AWS's name, as all below
        stack = self.find(request["StackName"])
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()]
        described = {"StackName": stack.name, "StackId": stack.id, "StackStatus": stack.status}
        return {"Stacks": [{**described, "CreationTime": "2026-11-27T00:00:00Z", "Parameters": parameters}]}

    def DescribeStackEvents(self, request: Fields) -> Any:  # noqa: N802
        return {"StackEvents": self.find(request["StackName"]).events}

    def CreateChangeSet(self, request: Fields) -> Any:  # noqa: N802
        name, creates = request["StackName"], request["ChangeSetType"] == "CREATE"
        stack = next((one for one in self.stacks if one.name == name and one.status != "DELETE_COMPLETE"), None)
        if creates and stack is not None and stack.status != "REVIEW_IN_PROGRESS":
            raise RefusedError(f"Stack [{name}] already exists and cannot be created again with the changeSet")
        if creates:
            stack = stack or self.add(name, "REVIEW_IN_PROGRESS")
        elif stack is None or stack.status not in MAY_BE_UPDATED:
            raise RefusedError(f"Stack:{name} is in {stack and stack.status} state and can not be updated.")
        assert stack is not None
        wanted = {**self.defaults, **_said(request, stack.parameters)}
        arn = f"arn:aws:cloudformation:us-east-1:123456789012:changeSet/{request['ChangeSetName']}/1"
        changed = creates or wanted != stack.parameters
        self.change_sets[arn] = {"stack": stack, "parameters": wanted, "changed": changed}
        return {"Id": arn, "StackId": stack.id}

    def DescribeChangeSet(self, request: Fields) -> Any:  # noqa: N802
        made = self.change_sets[request["ChangeSetName"]]
        if not made["changed"]:
            return {"Status": "FAILED", "ExecutionStatus": "UNAVAILABLE", "StatusReason": NO_CHANGES, "Changes": []}
        change = {"Action": "Modify", "LogicalResourceId": "Rows", "ResourceType": "AWS::DynamoDB::Table"}
        changes = [{"Type": "Resource", "ResourceChange": {**change, "Replacement": "False"}}]
        return {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "Changes": changes}

    def DeleteChangeSet(self, request: Fields) -> Any:  # noqa: N802
        del self.change_sets[request["ChangeSetName"]]
        return {}

    def ExecuteChangeSet(self, request: Fields) -> Any:  # noqa: N802
        made = self.change_sets.pop(request["ChangeSetName"])
        stack: Stack = made["stack"]
        verb = "CREATE" if stack.status == "REVIEW_IN_PROGRESS" else "UPDATE"
        stack.enter(f"{verb}_IN_PROGRESS")
        reason = self.failures.pop(0) if self.failures else None
        if reason is None:
            stack.parameters = made["parameters"]
            stack.enter(f"{verb}_COMPLETE")
        else:
            stack.record("Webhooks", "AWS::SQS::Queue", f"{verb}_FAILED", reason)
            stack.record("Audit", "AWS::SQS::Queue", f"{verb}_FAILED", "Resource creation cancelled")
            stack.enter("ROLLBACK_COMPLETE" if verb == "CREATE" else "UPDATE_ROLLBACK_COMPLETE")
        return {}

    def ContinueUpdateRollback(self, request: Fields) -> Any:  # noqa: N802
        stack = self.find(request["StackName"])
        stack.enter("UPDATE_ROLLBACK_IN_PROGRESS")
        reason = self.failures.pop(0) if self.failures else None
        if reason is not None:
            stack.record("Rows", "AWS::DynamoDB::Table", "UPDATE_FAILED", reason)
        stack.enter("UPDATE_ROLLBACK_FAILED" if reason else "UPDATE_ROLLBACK_COMPLETE")
        return {}

    def DeleteStack(self, request: Fields) -> Any:  # noqa: N802
        stack = self.find(request["StackName"])
        stack.enter("DELETE_IN_PROGRESS")
        stack.record("Webhooks", "AWS::SQS::Queue", "DELETE_COMPLETE", at=datetime.now(UTC) - timedelta(seconds=20))
        stack.enter("DELETE_COMPLETE")
        return {}


def _said(request: Fields, before: Mapping[str, str]) -> dict[str, str]:
    """Reads the parameters of a request: a value, or the word that the present one stays."""
    said: dict[str, str] = {}
    for number in itertools.count(1):
        member = f"Parameters.member.{number}"
        if f"{member}.ParameterKey" not in request:
            return said
        key = request[f"{member}.ParameterKey"]
        stays = request.get(f"{member}.UsePreviousValue") == "true"
        said[key] = before[key] if stays else request[f"{member}.ParameterValue"]
    return said


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(each)}</{name}>" for name, each in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(each)}</member>" for each in value)
    return escape(str(value))


def _handler(server: CloudFormation) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            request = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
            action = request["Action"]
            try:
                result = _xml(server.answer(request))
                text, status = f"<{action}Response><{action}Result>{result}</{action}Result></{action}Response>", 200
            except RefusedError as refusal:
                error = _xml({"Error": {"Type": "Sender", "Code": "ValidationError", "Message": str(refusal)}})
                text, status = f"<ErrorResponse>{error}</ErrorResponse>", 400
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Handler


@contextmanager
def cloudformation_server(**defaults: str) -> Iterator[tuple[str, CloudFormation]]:
    """Serves a CloudFormation whose template has these parameters; gives its address and itself."""
    server = CloudFormation(defaults)
    with serve(ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))) as url:
        yield url, server
