"""The corpus: inputs for each target, in files. They are where fuzzing begins, and are replayed by the tests."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

CORPUS = Path(__file__).with_name("corpus")


def folder_of(target: str) -> Path:
    return CORPUS / target


def inputs_of(target: str) -> Iterator[tuple[str, bytes]]:
    """Gives each input with the name of its file."""
    for path in sorted(folder_of(target).glob("*")):
        yield path.name, path.read_bytes()


def keep(target: str, data: bytes, folder: Path) -> Path:
    """Writes an input into the folder, under a name that is made from it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target}-{sha256(data).hexdigest()[:16]}"
    path.write_bytes(data)
    return path
