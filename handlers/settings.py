"""Tradepost's own settings, beside those of core."""

from dataclasses import dataclass

from core.settings import CoreSettings, boolean, setting, text


@dataclass(frozen=True)
class Settings(CoreSettings):
    """Every setting of the server; the names are the documents' (seeds 001 to 004) where they have one."""

    sales_import_api_key: str = setting(
        "SALES_IMPORT_API_KEY",
        text,
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
