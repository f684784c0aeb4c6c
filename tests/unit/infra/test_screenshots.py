"""Pictures are taken all or none, and what went wrong is a sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Error as BrowserError

from infra.docs import screenshots
from infra.local.pump import PumpError
from infra.processes import CannotRunError


def taking(trouble: Exception | None) -> Callable[[Path], list[Path]]:
    """Gives a function that takes one picture and then raises the trouble."""

    def take(into: Path) -> list[Path]:
        (into / "one.png").write_bytes(b"new")
        if trouble:
            raise trouble
        return [into / "one.png"]

    return take


@pytest.mark.parametrize(
    "trouble",
    [PumpError("Events were still arriving."), BrowserError("Timeout 30000ms exceeded."), TimeoutError("slow")],
)
def test_a_slow_machine_leaves_the_pictures_as_they_are_and_gets_a_sentence(trouble: Exception, tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(b"old")

    with pytest.raises(CannotRunError, match=r"^The pictures are as they were: .*when this machine has less to do\.$"):
        screenshots.main(taking(trouble), tmp_path)

    assert (tmp_path / "one.png").read_bytes() == b"old"


def test_pictures_are_put_in_their_place_when_all_were_taken(tmp_path: Path) -> None:
    assert screenshots.main(taking(None), tmp_path / "img") == 0

    assert (tmp_path / "img" / "one.png").read_bytes() == b"new"
