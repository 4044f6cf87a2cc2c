"""One setting: its name in the environment, its purpose, and how its text is read.

A reader takes the text and returns the value. Its ValueError has a message that continues a sentence after the setting's name.
"""

import re
from collections.abc import Callable
from dataclasses import field
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.email_address import normal
from core.program import FOLDER

# RFC 7518, 3.2: a key for HS256 is at least as long as the hash.
SECRET_KEY_BYTES = 32
# The shortest key in a header that nobody can guess over the network.
HEADER_KEY_CHARACTERS = 12
# Different characters. A repeated word such as "changeme" has fewer; a random key has more.
SECRET_KEY_CHARACTERS = 10


def setting(
    name: str,
    read: Callable[[str], Any],
    says: str,
    *,
    default: Any = None,
    required: bool = False,
    secret: bool = False,
) -> Any:
    """Declare a field of a settings class. name: in the environment. says: the purpose. secret: its value is never shown."""
    # repr=False for secrets, because tracebacks and tools print settings.
    return field(
        default=default,
        repr=not secret,
        metadata={"name": name, "read": read, "says": says, "required": required, "secret": secret},
    )


def text(value: str) -> str:
    """Read any text."""
    return value


def boolean(value: str) -> bool:
    """Read true or false; also 1, yes, on and 0, no, off."""
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if value.lower() not in known:
        raise ValueError("must be true or false")
    return known[value.lower()]


def number(low: float, high: float, unit: str, kind: type = int) -> Callable[[str], Any]:
    """A reader of numbers from `low` to `high`. unit: in the plural, for the messages. kind: int or float."""

    def read(value: str) -> Any:
        try:
            result = kind(value)
        except ValueError:
            raise ValueError(f"must be a number of {unit}") from None
        if not low <= result <= high:
            raise ValueError(f"must be between {low} and {high} {unit}")
        return result

    return read


def words(value: str) -> tuple[str, ...]:
    """Read texts with commas between them."""
    return tuple(word.strip() for word in value.split(",") if word.strip())


def hosts(value: str) -> tuple[str, ...]:
    """Read host names with commas between them."""
    found = words(value)
    for host in found:
        if re.search(r"[/\s]", host):
            raise ValueError(f"{host!r} is not a host name such as shop.example.com, without scheme and path")
    return found


def origins(value: str) -> tuple[str, ...]:
    """Read origins, SCHEME://HOST, with commas between them."""
    found = words(value)
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query or parts.fragment:
            raise ValueError(f"{origin!r} is not an origin such as https://app.example.com")
    return found


def networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read IP addresses and networks with commas between them."""
    return tuple(ip_network(word, strict=False) for word in words(value))


def url(*schemes: str) -> Callable[[str], str]:
    """A reader of URLs with one of `schemes`. Its messages contain nothing of the URL, which may have a password."""

    def read(value: str) -> str:
        try:
            parts = urlsplit(value)
            # Raises ValueError when the port isn't a number.
            _ = parts.port
        except ValueError:
            raise ValueError(
                "is not a URL: check the host, the port, and that the password is percent-encoded"
            ) from None
        if parts.scheme not in schemes:
            raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return value

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader of one of the given texts."""

    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return read


def key(value: str) -> str:
    """Read a key that signs tokens."""
    make_one = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
    if len(value.encode()) < SECRET_KEY_BYTES:
        raise ValueError(f"must be at least {SECRET_KEY_BYTES} bytes long; {make_one}")
    if len(set(value)) < SECRET_KEY_CHARACTERS:
        raise ValueError(f"must have at least {SECRET_KEY_CHARACTERS} different characters; {make_one}")
    return value


def header_key(value: str) -> str:
    """Read a key that clients send in a header: visible ASCII, and too long to be guessed."""
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError("must be letters, digits and signs of ASCII, without blanks")
    if len(value) < HEADER_KEY_CHARACTERS:
        raise ValueError(f"must be at least {HEADER_KEY_CHARACTERS} characters long")
    return value


def address(value: str) -> tuple[str, int]:
    """Read HOST:PORT, on which to listen; an IPv6 address is in brackets."""
    host, _, port = value.rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:9100")
    return host.removeprefix("[").removesuffix("]"), int(port)


def plain_name(value: str) -> str:
    """Read a name of letters, digits, dots and hyphens, such as a bucket's."""
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,254}", value):
        raise ValueError("must be letters, digits, dots and hyphens")
    return value


def public_address(value: str) -> str:
    """Read a host with or without scheme and path, such as media.example.com: docs/api/operations.md#media."""
    return url("http", "https")(value if "://" in value else f"https://{value}")


def folder(value: str) -> str:
    """Read a folder. A relative path begins at the program's folder, wherever the program was started."""
    return str(FOLDER / Path(value).expanduser())


def mailbox(value: str) -> str:
    """Read an e-mail address, or a name and an address: Shop <post@shop.example.com>."""
    name, address = parseaddr(value)
    if normal(address) is None or not value.isprintable():
        raise ValueError("must be an e-mail address, or a name and an address such as Shop <post@shop.example.com>")
    return value
