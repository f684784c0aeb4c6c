"""The documents tell the truth: every place, link and command in them is there, and what they tell to run runs."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.signatures import sign_body
from infra.ops.__main__ import main as operators_main
from infra.processes import ROOT
from tests.tree import repository_files

WEBHOOKS = ROOT / "docs" / "webhooks.md"
README, PORTUGUESE_README = ROOT / "README.md", ROOT / "README.pt-BR.md"
DECISIONS = ROOT / "docs" / "decisions"
BODY = '{"version": 1, "title": "Amélie"}'.encode()

DOCUMENTS = sorted(
    (*ROOT.glob("*.md"), *(file for file in (ROOT / "docs").rglob("*.md") if "api" not in file.parts[-2:-1]))
)
"""All that people read."""

FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MAKE_TARGET = re.compile(r"(?:^|[\s`(;&])(?:[A-Z]+=\S* )*make (?:[A-Z]+=\S+ )*([a-z][a-z-]*)", re.MULTILINE)
OPERATORS_COMMAND = re.compile(r"python -m infra\.ops ([^`#|\n]*)")
PYTHON_MODULE = re.compile(r"python -m ([\w.]+)")
FILE = re.compile(r"[\w.*{}<>…-]+\.(?:py|js|ts|css|html|yaml|yml|toml|json|md|txt|sh|http|example)")
TEST = re.compile(r"test_\w+")
DECISION = re.compile(r"# (\d+)\. (.+)\n\nDate: (\d{4}-\d\d-\d\d) · Status: (.+)\n\n")

EXAMPLES = frozenset(
    {
        "NNNN-title.md",
        "loyalty.py",
        "chalicelib/application/consumers/loyalty.py",
        "chalicelib/infrastructure/email/templates/es/",
    }
)
"""Places that a recipe has somebody make."""


def prose_of(document: Path) -> str:
    """The text without its code blocks."""
    return FENCED.sub("", document.read_text())


def code_spans(document: Path) -> Iterator[str]:
    yield from CODE_SPAN.findall(prose_of(document))


def commands_of(document: Path) -> str:
    """All that is set as code: spans and blocks of the shell."""
    blocks = (text for language, text in FENCED.findall(document.read_text()) if language in ("", "sh"))
    return "\n".join([*code_spans(document), *blocks])


def headings_of(document: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", prose_of(document), re.MULTILINE)


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def names_a_place(span: str) -> bool:
    """Whether a span of code names a file or folder of this repository by its path."""
    if "/" not in span or span.startswith(("/", "http", "s3:")) or re.search(r"[\s:=?,#&$]", span):
        return False
    return span.split("/")[0] in places() or FILE.fullmatch(span.rsplit("/")[-1]) is not None


@cache
def places() -> frozenset[str]:
    """Every file and folder: by its path, and files by their name alone."""
    files = repository_files()
    folders = {str(folder) for file in files for folder in Path(file).parents}
    return frozenset((*files, *folders, *(Path(file).name for file in files)))


def is_there(place: str) -> bool:
    """Whether a path, in which {…}, <…>, * and … stand for anything, names something."""
    wild = re.sub(r"\\\{[^}]*\\\}|<[^>]*>|\\\*|…", "[^/]*", re.escape(place.rstrip("/")))
    if wild == re.escape(place.rstrip("/")):
        return place.rstrip("/") in places() or any(file.endswith(f"/{place}") for file in repository_files())
    return any(re.fullmatch(f"(?:.*/)?{wild}", known) for known in places())


@cache
def names_of_tests() -> frozenset[str]:
    sources = [(ROOT / file).read_text() for file in repository_files() if re.fullmatch(r"tests/.*\.py", file)]
    return frozenset(name for source in sources for name in re.findall(r"def (test_\w+)\(", source))


def ids(document: Path) -> str:
    return str(document.relative_to(ROOT))


def faults(of: Callable[[Path], Iterable[str]]) -> list[str]:
    """What is wrong in all documents, each with its document."""
    return [f"{ids(document)}: {fault}" for document in DOCUMENTS for fault in sorted(set(of(document)))]


def test_every_place_that_a_document_names_is_there() -> None:
    def missing(document: Path) -> Iterator[str]:
        for span in code_spans(document):
            is_a_place = names_a_place(span) or FILE.fullmatch(span)
            if is_a_place and span not in EXAMPLES and not is_there(span):
                yield span

    assert not (found := faults(missing)), "\n".join(found)


def test_every_link_to_another_document_leads_somewhere() -> None:
    def broken(document: Path) -> Iterator[str]:
        for target in LINK.findall(prose_of(document)):
            path, _, place = target.partition("#")
            file = (document.parent / path).resolve() if path else document
            if target.startswith(("http", "mailto:")):
                continue
            if not file.exists() or (place and place not in map(anchor, headings_of(file))):
                yield target

    assert not (found := faults(broken)), "\n".join(found)


def test_the_index_leads_to_every_document() -> None:
    index = ROOT / "docs" / "README.md"
    documents = {file.name for file in index.parent.glob("*.md")} - {index.name}

    assert documents <= set(LINK.findall(index.read_text()))


def test_every_picture_is_shown_in_a_document() -> None:
    shown = {target.rsplit("/")[-1] for document in DOCUMENTS for target in LINK.findall(document.read_text())}

    assert {file.name for file in (ROOT / "docs" / "img").iterdir()} <= shown


def test_every_make_target_that_a_document_names_is_in_the_makefile() -> None:
    known = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert not (found := faults(lambda document: set(MAKE_TARGET.findall(commands_of(document))) - known)), "\n".join(
        found
    )


def test_every_module_that_a_document_runs_is_there() -> None:
    def missing(document: Path) -> list[str]:
        return [name for name in PYTHON_MODULE.findall(commands_of(document)) if find_spec(name) is None]

    assert not (found := faults(missing)), "\n".join(found)


def test_every_command_of_operators_that_a_document_names_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    def unknown(document: Path) -> Iterator[str]:
        for line in OPERATORS_COMMAND.findall(commands_of(document)):
            words = line.split()
            flags = [word for word in words if word.startswith("--")]
            command = list(takewhile(lambda word: not word.startswith("-"), words))
            with pytest.raises(SystemExit) as ended:
                operators_main([*command, "--help"])
            described = capsys.readouterr().out
            if ended.value.code or not all(flag in described for flag in flags):
                yield line

    assert not (found := faults(unknown)), "\n".join(found)


def test_every_test_that_a_document_names_is_there() -> None:
    def missing(document: Path) -> set[str]:
        return {span for span in code_spans(document) if TEST.fullmatch(span)} - names_of_tests()

    assert not (found := faults(missing)), "\n".join(found)


def test_no_line_of_python_in_a_document_is_broken() -> None:
    for document in DOCUMENTS:
        for language, text in FENCED.findall(document.read_text()):
            if language == "python":
                margin = len(text) - len(text.lstrip(" "))
                ast.parse("\n".join(line[margin:] for line in text.splitlines()))


def test_the_glossary_has_forty_words_and_each_once() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)

    assert len(words) == len(set(words)) == 40


# Decisions.


def test_the_index_of_decisions_says_what_they_say() -> None:
    rows = []
    for number, file in enumerate(sorted(DECISIONS.glob("[0-9]*.md")), 1):
        head = DECISION.match(file.read_text())
        assert head, f"{file.name} begins as the others do: number and title, date and status"
        assert (int(head[1]), int(file.name[:4])) == (number, number)
        rows.append(f"| [{number}]({file.name}) | {head[2]} | {head[3]} | {head[4]} |")

    index = (DECISIONS / "README.md").read_text()
    assert [line for line in index.splitlines() if line.startswith("| [")] == rows


def test_a_decision_is_accepted_or_says_what_overturned_it() -> None:
    others = r"\[\d+\]\(\d{4}-[\w-]+\.md\)"
    status = re.compile(
        rf"accepted(?:, (?:amended|completed) by {others}(?: and {others})*)?|superseded by {others}(?: and {others})*"
    )
    found = {file.name: DECISION.match(file.read_text()) for file in DECISIONS.glob("[0-9]*.md")}

    assert sorted(name for name, head in found.items() if not head or not status.fullmatch(head[4])) == []


# The two READMEs.


def shell_of(document: Path) -> list[str]:
    """Its commands, without comments."""
    blocks = (text for language, text in FENCED.findall(document.read_text()) if language == "sh")
    return [re.sub(r"\s+# .*", "", line) for text in blocks for line in text.splitlines()]


def test_the_readme_is_the_same_in_both_languages() -> None:
    levels = [re.findall(r"^(#+) ", prose_of(file), re.MULTILINE) for file in (README, PORTUGUESE_README)]
    targets = [
        [target for target in LINK.findall(prose_of(file)) if not target.startswith("README")]
        for file in (README, PORTUGUESE_README)
    ]

    assert levels[0] == levels[1]
    assert shell_of(README) == shell_of(PORTUGUESE_README)
    assert targets[0] == targets[1]


def test_the_readmes_lead_to_each_other() -> None:
    assert PORTUGUESE_README.name in LINK.findall(README.read_text())
    assert README.name in LINK.findall(PORTUGUESE_README.read_text())


@pytest.mark.parametrize("readme", [README, PORTUGUESE_README], ids=ids)
def test_the_first_request_of_the_readme_is_for_a_screening_that_is_still_to_come(readme: Path) -> None:
    starts = re.findall(r'"startTime": "([^"]+)"', readme.read_text())

    assert starts
    assert all(datetime.fromisoformat(start) > datetime.now(UTC) + timedelta(days=1) for start in starts)


# What is to be copied out of the documents.


@pytest.fixture(scope="module")
def is_from_the_cinema() -> Callable[[str, str, bytes], bool]:
    (example,) = re.findall(r"```python\n(.*?)```", WEBHOOKS.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own document
    found: Callable[[str, str, bytes], bool] = names["is_from_the_cinema"]
    return found


def test_the_receivers_example_verifies_what_we_sign(is_from_the_cinema: Callable[[str, str, bytes], bool]) -> None:
    now = datetime.now(UTC)
    header = sign_body(["new", "old"], BODY, now)

    assert is_from_the_cinema("new", header, BODY)
    assert is_from_the_cinema("old", header, BODY)
    assert not is_from_the_cinema("other", header, BODY)
    assert not is_from_the_cinema("new", header, BODY + b" ")
    assert not is_from_the_cinema("new", sign_body(["new"], BODY, now - timedelta(minutes=6)), BODY)
