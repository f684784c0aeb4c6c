"""Docstrings of functions begin with a verb, so that a reader knows at once what the function does."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.processes import ROOT

NO_VERBS = frozenset({"what", "whether", "it", "that", "these", "this", "they", "where", "who", "if", "those", "as"})
"""First words of docstrings that had to be read twice."""


def first_word(docstring: str) -> str:
    return docstring.split()[0].strip("`*,.:;").lower() if docstring.strip() else ""


def offenders_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            docstring = ast.get_docstring(node) or ""
            if first_word(docstring) in NO_VERBS:
                yield f"{file.relative_to(ROOT)}:{node.lineno} {node.name}: {docstring.splitlines()[0]}"


@pytest.mark.parametrize("folder", ["chalicelib", "infra", "benchmarks"])
def test_every_docstring_of_a_function_begins_with_a_verb(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    offenders = [offender for file in files for offender in offenders_in(file)]

    assert files
    assert not offenders, "\n".join(offenders)
