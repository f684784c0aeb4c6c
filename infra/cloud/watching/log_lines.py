"""The structured log lines that our code writes, read from the code: each call of powertools' Logger, named `log`."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from infra.processes import ROOT

LOGGERS = ("aws_lambda_powertools", "logs")
"""The modules from which `log`, or its class, comes where lines are structured. Python's own logging writes text."""
LEVELS = {"info": "INFO", "warning": "WARNING", "error": "ERROR", "exception": "ERROR"}
OF_AN_EXCEPTION = ("exception", "exception_name", "stack_trace")


class LogLine(NamedTuple):
    level: str
    message: str
    """The message if it is a literal, else the code of the expression that gives it, such as `view`."""
    fields: tuple[str, ...]
    module: str


def log_lines() -> list[LogLine]:
    """Reads every structured line from chalicelib, by module."""
    files = sorted((ROOT / "chalicelib").rglob("*.py"))
    return [line for file in files for line in _lines_of(file)]


def _lines_of(file: Path) -> Iterator[LogLine]:
    tree = ast.parse(file.read_text())
    if not any(_imports_logger(node) for node in ast.walk(tree)):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (level := _level_of(node)):
            yield LogLine(level, _message(node), tuple(_fields(node, tree)), str(file.relative_to(ROOT)))


def _imports_logger(node: ast.AST) -> bool:
    if not isinstance(node, ast.ImportFrom):
        return False
    names = {alias.name for alias in node.names}
    return (node.module or "").rpartition(".")[2] in LOGGERS and bool(names & {"Logger", "log"})


def _level_of(call: ast.Call) -> str:
    """Gives the level of a call of `log`; empty for other calls."""
    function = call.func
    is_log = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "log"
    return LEVELS.get(function.attr, "") if is_log and isinstance(function, ast.Attribute) else ""


def _message(call: ast.Call) -> str:
    first = call.args[0]
    return str(first.value) if isinstance(first, ast.Constant) else ast.unparse(first)


def _fields(call: ast.Call, tree: ast.Module) -> Iterator[str]:
    """Names the fields of a line. Those in `**logged` are what the callers of that function pass."""
    for one in call.keywords:
        if one.arg is None:
            yield from _names_passed_as(ast.unparse(one.value), tree)
        elif one.arg != "exc_info":
            yield one.arg
    raised = isinstance(call.func, ast.Attribute) and call.func.attr == "exception"
    if raised or any(one.arg == "exc_info" for one in call.keywords):
        yield from OF_AN_EXCEPTION


def _names_passed_as(keywords: str, tree: ast.Module) -> list[str]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    names = {one.name for one in functions if one.args.kwarg and one.args.kwarg.arg == keywords}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    passed = [one.arg for call in calls if ast.unparse(call.func) in names for one in call.keywords]
    return sorted({name for name in passed if name})
