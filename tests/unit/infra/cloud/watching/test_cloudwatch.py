"""Our reading of CloudWatch gives the states that its document shows in tables."""

import pytest

from .cloudwatch import state, statistic

THREE_OF_THREE = {"EvaluationPeriods": 3, "ComparisonOperator": "GreaterThanThreshold"}
TWO_OF_THREE = THREE_OF_THREE | {"DatapointsToAlarm": 2}
RETAINED = "as before"


def after(text: str, alarm: dict[str, object], treated: str) -> str:
    """The state after `0 X - X`, the latest last: X is beyond the threshold, - is missing."""
    values = {"0": 0.0, "X": 9.0, "-": None}
    return state([values[one] for one in text.split()], alarm | {"TreatMissingData": treated}, 1.0, RETAINED)


# "How alarm state is evaluated when data is missing", first table: all three of three.
@pytest.mark.parametrize(
    ("points", "missing", "ignore", "breaching", "within"),
    [
        ("0 - X - X", "OK", "OK", "OK", "OK"),
        ("- - - - 0", "OK", "OK", "OK", "OK"),
        ("- - - - -", "INSUFFICIENT_DATA", RETAINED, "ALARM", "OK"),
        ("0 X X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
        ("- - X - -", "ALARM", RETAINED, "ALARM", "OK"),
    ],
)
def test_missing_points_of_three_count_as_the_document_says(
    points: str, missing: str, ignore: str, breaching: str, within: str
) -> None:
    treated = ("missing", "ignore", "breaching", "notBreaching")

    assert [after(points, THREE_OF_THREE, each) for each in treated] == [missing, ignore, breaching, within]


# Second table: two of three.
@pytest.mark.parametrize(
    ("points", "missing", "ignore", "breaching", "within"),
    [
        ("0 - X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
        ("0 0 X 0 X", "ALARM", "ALARM", "ALARM", "ALARM"),
        ("0 - X - -", "OK", "OK", "ALARM", "OK"),
        ("- - - - 0", "OK", "OK", "ALARM", "OK"),
        ("- - - X -", "ALARM", RETAINED, "ALARM", "OK"),
    ],
)
def test_missing_points_of_two_in_three_count_as_the_document_says(
    points: str, missing: str, ignore: str, breaching: str, within: str
) -> None:
    treated = ("missing", "ignore", "breaching", "notBreaching")

    assert [after(points, TWO_OF_THREE, each) for each in treated] == [missing, ignore, breaching, within]


def test_a_percentile_is_the_value_that_so_many_do_not_exceed() -> None:
    values = [float(value) for value in range(1, 101)]

    assert (statistic(values, "p99"), statistic(values, "p50"), statistic([7.0], "p99")) == (99, 50, 7)
    assert statistic([], "Sum") is None
