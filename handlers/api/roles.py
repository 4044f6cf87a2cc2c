"""Roles: which areas each may enter, and the kinds of access that routes declare. Each route names one of the accesses below."""

from core.access import Access
from core.problem import Problem, forbidden, not_signed_in
from handlers.api.caller import Caller
from handlers.api.handler import ApiHandler

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
# Not employees of the firm: they see their own area, and none of the firm's people.
STRANGERS = ("SALESREP", "VENDOR", "MEMBER")


def rank(role: str) -> int:
    """How high a role stands. Nobody gives a role above their own, or changes an account above it."""
    return {"SUPERADMIN": 3, "ADMIN": 2, "OWNER": 2}.get(role, 1)


def administers(caller: Caller) -> bool:
    """Whether a caller administers accounts: by role, or by the flag is_staff."""
    return caller.is_staff or "administration" in ROLES[caller.role]


def signed_in_caller(handler: ApiHandler) -> Caller:
    """The caller of a request. Raises Problem 401 when it has none."""
    if handler.caller is None:
        raise not_signed_in()
    return handler.caller


def check_area(handler: ApiHandler, area: str) -> None:
    """Raises Problem: 401 without a caller, 403 when the caller's role may not enter `area`."""
    if area not in ROLES[signed_in_caller(handler).role]:
        raise forbidden()


def may_enter(area: str) -> Access[ApiHandler]:
    """Signed in, with a role that may enter `area`; else 401 or 403."""

    return Access(f"signed in, area {area}", lambda handler: check_area(handler, area))


def _signed_in(handler: ApiHandler) -> None:
    signed_in_caller(handler)


def _administrator(handler: ApiHandler) -> None:
    if not administers(signed_in_caller(handler)):
        raise forbidden()


def check_invoicing(handler: ApiHandler) -> None:
    """Raises Problem: 401 without a caller, 403 when the caller may not change invoices."""
    caller = signed_in_caller(handler)
    if "invoicing" not in ROLES[caller.role] and not caller.is_staff:
        raise forbidden()


def _of_the_firm(handler: ApiHandler) -> None:
    caller = signed_in_caller(handler)
    if "sales" not in ROLES[caller.role] and not administers(caller):
        raise forbidden()


signed_in = Access("signed in", _signed_in, refuses=(401,))
of_the_firm = Access("signed in, area sales, or is_staff", _of_the_firm)
invoicing = Access("signed in, area invoicing, or is_staff", check_invoicing)
administrator = Access("signed in, area administration, or is_staff", _administrator)


def may_give(caller: Caller, role: str, *, own: bool = False) -> None:
    """Raises Problem 403 unless the caller may give this role. own: to their own account."""
    if rank(role) > rank(caller.role):
        raise Problem(403, "above", "You may not give a role above your own.")
    if own and role != caller.role and rank(role) >= rank(caller.role):
        raise Problem(403, "above", "You may not give yourself that role.")


def may_give_flag(caller: Caller, given: bool) -> None:
    """Raises Problem 403 when a caller gives is_staff (`given`) who administers accounts only by that flag: otherwise somebody who
    loses the flag could get it back from an account to which they gave it."""
    if given and rank(caller.role) < 2:
        raise Problem(403, "above", "You may not give is_staff.")


def may_touch(caller: Caller, role: str) -> None:
    """Raises Problem 403 when an account's role is above the caller's."""
    if rank(role) > rank(caller.role):
        raise Problem(403, "above", "You may not change an account whose role is above your own.")
