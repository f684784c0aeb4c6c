"""What is compiled beforehand is taken, whatever else is compiled as ever, and both come to the same."""

import collections
import dataclasses
import marshal
import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from chalicelib.precompiled import FORMATS, PATTERN_COMPILER, use_precompiled_methods_and_patterns
from infra.cloud.precompiling import Compiled, recorded


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = PATTERN_COMPILER.compile
    yield
    PATTERN_COMPILER.compile = before
    vars(dataclasses).pop("exec", None)
    vars(collections).pop("eval", None)


def make_seat() -> Any:
    return dataclasses.make_dataclass("Seat", [("row", str), ("place", int, 1)], frozen=True, order=True, slots=True)


def make_place() -> Any:
    return collections.namedtuple("Place", "row number", defaults=(1,))


def find_seat(text: str) -> tuple[str, ...]:
    re.purge()
    found = re.compile(r"(?P<row>[a-z]{1,2})(?:-(\d+))?(?=;)", re.IGNORECASE).search(text)
    return (*found.groups(), *found.groupdict()) if found else ()


def made_of_all() -> tuple[Any, ...]:
    seat, place = make_seat(), make_place()
    with pytest.raises(dataclasses.FrozenInstanceError):
        seat("A").row = "B"
    both = [seat("B"), seat("A", 2)]
    return (
        sorted(map(repr, both)),
        min(both).place,
        hash(seat("A")) == hash(seat("A", 1)),
        place("A"),
        find_seat("x A-7;"),
    )


def compile_all() -> Compiled:
    with recorded() as compiled:
        made_of_all()
    return compiled


def use(compiled: Compiled, folder: Path) -> None:
    file = folder / "precompiled.bin"
    file.write_bytes(compiled.as_bytes())
    use_precompiled_methods_and_patterns(str(file))


def refuse(*_: object) -> CodeType:
    raise AssertionError("it was compiled")


def test_what_was_compiled_beforehand_is_made_of_it_and_the_same(tmp_path: Path) -> None:
    expected, compiled = made_of_all(), compile_all()
    PATTERN_COMPILER.compile = refuse
    use(compiled, tmp_path)
    texts: list[str] = []
    vars(dataclasses)["exec"] = noting(texts, vars(dataclasses)["exec"])

    assert [str(each) for each in made_of_all()] == [str(each) for each in expected]
    assert texts
    assert set(texts) <= compiled.code.keys()


def noting(texts: list[str], run: Any) -> Any:
    def noted(text: str, *scopes: Any) -> None:
        texts.append(text)
        run(text, *scopes)

    return noted


def test_it_is_the_bytecode_of_the_file_that_runs(tmp_path: Path) -> None:
    compiled = compile_all()
    (text,) = (text for text in compiled.code if "Place" not in text and "__repr__" in text and "row" in text)
    other = compile(text.replace("row=", "ROW="), "<string>", "exec")
    use(Compiled(compiled.code | {text: marshal.dumps(other)}, compiled.patterns), tmp_path)

    assert "ROW=" in repr(make_seat()("A"))


def test_what_is_not_in_the_file_is_compiled_as_ever(tmp_path: Path) -> None:
    expected = made_of_all()
    use(Compiled({}, {}), tmp_path)

    assert [str(each) for each in made_of_all()] == [str(each) for each in expected]


def test_a_pattern_with_other_flags_is_another_pattern(tmp_path: Path) -> None:
    with recorded() as compiled:
        re.purge()
        re.compile("a7", re.IGNORECASE)
    use(compiled, tmp_path)
    re.purge()

    assert re.compile("a7", re.IGNORECASE).match("A7")
    assert not re.compile("a7").match("A7")
    assert re.compile(b"a7").match(b"a7")


@pytest.mark.parametrize("formats", [(b"other", FORMATS[1]), (FORMATS[0], 0)])
def test_the_file_of_another_python_is_left_alone(tmp_path: Path, formats: tuple[bytes, int]) -> None:
    file = tmp_path / "precompiled.bin"
    file.write_bytes(marshal.dumps((formats, {}, {})))
    before = PATTERN_COMPILER.compile

    use_precompiled_methods_and_patterns(str(file))

    assert (PATTERN_COMPILER.compile, "exec" in vars(dataclasses)) == (before, False)


def test_without_a_file_nothing_is_changed(tmp_path: Path) -> None:
    before = PATTERN_COMPILER.compile

    use_precompiled_methods_and_patterns(str(tmp_path / "none.bin"))

    assert (PATTERN_COMPILER.compile, "exec" in vars(dataclasses)) == (before, False)


def test_recording_leaves_all_as_it_was() -> None:
    before = PATTERN_COMPILER._sre, PATTERN_COMPILER.compile

    compile_all()

    assert (PATTERN_COMPILER._sre, PATTERN_COMPILER.compile) == before
    assert ("exec" in vars(dataclasses), "eval" in vars(collections)) == (False, False)
