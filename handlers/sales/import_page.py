"""The page on which people drop a file of invoices. docs/api/sales.md#import-page."""

from core.access import public
from handlers.api.page import WORK, Page, PageLink
from handlers.api.roles import ROLES


class ImportPage(Page):
    # The page stores by the API, which checks who may import.
    access = public
    template = "import.html"


pages = [
    PageLink(
        "/import/",
        "Import invoices",
        "Store the invoices of a file, and see what became of each.",
        may=lambda caller: "sales" in ROLES[caller.role],
        group=WORK,
        place=15,
    )
]
routes = [("/import/", ImportPage)]
