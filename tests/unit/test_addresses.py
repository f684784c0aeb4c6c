"""Where a webhook may lead: public https, and on a laptop this machine."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.domain.addresses import LONGEST_URL, UrlRefused, check_address, target_of

TARGET = target_of("https://example.com/", local=False)


@pytest.mark.parametrize(
    ("url", "header", "path"),
    [
        ("https://example.com", "example.com", "/"),
        ("https://Example.com:443/a?b=c#d", "example.com", "/a?b=c"),
        ("https://example.com:8443/hooks/1", "example.com:8443", "/hooks/1"),
        ("https://[2606:4700::1111]/", "[2606:4700::1111]", "/"),
        ("https://93.184.215.14/x", "93.184.215.14", "/x"),
    ],
)
def test_a_url_is_taken_apart(url: str, header: str, path: str) -> None:
    target = target_of(url, local=False)

    assert (target.host_header, target.path) == (header, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "http://example.com/",
        "http://127.0.0.1/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https:///nowhere",
        "https://user:secret@example.com/",
        "https://@example.com/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://[::1/",
        "https://exämple.com/",
        "https://example.com/\r\nHost: other",
        "https://example.com/a b",
        f"https://example.com/{'a' * LONGEST_URL}",
    ],
)
def test_what_no_webhook_may_have_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        target_of(url, local=False)


def test_on_a_laptop_http_may_lead_to_this_machine_and_nowhere_else() -> None:
    target = target_of("http://localhost:9000/", local=True)

    check_address(target, "127.0.0.1", local=True)
    check_address(target, "::1", local=True)
    with pytest.raises(UrlRefused):
        check_address(target, "93.184.215.14", local=True)
    with pytest.raises(UrlRefused):
        check_address(target, "10.0.0.1", local=True)


def test_on_a_laptop_https_may_lead_to_a_private_address() -> None:
    check_address(TARGET, "192.168.1.5", local=True)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "::ffff:93.184.215.14"])
def test_a_public_address_may_be_called(address: str) -> None:
    check_address(TARGET, address, local=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
    ],
)
def test_an_address_that_only_our_network_reaches_is_refused(address: str) -> None:
    with pytest.raises(UrlRefused, match="not a public address"):
        check_address(TARGET, address, local=False)


@given(some.text())
def test_any_text_is_a_target_or_refused(text: str) -> None:
    with suppress(UrlRefused):
        assert target_of(text, local=False).scheme == "https"
