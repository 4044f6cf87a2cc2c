"""Roles: who may enter which area, and the access that routes declare. One table; every route names one of the accesses below."""

from typing import Any

from core.access import Access
from core.problem import forbidden, not_signed_in

BUSINESS = ("sales", "pos", "books")
ROLES: dict[str, tuple[str, ...]] = {
    "SUPERADMIN": (*BUSINESS, "vendor", "sales-rep", "administration", "developer"),
    "ADMIN": (*BUSINESS, "administration"),
    "OWNER": (*BUSINESS, "administration"),
    "EMPLOYEE": BUSINESS,
    "USER": ("sales", "books"),
    "PICKER": ("sales", "books"),
    "PACKER": ("sales", "books"),
    "DRIVER": ("sales", "books"),
    "DELIVERY": ("sales", "books"),
    "BILLING": ("sales", "books"),
    "STORE": ("sales", "books"),
    "SALESREP": ("sales-rep",),
    "VENDOR": ("vendor",),
    "MEMBER": ("books",),
}


def _signed_in(handler: Any) -> None:
    if handler.caller is None:
        raise not_signed_in()


def may_enter(area: str) -> Access:
    """Signed in, with a role that the table lets into `area`: else 401, 403."""

    def check(handler: Any) -> None:
        _signed_in(handler)
        if area not in ROLES[handler.caller.role]:
            raise forbidden()

    return Access(f"signed in, area {area}", check)


signed_in = Access("signed in", _signed_in)
