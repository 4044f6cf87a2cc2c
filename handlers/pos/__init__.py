"""The shop's point of sale. docs/api/pos.md."""

from handlers.api.caller import Caller
from handlers.api.handler import NotFound, PosHandler
from handlers.api.roles import ROLES, may_enter, signed_in_caller

# What every person of the shop may do, and what ADMIN and OWNER may.
selling, managing = may_enter("pos"), may_enter("administration")


def manages(handler: PosHandler) -> bool:
    """Whether the caller manages the shop, where other people have access too."""
    return "administration" in ROLES[signed_in_caller(handler).role]


def sees_shop(caller: Caller) -> bool:
    """Whether those who may enter the administration see there what everybody of the shop may read."""
    return "pos" in ROLES[caller.role]


def sees_management(caller: Caller) -> bool:
    """Whether they see what only those may read who manage the shop."""
    return "administration" in ROLES[caller.role]


class NotFoundInShop(NotFound):
    """404 for unknown paths of the area, in its dialect."""

    dialect = PosHandler.dialect


fallbacks = [
    (f"/api/{noun}/", NotFoundInShop)
    for noun in ("suppliers", "customers", "products", "promotions", "orders", "chatbotusers", "analytics")
]
