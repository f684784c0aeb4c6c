"""Addresses that a webhook may have: nobody may make us call a host that only our own network can reach."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST_URL = 2000
DEFAULT_PORTS = {"https": 443, "http": 80}

GLOBAL_UNICAST_IPV6 = ipaddress.ip_network("2000::/3")
"""The range of global unicast addresses. Every other address is unassigned, is private (fc00::/7, fe80::/10, fec0::/10,
ff00::/8), or is an IPv4 address in disguise (::/96, ::ffff:0:0/96, ::ffff:0:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48)."""

RESERVED_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocols' own
            "192.88.99.0/24",  # the nearest relay of 6to4
            "2001::/23",  # protocols' own, Teredo among them: an IPv4 address and port in disguise
            "2001:db8::/32",  # for documents
            "2002::/16",  # 6to4: an IPv4 address in disguise
            "3fff::/20",  # for documents
        ),
    )
)
"""Networks with a special purpose, in which no webhook's host may be. They are listed here because Python's versions
disagree about which of them are global."""

ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""An IPv6 address has four groups of 32 bits. It is an ISATAP address, in any network, if the third group has one of
these two values. The last group of an ISATAP address is an IPv4 address."""


class UrlRefused(Exception):
    """A URL that is not allowed for a webhook, or that leads to a forbidden address. The message gives the reason."""


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """The parts of a URL that an HTTP request needs."""

    scheme: str
    host: str
    port: int
    path_and_query: str

    @property
    def host_header(self) -> str:
        """Gives the value of the Host header. The port is left out if it is the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_webhook_url_without_address_check(url: str, *, allows_http: bool) -> ParsedUrl:
    """Parses a webhook's URL. Raises UrlRefused. `allows_http` is true on a laptop; then
    `check_scheme_and_resolved_address` must check that an http URL leads to this machine."""
    if not (url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST_URL):
        raise UrlRefused(f"it must be of printable ASCII characters, {LONGEST_URL} at most")
    try:
        parts, port = urlsplit(url), urlsplit(url).port
    except ValueError as error:
        raise UrlRefused(str(error)) from error
    if parts.scheme != "https" and not (allows_http and parts.scheme == "http"):
        raise UrlRefused("it must begin with https://")
    if not parts.hostname:
        raise UrlRefused("it has no host")
    if "@" in parts.netloc:
        raise UrlRefused("it must not hold credentials: deliveries are signed")
    query = f"?{parts.query}" if parts.query else ""
    return ParsedUrl(parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme], f"{parts.path or '/'}{query}")


def check_scheme_and_resolved_address(target: ParsedUrl, address: str, *, allows_private: bool) -> None:
    """Checks an IP address to which the URL's host resolved.

    Raises UrlRefused if the address is not public and `allows_private` is false, or if the URL is http and the address
    is not this machine's.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    inside = getattr(found, "ipv4_mapped", None) or found
    if target.scheme == "http" and not inside.is_loopback:
        raise UrlRefused(f"{target.host} is not this machine: it must begin with https://")
    if not allows_private and not _is_public(found):
        raise UrlRefused(f"{target.host} is not a public address")


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and not _is_of_the_internet(address):
        return False
    kept_apart = any(address in network for network in RESERVED_NETWORKS if network.version == address.version)
    return address.is_global and not address.is_multicast and not address.is_reserved and not kept_apart


def _is_of_the_internet(address: ipaddress.IPv6Address) -> bool:
    return address in GLOBAL_UNICAST_IPV6 and (int(address) >> 32) & 0xFFFF_FFFF not in ISATAP
