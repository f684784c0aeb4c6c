"""Data files that cannot be read are told of, each with its name."""

from pathlib import Path

from infra.local.tools import data_files


def test_what_can_be_read_is_passed_over(tmp_path: Path) -> None:
    good = {"a.json": "{}", "b.toml": "x = 1", "c.yaml": "a: !Ref b\n---\nc: d\n", "d.md": "{"}
    for name, text in good.items():
        (tmp_path / name).write_text(text)

    assert data_files.faults([tmp_path / name for name in good]) == []


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    bad = {"a.json": "{", "b.toml": "x =", "c.yaml": "a: [", "d.yml": "a: b: c"}
    for name, text in bad.items():
        (tmp_path / name).write_text(text)

    found = data_files.faults([tmp_path / name for name in bad])

    assert [fault.partition(": ")[0] for fault in found] == [str(tmp_path / name) for name in bad]
