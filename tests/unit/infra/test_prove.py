from collections.abc import Callable
from pathlib import Path

import pytest

from tests import prove
from tests.prove import Part


@pytest.fixture
def verdict_of(tmp_path: Path) -> Callable[[str], str]:
    def verdict_of(test: str) -> str:
        tests = tmp_path / "test_it.py"
        tests.write_text(f"import pytest\ndef test_it():\n    {test}\n")
        (result,) = prove.prove([Part("it", "what it shows", (*prove.PYTEST, str(tests)), 1)], tmp_path / "logs")
        return result.verdict

    return verdict_of


@pytest.mark.parametrize(
    ("test", "verdict"), [("pass", "proved"), ("assert False", "FAILED"), ("pytest.skip('needs spin')", "NOT RUN")]
)
def test_a_part_is_proved_when_its_tests_ran_and_passed(
    verdict_of: Callable[[str], str], test: str, verdict: str
) -> None:
    assert verdict_of(test) == verdict
