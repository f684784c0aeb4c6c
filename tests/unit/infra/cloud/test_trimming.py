"""What of the packages is made smaller: nothing that our code calls is missing."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import botocore
import botocore.docs.docstring
import pytest
import urllib3
from botocore import xform_name
from botocore.session import Session

from infra.cloud.trimming import OPERATIONS, STAND_INS, replace_modules, with_operations
from infra.processes import ROOT

SITE_PACKAGES = Path(botocore.__file__).parents[1]


def names_in_our_code() -> Iterator[str]:
    for file in (ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                    yield name


def model(service: str) -> dict[str, object]:
    found: dict[str, object] = Session().get_component("data_loader").load_service_model(service, "service-2")
    return found


@pytest.mark.parametrize("service", OPERATIONS)
def test_each_operation_that_our_code_names_ships(service: str) -> None:
    ours = set(names_in_our_code())

    named = {one for one in Session().get_service_model(service).operation_names if xform_name(one) in ours}

    assert named - {"GetTemplate"} <= set(OPERATIONS[service])  # SES has one; here Jinja's is called


@pytest.mark.parametrize("service", OPERATIONS)
def test_an_operation_has_all_its_shapes(service: str) -> None:
    whole, ours = model(service), with_operations(model(service), OPERATIONS[service])
    text = json.dumps(ours)

    assert len(text) < len(json.dumps(whole))
    for name, shape in ours["shapes"].items():
        assert shape == whole["shapes"][name]  # type: ignore[index]
        for found in ast.walk(ast.parse(repr(shape))):
            match found:
                case ast.Dict(keys=keys, values=values):
                    refers = [
                        v.value
                        for k, v in zip(keys, values, strict=True)
                        if isinstance(k, ast.Constant) and k.value == "shape" and isinstance(v, ast.Constant)
                    ]
                    assert set(refers) <= ours["shapes"].keys()


def test_an_operation_that_the_service_does_not_know_is_refused() -> None:
    with pytest.raises(KeyError):
        with_operations(model("sqs"), ("SendLetter",))


def test_a_stand_in_has_each_class_that_botocore_takes_from_the_module() -> None:
    stand_in: dict[str, type] = {}
    exec(STAND_INS["botocore/docs/docstring.py"], stand_in)  # noqa: S102 - our own text

    stock = vars(botocore.docs.docstring)
    classes = {name for name in stock if isinstance(stock[name], type) and name.endswith("Docstring")}

    assert classes == {name for name in stand_in if name.endswith("Docstring")}
    assert stand_in["ClientMethodDocstring"](operation_model=None, prefix="") == ""


def test_a_document_is_printed_with_the_stand_ins_of_pillow(tmp_path: Path) -> None:
    stand_ins = {path: text for path, text in STAND_INS.items() if path.startswith("PIL/")}
    for path, text in stand_ins.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    script = (
        "from tests.builders import a_bill; from chalicelib.domain.invoices import Invoice;"
        "from chalicelib.infrastructure.invoices.pdf import print_invoice; import PIL;"
        "print(len(print_invoice(Invoice(a_bill(), 41))), PIL.__file__)"
    )

    printed = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(stand_ins) == 2
    assert printed.stdout.split()[1:] == [str(tmp_path / "PIL" / "__init__.py")], printed.stderr


def test_stand_ins_are_for_modules_that_are_there() -> None:
    assert {path for path in STAND_INS if not (SITE_PACKAGES / path).exists()} == set()
    assert Path(urllib3.__file__).parents[1] == SITE_PACKAGES


def test_a_package_that_has_no_such_module_any_more_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_modules(tmp_path)
