"""Host names and addresses: which host names the server answers to, and which addresses are trusted proxies."""

import re
from ipaddress import IPv6Address, ip_address
from typing import Any

# What proxies write around an address in X-Forwarded-For: quotes, and a port after an IPv4 address or after brackets.
_FORWARDED = re.compile(r'"?(?:\[(?P<v6>[^\]]+)\](?::[0-9]+)?|(?P<v4>[^:]+):[0-9]+|(?P<bare>.+?))"?')


def host_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether `host` is one of the allowed names: `.example.com` includes subdomains, `*` stands for every name."""
    if host in allowed or "*" in allowed:
        return True
    host = host.lower().rstrip(".")
    return any(
        host == name or (name.startswith(".") and (host.endswith(name) or host == name[1:]))
        for name in map(str.lower, allowed)
    )


def address(text: str) -> str | None:
    """The IPv4 or IPv6 address that a text names, as one entry of X-Forwarded-For does; None: it names none.

    An address has one form: without port, brackets and zone, and an IPv4 address that is mapped into IPv6 (::ffff:192.0.2.1) as IPv4.
    """
    found = _FORWARDED.fullmatch(text.strip())
    if found is None:
        return None
    named = (found["v6"] or found["v4"] or found["bare"]).partition("%")[0]
    try:
        ip = ip_address(named)
    except ValueError:
        return None
    return str(ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else str(ip)


def among(text: str, networks: tuple[Any, ...]) -> bool:
    """Whether a text is an IP address in one of the networks. A network may be written as IPv4 or as mapped into IPv6."""
    named = address(text)
    if named is None:
        return False
    ip = ip_address(named)
    forms = [ip] if isinstance(ip, IPv6Address) else [ip, IPv6Address(f"::ffff:{ip}")]
    return any(form in network for form in forms for network in networks)
