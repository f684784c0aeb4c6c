"""What looks like a secret is mended, or stays with a reason; nobody takes silence of an index for safety."""

import json

from infra.local.tools.source_checks import CHECKERS, counted, faults, unknown_packages
from infra.processes import ROOT


def test_what_is_found_and_has_no_reason_to_stay_is_a_fault() -> None:
    found = counted({"a.py": [{"type": "AWS Key"}, {"type": "AWS Key"}], "b.py": [{"type": "Password"}]})

    (fault,) = faults(found, {"b.py": {"Password": "1: a test's"}})

    assert fault.startswith("a.py: 2 × AWS Key")


def test_one_more_than_may_stay_is_a_fault() -> None:
    found = {"a.py": {"Password": 2}}

    assert faults(found, {"a.py": {"Password": "2: of tests"}}) == []
    assert faults(found, {"a.py": {"Password": "1: of a test"}})


def test_a_reason_that_nothing_needs_any_more_is_a_fault() -> None:
    assert faults({}, {"a.py": {"Password": "1: of a test"}}) == [
        "a.py: Password is no longer found: delete it from source_checks.toml"
    ]


def test_every_exception_has_its_count_and_reason() -> None:
    for file, kinds in CHECKERS.what_may_stay().items():
        assert (ROOT / file).is_file()
        for reason in kinds.values():
            count, _, why = reason.partition(": ")
            assert int(count) > 0
            assert len(why.split()) > 2


def test_a_package_that_the_index_does_not_know_was_not_asked_about() -> None:
    report = {"dependencies": [{"name": "six", "vulns": []}, {"name": "boto3", "skip_reason": "not found on PyPI"}]}

    assert unknown_packages(json.dumps(report)) == ["boto3"]
    assert unknown_packages("") is None
