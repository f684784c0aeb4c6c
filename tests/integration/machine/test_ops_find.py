"""The operator's command line finds screenings, sales, buyers, payments and reservations, and says how it did."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from infra.ops import find
from infra.ops.__main__ import REFUSED, main
from infra.ops.connection import Connection
from tests.conftest import STAGE
from tests.http_api import Api
from tests.integration.conftest import Said

Found = Callable[..., Any]


@pytest.fixture
def look(data_stack: str, capsys: pytest.CaptureFixture[str]) -> Found:
    def run(*words: str) -> Said:
        return Said(main(["find", *words, "--stage", STAGE]), *capsys.readouterr())

    return run


@dataclass(frozen=True)
class Bought:
    user: str
    session: str
    title: str
    reservation: str
    transaction: str
    sale: str


@pytest.fixture(scope="module")
def bought(server: str) -> Bought:
    api, mark = Api(server), uuid.uuid4().hex
    session = api.schedule(movieTitle=f"Film {mark}", startTime="2041-03-05T19:00:00Z")
    reservation = api.hold(session, "A1", "A2", user=f"user-{mark}", email=f"{mark}@example.com").body["reservationId"]
    sale = api.confirm(reservation, f"tx-{mark}").body["saleId"]
    return Bought(f"user-{mark}", session, f"Film {mark}", reservation, f"tx-{mark}", sale)


@pytest.fixture
def registered(bought: Bought, data_stack: str) -> Iterator[None]:
    """Registers the payment of the sale, as the stream does a moment later."""
    with closing(boto3.client("dynamodb")) as client:
        item: Any = {"transaction_id": bought.transaction, "reservation_id": bought.reservation, "fate": "sold"}
        client.put_item(TableName=f"{data_stack}-payments", Item={name: {"S": text} for name, text in item.items()})
        yield
        client.delete_item(TableName=f"{data_stack}-payments", Key={"transaction_id": {"S": bought.transaction}})


def ids(said: Said, name: str = "id") -> list[str]:
    return [item[name] for item in said.data["found"]]


@pytest.mark.parametrize("day", [[], ["--day", "2041-03-05"]], ids=["from today on", "of a day"])
def test_a_screening_is_found_by_a_part_of_its_title(look: Found, bought: Bought, day: list[str]) -> None:
    said = look("screenings", "--title", bought.title.upper()[2:], *day, "--json")

    assert ids(said) == [bought.session]
    assert said.data["how"].startswith("By the index `programme` of sessions")


def test_screenings_of_another_day_are_not_found(look: Found, bought: Bought) -> None:
    said = look("screenings", "--title", bought.title, "--day", "2041-03-06")

    assert said.status == 0
    assert said.out.startswith("Nothing was found.\n")


def test_a_reservation_is_found_by_its_key(look: Found, bought: Bought) -> None:
    said = look("reservation", bought.reservation)

    assert all(text in said.out for text in ("confirmed", bought.session, "A1,A2", bought.sale, bought.transaction))
    assert said.out.endswith("By the key of reservations.\n")


def test_what_is_no_reservations_id_is_refused(look: Found) -> None:
    said = look("reservation", "res-1")

    assert (said.status, said.err) == (REFUSED, "'res-1' is no reservation's id: these are res- and 33 characters.\n")


def test_all_that_a_buyer_has_is_found_by_key_the_newest_first(look: Found, bought: Bought, server: str) -> None:
    held = Api(server).hold(bought.session, "B1", user=bought.user).body["reservationId"]

    said = look("buyer", bought.user, "--json")

    assert ids(said) == [held, bought.reservation]
    assert said.data["how"] == "By the key of reservations, by the user's id."


def test_a_buyer_is_found_by_address_by_reading_and_that_is_said(look: Found, bought: Bought) -> None:
    said = look("buyer", bought.user.removeprefix("user-") + "@example.com", "--json")

    assert bought.reservation in ids(said)
    assert "an address has no index" in said.data["how"]


def test_a_sale_is_found_by_reading_and_that_is_said(look: Found, bought: Bought) -> None:
    said = look("sale", bought.sale, "--json")

    assert ids(said) == [bought.reservation]
    assert "No index leads from a sale to its reservation: " in said.data["how"]


@pytest.mark.usefixtures("registered")
def test_a_payment_is_found_by_key_with_what_it_was_for(look: Found, bought: Bought) -> None:
    said = look("payment", bought.transaction, "--json").data

    assert [one["fate"] for one in said["payments"]["found"]] == ["sold"]
    assert [one["id"] for one in said["reservations"]["found"]] == [bought.reservation]
    assert (said["payments"]["how"], said["reservations"]["how"]) == (
        "By the key of payments.",
        "By the key of reservations.",
    )


def test_a_payment_that_was_not_registered_yet_is_found_by_reading(look: Found, bought: Bought) -> None:
    said = look("payment", bought.transaction, "--json").data

    assert said["payments"]["found"] == []
    assert [one["id"] for one in said["reservations"]["found"]] == [bought.reservation]


@pytest.mark.usefixtures("bought")
def test_reading_without_an_index_has_a_bound_and_says_how_to_go_on(data_stack: str) -> None:
    found = find.Records(Connection.to(STAGE), most=1).find_sale("sale-of-nobody")

    assert found.items == []
    assert "and there are more: go on with --most 10" in found.how or "all 1 item" in found.how


def test_a_day_must_be_one(look: Found) -> None:
    with pytest.raises(SystemExit):
        look("screenings", "--day", "tomorrow")
