"""A value that others may change is read at its first use and once it is old; silence changes nothing."""

from dataclasses import dataclass, field

import pytest

from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.infrastructure.polled_value import AGAIN_SECONDS, KEPT_SECONDS, PolledValue


@dataclass
class Store:
    """A store of one value, with a clock."""

    value: str = "old"
    answers: bool = True
    now: float = 0.0
    asked: int = 0
    renewed: PolledValue[str] = field(init=False)

    def __post_init__(self) -> None:
        self.renewed = PolledValue(self.read, lambda: self.now)

    def read(self) -> str:
        self.asked += 1
        if not self.answers:
            raise BackendUnavailable("GetParameters")
        return self.value


def test_nobody_is_asked_before_the_first_use() -> None:
    store = Store(now=KEPT_SECONDS * 9)

    assert store.renewed.reread_if_stale_and_give_change() is None
    assert store.asked == 0


def test_it_is_read_once_however_often_it_is_used() -> None:
    store = Store()

    assert (
        store.renewed.first_read_or_none(),
        store.renewed.first_read_or_none(),
        store.renewed.reread_if_stale_and_give_change(),
    ) == (
        "old",
        None,
        None,
    )
    assert store.asked == 1


def test_another_value_is_told_once_the_known_one_is_old() -> None:
    store = Store()
    store.renewed.first_read_or_none()
    store.value, store.now = "new", KEPT_SECONDS - 1
    assert store.renewed.reread_if_stale_and_give_change() is None

    store.now = KEPT_SECONDS
    assert (store.renewed.reread_if_stale_and_give_change(), store.renewed.reread_if_stale_and_give_change()) == (
        "new",
        None,
    )
    assert store.asked == 2


def test_the_known_value_holds_while_the_store_does_not_answer() -> None:
    store = Store()
    store.renewed.first_read_or_none()
    store.value, store.answers, store.now = "new", False, KEPT_SECONDS
    assert (
        store.renewed.reread_if_stale_and_give_change(),
        store.renewed.reread_if_stale_and_give_change(),
        store.asked,
    ) == (None, None, 2)

    store.answers, store.now = True, KEPT_SECONDS + AGAIN_SECONDS
    assert store.renewed.reread_if_stale_and_give_change() == "new"


def test_a_first_use_that_is_not_answered_fails_and_the_next_one_asks_again() -> None:
    store = Store(answers=False)
    with pytest.raises(BackendUnavailable):
        store.renewed.first_read_or_none()

    store.answers = True
    assert store.renewed.first_read_or_none() == "old"
