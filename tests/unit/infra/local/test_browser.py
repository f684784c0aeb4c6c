"""Getting a browser for the browser tests: found, installed, or missed with the remedy."""

from pathlib import Path

import pytest

from infra.local.tools import browser
from infra.processes import CannotRunError

APT_GET = """#!/bin/sh
here="$(dirname "$0")"
echo "$@" >> "$here/asked"
[ "$1" = install ] && for name; do true; done && printf '#!/bin/sh\\n' > "$here/$name" && /bin/chmod +x "$here/$name"
exit 0
"""
APT_CACHE = "#!/bin/sh\nexit {}\n"
BROKEN_APT_GET = "#!/bin/sh\necho 'no network' >&2\nexit 100\n"
SUDO = '#!/bin/sh\nshift\nexec "$@"\n'


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes an empty folder the only one of the PATH, but for the programs that run commands as root."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "env").symlink_to("/usr/bin/env")
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    _program(tmp_path / "sudo", SUDO)
    return tmp_path


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.parametrize(("windowless_is_known", "installed"), [(True, browser.WINDOWLESS), (False, "chromium")])
def test_a_missing_browser_is_installed_once_and_said(
    programs: Path, capsys: pytest.CaptureFixture[str], windowless_is_known: bool, installed: str
) -> None:
    _program(programs / "apt-get", APT_GET)
    _program(programs / "apt-cache", APT_CACHE.format(int(not windowless_is_known)))

    browser.install()
    browser.install()

    assert browser.path() == str(programs / installed)
    assert (programs / "asked").read_text().splitlines() == [
        "update -qq",
        f"install -qq --no-install-recommends {installed}",
    ]
    assert "Installing Chromium" in capsys.readouterr().out


def test_beside_another_chromium_the_windowless_one_is_installed_and_taken(programs: Path) -> None:
    _program(programs / "chromium", "#!/bin/sh\n")
    _program(programs / "apt-get", APT_GET)
    _program(programs / "apt-cache", APT_CACHE.format(0))

    browser.install()

    assert browser.path() == str(programs / browser.WINDOWLESS)
    assert (programs / "asked").read_text() == f"install -qq --no-install-recommends {browser.WINDOWLESS}\n"


@pytest.mark.parametrize("apt_get", [None, BROKEN_APT_GET], ids=["no apt-get", "no network"])
def test_another_chromium_will_do_where_the_windowless_one_can_not_be_had(
    programs: Path, capsys: pytest.CaptureFixture[str], apt_get: str | None
) -> None:
    _program(programs / "chromium", "#!/bin/sh\n")
    _program(programs / "apt-cache", APT_CACHE.format(0))
    if apt_get:
        _program(programs / "apt-get", apt_get)

    browser.install()

    assert browser.path() == str(programs / "chromium")
    assert capsys.readouterr().out == ""


def test_without_apt_get_the_remedy_is_said(programs: Path) -> None:
    with pytest.raises(CannotRunError, match="apt-get install chromium-headless-shell"):
        browser.install()


def test_what_apt_get_says_when_it_fails_is_passed_on_with_the_remedy(programs: Path) -> None:
    _program(programs / "apt-get", BROKEN_APT_GET)

    with pytest.raises(CannotRunError, match=r"(?s)apt-get install chromium.*no network"):
        browser.install()
