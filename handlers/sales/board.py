"""The board: the page on which people watch and work on invoices. docs/api/sales.md#board."""

from core.access import public
from handlers.api.page import WORK, Page, PageLink
from handlers.api.roles import ROLES


class Board(Page):
    # What the page shows comes from the API, which checks who may read.
    access = public
    template = "live.html"


pages = [
    PageLink(
        "/live/",
        "Live invoices",
        "Watch invoices arrive, and pick, pack and deliver them.",
        may=lambda caller: "sales" in ROLES[caller.role],
        is_public=lambda config: config.sales_public_read,
        group=WORK,
        place=10,
    )
]
routes = [("/live/", Board)]
