"""Tradepost's own settings, beside those of core."""

from dataclasses import dataclass

from core.settings import CoreSettings, boolean, setting

IMPORT_KEY_CHARACTERS = 12


def header_key(value: str) -> str:
    """A key that clients send in a header: visible ASCII, and long enough not to be guessed."""
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError("must be letters, digits and signs of ASCII, without blanks")
    if len(value) < IMPORT_KEY_CHARACTERS:
        raise ValueError(f"must be at least {IMPORT_KEY_CHARACTERS} characters long")
    return value


@dataclass(frozen=True)
class Settings(CoreSettings):
    """Every setting of the server; the names are the documents' (seeds 001 to 004) where they have one."""

    sales_import_api_key: str = setting(
        "SALES_IMPORT_API_KEY",
        header_key,
        "X-API-KEY of the ERP that imports invoices; none: no key is accepted",
        default="",
        secret=True,
    )
    sales_public_read: bool = setting(
        "SALES_PUBLIC_READ",
        boolean,
        "anyone may read invoices and their stream, as seed 000 says; false: signed-in only",
        default=True,
    )
