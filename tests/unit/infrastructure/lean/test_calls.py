"""A call is made as botocore makes it: same events, same endpoint, and botocore's own way where a tool wraps it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.session import Session

from chalicelib.infrastructure.dynamodb.connection import CONFIG
from chalicelib.infrastructure.dynamodb.lean.endpoint import make_client_lean_if_possible
from chalicelib.infrastructure.dynamodb.tables import (
    PaymentItem,
    ReservationItem,
    item_from_attributes,
    read_known_attributes_missing_as_none,
)

from .endpoint import DONE, MODELS, Say, answer, failure, new_client, scripted

OTHERS_TABLE = "arn:aws:dynamodb:eu-west-1:210987654321:table/t"
KEY = {"id": {"S": "1"}}
WRITE: Any = {"Put": {"TableName": OTHERS_TABLE, "Item": KEY}}
CALLS: list[tuple[str, Any]] = [
    ("get_item", {"TableName": "t", "Key": KEY}),
    ("get_item", {"TableName": OTHERS_TABLE, "Key": KEY}),
    ("get_item", {"TableName": "t", "Key": KEY}),
    ("batch_get_item", {"RequestItems": {"t": {"Keys": [KEY]}}}),
    ("batch_get_item", {"RequestItems": {OTHERS_TABLE: {"Keys": [KEY]}}}),
    ("transact_write_items", {"TransactItems": [WRITE], "ClientRequestToken": "t"}),
    ("describe_table", {"TableName": "t"}),
]


class Body:
    """The body of an answer that comes from no connection."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield b"{}"


def an_answer(url: str) -> Any:
    headers: Any = {}
    return AWSResponse(url, 200, headers, Body())


@contextmanager
def client_of_aws(credentials: Any, *, lean: bool, **config: Any) -> Iterator[tuple[Any, list[str]]]:
    """Gives a client without an endpoint of its own, and the URLs to which it would have sent."""
    urls: list[str] = []

    def instead_of_sending(request: Any, **_: Any) -> Any:
        urls.append(request.url)
        return an_answer(request.url)

    session: Any = Session()
    session.register_component("data_loader", MODELS)
    session._credentials = credentials
    client = session.create_client("dynamodb", "eu-west-1", config=CONFIG.merge(Config(**config)))
    if lean:
        make_client_lean_if_possible(client)
    client.meta.events.register("before-send.dynamodb", instead_of_sending)
    yield client, urls
    client.close()


@pytest.mark.parametrize("account", ["111111111111", None], ids=["known", "unknown"])
@pytest.mark.parametrize("mode", ["preferred", "disabled"])
def test_calls_go_to_the_endpoint_of_the_tables_account_as_botocores_do(
    mode: str, account: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)  # of an emulator
    asked: list[list[str]] = []
    for lean in (False, True):
        credentials: Any = Credentials("AKIDEXAMPLE", "secret", account_id=account)
        with client_of_aws(credentials, lean=lean, account_id_endpoint_mode=mode) as (client, urls):
            for name, params in CALLS:
                getattr(client, name)(**params)
            credentials.account_id = "222222222222"
            client.get_item(TableName="t", Key=KEY)
        asked.append(urls)

    theirs, ours = asked
    assert ours == theirs
    if mode == "preferred":
        own, others, own_again, *_, after_the_change = ours
        assert own == own_again != others
        assert after_the_change not in (own, others)


@pytest.mark.parametrize(
    "said",
    [DONE, Say(failure("ConditionalCheckFailedException")), Say(answer(b"no", status=400))],
    ids=["ok", "no", "?"],
)
@pytest.mark.parametrize(("name", "params"), CALLS[:1] + CALLS[3:4] + CALLS[5:], ids=lambda value: str(value)[:12])
def test_handlers_hear_the_events_that_botocore_emits(said: Say, name: str, params: Any) -> None:
    heard: list[list[tuple[str, frozenset[str]]]] = []
    for lean in (False, True):
        events: list[tuple[str, frozenset[str]]] = []
        with scripted(said) as endpoint:
            client = new_client(endpoint.url, lean=lean)
            for event in ("provide-client-params", "before-parameter-build", "before-call", "request-created"):
                client.meta.events.register(event, noted_in(events))
            for event in ("before-sign", "before-send", "response-received", "needs-retry", "after-call"):
                client.meta.events.register(event, noted_in(events))
            try:
                getattr(client, name)(**params)
            except ClientError:
                events.append(("raised", frozenset()))
            client.close()
        heard.append([each for each in events if not each[0].startswith(("response-received", "before-sign"))])

    theirs, ours = heard
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    assert all(facts >= needed for (_, facts), (_, needed) in zip(ours, theirs, strict=True))


def noted_in(events: list[tuple[str, frozenset[str]]]) -> Any:
    def note(event_name: str, **facts: Any) -> None:
        events.append((event_name, frozenset(facts)))

    return note


def test_a_handler_may_change_the_arguments_or_answer_by_itself() -> None:
    with scripted() as endpoint:
        client: Any = new_client(endpoint.url, lean=True)
        client.meta.events.register("provide-client-params.dynamodb", lambda params, **_: {**params, "TableName": "u"})
        client.get_item(TableName="t", Key=KEY)
        client.meta.events.register("before-call.dynamodb", lambda **_: (an_answer(""), {"Item": KEY}))

        assert client.get_item(TableName="t", Key=KEY)["Item"] == KEY
        client.close()

    (request,) = endpoint.requests
    assert b'"TableName": "u"' in request


def test_a_call_goes_botocores_way_where_a_tool_has_wrapped_it(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped: Any = BaseClient._make_api_call  # type: ignore[attr-defined]
    seen: list[str] = []

    def traced(client: Any, name: str, params: Any) -> Any:
        seen.append(name)
        return wrapped(client, name, params)

    with scripted() as endpoint:
        client = new_client(endpoint.url, lean=True)
        client.get_item(TableName="t", Key=KEY)
        monkeypatch.setattr(BaseClient, "_make_api_call", traced)
        client.get_item(TableName="t", Key=KEY)
        client.close()

    assert seen == ["GetItem"]
    assert len(endpoint.requests) == 2


def test_attributes_that_the_model_does_not_know_are_left_out_and_nulls_are_none() -> None:
    item: dict[str, Any] = {"transaction_id": {"S": "tx"}, "amount_cents": {"NULL": True}, "later": {"S": "?"}}

    read = read_known_attributes_missing_as_none(PaymentItem, item)

    assert (read.transaction_id, read.amount_cents, read.currency) == ("tx", None, None)
    assert not hasattr(read, "later")


def test_an_item_is_written_as_pynamodb_writes_it() -> None:
    attributes: dict[str, Any] = {"transaction_id": "tx", "amount_cents": 1250, "currency": None}

    assert item_from_attributes(PaymentItem, **attributes) == PaymentItem(**attributes).to_dynamodb_dict()
    with pytest.raises(KeyError, match="later"):
        item_from_attributes(ReservationItem, later="?")
