"""Every handler module of the server, in one list: its routes, its refusals, its duties, its listeners."""

from core.application import Refusal, constraint_refusals
from core.duties import Duty, Listener
from core.router import Router
from handlers import pages
from handlers.accounts import caller, profile, sign_in
from handlers.operations import Nowhere, health, index
from handlers.sales import SalesHandler, board, invoice, stream

MODULES = [caller, sign_in, profile, invoice, stream, board, health, index, pages]


class NowhereInSales(Nowhere):
    dialect = SalesHandler.dialect


def router() -> Router:
    return Router(
        [route for module in MODULES for route in getattr(module, "routes", [])], [("/api/sales/", NowhereInSales), ("", Nowhere)]
    )


def refusals() -> dict[str, Refusal]:
    return constraint_refusals(MODULES)


def duties() -> list[Duty]:
    return [duty for module in MODULES for duty in getattr(module, "duties", [])]


def listeners() -> dict[str, list[Listener]]:
    """By topic of the event log."""
    found: dict[str, list[Listener]] = {}
    for module in MODULES:
        for topic, listener in getattr(module, "listeners", {}).items():
            found.setdefault(topic, []).append(listener)
    return found
