"""Compiles what the functions' imports would compile at each cold start: `python -m infra.cloud.precompiling FILE`.

It imports all of chalicelib, notes which texts are compiled meanwhile, and writes what comes of them to a file that
chalicelib/precompiled.py reads. Little may be imported before that: what is, is not noted.
"""

import marshal
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import chalicelib
from chalicelib.precompiled import FORMATS, PATTERN_COMPILER, use_compiled_dataclass_and_namedtuple_methods

ONLY_WITH_TRACES = "opentelemetry"
"""The package that is installed, and ships, only where traces are made."""


class Compiled(NamedTuple):
    """The bytecode of each text, and the arguments of `_sre.compile` for each pattern with its flags; marshalled."""

    code: dict[str, bytes]
    patterns: dict[tuple[str | bytes, int], bytes]

    def as_bytes(self) -> bytes:
        """Gives the file's contents: the same for the same texts."""
        by_text = dict(sorted(self.code.items()))
        by_pattern = dict(sorted(self.patterns.items(), key=repr))
        return marshal.dumps((FORMATS, by_text, by_pattern))


class RecordedPatterns:
    """Stands before `_sre`, and notes what each pattern is compiled to."""

    def __init__(self, sre: Any, compiled: Compiled) -> None:
        self._sre, self._compiled = sre, compiled
        self.flags = 0
        """The flags that the pattern is asked for with: `_sre` is also given those that stand in the pattern."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sre, name)

    def compile(self, pattern: str | bytes, flags: int, code: list[int], groups: int, names: Any, order: Any) -> Any:
        plain = (int(flags), [int(each) for each in code], groups, dict(names), tuple(order))
        self._compiled.patterns[pattern, self.flags] = marshal.dumps(plain)
        return self._sre.compile(pattern, *plain)


@contextmanager
def recorded() -> Iterator[Compiled]:
    """Gives what is compiled in the block, complete at its end."""
    compiled = Compiled({}, {})
    before = PATTERN_COMPILER._sre, PATTERN_COMPILER.compile
    _record_patterns(compiled)
    stop_recording_methods = _record_methods(compiled)
    try:
        yield compiled
    finally:
        PATTERN_COMPILER._sre, PATTERN_COMPILER.compile = before
        stop_recording_methods()


def _record_methods(compiled: Compiled) -> Callable[[], None]:
    def compile_text(text: str, mode: str) -> Any:
        code = compile(text, "<string>", mode, dont_inherit=True)
        compiled.code[text] = marshal.dumps(code)
        return code

    return use_compiled_dataclass_and_namedtuple_methods(compile_text)


def _record_patterns(compiled: Compiled) -> None:
    sre = RecordedPatterns(PATTERN_COMPILER._sre, compiled)
    compile_pattern = PATTERN_COMPILER.compile

    def compile_with_flags(pattern: Any, flags: int = 0) -> Any:
        sre.flags = int(flags)
        return compile_pattern(pattern, flags)

    PATTERN_COMPILER._sre, PATTERN_COMPILER.compile = sre, compile_with_flags


def import_all() -> None:
    """Imports each module of chalicelib, and so what these import. Without OpenTelemetry it leaves out the traces."""
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        try:
            import_module(module.name)
        except ModuleNotFoundError as missing:
            if not (missing.name or "").startswith(ONLY_WITH_TRACES):
                raise


def main() -> None:
    with recorded() as compiled:
        import_all()
    with open(sys.argv[1], "wb") as file:
        file.write(compiled.as_bytes())


if __name__ == "__main__":
    main()
