"""The settings of this server in the administration. docs/api/operations.md#administration."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from handlers.api.admin import AdminHandler, Facts, superadmin


def list_settings(handler: AdminHandler) -> Sequence[Sequence[str]]:
    """Each setting with its value, and whether that is the default. Of a secret it is only said whether there is one."""
    found = []
    for field in fields(handler.config):
        about, value = field.metadata, getattr(handler.config, field.name)
        shown = ("set" if value else "not set") if about["secret"] else _text(value)
        is_default = value == field.default and value not in ("", ())
        found.append((about["name"], f"{shown} (default)" if is_default else shown, about["says"]))
    return sorted(found)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value) or "–"
    return str(value) or "–"


settings = Facts(
    "operations", "settings", "Settings", "What this process was started with, from its environment and .env. Secrets are never shown.",
    ("Setting", "Value", "What it is for"), list_settings, may_see=superadmin,
)  # fmt: skip

admin_facts = [settings]
