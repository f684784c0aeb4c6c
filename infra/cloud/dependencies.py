"""The packages that ship with the functions: installed once for each requirements.lock, stripped and compiled."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from infra.processes import ROOT

from .archive import size_of_tree
from .trimming import OPERATIONS, STAND_INS, keep_operations, replace_modules

BUILD = ROOT / "build"

LAMBDA_PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
"""The supported Pythons of Lambda. The functions run on the one that packages them, because it makes their bytecode."""

LAMBDA_PYTHON = sys.version_info[:2]
LAMBDA_PLATFORM = "manylinux2014_x86_64"
AWS_SERVICES = {"apigatewaymanagementapi", "dynamodb", "dynamodbstreams", "kms", "s3", "ses", "sqs", "ssm", "sts"}

STRIPES_OTHER_PRODUCTS = (
    *("apps", "billing", "billing_portal", "checkout", "climate", "entitlements", "events", "financial_connections"),
    *("forwarding", "identity", "issuing", "product_catalog", "radar", "reporting", "reserve", "sigma", "tax"),
    *("terminal", "test_helpers", "three_d_secure", "treasury"),
    *("v2/billing", "v2/commerce", "v2/money_management", "v2/test_helpers"),
)
"""Subpackages of stripe for products that we don't use. stripe imports each only for its own objects."""

# Globs below site-packages that no function reads. The *modules* `docs` and `resources` of boto3 and botocore stay:
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
    *("PIL/*.so", "PIL/*Plugin.py", "PIL/Image?*.py", "pillow.libs"),  # our documents have no images; see STAND_INS
    *(f"reportlab/{part}" for part in ("fonts", "graphics", "platypus")),
    "charset_normalizer/*.so",  # each has a Python module beside it that does the same; we need no speed there
    "share",
    *("cffi", "pycparser"),  # cryptography needs what they make, not the makers: _cffi_backend stays
    *(f"stripe/{part}" for part in STRIPES_OTHER_PRODUCTS),
    "stripe/params",  # for type checkers
)


LICENCES = "THIRD-PARTY-LICENSES"
"""The folder of the archive with the licences of what ships: a folder for each distribution, named with its version."""

LICENCE = re.compile(r"(licenses/.*|(LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*)", re.IGNORECASE)
"""A file of licence terms, by its path in a distribution's metadata."""

DOCUMENTATION = ("documentation", "documentationUrl")
"""The parts of botocore's models that are only for people."""

READ_WITH_TEXTS = "clientContextParams"
"""The part of a model, S3's for one, of which botocore reads the texts, too: without them it makes no client's call."""

TRIMMED = 2
"""The version of the way in which models are trimmed. After a change of the number, all packages are made again."""

KEPT = re.compile(r"opentelemetry_\w+-[^/]+\.dist-info")
"""The metadata that is kept, because OpenTelemetry finds its own parts by it."""


class PackagingError(Exception):
    """The package could not be made. The message is a sentence, ready to be shown."""


def ensure_dependencies(lock: Path) -> Path:
    """Gives the directory of the stripped, compiled packages of `lock`. Makes it if the lock is new."""
    built_for = [LAMBDA_PYTHON, LAMBDA_PLATFORM]
    stripped = [sorted(AWS_SERVICES), UNUSED, KEPT.pattern, LICENCES, TRIMMED, dict(OPERATIONS), dict(STAND_INS)]
    recipe = json.dumps([lock.read_text(), *stripped, *built_for])
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
    run_python("-m", "pip", "install", "-q", "--no-compile", "--target", str(site_packages), *for_lambda, *by_hash)
    before = size_of_tree(site_packages)
    for metadata in sorted(site_packages.glob("*.dist-info")):
        keep_licence(metadata, site_packages)
    _strip(site_packages)
    compile_modules(site_packages)
    (site_packages.parent / "before.json").write_text(json.dumps(vars(before)))


def keep_licence(metadata: Path, tree: Path) -> None:
    """Copies a distribution's licence from its metadata (a folder `*.dist-info`) to LICENCES below `tree`.

    Without a licence file, copies the METADATA file, which names the licence.
    """
    terms = [file for file in metadata.rglob("*") if file.is_file() and LICENCE.fullmatch(_path_below(metadata, file))]
    for file in terms or [metadata / "METADATA"]:
        kept = tree / LICENCES / metadata.name.removesuffix(".dist-info") / _path_below(metadata, file)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, kept)


def _path_below(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()


def _strip(site_packages: Path) -> None:
    for pattern in UNUSED:
        for path in list(site_packages.glob(pattern)):
            if not KEPT.fullmatch(path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    for service in site_packages.glob("botocore/data/*"):
        if service.is_dir() and service.name not in AWS_SERVICES:
            shutil.rmtree(service)
    trim_models(site_packages / "botocore" / "data")
    keep_operations(site_packages / "botocore" / "data")
    if (site_packages / "botocore").exists():  # those of the traces have none
        replace_modules(site_packages)


def trim_models(data: Path) -> None:
    """Removes from botocore's models the documentation, and the endpoints of services that we don't call.

    The models are stored uncompressed: decompressing them at a cold start takes longer than reading more bytes.
    """
    for packed in data.rglob("*.json.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    prefixes = {
        json.loads(model.read_bytes())["metadata"]["endpointPrefix"] for model in data.glob("*/*/service-2.json")
    }
    for model in data.rglob("*.json"):
        content = without_documentation(json.loads(model.read_bytes()))
        if model.name == "endpoints.json":
            for partition in content["partitions"]:
                known = partition["services"].items()
                partition["services"] = {name: each for name, each in known if name in prefixes}
        model.write_text(json.dumps(content, separators=(",", ":")))


def without_documentation(model: Any) -> Any:
    """Gives a model without its `documentation` texts. Keeps a member of that name: its value is no text."""
    if isinstance(model, dict):
        texts = [name for name in DOCUMENTATION if isinstance(model.get(name), str)]
        return {
            name: part if name == READ_WITH_TEXTS else without_documentation(part)
            for name, part in model.items()
            if name not in texts
        }
    return [without_documentation(part) for part in model] if isinstance(model, list) else model


def compile_modules(tree: Path) -> None:
    """Puts bytecode beside every module. Its paths are those of Lambda, so it is the same on any machine."""
    paths = ["-s", str(tree), "-p", "/var/task"]
    run_python("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", *paths, str(tree))


def run_python(*arguments: str, cwd: Path = ROOT, **environment: str) -> None:
    """Runs this Python. Raises PackagingError with its output if it fails."""
    reproducible = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=cwd, env=reproducible, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagingError(f"`{' '.join(arguments[:3])}` failed:\n{done.stdout}{done.stderr}")
