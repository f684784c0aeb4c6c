"""Tables in Markdown, and the places of what is made in files that people write otherwise."""

from collections.abc import Iterable
from pathlib import Path


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Writes a table. A `|` within a cell stays one."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def filled(document: Path, text: str, table_name: str, command: str, made: str) -> str:
    """Puts `made` between its markers in a document's text. Raises ValueError where they are missing."""
    return between(text, f"<!-- {table_name}: made by {command} -->", f"<!-- end of {table_name} -->", made, document)


def between(text: str, begin: str, end: str, made: str, file: Path) -> str:
    """Puts `made` between two markers in a file's text. Raises ValueError where they are missing."""
    before, begins, rest = text.partition(begin)
    _, ends, after = rest.partition(end)
    if not (begins and ends):
        raise ValueError(f"{file.name} has no place for what is made: `{begin}` … `{end}`")
    return f"{before}{begin}\n{made}\n{end}{after}"
