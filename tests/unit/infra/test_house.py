"""Whoever reads a function sees all of it, and whoever opens a folder sees all that is in it."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from infra.processes import ROOT
from tests.tree import repository_modules

MOST_LINES = 25
"""Of a function, from its def to its last line, with its docstring and without its decorators."""
MOST_MODULES = 20
"""Of a folder, its __init__.py not counted."""


def long_functions(name: str, source: str) -> Iterator[str]:
    """Names those above the bound, also within classes and other functions."""
    for node in ast.walk(ast.parse(source, name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_LINES:
                yield f"{name}:{node.lineno} {node.name}: {lines} lines"


def full_folders(names: Iterable[str]) -> list[str]:
    paths = [PurePosixPath(name) for name in names]
    modules = Counter(str(path.parent) for path in paths if path.name != "__init__.py")
    return [f"{folder}: {count} modules" for folder, count in sorted(modules.items()) if count > MOST_MODULES]


def test_no_function_is_longer_than_can_be_read_at_once() -> None:
    found = [each for name in repository_modules() for each in long_functions(name, (ROOT / name).read_text())]

    assert found == [], f"above {MOST_LINES} lines: shorten them"


def test_no_folder_has_more_modules_than_can_be_seen_at_once() -> None:
    assert full_folders(repository_modules()) == [], f"above {MOST_MODULES} modules: divide them into folders"


def a_function(lines: int) -> str:
    return "def sell():\n" + "    pass\n" * (lines - 1)


def test_a_function_is_named_from_one_line_above_the_bound() -> None:
    within = "class Till:\n" + "".join(f"    {line}\n" for line in a_function(MOST_LINES + 1).splitlines())

    assert list(long_functions("a.py", f"@cache\n{a_function(MOST_LINES)}")) == []
    assert list(long_functions("a.py", f"@cache\n{a_function(MOST_LINES + 1)}")) == ["a.py:2 sell: 26 lines"]
    assert list(long_functions("a.py", f"async {a_function(MOST_LINES + 1)}")) == ["a.py:1 sell: 26 lines"]
    assert list(long_functions("a.py", within)) == ["a.py:2 sell: 26 lines"]


def test_a_folder_is_named_from_one_module_above_the_bound() -> None:
    modules = [f"room/{number}.py" for number in range(MOST_MODULES)]

    assert full_folders([*modules, "room/__init__.py", "room/inner/more.py"]) == []
    assert full_folders([*modules, "room/more.py"]) == ["room: 21 modules"]
