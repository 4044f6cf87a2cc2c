"""Roles: who may enter which area, and the access that routes declare. One table; every route names one of the accesses below."""

from typing import Any

from core.access import Access
from core.problem import Problem, forbidden, not_signed_in

BUSINESS = ("sales", "pos", "books")
ROLES: dict[str, tuple[str, ...]] = {
    "SUPERADMIN": (*BUSINESS, "invoicing", "vendor", "sales-rep", "administration", "developer"),
    "ADMIN": (*BUSINESS, "invoicing", "administration"),
    "OWNER": (*BUSINESS, "invoicing", "administration"),
    "EMPLOYEE": BUSINESS,
    "USER": ("sales", "books"),
    "PICKER": ("sales", "books"),
    "PACKER": ("sales", "books"),
    "DRIVER": ("sales", "books"),
    "DELIVERY": ("sales", "books"),
    "BILLING": ("sales", "invoicing", "books"),
    "STORE": ("sales", "books"),
    "SALESREP": ("sales-rep",),
    "VENDOR": ("vendor",),
    "MEMBER": ("books",),
}
STRANGERS = (
    "SALESREP",
    "VENDOR",
    "MEMBER",
)  # not of the firm: they see their own area and nothing of the firm's people


def rank(role: str) -> int:
    """How high a role stands: nobody gives one above their own, nor touches an account above it."""
    return {"SUPERADMIN": 3, "ADMIN": 2, "OWNER": 2}.get(role, 1)


def administers(caller: Any) -> bool:
    """Whether a caller administers accounts: by role, or by the flag is_staff."""
    return caller.is_staff or "administration" in ROLES[caller.role]


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


def _administrator(handler: Any) -> None:
    _signed_in(handler)
    if not administers(handler.caller):
        raise forbidden()


def _invoicing(handler: Any) -> None:
    _signed_in(handler)
    if "invoicing" not in ROLES[handler.caller.role] and not handler.caller.is_staff:
        raise forbidden()


def _of_the_firm(handler: Any) -> None:
    _signed_in(handler)
    if "sales" not in ROLES[handler.caller.role] and not administers(handler.caller):
        raise forbidden()


signed_in = Access("signed in", _signed_in)
of_the_firm = Access("signed in, area sales, or is_staff", _of_the_firm)
invoicing = Access("signed in, area invoicing, or is_staff", _invoicing)
administrator = Access("signed in, area administration, or is_staff", _administrator)


def may_give(caller: Any, role: str, *, own: bool = False) -> None:
    """Raises Problem 403 unless the caller may give this role (to themselves, where `own`)."""
    if rank(role) > rank(caller.role):
        raise Problem(403, "above", "You may not give a role above your own.")
    if own and role != caller.role and rank(role) >= rank(caller.role):
        raise Problem(403, "above", "You may not give yourself that role.")


def may_give_flag(caller: Any, given: bool) -> None:
    """Raises Problem 403 when is_staff is given by one who has it only by the flag: taking it from them must take it from all."""
    if given and rank(caller.role) < 2:
        raise Problem(403, "above", "You may not give is_staff.")


def may_touch(caller: Any, role: str) -> None:
    """Raises Problem 403 unless an account of this role stands no higher than the caller."""
    if rank(role) > rank(caller.role):
        raise Problem(403, "above", "You may not change an account whose role is above your own.")
