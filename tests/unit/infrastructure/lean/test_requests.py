"""What is sent: byte for byte what botocore sends, its signatures included."""

import random
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import botocore.auth
import pytest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import HTTPClientError, NoCredentialsError
from mypy_boto3_dynamodb import DynamoDBClient

from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.lean.endpoint import LeanEndpoint, make_client_lean_if_possible
from chalicelib.infrastructure.dynamodb.lean.requests import host_header
from chalicelib.settings import load

from .endpoint import Scripted, new_client, scripted

MIDNIGHT = datetime(2026, 11, 28)  # noqa: DTZ001 - botocore's clock gives UTC without saying so
TEXTS = ("", "A1", "Amélie", "東京", '"quoted"', "a\nb", "  two  spaces ", "\u2028", "x" * 3000)
DICE = random.Random(15)


class Clock:
    """botocore's clock, which moves on when it is told to."""

    def __init__(self) -> None:
        self.now = MIDNIGHT - timedelta(seconds=30)

    def __call__(self, **_: Any) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(botocore.auth, "get_current_datetime", clock)
    return clock


class Renewed:
    """Credentials that change, as those of a function's role do."""

    def __init__(self) -> None:
        self.frozen = ReadOnlyCredentials("AKID1", "secret-1", "token-1")
        self.method, self.account_id = "test", None

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return self.frozen

    def get_deferred_property(self, _: str) -> Callable[[], str | None]:
        return lambda: None


@pytest.fixture
def endpoint() -> Iterator[Scripted]:
    with scripted() as endpoint:
        yield endpoint


def with_known_ids(client: DynamoDBClient) -> DynamoDBClient:
    """Has the client name each of its calls alike: botocore would draw an id."""

    def name(context: dict[str, Any], **_: Any) -> None:
        context["retries"] = {"invocation-id": "00000000-0000-4000-8000-000000000000"}

    client.meta.events.register("before-call", name)
    return client


def both_ways(endpoint: Scripted, call: Callable[[DynamoDBClient], object], **options: Any) -> tuple[bytes, bytes]:
    sent = []
    for lean in (False, True):
        client = with_known_ids(new_client(endpoint.url, lean=lean, **options))
        call(client)
        sent.append(endpoint.requests[-1])
        client.close()
    return sent[0], sent[1]


def a_call(dice: random.Random) -> tuple[str, dict[str, Any]]:
    """Makes up a call with texts, numbers, bytes, lists and maps."""
    item = {f"a{number}": a_value(dice, 3) for number in range(dice.randint(0, 6))}
    key = {"id": {"S": dice.choice(TEXTS) or "id"}}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("put_item", {"TableName": "t", "Item": {**key, **item}}),
        ("get_item", {"TableName": "t", "Key": key, "ConsistentRead": dice.random() < 0.5}),
        ("update_item", {"TableName": "t", "Key": key, "ExpressionAttributeValues": item, "UpdateExpression": "x"}),
        ("query", {"TableName": "t", "Limit": dice.randint(1, 9), "ExpressionAttributeValues": item}),
        ("batch_get_item", {"RequestItems": {"t": {"Keys": [key, key]}}}),
        ("transact_write_items", {"TransactItems": [{"Put": {"TableName": "t", "Item": item}}]}),
        ("describe_table", {"TableName": "t"}),
    ]
    return dice.choice(calls)


def a_value(dice: random.Random, depth: int) -> dict[str, Any]:
    kinds: list[Callable[[], dict[str, Any]]] = [
        lambda: {"S": dice.choice(TEXTS)},
        lambda: {"N": str(dice.randint(-(10**12), 10**12))},
        lambda: {"BOOL": True},
        lambda: {"B": dice.randbytes(5)},
        lambda: {"L": [a_value(dice, depth - 1) for _ in range(2)]},
        lambda: {"M": {dice.choice(TEXTS): a_value(dice, depth - 1)}},
    ]
    return dice.choice(kinds if depth else kinds[:4])()


def test_hundreds_of_requests_over_midnight_and_renewals_are_botocores_byte_for_byte(
    endpoint: Scripted, clock: Clock
) -> None:
    credentials = Renewed()
    clients = [with_known_ids(new_client(endpoint.url, lean=lean, credentials=credentials)) for lean in (False, True)]
    for number in range(400):
        operation, request = a_call(DICE)
        request |= {"ClientRequestToken": f"token-{number}"} if operation == "transact_write_items" else {}
        clock.now += timedelta(milliseconds=DICE.randint(0, 400))
        if number % 50 == 49:
            token = DICE.choice([None, f"token-{number}"])
            credentials.frozen = ReadOnlyCredentials(f"AKID{number}", f"secret-{number}", token)
        for client in clients:
            getattr(client, operation)(**request)

    assert clock.now > MIDNIGHT, "the day changed meanwhile"
    pairs = zip(endpoint.requests[::2], endpoint.requests[1::2], strict=True)
    assert [theirs for theirs, ours in pairs if theirs != ours] == []


def test_the_days_key_is_made_anew_when_the_clock_goes_back(endpoint: Scripted, clock: Clock) -> None:
    client = with_known_ids(new_client(endpoint.url, lean=True))
    stock = with_known_ids(new_client(endpoint.url, lean=False))
    for seconds in (0, 60, 0, -86_400, 0):
        clock.now = MIDNIGHT + timedelta(seconds=seconds - 30)
        stock.list_tables()
        client.get_item(TableName="t", Key={"id": {"S": "1"}})
        stock.get_item(TableName="t", Key={"id": {"S": "1"}})

        assert endpoint.requests[-1] == endpoint.requests[-2]


@pytest.mark.usefixtures("clock")
def test_the_trace_of_lambda_goes_along(endpoint: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "api_handler")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")

    theirs, ours = both_ways(endpoint, lambda client: client.get_item(TableName="t", Key={"id": {"S": "1"}}))

    assert b"X-Amzn-Trace-Id: Root=1-5759e988" in ours
    assert ours == theirs


@pytest.mark.usefixtures("clock")
def test_a_handler_may_add_a_header_which_is_signed(endpoint: Scripted) -> None:
    def call(client: DynamoDBClient) -> None:
        client.meta.events.register_first(
            "request-created.dynamodb", lambda request, **_: request.headers.__setitem__("X-Of-Ours", "a   b")
        )
        client.get_item(TableName="t", Key={"id": {"S": "1"}})

    theirs, ours = both_ways(endpoint, call)

    assert b";x-of-ours" in ours
    assert ours == theirs


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://dynamodb.eu-west-1.amazonaws.com/", "dynamodb.eu-west-1.amazonaws.com"),
        ("http://127.0.0.1:4566/", "127.0.0.1:4566"),
        ("https://h:443/", "h"),
        ("http://h:443/", "h:443"),
        ("http://[::1]:80/", "[::1]"),
    ],
)
def test_the_host_is_named_without_the_schemes_own_port(url: str, host: str) -> None:
    assert host_header(url) == host == botocore.auth._host_from_url(url)  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", [True, False], ids=["lean", "botocore"])
@pytest.mark.parametrize("token", ["token\r\nX-Other: header", "token\n", "to\rken", "token\r\n\r\nGET / HTTP/1.1"])
def test_a_line_in_a_header_begins_no_other_header(endpoint: Scripted, token: str, way: bool) -> None:
    """A token that was read from a file often ends with a newline."""
    client = new_client(endpoint.url, lean=way, credentials=Credentials("AKIDEXAMPLE", "secret", token), attempts=1)

    with pytest.raises(HTTPClientError) as refusal:
        client.get_item(TableName="t", Key={"id": {"S": "1"}})

    assert endpoint.requests == []
    assert way is False or "token" not in str(refusal.value)


def test_our_requests_are_signed_without_botocores_signer(endpoint: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = new_client(endpoint.url, lean=True)
    monkeypatch.setattr(client._request_signer, "sign", None)

    client.get_item(TableName="t", Key={"id": {"S": "1"}})

    assert b"Signature=" in endpoint.requests[0]


def test_without_credentials_nothing_is_sent(endpoint: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = new_client(endpoint.url, lean=True, credentials=None)

    with pytest.raises(NoCredentialsError):
        client.get_item(TableName="t", Key={"id": {"S": "1"}})
    assert endpoint.requests == []


@pytest.mark.usefixtures("clock")
def test_another_attempt_is_signed_anew_and_says_which_it_is(endpoint: Scripted, clock: Clock) -> None:
    def later(attempts: int, **_: Any) -> Any:
        clock.now += timedelta(seconds=20)
        return 0 if attempts < 3 else None

    for lean in (False, True):
        clock.now = MIDNIGHT - timedelta(seconds=30)
        client = with_known_ids(new_client(endpoint.url, lean=lean))
        client.meta.events.register("needs-retry.dynamodb", later)
        client.get_item(TableName="t", Key={"id": {"S": "1"}})

    without_ttl = [re.sub(rb"ttl=\w+; ", b"", request) for request in endpoint.requests]
    assert without_ttl[:3] == without_ttl[3:]
    assert len({request.partition(b"Signature=")[2][:64] for request in endpoint.requests[3:]}) == 3
    assert b"amz-sdk-request: attempt=3; max=3" in without_ttl[-1]


def test_behind_a_proxy_calls_go_botocores_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    client = new_client("https://dynamodb.eu-west-1.amazonaws.com", lean=False)
    before = client._endpoint  # type: ignore[attr-defined]

    make_client_lean_if_possible(client)

    assert client._endpoint is before  # type: ignore[attr-defined]


def test_a_setting_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    assert load({"STAGE": "test"}).lean_client
    assert not load({"STAGE": "test", "LEAN_CLIENT": "off"}).lean_client
    assert isinstance(connection.new_dynamodb_client()._endpoint, LeanEndpoint)  # type: ignore[attr-defined]
    assert not isinstance(connection.new_dynamodb_client(lean=False)._endpoint, LeanEndpoint)  # type: ignore[attr-defined]
