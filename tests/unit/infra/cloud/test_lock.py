"""The lock of all that ships: as requirements.txt wants it, complete, with hashes, and from nowhere in particular."""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from infra.local.tools import lock

REMEDY = "requirements.lock is of another requirements.txt: run `make lock`"


def needed_by(names: Iterable[str]) -> Iterator[str]:
    """Gives the names of all packages that these need, and those that they need in turn."""
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        wanted = (Requirement(line) for line in requires(name) or ())
        here = (each.name for each in wanted if not each.marker or each.marker.evaluate({"extra": ""}))
        waiting += lock.pins("".join(f"{each}==0\n" for each in here))


def test_the_lock_has_what_the_requirements_pin() -> None:
    locked = lock.pins(lock.LOCK.read_text())

    assert locked.items() >= lock.shipped_pins().items(), REMEDY


def test_the_lock_has_what_they_need_and_nothing_else() -> None:
    locked = lock.pins(lock.LOCK.read_text())

    assert set(locked) == set(needed_by(lock.shipped_pins())), REMEDY


def test_the_lock_of_traces_has_what_they_pin_and_nothing_that_ships_anyway() -> None:
    locked, shipped = lock.pins(lock.TRACES_LOCK.read_text()), lock.pins(lock.LOCK.read_text())

    wanted = lock.shipped_pins(lock.TRACES)
    assert locked.items() >= wanted.items(), REMEDY
    assert set(locked) == set(needed_by(wanted)) - set(shipped), REMEDY


@pytest.mark.parametrize("path", [lock.LOCK, lock.TRACES_LOCK], ids=lambda path: path.name)
def test_every_package_has_hashes_and_no_address(path: Path) -> None:
    text = path.read_text()

    entries = re.split(r"(?m)^(?=[a-z0-9])", text)[1:]
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert len(entries) == len(lock.pins(text)) > 0
    assert "://" not in text
    assert "--index" not in text


@pytest.mark.parametrize(
    ("line", "pinned"),
    [
        ("Jinja2==3.1.6", {"jinja2": "3.1.6"}),
        ("aws_lambda.powertools==3 # why", {"aws-lambda-powertools": "3"}),
        ("fakeredis[lua]==2.40.0 ; python_version < '3.12'", {"fakeredis": "2.40.0"}),
        ("six==1.17.0 \\\n    --hash=sha256:00\n    # via x==1", {"six": "1.17.0"}),
        ("# boto3==1", {}),
    ],
)
def test_pins_are_read_by_name(line: str, pinned: dict[str, str]) -> None:
    assert lock.pins(line) == pinned


def test_chalice_is_put_in_by_its_packager(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("chalice==1.34.0\nboto3==1.44.5\n")

    assert lock.shipped_pins(tmp_path / "requirements.txt") == {"boto3": "1.44.5"}
