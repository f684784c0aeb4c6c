"""A refusal takes its facts as a dataclass takes its fields, though none is made."""

import pytest

from chalicelib.domain.refusals import AccessTokenFault, IdempotencyKeyReused, Refusal, TooManySeats, Unauthenticated


@pytest.mark.parametrize("refusal", [TooManySeats(9, 8), TooManySeats(9, limit=8), TooManySeats(limit=8, asked=9)])
def test_facts_are_given_by_place_or_by_name(refusal: TooManySeats) -> None:
    assert (refusal.asked, refusal.limit) == (9, 8)
    assert repr(refusal) == "TooManySeats(asked=9, limit=8)"


def test_what_is_left_out_has_its_default() -> None:
    assert (Unauthenticated().fault, Unauthenticated(detail="x").detail) == (AccessTokenFault.MISSING, "x")


def make(kind: type[Refusal], *values: object, **by_name: object) -> Refusal:
    return kind(*values, **by_name)


@pytest.mark.parametrize(
    ("kind", "values", "by_name"),
    [
        (TooManySeats, (9,), {}),
        (TooManySeats, (9, 8, 7), {}),
        (TooManySeats, (9, 8), {"asked": 9}),
        (TooManySeats, (9,), {"limits": 8}),
        (IdempotencyKeyReused, ("x",), {}),
    ],
)
def test_facts_that_are_missing_or_too_many_are_a_mistake(
    kind: type[Refusal], values: tuple[object, ...], by_name: dict[str, object]
) -> None:
    with pytest.raises(TypeError, match=kind.__name__):
        make(kind, *values, **by_name)
