"""The shop's point of sale. docs/api/pos.md."""

from handlers.api.handler import NotFound, PosHandler
from handlers.api.roles import may_enter

# What every person of the shop may do, and what ADMIN and OWNER may.
selling, managing = may_enter("pos"), may_enter("administration")


class NotFoundInShop(NotFound):
    """404 for unknown paths of the area, in its dialect."""

    dialect = PosHandler.dialect


fallbacks = [
    (f"/api/{noun}/", NotFoundInShop)
    for noun in ("suppliers", "customers", "products", "promotions", "orders", "chatbotusers", "analytics")
]
