"""Where a webhook may lead: public https, and on a laptop this machine."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.domain.addresses import (
    LONGEST_URL,
    UrlRefused,
    check_scheme_and_resolved_address,
    parse_webhook_url_without_address_check,
)

TARGET = parse_webhook_url_without_address_check("https://example.com/", allows_http=False)


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
    target = parse_webhook_url_without_address_check(url, allows_http=False)

    assert (target.host_header, target.path_and_query) == (header, path)


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
        parse_webhook_url_without_address_check(url, allows_http=False)


def test_on_a_laptop_http_may_lead_to_this_machine_and_nowhere_else() -> None:
    target = parse_webhook_url_without_address_check("http://localhost:9000/", allows_http=True)

    check_scheme_and_resolved_address(target, "127.0.0.1", allows_private=True)
    check_scheme_and_resolved_address(target, "::1", allows_private=True)
    with pytest.raises(UrlRefused):
        check_scheme_and_resolved_address(target, "93.184.215.14", allows_private=True)
    with pytest.raises(UrlRefused):
        check_scheme_and_resolved_address(target, "10.0.0.1", allows_private=True)


def test_on_a_laptop_https_may_lead_to_a_private_address() -> None:
    check_scheme_and_resolved_address(TARGET, "192.168.1.5", allows_private=True)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860::8888"])
def test_a_public_address_may_be_called(address: str) -> None:
    check_scheme_and_resolved_address(TARGET, address, allows_private=False)


REFUSED = {
    "this machine": ("127.0.0.1", "127.8.9.1", "127.255.255.255", "::1"),
    "nobody in particular": ("0.0.0.0", "0.1.2.3", "::"),  # noqa: S104 - addresses to refuse
    "private": ("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "fc00::1", "fd00:ec2::254"),
    "a provider's own": ("100.64.0.1", "100.127.255.255"),
    "this link": ("169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0", "febf::1"),
    "this site": ("fec0::1", "feff:ffff::1"),
    "many at once": ("224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1", "ff0e::1"),
    "reserved": ("240.0.0.1", "192.0.0.8", "100::1", "5f00::1", "4000::1", "e000::1"),
    "for documents and benchmarks": (
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "198.18.0.1",
        "2001:db8::1",
        "3fff::1",
    ),
    "an IPv4 address, mapped": ("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:93.184.215.14"),
    "an IPv4 address, compatible": ("::127.0.0.1", "::10.0.0.1", "::93.184.215.14", "::2"),
    "an IPv4 address, translated": (
        "::ffff:0:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::5db8:d70e",
        "64:ff9b:1::a00:1",
    ),
    "an IPv4 address by 6to4": ("2002:a9fe:a9fe::1", "2002:a00:1::1", "2002:5db8:d70e::1", "192.88.99.1"),
    "an IPv4 address by Teredo": ("2001:0:a9fe:a9fe::1", "2001:0:5db8:d70e::1"),
    "an IPv4 address by ISATAP": ("2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:a9fe:a9fe"),
    "protocols' own": ("2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff::1"),
}


@pytest.mark.parametrize(("kind", "address"), [(kind, each) for kind, all_of in REFUSED.items() for each in all_of])
def test_an_address_that_is_not_simply_public_is_refused(kind: str, address: str) -> None:
    with pytest.raises(UrlRefused, match="not a public address"):
        check_scheme_and_resolved_address(TARGET, address, allows_private=False)


def test_on_a_laptop_this_machine_may_be_written_as_an_ipv6_address_in_disguise() -> None:
    check_scheme_and_resolved_address(
        parse_webhook_url_without_address_check("http://localhost:9000/", allows_http=True),
        "::ffff:127.0.0.1",
        allows_private=True,
    )


@given(some.text())
def test_any_text_is_a_target_or_refused(text: str) -> None:
    with suppress(UrlRefused):
        assert parse_webhook_url_without_address_check(text, allows_http=False).scheme == "https"
