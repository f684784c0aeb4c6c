"""Packs archives: the same contents give the same bytes."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Size:
    """The size of a package in bytes, packed and unpacked."""

    zipped: int
    unzipped: int

    def __str__(self) -> str:
        return f"{self.zipped / 1e6:.1f} MB zipped, {self.unzipped / 1e6:.1f} MB unzipped"


def write_archive(path: Path, trees: list[Path]) -> None:
    """Packs the trees into a reproducible archive: names are sorted, times and modes are fixed."""
    files = sorted((file.relative_to(tree).as_posix(), file) for tree in trees for file in _files(tree))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files:
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if file.suffix == ".so" else 0o644) << 16
            archive.writestr(entry, file.read_bytes())


def _files(tree: Path) -> list[Path]:
    return [path for path in tree.rglob("*") if path.is_file()]


def size_of_tree(tree: Path) -> Size:
    """Measures a directory: unpacked, and as the archive made of it."""
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "tree.zip"
        write_archive(archive, [tree])
        return size_of_zip(archive)


def size_of_zip(path: Path) -> Size:
    """Measures an archive."""
    with zipfile.ZipFile(path) as archive:
        return Size(path.stat().st_size, sum(entry.file_size for entry in archive.infolist()))
