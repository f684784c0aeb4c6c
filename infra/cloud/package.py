"""Makes the Lambda package of a stage: `python -m infra.cloud.package STAGE OUT_DIR`.

`chalice package` writes the template and packs our own code; this module adds what Chalice can't:

- the packages of requirements.lock, installed by their hashes once per content of that file, and stripped of what no
  function reads; with TRACES=on those of requirements-traces.lock, too;
- bytecode that is never checked against its source. Without bytecode every cold start compiles everything. Ordinary
  bytecode would not help: it is checked by the source's time, which unpacking the archive changes;
- what imports compile beside it: chalicelib/precompiled.py;
- an archive with the same bytes for the same contents;
- the functions' policies, timeouts, environments and event source mappings, from the tables;
- a template without YAML aliases, which CloudFormation does not take.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import yaml

from chalicelib.precompiled import FILE_NAME
from infra.processes import ROOT

from .app_template import overlay
from .archive import Size, size_of_zip, write_archive
from .dependencies import (
    LAMBDA_PYTHON,
    LAMBDA_PYTHONS,
    PackagingError,
    compile_modules,
    ensure_dependencies,
    keep_licence,
    run_python,
)
from .finishing import finish
from .functions import FUNCTIONS
from .permissions import policy
from .templates import WithoutAliases, load_long_forms

LOCK = "requirements.lock"
TRACES_LOCK = "requirements-traces.lock"
CHALICE = Path(sys.executable).with_name("chalice")
STAGE_NAME = "[a-z][a-z0-9]{1,19}"
"""A regular expression of a stage's name, as the parameter Stage of stateful.yaml has it."""


@dataclass(frozen=True)
class Package:
    """A template and the archive that its functions share, with the sizes before and after stripping."""

    template: Path
    archive: Path
    before: Size
    after: Size


def package(stage: str, out: Path, *, traces: bool = False) -> Package:
    """Writes sam.yaml and deployment.zip for `stage` into `out`, with OpenTelemetry if it is to make traces.

    Needs the network for a new lock only.
    """
    _check_python()
    check_stage(stage)
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    dependencies = [ensure_dependencies(ROOT / name) for name in (LOCK, *([TRACES_LOCK] if traces else []))]
    with tempfile.TemporaryDirectory() as scratch:
        own_code = _package_own_code(stage, out, Path(scratch))
        before = [Size(**json.loads((one / "before.json").read_text())) for one in dependencies]
        before.append(size_of_zip(out / "deployment.zip"))
        compile_modules(own_code)
        _precompile(own_code / "chalicelib" / FILE_NAME)
        write_archive(out / "deployment.zip", [own_code, *(one / "site-packages" for one in dependencies)])
    _finish_template(out / "sam.yaml")
    return Package(
        template=out / "sam.yaml",
        archive=out / "deployment.zip",
        before=Size(sum(one.zipped for one in before), sum(one.unzipped for one in before)),
        after=size_of_zip(out / "deployment.zip"),
    )


def _check_python() -> None:
    """Raises PackagingError for a Python that Lambda has not."""
    if LAMBDA_PYTHON not in LAMBDA_PYTHONS:
        known = ", ".join(f"{major}.{minor}" for major, minor in LAMBDA_PYTHONS)
        raise PackagingError(
            f"The functions run on the Python that packages them, one of {known}; this is {sys.version}."
        )


def check_stage(stage: str) -> None:
    """Raises PackagingError for a stage that is not in .chalice/config.json, or whose name can't be part of others."""
    stages = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]
    if stage not in stages:
        raise PackagingError(
            f"Stage {stage!r} is not in .chalice/config.json, which has {', '.join(stages)}. To add it, add the line"
            f' "{stage}": {{"log_retention_in_days": 14}} to its `stages`.'
        )
    if not re.fullmatch(STAGE_NAME, stage):
        raise PackagingError(
            f"A stage's name has 2 to 20 lower-case letters and digits, a letter first: not {stage!r}."
        )


def _package_own_code(stage: str, out: Path, scratch: Path) -> Path:
    """Has Chalice write the template and its archive into `out`; returns that archive, unpacked.

    Chalice works on a copy with an empty requirements.txt. Otherwise every change of code would make it download all
    packages.
    """
    project, own_code, added = scratch / "project", scratch / "own-code", scratch / "added.json"
    ignored = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
    for name in (".chalice", "chalicelib"):
        shutil.copytree(ROOT / name, project / name, ignore=ignored)
    shutil.copy(ROOT / "app.py", project)
    (project / "requirements.txt").touch()
    _configure(project / ".chalice")
    added.write_text(json.dumps(overlay()))
    merge = ["--merge-template", str(added), "--template-format", "yaml"]
    run_python(
        str(CHALICE), "package", "--stage", stage, *merge, str(out), cwd=project, **_settings_for_loading_the_app()
    )
    with zipfile.ZipFile(out / "deployment.zip") as archive:
        archive.extractall(own_code)
    _add_licences(own_code)
    return own_code


def _precompile(file: Path) -> None:
    run_python("-m", "infra.cloud.precompiling", str(file), cwd=ROOT, **_settings_for_loading_the_app())


def _add_licences(own_code: Path) -> None:
    """Adds our licence, and that of Chalice, two modules of which its packager adds to our code."""
    shutil.copy(ROOT / "LICENSE", own_code)
    (metadata,) = Path(str(distribution("chalice").locate_file(""))).glob("chalice-*.dist-info")
    keep_licence(metadata, own_code)


def _configure(configuration: Path) -> None:
    """Adds to Chalice's configuration what follows from names, and the functions' policies and timeouts."""
    config = json.loads((configuration / "config.json").read_text())
    for name, stage in config["stages"].items():
        stage |= {"api_gateway_stage": name, "environment_variables": {"STAGE": name}}
    config["lambda_functions"] = {
        function.name: {
            "iam_policy_file": f"policy-{function.name}.json",
            "lambda_timeout": function.timeout_seconds,
        }
        for function in FUNCTIONS
    }
    (configuration / "config.json").write_text(json.dumps(config))
    for function in FUNCTIONS:
        (configuration / f"policy-{function.name}.json").write_text(json.dumps(policy(function)))


def _settings_for_loading_the_app() -> dict[str, str]:
    """Gives the settings for Chalice's import of the app, which finds routes and handlers. None is shipped.

    TABLE_PREFIX is emptied: a tester's prefix would become part of the template. Loading the app makes no traces.
    """
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    return {"AWS_DEFAULT_REGION": region, "ID_SECRET": "only for packaging", "TABLE_PREFIX": "", "TRACES": "off"}


def _finish_template(path: Path) -> None:
    template = load_long_forms(path)
    finish(template)
    path.write_text(yaml.dump(template, Dumper=WithoutAliases, allow_unicode=True))


def main() -> None:
    """Packages the stage named by the first argument into the directory named by the second."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m infra.cloud.package STAGE OUT_DIR")
    try:
        made = package(sys.argv[1], Path(sys.argv[2]), traces=os.environ.get("TRACES") == "on")
    except PackagingError as failure:
        sys.exit(str(failure))
    print(f"{made.archive}\n  before: {made.before}\n  after:  {made.after}, bytecode included")


if __name__ == "__main__":
    main()
