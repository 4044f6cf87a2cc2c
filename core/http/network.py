"""Host names and addresses: which host names the server answers to, and which addresses are trusted proxies."""

from ipaddress import ip_address
from typing import Any


def host_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether `host` is one of the allowed names: `.example.com` includes subdomains, `*` stands for every name."""
    if host in allowed or "*" in allowed:
        return True
    host = host.lower().rstrip(".")
    return any(
        host == name or (name.startswith(".") and (host.endswith(name) or host == name[1:]))
        for name in map(str.lower, allowed)
    )


def is_address(text: str) -> bool:
    """Whether it is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def among(address: str, networks: tuple[Any, ...]) -> bool:
    """Whether `address` is an IP address in one of the networks."""
    return is_address(address) and any(ip_address(address) in network for network in networks)
