"""What is answered, and what fails on the way: as botocore reads and raises it, or safer where that is said."""

import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.retries.standard import ExponentialBackoff
from urllib3 import Timeout

from infra.processes import HOST, free_port
from tests.redis_cluster import make_certificate

from .endpoint import DONE, PATIENCE, READ_TIMEOUT, Say, Scripted, answer, failure, new_client, scripted

KEY: Any = {"TableName": "t", "Key": {"id": {"S": "1"}}}
ITEM = b'{"Item":{"id":{"S":"1"},"place":{"N":"7"},"raw":{"B":"aGVsbG8="},"texts":{"L":[{"S":"\\u00e9"}]}}}'
REFUSED = failure("ConditionalCheckFailedException", Item='{"id":{"S":"1"},"raw":{"B":"aGVsbG8="}}')
CANCELLED = failure(
    "TransactionCanceledException",
    CancellationReasons='[{"Code":"None"},{"Code":"ConditionalCheckFailed","Item":{"id":{"S":"1"}}}]',
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"9;x=y\r\n" + ITEM[:9] + b"\r\n"
    + f"{len(ITEM) - 9:X}\r\n".encode() + ITEM[9:] + b"\r\n0\r\nTrailer: x\r\n\r\n"
)  # fmt: skip
TO_THE_END = b"HTTP/1.1 200 OK\r\n\r\n" + ITEM
AFTER_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n" + answer(ITEM)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets botocore try again at once."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)


def outcome_of(call: Callable[[], Any]) -> Any:
    """Gives what a call gave, or what it raised, in a form in which the outcomes of two clients can be compared."""
    try:
        return call()
    except ClientError as error:
        return type(error).__name__, error.response
    except BotoCoreError as error:
        return type(error)


def both_outcomes(*script: Say, call: str = "get_item") -> tuple[Any, Any]:
    """Gives the outcomes of the script by botocore's way and by ours. Both must have asked as often."""
    (theirs, asked), (ours, asked_by_us) = (outcome_and_requests(script, call, lean=lean) for lean in (False, True))
    assert asked == asked_by_us
    return theirs, ours


def outcome_and_requests(script: Sequence[Say], call: str, *, lean: bool) -> tuple[Any, int]:
    with scripted(*script) as endpoint:
        gives_up = any(said.after for said in script)
        client = new_client(endpoint.url, lean=lean, read_timeout=READ_TIMEOUT if gives_up else PATIENCE)
        request = KEY if call != "describe_table" else {"TableName": "t"}
        outcome = outcome_of(lambda: getattr(client, call)(**request))
        client.close()
        return outcome, len(endpoint.requests)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(Say(answer(ITEM)), id="an item with bytes in it"),
        pytest.param(Say(answer(b'{"ConsumedCapacity":null}')), id="a null"),
        pytest.param(Say(answer(b"{}")), id="nothing"),
        pytest.param(Say(answer(ITEM, x_amz_crc32=str(zlib.crc32(ITEM)), Connection="close"), hang_up=True), id="last"),
        pytest.param(Say(CHUNKED), id="in chunks"),
        pytest.param(Say(TO_THE_END, hang_up=True), id="up to the end of the connection"),
        pytest.param(Say(AFTER_CONTINUE), id="after an announcement"),
        pytest.param(Say(REFUSED), id="a condition that failed"),
        pytest.param(Say(failure("ValidationException")), id="a refusal"),
        pytest.param(Say(answer(b"<html>no</html>", status=400)), id="an error that is no JSON"),
        pytest.param(Say(answer(b"", status=413)), id="an error without a word"),
    ],
)
@pytest.mark.parametrize("call", ["get_item", "describe_table"])
def test_answers_are_read_as_botocore_reads_them(said: Say, call: str) -> None:
    theirs, ours = both_outcomes(said, call=call)

    assert ours == theirs


def test_the_reasons_of_a_cancelled_transaction_are_botocores() -> None:
    theirs: list[Any] = []
    ours: list[Any] = []
    for lean, outcomes in ((False, theirs), (True, ours)):
        with scripted(Say(CANCELLED)) as endpoint:
            client = new_client(endpoint.url, lean=lean)
            with pytest.raises(client.exceptions.TransactionCanceledException) as raised:
                client.transact_write_items(TransactItems=[], ClientRequestToken="t")
            outcomes.append(raised.value.response["CancellationReasons"])

    assert ours == theirs == [[{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": {"id": {"S": "1"}}}]]


FAILS = pytest.mark.parametrize(
    "said",
    [
        pytest.param(Say(answer(b"{}", status=500)), id="500"),
        pytest.param(Say(failure("InternalServerError", status=503)), id="503"),
        pytest.param(Say(failure("ProvisionedThroughputExceededException")), id="throttled"),
        pytest.param(Say(failure("ThrottlingException")), id="throttled otherwise"),
        pytest.param(Say(b"", hang_up=True), id="hung up without an answer"),
        pytest.param(Say(b"", reset=True), id="reset without an answer"),
        pytest.param(Say(answer(ITEM), after=2 * READ_TIMEOUT), id="slow"),
    ],
)


@FAILS
def test_a_fault_is_mended_by_another_attempt(said: Say) -> None:
    theirs, ours = both_outcomes(said, said, Say(answer(ITEM)))

    assert ours == theirs
    assert ours["Item"]["raw"] == {"B": b"hello"}
    assert ours["ResponseMetadata"]["RetryAttempts"] == 2


def test_an_answer_that_was_damaged_on_its_way_is_asked_for_again() -> None:
    theirs, ours = both_outcomes(Say(answer(b"{}", x_amz_crc32="1")), Say(answer(ITEM)))

    assert ours == theirs
    assert ours["Item"]["raw"] == {"B": b"hello"}


@FAILS
def test_a_fault_that_stays_is_raised_as_botocore_raises_it(said: Say) -> None:
    theirs, ours = both_outcomes(said)

    assert ours == theirs
    assert not isinstance(ours, dict)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(Say(b"HTTP/1.1 200", hang_up=True), id="cut in the status"),
        pytest.param(Say(answer(ITEM)[:-20], hang_up=True), id="cut in the middle"),
        pytest.param(Say(answer(ITEM[:-20])), id="JSON cut in the middle"),
        pytest.param(Say(answer(b"<html>a portal</html>")), id="no JSON"),
        pytest.param(Say(answer(b"[]")), id="another JSON"),
        pytest.param(Say(answer(b'{"Item":"\xff"}')), id="no text"),
        pytest.param(Say(CHUNKED[:-30], hang_up=True), id="cut in a chunk"),
    ],
)
def test_half_an_answer_is_no_answer_though_botocore_takes_some_for_an_empty_one(said: Say) -> None:
    """botocore reads a body that was cut as {}: an item that is there would count as missing."""
    with scripted(said, said, Say(answer(ITEM))) as endpoint:
        assert new_client(endpoint.url, lean=True).get_item(**KEY)["Item"]["place"] == {"N": "7"}
    with scripted(said) as endpoint, pytest.raises(ConnectionClosedError):
        new_client(endpoint.url, lean=True).get_item(**KEY)


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n folded: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}junk\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
)
def test_nonsense_is_a_connection_that_broke(sent: bytes) -> None:
    with scripted(Say(sent, hang_up=True)) as endpoint, pytest.raises(ConnectionClosedError):
        new_client(endpoint.url, lean=True).get_item(**KEY)


# Connections


def test_a_connection_serves_many_calls() -> None:
    with scripted() as endpoint:
        client = new_client(endpoint.url, lean=True)
        for _ in range(20):
            client.get_item(**KEY)

        assert (endpoint.connections, len(endpoint.requests)) == (1, 20)


def test_a_connection_that_the_server_closed_meanwhile_is_not_used() -> None:
    """Where it closes just as we send, another attempt mends it, as in botocore."""
    with scripted(Say(answer(), hang_up=True)) as endpoint:
        client = new_client(endpoint.url, lean=True)
        for _ in range(5):
            client.get_item(**KEY)

        assert endpoint.connections >= 5


@pytest.mark.parametrize(
    "said", [Say(answer() + b"more"), Say(answer(Connection="close")), Say(answer().replace(b"1.1", b"1.0", 1))]
)
def test_a_connection_that_is_not_to_be_used_again_is_closed(said: Say) -> None:
    with scripted(said) as endpoint:
        client = new_client(endpoint.url, lean=True, attempts=1)
        for _ in range(3):
            client.get_item(**KEY)

        assert endpoint.connections == 3


def test_a_connection_with_a_late_answer_on_it_is_never_used_again() -> None:
    """Otherwise the late answer would be taken for the next call's."""
    with scripted(Say(answer(b'{"Item":{"id":{"S":"late"}}}'), after=2 * READ_TIMEOUT), Say(answer(ITEM))) as endpoint:
        client = new_client(endpoint.url, lean=True, attempts=1, read_timeout=READ_TIMEOUT)
        with pytest.raises(ReadTimeoutError):
            client.get_item(**KEY)
        client._endpoint.http_session._pool.timeout = Timeout(connect=PATIENCE, read=PATIENCE)  # type: ignore[attr-defined]

        assert client.get_item(**KEY)["Item"]["id"] == {"S": "1"}


def test_a_client_that_was_closed_opens_again() -> None:
    with scripted() as endpoint:
        client = new_client(endpoint.url, lean=True)
        for _ in range(3):
            client.get_item(**KEY)
            client.close()

        assert endpoint.connections == 3


def test_threads_never_get_each_others_answers() -> None:
    with scripted(Say(answer(ITEM))) as endpoint:
        client = new_client(endpoint.url, lean=True, max_pool_connections=3)
        wrong: list[Any] = []

        def ask() -> None:
            for _ in range(40):
                found = client.get_item(**KEY)
                if found["Item"]["place"] != {"N": "7"}:
                    wrong.append(found)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert wrong == []
        assert len(endpoint.requests) == 320


def test_an_answer_that_drips_is_given_up() -> None:
    """Each byte comes within the read time-out, and the last one never."""

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with suppress(OSError), connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
            for _ in range(200):
                time.sleep(READ_TIMEOUT / 10)
                connection.sendall(b" ")

    with socket.create_server((HOST, 0)) as listening:
        threading.Thread(target=drip, args=(listening,), daemon=True).start()
        client = new_client(
            f"http://{HOST}:{listening.getsockname()[1]}", lean=True, attempts=1, read_timeout=READ_TIMEOUT
        )

        with pytest.raises(ReadTimeoutError):
            client.get_item(TableName="t", Key={"id": {"S": "1"}})


def test_where_nobody_listens_there_is_no_endpoint() -> None:
    url = f"http://{HOST}:{free_port()}"

    outcomes = [outcome_of(lambda: new_client(url, lean=lean).get_item(**KEY)) for lean in (False, True)]  # noqa: B023

    assert outcomes == [EndpointConnectionError, EndpointConnectionError]


def test_a_name_that_is_none_is_no_endpoint() -> None:
    with pytest.raises(EndpointConnectionError):
        new_client("http://nobody.invalid", lean=True, attempts=1).get_item(**KEY)


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(certificate: Path) -> Iterator[Scripted]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with scripted(Say(answer(ITEM)), tls=context) as endpoint:
        yield endpoint


def test_a_certificate_that_nobody_vouches_for_is_refused(tls: Scripted) -> None:
    with pytest.raises(SSLError):
        new_client(tls.url, lean=True, attempts=1).get_item(**KEY)
    assert tls.requests == []


def test_a_bundle_of_certificates_can_be_named(
    tls: Scripted, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))

    assert new_client(tls.url, lean=True).get_item(**KEY)["Item"]["id"] == {"S": "1"}


def test_the_certificate_must_be_the_hosts(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with scripted(DONE, tls=context) as endpoint, pytest.raises(SSLError):
        new_client(endpoint.url.replace(HOST, "localhost"), lean=True, attempts=1).get_item(**KEY)
