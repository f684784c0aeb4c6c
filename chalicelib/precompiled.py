"""Uses what the package has compiled beforehand, instead of compiling it at each cold start.

Imports compile texts: the standard library writes the methods of dataclasses and named tuples as text, and patterns of
`re` are texts. infra/cloud/precompiling.py compiles them when the package is made. Texts that it did not meet are
compiled as ever.
"""

import builtins
import collections
import importlib.util
import marshal
import re
from collections.abc import Callable, Mapping
from os.path import dirname, join
from typing import Any

FILE_NAME = "precompiled.bin"
FILE = join(dirname(__file__), FILE_NAME)

PATTERN_COMPILER: Any = vars(re)["_compiler"]
"""The module in which `re` compiles. It has no public name."""

FORMATS = (importlib.util.MAGIC_NUMBER, PATTERN_COMPILER._sre.MAGIC)
"""The versions of this Python's two formats: of bytecode, and of compiled patterns."""

Patterns = Mapping[tuple[str | bytes, int], bytes]
"""Compiled patterns. The key is a pattern, with the flags that `re` was given. The value has the other arguments of
`_sre.compile`, marshalled: the complete flags, the code and so on. The first argument, the pattern, is not in the
value."""


def use_precompiled_methods_and_patterns(file: str = FILE) -> None:
    """Makes dataclasses, named tuples and `re` load methods and patterns from `file` instead of compiling them.

    Changes nothing if there is no such file, as on a laptop, or if it was made by a Python that has other formats.
    """
    try:
        with open(file, "rb") as stored:
            formats, code, patterns = marshal.loads(stored.read())
    except FileNotFoundError:
        return
    if formats == FORMATS:
        PATTERN_COMPILER.compile = _compile_by(patterns, PATTERN_COMPILER.compile)
        use_compiled_dataclass_and_namedtuple_methods(
            lambda text, _: marshal.loads(code[text]) if text in code else text
        )


def use_compiled_dataclass_and_namedtuple_methods(code_of: Callable[[str, str], Any]) -> Callable[[], None]:
    """Makes dataclasses and named tuples use compiled code for the methods that they generate. By themselves, they
    write these methods as text, and compile the text by `exec` and `eval`.

    `code_of` gives the code of a text, from the text and its mode, "exec" or "eval". The result is a function that
    undoes the change.
    """

    def run(text: str, *scopes: Any) -> None:
        builtins.exec(code_of(text, "exec"), *scopes)

    def evaluate(text: str, *scopes: Any) -> Any:
        return builtins.eval(code_of(text, "eval"), *scopes)

    def take_away() -> None:
        del vars(collections)["eval"], vars(dataclasses)["exec"]

    vars(collections)["eval"] = evaluate
    import dataclasses  # not before: what it imports has named tuples and patterns, too

    vars(dataclasses)["exec"] = run
    return take_away


def _compile_by(patterns: Patterns, compile_unknown: Callable[..., re.Pattern[Any]]) -> Callable[..., re.Pattern[Any]]:
    def compile_pattern(pattern: Any, flags: int = 0) -> re.Pattern[Any]:
        known = patterns.get((pattern, flags))
        if known is None:
            return compile_unknown(pattern, flags)
        made: re.Pattern[Any] = PATTERN_COMPILER._sre.compile(pattern, *marshal.loads(known))
        return made

    return compile_pattern
