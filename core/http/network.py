"""Host names and addresses: which ones we answer to, and which ones are our own proxies."""

from ipaddress import ip_address
from typing import Any


def host_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether `host` is among the names: `.example.com` includes subdomains, `*` is any."""
    if host in allowed or "*" in allowed:
        return True
    host = host.lower().rstrip(".")
    return any(
        host == name or (name.startswith(".") and (host.endswith(name) or host == name[1:]))
        for name in map(str.lower, allowed)
    )


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def among(address: str, networks: tuple[Any, ...]) -> bool:
    """Whether `address` is one, and in one of the networks."""
    return is_address(address) and any(ip_address(address) in network for network in networks)
