"""Ids that nobody can guess, and that a request that is sent again gets again."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.reservations import buyer_pseudonym_or_empty
from chalicelib.infrastructure.ids import RandomOrDerivedIds, buyer_partition_of_user

IDS = RandomOrDerivedIds(b"secret")
texts = st.text(min_size=1, max_size=50)


@given(texts, st.none() | texts)
def test_a_reservations_id_tells_its_buyer(user: str, key: str | None) -> None:
    assert buyer_pseudonym_or_empty(IDS.reservation_id(user, key)) == buyer_partition_of_user(user)


@given(texts, texts)
def test_the_same_user_and_key_give_the_same_id_on_every_instance(user: str, key: str) -> None:
    assert IDS.reservation_id(user, key) == RandomOrDerivedIds(b"secret").reservation_id(user, key)


@given(st.tuples(texts, texts), st.tuples(texts, texts))
def test_another_user_or_another_key_gives_another_id(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (IDS.reservation_id(*one) == IDS.reservation_id(*other)) == (one == other)


@given(texts, texts)
def test_a_screenings_id_is_a_uuid_that_follows_from_its_key(one: str, other: str) -> None:
    assert (
        IDS.session_id(one)
        == RandomOrDerivedIds(b"secret").session_id(one)
        != RandomOrDerivedIds(b"another secret").session_id(one)
    )
    assert (IDS.session_id(one) == IDS.session_id(other)) == (one == other)
    assert str(uuid.UUID(IDS.session_id(one))) == IDS.session_id(one)
    assert uuid.UUID(IDS.session_id(one)).version == uuid.UUID(IDS.session_id(None)).version == 4


def test_where_user_and_key_meet_matters() -> None:
    assert IDS.reservation_id("ab", "c") != IDS.reservation_id("a", "bc")
    assert IDS.sale_id("ab", "c") != IDS.sale_id("a", "bc")


def test_without_a_key_each_id_is_new() -> None:
    assert IDS.reservation_id("ana", None) != IDS.reservation_id("ana", None)
    assert IDS.session_id(None) != IDS.session_id(None)


def test_who_does_not_know_the_secret_can_not_derive_an_id() -> None:
    another = RandomOrDerivedIds(b"another secret")

    assert another.reservation_id("ana", "k") != IDS.reservation_id("ana", "k")
    assert another.sale_id("res-1", "tx-1") != IDS.sale_id("res-1", "tx-1")


def test_a_sales_id_depends_on_reservation_and_transaction_alone() -> None:
    assert IDS.sale_id("res-1", "tx-1") == IDS.sale_id("res-1", "tx-1")
    assert len({IDS.sale_id("res-1", "tx-1"), IDS.sale_id("res-1", "tx-2"), IDS.sale_id("res-2", "tx-1")}) == 3


@given(st.text() | st.text().map("res-{}".format))
def test_what_can_not_be_an_id_of_ours_has_no_buyer(text: str) -> None:
    looks_right = text.startswith("res-") and len(text) == 37

    assert bool(buyer_pseudonym_or_empty(text)) == looks_right


def test_a_sale_is_of_one_payment_and_a_key_of_one_user() -> None:
    """Found by tests/mutants: what an id is derived from."""
    ids = RandomOrDerivedIds(b"a secret")

    assert ids.sale_id("res-1", "tx-1") != ids.sale_id("res-1", "tx-2")
    assert ids.reservation_id("ana", "key")[-22:] != ids.reservation_id("bia", "key")[-22:]
    assert ids.keyed_fingerprint("a", "bc") != ids.keyed_fingerprint("ab", "c")
    assert ids.address_hash("Ana@Example.com") == ids.address_hash("ana@example.com")
    assert buyer_pseudonym_or_empty(ids.reservation_id("ana", "key") + "x") == ""
