"""E-mail addresses: which are accepted, and the one form in which each is stored."""

import re
from functools import lru_cache

import idna

from core.text import cleaned

# Characters: a local part of 64, a domain of 253, blanks around them (RFC 5321, 4.5.3.1).
LONGEST = 400
# One word after another with dots between them; quoted local parts are not accepted.
_WORD = r"[^\s\u200b\ufeff\"(),:;<>@\[\\\].\x00-\x1f\x7f]+"
_LOCAL = re.compile(rf"(?=.{{1,64}}\Z){_WORD}(?:\.{_WORD})*")
# A host's name with at least one dot (RFC 1123, 2.1).
_LABEL = r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+[0-9A-Za-z-]{{2,63}}")


def is_email(address: str) -> bool:
    """Whether a mail could be sent to the address; only a mail that is delivered proves more. Blanks around it are ignored."""
    return normal(address) is not None


def normal(address: str) -> str | None:
    """The address in its stored form; None if it is not valid.

    The domain of an address in other letters than ASCII, such as shop@उदाहरण.भारत, is written in these letters and in lower case,
    also if it was sent in its ASCII form, xn--… (RFC 5890). Everything else stays as it was sent, without blanks around it.
    """
    return _normal(address) if len(address) <= LONGEST else None


def searched(address: str) -> str:
    """The text by which an account or a customer with this address is found; of a text that is no address, the text itself."""
    return normal(address) or cleaned(address)


# Of the many addresses of an import, most come again and again.
@lru_cache(maxsize=4096)
def _normal(address: str) -> str | None:
    local, at, domain = cleaned(address).rpartition("@")
    if not at or not _LOCAL.fullmatch(local):
        return None
    if not domain.isascii() or "xn--" in domain.lower():
        try:
            ascii_domain = idna.encode(domain, uts46=True).decode("ascii")
            domain = idna.decode(ascii_domain)
        except (idna.IDNAError, UnicodeError):
            return None
    else:
        ascii_domain = domain
    return f"{local}@{domain}" if _DOMAIN.fullmatch(ascii_domain) else None
