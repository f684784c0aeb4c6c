"""Make the Lambda package of a stage: `python -m infra.cloud.package STAGE OUT_DIR`.

`chalice package` writes the template and packs our own code; this module adds what Chalice can't:

- the packages of requirements.lock, installed by their hashes once per content of that file, and stripped of what no
  function reads;
- bytecode, marked as never to be checked against its source. Without it every cold start compiles everything,
  and ordinary bytecode is thrown away because unpacking the archive changes the times it is checked by;
- an archive that is the same, byte for byte, as long as its contents are;
- a template without YAML aliases, which CloudFormation does not take.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
CHALICE = Path(sys.executable).with_name("chalice")

LAMBDA_PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
"""As Lambda has them, and we support them. The functions' is the one that packages: their bytecode is made by it."""

LAMBDA_PYTHON = sys.version_info[:2]
LAMBDA_PLATFORM = "manylinux2014_x86_64"
AWS_SERVICES = {"apigatewaymanagementapi", "dynamodb", "dynamodbstreams", "s3", "ses", "sqs", "ssm", "sts"}

STRIPES_OTHER_PRODUCTS = (
    *("apps", "billing", "billing_portal", "checkout", "climate", "entitlements", "events", "financial_connections"),
    *("forwarding", "identity", "issuing", "product_catalog", "radar", "reporting", "reserve", "sigma", "tax"),
    *("terminal", "test_helpers", "three_d_secure", "treasury"),
    *("v2/billing", "v2/commerce", "v2/money_management", "v2/test_helpers"),
)
"""Subpackages that are imported when one of their objects is asked for, or is in an answer."""

# Globs below site-packages that no function reads. boto3's and botocore's `docs` and `resources` *modules* stay:
# boto3.session imports them.
UNUSED = (
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "**/py.typed",
    "**/*.pyx",
    "**/*.c",
    "*.dist-info",
    "bin",
    "boto3/data",
    "boto3/examples",
    "botocore/data/*/*/examples-1.json*",
    "PIL",  # fpdf2 does without it where there are no images
    "pillow.libs",
    "fontTools/**/*.so",  # each stands beside a Python module that does the same, for work that we don't do
    "charset_normalizer/*.so",  # as these
    *(f"fontTools/{part}" for part in ("cu2qu", "diff", "merge", "mtiLib", "qu2cu", "t1Lib", "ufoLib", "voltLib")),
    "share",
    *(f"stripe/{part}" for part in STRIPES_OTHER_PRODUCTS),
    "stripe/params",  # for type checkers
)

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


class PackagingError(Exception):
    """The package could not be made; the message is for whoever ran the command."""


@dataclass(frozen=True)
class Size:
    """Bytes of a package, as the archive and unpacked."""

    zipped: int
    unzipped: int

    def __str__(self) -> str:
        return f"{self.zipped / 1e6:.1f} MB zipped, {self.unzipped / 1e6:.1f} MB unzipped"


@dataclass(frozen=True)
class Package:
    """A template and the archive all its functions share, with the size before (all of the packages) and after."""

    template: Path
    archive: Path
    before: Size
    after: Size


def package(stage: str, out: Path) -> Package:
    """Write sam.yaml and deployment.zip for `stage` into `out`. Needs no network once requirements.lock was seen."""
    if LAMBDA_PYTHON not in LAMBDA_PYTHONS:
        known = ", ".join(f"{major}.{minor}" for major, minor in LAMBDA_PYTHONS)
        raise PackagingError(
            f"The functions run on the Python that packages them, one of {known}; this is {sys.version}."
        )
    check_stage(stage)
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    dependencies = installed_dependencies(ROOT / "requirements.lock")
    with tempfile.TemporaryDirectory() as scratch:
        own_code = _package_own_code(stage, out, Path(scratch))
        before = Size(**json.loads((dependencies / "before.json").read_text()))
        own = _size_of_zip(out / "deployment.zip")
        _compile(own_code)
        _write_archive(out / "deployment.zip", [own_code, dependencies / "site-packages"])
    _write_out_aliases(out / "sam.yaml")
    return Package(
        template=out / "sam.yaml",
        archive=out / "deployment.zip",
        before=Size(before.zipped + own.zipped, before.unzipped + own.unzipped),
        after=_size_of_zip(out / "deployment.zip"),
    )


def check_stage(stage: str) -> None:
    """Raises PackagingError for a stage that .chalice/config.json does not know: Chalice would take its defaults."""
    stages = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]
    if stage not in stages:
        raise PackagingError(f"Stage {stage!r} is not in .chalice/config.json, which has {', '.join(stages)}.")


def installed_dependencies(lock: Path) -> Path:
    """The directory with the stripped, compiled packages of `lock`, made if this content is new."""
    recipe = json.dumps([lock.read_text(), sorted(AWS_SERVICES), UNUSED, LAMBDA_PYTHON, LAMBDA_PLATFORM])
    home = BUILD / f"dependencies-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if not home.exists():
        BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
            _install(lock, Path(scratch) / "new" / "site-packages")
            (Path(scratch) / "new").rename(home)
    return home


def _install(lock: Path, site_packages: Path) -> None:
    site_packages.mkdir(parents=True)
    version = ".".join(map(str, LAMBDA_PYTHON))
    for_lambda = ["--platform", LAMBDA_PLATFORM, "--python-version", version, "--only-binary=:all:"]
    by_hash = ["--require-hashes", "--no-deps", "-r", str(lock)]
    _run("-m", "pip", "install", "-q", "--no-compile", "--target", str(site_packages), *for_lambda, *by_hash)
    before = _size_of_tree(site_packages)
    _strip(site_packages)
    _compile(site_packages)
    (site_packages.parent / "before.json").write_text(json.dumps(vars(before)))


def _strip(site_packages: Path) -> None:
    for pattern in UNUSED:
        for path in list(site_packages.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for service in (site_packages / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in AWS_SERVICES:
            shutil.rmtree(service)


def _compile(tree: Path) -> None:
    """Bytecode beside every module, with the paths it will have in Lambda, so that it is the same on any machine."""
    paths = ["-s", str(tree), "-p", "/var/task"]
    _run("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", *paths, str(tree))


def _package_own_code(stage: str, out: Path, scratch: Path) -> Path:
    """Let Chalice write the template and its archive into `out`; return that archive, unpacked.

    Chalice works on a copy with an empty requirements.txt: it would download all packages after every change of code.
    """
    project, own_code = scratch / "project", scratch / "own-code"
    ignored = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
    for name in (".chalice", "chalicelib"):
        shutil.copytree(ROOT / name, project / name, ignore=ignored)
    shutil.copy(ROOT / "app.py", project)
    (project / "requirements.txt").touch()
    merge = ["--merge-template", str(ROOT / "infra" / "cloud" / "app.yaml"), "--template-format", "yaml"]
    _run(str(CHALICE), "package", "--stage", stage, *merge, str(out), cwd=project, **_settings_for_loading_the_app())
    with zipfile.ZipFile(out / "deployment.zip") as archive:
        archive.extractall(own_code)
    return own_code


def _settings_for_loading_the_app() -> dict[str, str]:
    """Chalice imports the app to find its routes and handlers. Nothing of this is shipped.

    TABLE_PREFIX is emptied: a prefix that somebody tests with would become part of the template.
    """
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    return {"AWS_DEFAULT_REGION": region, "ID_SECRET": "only for packaging", "TABLE_PREFIX": ""}


def _write_out_aliases(path: Path) -> None:
    template = yaml.safe_load(path.read_text())
    path.write_text(yaml.dump(template, Dumper=_WithoutAliases, allow_unicode=True))


class _WithoutAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def _write_archive(path: Path, trees: list[Path]) -> None:
    """Pack the trees with sorted names, one fixed time and fixed modes: same contents, same bytes."""
    files = sorted((file.relative_to(tree).as_posix(), file) for tree in trees for file in _files(tree))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files:
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if file.suffix == ".so" else 0o644) << 16
            archive.writestr(entry, file.read_bytes())


def _files(tree: Path) -> list[Path]:
    return [path for path in tree.rglob("*") if path.is_file()]


def _size_of_tree(tree: Path) -> Size:
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "tree.zip"
        _write_archive(archive, [tree])
        return _size_of_zip(archive)


def _size_of_zip(path: Path) -> Size:
    with zipfile.ZipFile(path) as archive:
        return Size(path.stat().st_size, sum(entry.file_size for entry in archive.infolist()))


def _run(*arguments: str, cwd: Path = ROOT, **environment: str) -> None:
    """Run this Python; what it says is shown only if it fails."""
    reproducible = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=cwd, env=reproducible, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagingError(f"`{' '.join(arguments[:3])}` failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    """Package the stage named by the first argument into the directory named by the second."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m infra.cloud.package STAGE OUT_DIR")
    try:
        made = package(sys.argv[1], Path(sys.argv[2]))
    except PackagingError as failure:
        sys.exit(str(failure))
    print(f"{made.archive}\n  before: {made.before}\n  after:  {made.after}, bytecode included")


if __name__ == "__main__":
    main()
