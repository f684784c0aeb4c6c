"""What the checkers of templates find is mended, or stays with a reason that somebody needs. `make check-templates`."""

from infra.local.tools.template_checks import CHECKERS, PROGRAMS, faults, write_policies


def test_what_is_found_and_has_no_reason_to_stay_is_a_fault() -> None:
    found = {"CKV_1": ["Table.Rows: encrypt it", "Table.Sessions: encrypt it"], "CKV_2": ["Queue.Expiry: name it"]}

    assert faults("checkov", found, {"CKV_2": "because"}) == [
        "checkov CKV_1: Table.Rows: encrypt it",
        "checkov CKV_1: Table.Sessions: encrypt it",
    ]


def test_a_reason_that_nothing_needs_any_more_is_a_fault() -> None:
    assert faults("checkov", {}, {"CKV_2": "because"}) == [
        "checkov CKV_2 is no longer found: delete it from template_checks.toml"
    ]


def test_every_exception_has_its_reason() -> None:
    stays = PROGRAMS.what_may_stay()

    assert stays.keys() == CHECKERS.keys()
    assert all(len(reason.split()) > 5 for reasons in stays.values() for reason in reasons.values())


def test_policies_are_shown_to_the_checker_as_aws_gets_them() -> None:
    for file in write_policies().iterdir():
        text = file.read_text()
        assert "${" not in text, file.name
        assert "Fn::" not in text, file.name
