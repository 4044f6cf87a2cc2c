"""Where requests of this server may go that somebody else has named: URLs and addresses of the public internet, and nothing behind it.

A name is looked up once, and the connection is made to the address that was found and judged (core/http/outbound.py): a name that leads
elsewhere at the next look can't get around this.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarl import URL

# Ports below 1024 belong to services of systems, such as mail.
WEB_PORTS, FIRST_FREE_PORT = (80, 443), 1024

# IANA's special-purpose registries, with multicast and what is reserved. `ipaddress.is_global` of Python 3.11 lacks some of them.
_SPECIAL_4 = [
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
# Of IPv6 only 2000::/3 is in use for the public internet; within it are tunnels to IPv4 addresses (2001::/32, 2002::/16), other protocols and
# examples. So ::ffff:0:0/96, 64:ff9b::/96 and all other ranges that carry an IPv4 address lie outside.
_GLOBAL_6 = ip_network("2000::/3")
_SPECIAL_6 = [ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
# What a machine or an office has for itself: admitted for tests and demos. Link-local addresses never are; clouds give secrets there, and some
# do so at these addresses of private ranges: AWS by IPv6, and Alibaba Cloud.
_SECRETS = [ip_network(text) for text in ("fd00:ec2::254/128", "100.100.100.200/32")]
_PRIVATE = [
    ip_network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]
# The last label of a host that some programs read as an IPv4 address in decimal, octal or hexadecimal.
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


class Refused(Exception):
    """The server sends nothing there. The message is a sentence for the person who has named the place."""


def check_url(text: str, *, allow_private: bool) -> "URL":
    """The URL, if it may be sent to as far as it says itself where it leads. Raises Refused.

    allow_private: http, and addresses of this machine and its networks, are right too.
    """
    # aiohttp reads URLs with it too, so both understand the same. It comes with aiohttp, which is imported late.
    from yarl import URL

    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise Refused("Enter a URL of ASCII characters; a name with others is written as xn--…")
    try:
        url = URL(text)
        port, host = url.port, url.raw_host or ""
    except ValueError:
        raise Refused("Enter a valid URL.") from None
    if url.scheme not in (("https", "http") if allow_private else ("https",)) or not host:
        raise Refused("Enter a URL that begins with https://.")
    if url.raw_user is not None or url.raw_password is not None:
        raise Refused("A URL with a user name or password is not allowed.")
    if url.raw_fragment or "#" in text:
        raise Refused("A URL with a fragment is not allowed.")
    if port is None or not (port in WEB_PORTS or port >= FIRST_FREE_PORT):
        raise Refused("The port must be 80, 443, or 1024 or above.")
    _check_host(host, allow_private)
    return url


def _check_host(host: str, allow_private: bool) -> None:
    if "%" in host:
        raise Refused("An address with a zone is not allowed.")
    try:
        address = ip_address(host)
    except ValueError:
        if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise Refused("A host that is a number is not allowed.") from None
        return
    check_address(str(address), allow_private=allow_private)


def check_address(text: str, *, allow_private: bool) -> None:
    """Check an address to which a connection is to be made. Raises Refused."""
    if not is_admitted(text, allow_private=allow_private):
        raise Refused("The host leads to an address that is not public.")


def is_admitted(text: str, *, allow_private: bool) -> bool:
    """Whether an address is one of the public internet."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and allow_private and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if allow_private and _among(address, _PRIVATE):
        return not _among(address, _SECRETS)
    if isinstance(address, IPv4Address):
        return not _among(address, _SPECIAL_4)
    return address in _GLOBAL_6 and not _among(address, _SPECIAL_6) and address.scope_id is None


def _among(address: IPv4Address | IPv6Address, networks: list[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)
