"""Every handler module of the server, in one list: its routes, its refusals, its duties."""

from core.application import Refusal, constraint_refusals
from core.duties import Duty
from core.router import Router
from handlers import pages
from handlers.accounts import profile, sign_in
from handlers.operations import Nowhere, health, index
from handlers.sales import SalesHandler, board, invoice, stream

MODULES = [sign_in, profile, invoice, stream, board, health, index, pages]


class NowhereInSales(Nowhere):
    dialect = SalesHandler.dialect


def router() -> Router:
    return Router(
        [route for module in MODULES for route in module.routes], [("/api/sales/", NowhereInSales), ("", Nowhere)]
    )


def refusals() -> dict[str, Refusal]:
    return constraint_refusals(MODULES)


def duties() -> list[Duty]:
    return [duty for module in MODULES for duty in getattr(module, "duties", [])]
