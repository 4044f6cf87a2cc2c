"""Every handler module of the server, in one list: its routes, its refusals, its duties, its listeners."""

from core.application import Refusal, constraint_refusals
from core.duties import Duty, Listener
from core.router import Router
from handlers import pages
from handlers.accounts import (
    activation,
    books_profile,
    caller,
    department,
    directory,
    job_title,
    menu,
    password,
    profile,
    session,
    shop_user,
    sign_in,
    sign_up,
    token,
    user,
)
from handlers.operations import Nowhere, audit, developer, health, index, media
from handlers.sales import SalesHandler, board, delivery, history, invoice, invoice_change, packing, picking, stream

MODULES = [
    caller, activation, directory, sign_in, token, sign_up, session, password, profile, books_profile, user, department, job_title,
    menu, shop_user, invoice, invoice_change, picking, packing, delivery, history, stream, board, health, index, audit, developer,
    media, pages,
]  # fmt: skip


class NowhereInSales(Nowhere):
    dialect = SalesHandler.dialect


def router() -> Router:
    return Router(
        [route for module in MODULES for route in getattr(module, "routes", [])],
        [("/api/sales/", NowhereInSales), ("", Nowhere)],
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
