"""Getting a browser for the browser tests: found, installed, or missed with the remedy."""

from pathlib import Path

import pytest

from infra.local.tools import browser
from infra.processes import CannotRunError

APT_GET = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
[ "$1" = install ] && printf '#!/bin/sh\\n' > "$(dirname "$0")/chromium" && /bin/chmod +x "$(dirname "$0")/chromium"
exit 0
"""
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


def test_a_missing_browser_is_installed_once_and_said(programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _program(programs / "apt-get", APT_GET)

    browser.install()
    browser.install()

    assert browser.path() == str(programs / "chromium")
    assert (programs / "asked").read_text().splitlines() == [
        "update -qq",
        "install -qq --no-install-recommends chromium",
    ]
    assert "Installing Chromium" in capsys.readouterr().out


def test_without_apt_get_the_remedy_is_said(programs: Path) -> None:
    with pytest.raises(CannotRunError, match="apt-get install chromium"):
        browser.install()


def test_what_apt_get_says_when_it_fails_is_passed_on_with_the_remedy(programs: Path) -> None:
    _program(programs / "apt-get", BROKEN_APT_GET)

    with pytest.raises(CannotRunError, match=r"(?s)apt-get install chromium.*no network"):
        browser.install()
